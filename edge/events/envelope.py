"""The envelope of every event: CloudEvents 1.0, JSON structured mode. Knows the catalog, no topic, no broker."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from edge.events.catalog import UnknownEvent, read
from edge.events.data import EventData
from edge.events.errors import EnvelopeError, EventDataError, PayloadError
from edge.events.payload import decode, encode
from edge.events.values import (
    CHANNEL_PATTERN,
    LEVEL_PATTERN,
    MAX_INTEGER,
    SITE_PATTERN,
    ULID_PATTERN,
    parse_timestamp,
    timestamp,
)

TYPE_PATTERN = r"^cctv\.([a-z0-9_-]{1,64})\.v([1-9][0-9]{0,3})$"
SEQUENCE_DIGITS = 20

_TYPE = re.compile(TYPE_PATTERN)
_RULES = {
    "site": re.compile(SITE_PATTERN),
    "process": re.compile(LEVEL_PATTERN),
    "event_type": re.compile(LEVEL_PATTERN),
    "epoch": re.compile(ULID_PATTERN),
    "subject": re.compile(CHANNEL_PATTERN),
}
_TEXTS = ("specversion", "type", "source", "id", "sequence", "epoch", "time", "partitionkey")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event: who said what, when, about which channel (`subject`; None where it is about the whole site).

    Raises EnvelopeError when a field breaks its rule. `data` is the JSON of the event, not yet checked against the
    catalog: `event()` does that.
    """

    event_type: str
    event_version: int
    site: str
    process: str
    epoch: str
    sequence: int
    time: str
    subject: str | None
    data: dict[str, Any]

    def __post_init__(self) -> None:
        for name, rule in _RULES.items():
            value = getattr(self, name)
            if not (rule.fullmatch(value) if value is not None else name == "subject"):
                raise EnvelopeError(f"{name} {value[:80]!r} does not match {rule.pattern}")
        if not 1 <= self.event_version <= 9999:
            raise EnvelopeError(f"version {self.event_version} is not between 1 and 9999")
        if not 1 <= self.sequence <= MAX_INTEGER:
            raise EnvelopeError(f"sequence {self.sequence} is not between 1 and {MAX_INTEGER}")
        try:
            parse_timestamp(self.time)
        except ValueError as error:
            raise EnvelopeError(f"time: {error}") from error

    @classmethod
    def build(
        cls,
        event_data: EventData,
        *,
        site: str,
        process: str,
        epoch: str,
        sequence: int,
        time: datetime,
        subject: str | None = None,
    ) -> Self:
        """The envelope of a new event; raises EnvelopeError, EventDataError for an event about the wrong thing."""
        about = event_data.subject
        if (subject is None and about == "channel") or (subject is not None and about == "site"):
            raise EventDataError(f"{event_data.event_type} is about a {about}, but subject is {subject}")
        return cls(
            event_type=event_data.event_type,
            event_version=event_data.event_version,
            site=site,
            process=process,
            epoch=epoch,
            sequence=sequence,
            time=timestamp(time),
            subject=subject,
            data=event_data.document(),
        )

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """The envelope in a payload; raises EnvelopeError, and nothing else, for any other bytes."""
        try:
            document = decode(payload)
        except PayloadError as error:
            raise EnvelopeError(str(error)) from error
        _check_attributes(document)
        event_type, event_version = _split_type(document["type"])
        site, process = _split_source(document["source"])
        envelope = cls(
            event_type=event_type,
            event_version=event_version,
            site=site,
            process=process,
            epoch=document["epoch"],
            sequence=_sequence(document["sequence"]),
            time=document["time"],
            subject=document.get("subject"),
            data=document["data"],
        )
        envelope._check_agreement(document)
        return envelope

    @property
    def type(self) -> str:
        """Type and version, as `cctv.segment_written.v1`."""
        return f"cctv.{self.event_type}.v{self.event_version}"

    @property
    def source(self) -> str:
        """Site and process, as `/jkt-001/recorder`; sequences are contiguous per source and epoch."""
        return f"/{self.site}/{self.process}"

    @property
    def id(self) -> str:
        """Epoch and sequence; unique per source."""
        return f"{self.epoch}-{self.sequence:0{SEQUENCE_DIGITS}d}"

    def event(self) -> EventData | UnknownEvent:
        """The data as its model; raises EventDataError when a known event breaks its model."""
        return read(self.event_type, self.event_version, self.data)

    def to_json(self) -> bytes:
        """The payload: one line, keys in a fixed order; raises EventTooLarge over 64 KiB."""
        document: dict[str, Any] = {
            "specversion": "1.0",
            "type": self.type,
            "source": self.source,
            "id": self.id,
            "sequence": f"{self.sequence:0{SEQUENCE_DIGITS}d}",
            "epoch": self.epoch,
            "time": self.time,
        }
        if self.subject is not None:
            document["subject"] = self.subject
        return encode(document | {"partitionkey": self.site, "data": self.data})

    def _check_agreement(self, document: dict[str, Any]) -> None:
        if document["id"] != self.id:
            raise EnvelopeError(f"id {document['id'][:80]!r} is not epoch and sequence, {self.id}")
        if document["partitionkey"] != self.site:
            raise EnvelopeError(f"partitionkey {document['partitionkey'][:80]!r} is not the site, {self.site}")


def _check_attributes(document: dict[str, Any]) -> None:
    for name in _TEXTS:
        if not isinstance(document.get(name), str):
            raise EnvelopeError(f"{name} is missing or not a string")
    if document["specversion"] != "1.0":
        raise EnvelopeError(f"specversion {document['specversion'][:20]!r} is not 1.0")
    if "subject" in document and not isinstance(document["subject"], str):
        raise EnvelopeError("subject is not a string; an event about the whole site has none")
    if not isinstance(document.get("data"), dict):
        raise EnvelopeError("data is missing or not an object")


def _split_type(text: str) -> tuple[str, int]:
    match = _TYPE.fullmatch(text)
    if match is None:
        raise EnvelopeError(f"type {text[:80]!r} is not cctv.<type>.v<version>")
    return match[1], int(match[2])


def _split_source(text: str) -> tuple[str, str]:
    parts = text.split("/")
    if len(parts) != 3 or parts[0]:
        raise EnvelopeError(f"source {text[:80]!r} is not /<site>/<process>")
    return parts[1], parts[2]


def _sequence(text: str) -> int:
    if len(text) != SEQUENCE_DIGITS or not (text.isascii() and text.isdigit()):
        raise EnvelopeError(f"sequence {text[:80]!r} is not {SEQUENCE_DIGITS} digits")
    return int(text)

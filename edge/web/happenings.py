"""Events of the journal as rows of a list: when, who, about what, in a sentence. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge.events.catalog import EVENTS, ChannelInvalid, ProcessStarted, RecordingStopped, SegmentsVerified
from edge.events.data import EventData
from edge.events.envelope import Envelope
from edge.events.errors import EnvelopeError, EventDataError
from edge.journal.arrival import Entry
from edge.state.troubles import MISSING_PATIENCE_MS
from edge.words.sentences import sentence
from edge.words.times import Times

ROUTINE: Final = frozenset(
    {"segment_written", "segment_rejected", "disk_measured", "site_reported", "report_delivered", "events_recovered"}
)
"""What is said again and again while all is well, or while nothing changes; what was missing and came is over."""
NOTABLE: Final = tuple(name for name in EVENTS if name not in ROUTINE)

SHAPES: Final[Mapping[str, str]] = {
    "recording_started": "recording",
    "recording_stopped": "offline",
    "channel_invalid": "picture_fault",
    "channel_valid": "recording",
    "segment_rejected": "picture_fault",
    "process_started": "plain",
    "process_stopped": "off",
    "outbox_truncated": "picture_fault",
    "clock_jumped": "picture_fault",
    "disk_low": "picture_fault",
    "disk_full": "offline",
    "disk_missing": "offline",
    "disk_faulty": "offline",
    "disk_recovered": "recording",
    "segments_missing": "picture_fault",
    "retention_restored": "recording",
    "retention_short": "picture_fault",
    "report_failed": "picture_fault",
    "livestream_lost": "picture_fault",
    "events_missing": "picture_fault",
    "events_conflicting": "picture_fault",
}
_ON_PURPOSE: Final = ("shutdown", "config")

Lacks = Callable[[str, str, int, int], bool]
"""Whether, of a process and epoch, any event from one number to another is missing still or lost."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One event for people; `raw` is what was said, for those who look closer.

    `has_page`: its channel is one of the configuration.
    """

    position: int
    time_ms: int
    event_type: str
    process: str
    channel: str | None
    name: str | None
    has_page: bool
    shape: str
    sentence: str
    raw: str


def is_no_news(entry: Entry, lacks: Lacks, now_ms: int) -> bool:
    """Whether an entry says that events are missing which have come since, or are likely to come in a moment."""
    if is_over(entry, lacks):
        return True
    young = entry.event_type == "events_missing" and now_ms - entry.time_ms < MISSING_PATIENCE_MS
    return young and entry.understood and _data(entry)["how"] != "gone"


def is_over(entry: Entry, lacks: Lacks) -> bool:
    """Whether an entry says that events are missing which have come since."""
    if entry.event_type != "events_missing" or not entry.understood:
        return False
    data = _data(entry)
    return not lacks(data["source"].rpartition("/")[2], data["epoch"], data["from"], data["to"])


def _data(entry: Entry) -> dict[str, Any]:
    """What an entry says that was understood when it came."""
    data: dict[str, Any] = json.loads(entry.payload)["data"]
    return data


def happening(entry: Entry, names: Mapping[str, str], times: Times, lacks: Lacks) -> Happening:
    """An entry of the journal in words; what nobody understands is told as such."""
    words = times.words
    shape = "plain" if is_over(entry, lacks) else SHAPES.get(entry.event_type, "plain")
    try:
        event = Envelope.parse(entry.payload).event()
        told = times.localized(sentence(event, words))
        if isinstance(event, ProcessStarted) and entry.sequence == 1 and event.previous_last_sequence is not None:
            told += words("event.process_started.new_outbox", last=event.previous_last_sequence)
            shape = "picture_fault"
        elif isinstance(event, EventData):
            shape = _shape(event, shape)
    except (EnvelopeError, EventDataError) as error:
        told = words("page.unreadable", problem=str(error))
    name = names.get(entry.channel, entry.channel) if entry.channel else None
    return Happening(
        entry.position,
        entry.time_ms,
        entry.event_type,
        entry.process,
        entry.channel,
        name,
        entry.channel in names,
        shape,
        told,
        _pretty(entry.payload),
    )


def _shape(event: EventData, shape: str) -> str:
    if isinstance(event, RecordingStopped) and event.reason in _ON_PURPOSE:
        return "off"
    if isinstance(event, ChannelInvalid) and event.reason in {"unreachable", "auth_failed"}:
        return "offline"
    if isinstance(event, SegmentsVerified) and (event.changed or event.unreadable or event.undecodable):
        return "picture_fault"
    return shape


def _pretty(payload: bytes) -> str:
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except ValueError:
        return payload.decode(errors="replace")

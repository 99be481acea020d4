"""What else goes over the broker beside events: heartbeat, Will, ack, commands and their replies."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from edge.events.data import Value, problems
from edge.events.errors import MessageError, PayloadError
from edge.events.payload import decode, encode
from edge.events.topics import (
    AckTopic,
    ChannelStateTopic,
    CommandTopic,
    ProcessTopic,
    ProtectReplyTopic,
    ProtectTopic,
    ReplyTopic,
    StateTopic,
)
from edge.events.values import ChannelId, Count, Sequence, Text, Timestamp, Ulid

TransactionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

_EPOCH = "01KAQFYK00N8TG6ZQ3V5M7W9XA"
_TRANSACTION = "01KAQG0W4M2D9C6T8R5Y7B3EHK"


class Message(Value):
    """A message that is not an event: it says how things are now, and is not kept."""

    name: ClassVar[str]
    topic: ClassVar[type[ProcessTopic | ChannelStateTopic]]
    example: ClassVar[dict[str, JsonValue]]

    def to_json(self) -> bytes:
        """The payload: one line of JSON; raises EventTooLarge over 64 KiB."""
        return encode(self.document())

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """The message in a payload, without what a newer sender added; raises MessageError for any other bytes."""
        return cls.read(_object(cls.name, payload))

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        """The message in a JSON object that was parsed already; raises MessageError."""
        try:
            return cls.model_validate(document, extra="ignore", by_alias=True, by_name=False)
        except ValidationError as error:
            raise MessageError(f"{cls.name}: {problems(error)}") from error


class Heartbeat(Message):
    """A process is alive: said every 10 s, retained, so that whoever comes late knows at once."""

    name = "heartbeat"
    topic = StateTopic
    example: ClassVar[dict[str, JsonValue]] = {
        "status": "online",
        "epoch": _EPOCH,
        "bdseq": 12,
        "last_sequence": 5091,
        "started": "2026-11-23T02:00:00.000Z",
        "time": "2026-11-23T02:22:00.123Z",
        "version": "0.1.0",
        "pid": 4711,
        "metrics": {"outbox_waiting": 0},
    }

    status: Literal["online"] = Field(default="online", description="alive")
    epoch: Ulid = Field(description="epoch of the outbox")
    bdseq: Count = Field(description="number of the connection to the broker; it grows over all runs")
    last_sequence: Count = Field(description="last sequence given; 0 for none: who has less than this is missing some")
    started: Timestamp = Field(description="when the process started")
    time: Timestamp = Field(description="when this was said")
    version: Text = Field(description="version of Saksi")
    pid: Sequence = Field(description="process id")
    metrics: dict[str, JsonValue] = Field(default={}, description="what else the process wants to show")


class Will(Message):
    """A process is gone: said by the broker when the connection breaks, or by the process itself when it stops.

    A Will whose `bdseq` is older than that of the newest heartbeat belongs to an earlier connection and is ignored.
    """

    name = "will"
    topic = StateTopic
    example: ClassVar[dict[str, JsonValue]] = {"status": "offline", "epoch": _EPOCH, "bdseq": 12}

    status: Literal["offline"] = Field(default="offline", description="gone")
    epoch: Ulid = Field(description="epoch of the outbox")
    bdseq: Count = Field(description="number of the connection that is over")


class ChannelState(Message):
    """How a channel is now: retained for whoever comes late, and said again whenever it changes."""

    name = "channel_state"
    topic = ChannelStateTopic
    example: ClassVar[dict[str, JsonValue]] = {
        "status": "offline",
        "recording": False,
        "reason": "unreachable",
        "since": "2026-11-23T02:12:00.000Z",
        "time": "2026-11-23T02:12:00.431Z",
    }

    status: Literal["recording", "picture_fault", "offline", "off", "unknown"] = Field(description="how it is")
    recording: bool = Field(description="whether it is recorded, be the picture good or not")
    reason: Text | None = Field(description="why it is offline, or what is wrong with the picture")
    since: Timestamp | None = Field(description="when that began, where it was heard")
    time: Timestamp = Field(description="when this was said: of two, the later counts")


class Ack(Message):
    """HQ holds every event of an epoch up to a sequence: the outbox may let them go."""

    name = "ack"
    topic = AckTopic
    example: ClassVar[dict[str, JsonValue]] = {
        "epoch": _EPOCH,
        "contiguous_to": 5091,
        "time": "2026-11-23T02:22:00.123Z",
    }

    epoch: Ulid = Field(description="epoch that is acknowledged")
    contiguous_to: Count = Field(description="last sequence before the first hole; 0 for none")
    time: Timestamp | None = Field(default=None, description="when HQ said this: a retained ack may be old")


class ReplayCommand(Message):
    """A process is asked to publish a range of its events again, the same bytes."""

    name = "replay_command"
    topic = CommandTopic
    example: ClassVar[dict[str, JsonValue]] = {
        "transaction": _TRANSACTION,
        "epoch": _EPOCH,
        "from": 5080,
        "to": 5085,
    }

    transaction: TransactionId = Field(description="chosen by who asks; comes back in the reply")
    epoch: Ulid = Field(description="epoch of the events")
    from_: Sequence = Field(description="first sequence")
    to: Sequence = Field(description="last sequence")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.to < self.from_:
            raise ValueError(f"to {self.to} is before from {self.from_}")
        return self


class ReplayReply(Message):
    """A replay is over, and this is how much of it there was."""

    name = "replay_reply"
    topic = ReplyTopic
    example: ClassVar[dict[str, JsonValue]] = {
        "transaction": _TRANSACTION,
        "status": "done",
        "available_from": 1,
    }

    transaction: TransactionId = Field(description="as in the command")
    status: Literal["done", "partial", "gone"] = Field(
        description="`done`: all was published again; `partial`: a part of it; `gone`: the outbox holds none of it"
    )
    available_from: Sequence = Field(
        description="first sequence that the outbox still holds; one more than the last given when it holds none"
    )


class ProtectCommand(Message):
    """Retention is asked to keep footage from deletion, to let it go again, or what it keeps.

    `protect` wants channel, from, to, note and by; `unprotect` wants protection and by; `list` takes channel and after.
    """

    name = "protect_command"
    topic = ProtectTopic
    example: ClassVar[dict[str, JsonValue]] = {
        "transaction": _TRANSACTION,
        "action": "protect",
        "protection": None,
        "channel": "lobby",
        "from": "2026-11-20T08:00:00.000Z",
        "to": "2026-11-20T09:30:00.000Z",
        "note": "forklift accident, asked for by the insurer",
        "by": "sari",
        "after": None,
    }

    transaction: TransactionId = Field(description="chosen by who asks; asked again with it, nothing is done twice")
    action: Literal["protect", "unprotect", "list"] = Field(description="what is asked")
    protection: Ulid | None = Field(default=None, description="the protection that is to end")
    channel: ChannelId | None = Field(default=None, description="channel; null lists all")
    from_: Timestamp | None = Field(default=None, description="start of what is to be kept")
    to: Timestamp | None = Field(default=None, description="end of what is to be kept")
    note: Text | None = Field(default=None, description="why, in the words of who asks")
    by: Text | None = Field(default=None, description="who asks")
    after: Ulid | None = Field(default=None, description="lists what follows this protection")

    @model_validator(mode="after")
    def _says_what_its_action_needs(self) -> Self:
        wanted = {"protect": ("channel", "from_", "to", "note", "by"), "unprotect": ("protection", "by"), "list": ()}
        missing = [name.removesuffix("_") for name in wanted[self.action] if not getattr(self, name)]
        if missing:
            raise ValueError(f"{self.action} needs {', '.join(missing)}")
        if self.from_ is not None and self.to is not None and self.to <= self.from_:
            raise ValueError(f"to {self.to} is not after from {self.from_}")
        return self


class Protection(Value):
    """A stretch of footage that is kept from deletion."""

    protection: Ulid = Field(description="name of the protection")
    channel: ChannelId = Field(description="channel")
    from_: Timestamp = Field(description="start of what is kept")
    to: Timestamp = Field(description="end of what is kept")
    note: Text = Field(description="why, in the words of who asked")
    by: Text = Field(description="who asked")
    since: Timestamp = Field(description="when it was asked for")
    segments: Count = Field(description="segments that it keeps now")
    bytes: Count = Field(description="their size")


class ProtectReply(Message):
    """The answer to a protect command: whether it was done, and the protections that it is about."""

    name = "protect_reply"
    topic = ProtectReplyTopic
    example: ClassVar[dict[str, JsonValue]] = {
        "transaction": _TRANSACTION,
        "status": "done",
        "detail": None,
        "protections": [
            {
                "protection": "01KAQG0W4M2D9C6T8R5Y7B3EHK",
                "channel": "lobby",
                "from": "2026-11-20T08:00:00.000Z",
                "to": "2026-11-20T09:30:00.000Z",
                "note": "forklift accident, asked for by the insurer",
                "by": "sari",
                "since": "2026-11-23T02:22:00.123Z",
                "segments": 90,
                "bytes": 2719272960,
            },
        ],
        "more": False,
    }

    transaction: TransactionId = Field(description="as in the command")
    status: Literal["done", "refused", "failed"] = Field(
        description="`refused`: it cannot be asked like that; `failed`: it cannot be done now, ask again later"
    )
    detail: Text | None = Field(default=None, description="why not, in words with what to do")
    protections: tuple[Protection, ...] = Field(default=(), description="the one made or ended, or a part of the list")
    more: bool = Field(default=False, description="whether the list goes on after the last of these")


MESSAGES: tuple[type[Message], ...] = (
    *(Heartbeat, Will, ChannelState, Ack, ReplayCommand, ReplayReply),
    *(ProtectCommand, ProtectReply),
)


def parse_state(payload: bytes) -> Heartbeat | Will:
    """What a state topic holds; raises MessageError for any other bytes."""
    document = _object("state", payload)
    status = document.get("status")
    if status == "online":
        return Heartbeat.read(document)
    if status == "offline":
        return Will.read(document)
    raise MessageError(f"state: status {str(status)[:40]!r} is neither online nor offline")


def _object(name: str, payload: bytes) -> dict[str, Any]:
    try:
        return decode(payload)
    except PayloadError as error:
        raise MessageError(f"{name}: {error}") from error

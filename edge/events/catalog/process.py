"""What every process says of itself."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from edge.events.data import PROCESSES, EventData
from edge.events.values import Bytes, Count, Seconds, Sequence, Text, Ulid


class ProcessStarted(EventData):
    """A process is up: the first event of every run."""

    publishers = PROCESSES
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "version": "0.1.0",
        "epoch": "01KAQFYK00N8TG6ZQ3V5M7W9XA",
        "bdseq": 12,
        "previous_epoch": None,
        "previous_last_sequence": None,
        "pid": 4711,
        "host": "nvr-jkt-001",
    }

    version: Text = Field(description="version of Saksi")
    epoch: Ulid = Field(description="epoch of the outbox: a new one means that sequences start again at 1")
    bdseq: Count = Field(
        description="number of the newest connection to the broker; grows over all runs, ties a Will to its own"
    )
    previous_epoch: Ulid | None = Field(
        default=None, description="epoch of the outbox that this one replaces, where it is known"
    )
    previous_last_sequence: Count | None = Field(
        default=None, description="last sequence given in `previous_epoch`, where it is known: 0 for none"
    )
    pid: Sequence = Field(description="process id")
    host: Text | None = Field(default=None, description="name of the machine")


class ProcessStopped(EventData):
    """A process is about to end and has said everything that it had to say."""

    publishers = PROCESSES
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {"reason": "clean", "detail": None, "uptime_s": 86400.25}

    reason: Literal["clean", "failed"] = Field(description="`clean`: told to stop; `failed`: an error ended it")
    detail: Text | None = Field(default=None, description="the error in words, when it failed")
    uptime_s: Seconds = Field(description="time since `process_started`, on the monotonic clock")


class OutboxTruncated(EventData):
    """The outbox was over its size limit and dropped the oldest events: they are lost unless HQ has them."""

    publishers = PROCESSES
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "epoch": "01KAQFYK00N8TG6ZQ3V5M7W9XA",
        "from": 1,
        "to": 4096,
        "bytes": 2621440,
        "max_bytes": 268435456,
    }

    epoch: Ulid = Field(description="epoch of the dropped events")
    from_: Sequence = Field(description="first sequence that was dropped")
    to: Sequence = Field(description="last sequence that was dropped")
    bytes: Bytes = Field(description="size of the dropped payloads")
    max_bytes: Bytes = Field(description="the limit that the outbox was over")

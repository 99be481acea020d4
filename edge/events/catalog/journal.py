"""What the keepers of a journal (`web` at the site, `hq`) say of its completeness."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from edge.events.data import EventData
from edge.events.values import Sequence, Sha256, Source, Ulid

_RANGE: dict[str, JsonValue] = {
    "source": "/jkt-001/recorder",
    "epoch": "01KAQFYK00N8TG6ZQ3V5M7W9XA",
    "from": 5091,
    "to": 5099,
}


class EventsMissing(EventData):
    """Events of a source have not arrived."""

    publishers = ("web", "hq")
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {**_RANGE, "how": "hole"}

    source: Source = Field(description="whose events")
    epoch: Ulid = Field(description="in which epoch")
    from_: Sequence = Field(description="first missing sequence")
    to: Sequence = Field(description="last missing sequence")
    how: Literal["hole", "heartbeat", "gone"] = Field(
        description="how it is known: `hole`: later ones arrived; `heartbeat`: its `last_sequence` is ahead;"
        " `gone`: the source has them no longer, so they are lost for ever"
    )


class EventsRecovered(EventData):
    """Events that were missing have arrived."""

    publishers = ("web", "hq")
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {**_RANGE, "how": "replay"}

    source: Source = Field(description="whose events")
    epoch: Ulid = Field(description="in which epoch")
    from_: Sequence = Field(description="first recovered sequence")
    to: Sequence = Field(description="last recovered sequence")
    how: Literal["replay", "late"] = Field(description="`replay`: they were asked for; `late`: they came by themselves")


class EventsConflicting(EventData):
    """Two different events came under one number: somebody counts twice. The first is kept, the other set aside."""

    publishers = ("web", "hq")
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "source": "/jkt-001/recorder",
        "epoch": "01KAQFYK00N8TG6ZQ3V5M7W9XA",
        "sequence": 5091,
        "kept_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "refused_sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    }

    source: Source = Field(description="whose number")
    epoch: Ulid = Field(description="in which epoch")
    sequence: Sequence = Field(description="the number that was given twice")
    kept_sha256: Sha256 = Field(description="SHA-256 of the payload that came first and counts")
    refused_sha256: Sha256 = Field(description="SHA-256 of the payload that came later and is kept aside as evidence")

"""What the keepers of a journal (`web` at the site, `hq`) say of its completeness."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from edge.events.data import EventData
from edge.events.values import Sequence, Source, Ulid

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

"""One event as the fold takes it: read quickly from bytes that the journal has understood before."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from edge.events.catalog import EVENTS

DAY_MS: Final = 86_400_000

_TYPES: Final = {f"cctv.{name}.v{event.event_version}": name for name, event in EVENTS.items()}
_decode = json.JSONDecoder().raw_decode


class Fact(NamedTuple):
    """Who said what, when, about which channel; `data` is as on the wire."""

    process: str
    epoch: str
    sequence: int
    time_ms: int
    event_type: str
    channel: str | None
    data: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, int]:
        """The place of an event among all of its process: later epochs sort after earlier ones."""
        return self.epoch, self.sequence


def read_fact(payload: bytes) -> Fact:
    """The fact in a payload that `Envelope` and catalog have accepted; nothing is checked again."""
    document, _ = _decode(payload.decode())
    event_type = document["type"]
    return Fact(
        document["source"].rpartition("/")[2],
        document["epoch"],
        int(document["sequence"]),
        to_ms(document["time"]),
        _TYPES.get(event_type, event_type),
        document.get("subject"),
        document["data"],
    )


def to_ms(text: str) -> int:
    """A timestamp of the catalog as milliseconds since 1970."""
    return _minute_ms(text[:16]) + int(text[17:19] + text[20:23])


@lru_cache(maxsize=4096)
def _minute_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000

"""Two statements of one range side by side: the same digest, or the channel and the day on which they part. Pure."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final

from edge.audit.document import FORMAT
from edge.errors import ConfigError

_SAME: Final = ("site", "from", "to")
_LEDGERS: Final = {"site": "the site", "hq": "headquarters"}


def differences(mine: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Where two documents differ, a sentence each; none where they say the same. Raises ConfigError."""
    if other.get("format") != FORMAT:
        raise ConfigError("--compare takes the JSON of another edge audit (of its --json or --out)")
    unlike = [key for key in _SAME if mine[key] != other.get(key)]
    if unlike:
        words = ", ".join(f"{key} {other.get(key)} and not {mine[key]}" for key in unlike)
        raise ConfigError(f"--compare takes an audit of the same range: that one has {words}")
    theirs = {one["channel"]: one for one in other["channels"]}
    ours = {one["channel"]: one for one in mine["channels"]}
    names = f"{_LEDGERS[mine['ledger']]} (here)", f"{_LEDGERS[other['ledger']]} (there)"
    return [
        line
        for channel in sorted({*ours, *theirs})
        for line in _of_channel(channel, ours.get(channel, {}), theirs.get(channel, {}), names)
    ]


def _of_channel(
    channel: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], names: tuple[str, str]
) -> Iterator[str]:
    here, there = ours.get("segments", 0), theirs.get("segments", 0)
    if here != there:
        yield f"{channel}: {names[0]} knows of {here} segments, {names[1]} of {there}."
    if (here or there) and ours.get("digest") != theirs.get("digest"):
        yield f"{channel}: the hashes of segments differ, first on {_first_day(ours, theirs)} (UTC)."


def _first_day(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    for here, there in zip_longest(ours.get("days", ()), theirs.get("days", ())):
        if here != there:
            return min(str(one["day"]) for one in (here, there) if one is not None)
    return "a day that cannot be told"

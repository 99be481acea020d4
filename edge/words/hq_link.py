"""The way to HQ in words, for the header of a site's pages. Pure."""

from dataclasses import dataclass
from typing import Final

from edge.state.hq_link import HqLinkView, HqStatus
from edge.words.times import Times

_SHAPES: Final[dict[HqStatus, str]] = {
    "linked": "online", "behind": "late", "silent": "late", "waiting": "unknown",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HqWords:
    """What the header says, and what it says when it is pointed at."""

    shape: str
    short: str
    title: str


def hq_words(link: HqLinkView, times: Times) -> HqWords:
    """The way to HQ in a few words."""
    words = times.words
    since = "?" if link.since_ms is None else times.moment(link.since_ms)
    short = words(f"hq.{link.status}", behind=words.whole(link.behind), since=since)
    title = words("hq.title.waiting")
    if link.acked_ms is not None:
        held, newest = words.whole(link.held), words.whole(link.newest)
        title = words("hq.title", held=held, newest=newest, when=times.both(link.acked_ms))
    return HqWords(_SHAPES[link.status], short, title)

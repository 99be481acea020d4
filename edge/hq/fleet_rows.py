"""The lines of the fleet as a page shows them: figures in words, shapes beside them, all sites as a mosaic. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from edge.state.fleet import AWAY, USUAL_LEVELS, SiteSummary
from edge.state.views import ChannelStatus
from edge.web.panels import share_words
from edge.words.fleet import SHAPES, disk_words, events_words, site_line
from edge.words.site import Statement
from edge.words.times import Times

MOSAIC_FROM: Final = 20
"""From so many sites on they are also shown as a mosaic: fewer are seen at once in the list."""
CELL: Final = 12
_COLUMNS: Final = ((1_500, 150), (400, 100), (0, 50))
_NONE: Final = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Row:
    """A site's line: `word` names what failed, `line` tells it; `heard_ms` is None where the site never was."""

    site: str
    name: str
    level: str
    word: str
    line: Statement
    channels: tuple[tuple[ChannelStatus, int], ...]
    share: str
    percent: float
    disk: str
    disk_state: str
    events: str
    lacks: bool
    heard_ms: int | None


def row(one: SiteSummary, times: Times) -> Row:
    """The line of a site."""
    away = one.diagnosis.fault in AWAY or one.diagnosis.fault == "unseen"
    return Row(
        site=one.site,
        name=one.name,
        level=one.level,
        word=times.words.of_code("site_fault", one.diagnosis.fault),
        line=site_line(one, times),
        channels=channel_counts(one),
        share=share_words(one.recorded_s, one.expected_s, times),
        percent=round(100 * min(1.0, one.recorded_s / one.expected_s), 1) if one.expected_s > 0 else 0.0,
        disk=_NONE if one.disk.state == "unknown" else disk_words(one.disk, times),
        disk_state=one.disk.state,
        events=events_words(one.events, times, heard=not away and one.heard_ms is not None),
        lacks=bool(one.events.missing or one.events.lost),
        heard_ms=one.heard_ms,
    )


def channel_counts(one: SiteSummary) -> tuple[tuple[ChannelStatus, int], ...]:
    """The channels by state, only states that there are; trouble first."""
    totals = one.totals
    found: tuple[tuple[ChannelStatus, int], ...] = (
        ("offline", totals.offline),
        ("picture_fault", totals.invalid),
        ("unknown", totals.unknown),
        ("recording", totals.recording),
        ("off", totals.off),
    )
    return tuple((status, count) for status, count in found if count)


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Every site as one shape, in the order of their ids; `columns` and `rows` of cells of CELL units."""

    columns: int
    rows: int
    cells: Markup


def mosaic(sites: Sequence[SiteSummary], times: Times) -> Mosaic | None:
    """The mosaic of a fleet, None for a small one."""
    if len(sites) < MOSAIC_FROM:
        return None
    columns = next(columns for least, columns in _COLUMNS if len(sites) >= least)
    words_of = {fault: escape(times.words.of_code("site_fault", fault)) for fault in USUAL_LEVELS}
    cells = (
        _cell(one, words_of[one.diagnosis.fault], place % columns, place // columns)
        for place, one in enumerate(sorted(sites, key=lambda one: one.site))
    )
    markup = Markup("".join(cells))  # noqa: S704 - each cell escapes what it is given
    return Mosaic(columns, -(-len(sites) // columns), markup)


def _cell(one: SiteSummary, word: str, column: int, row: int) -> str:
    """One site's shape, a link with its name; made of a string, as there are a thousand a page."""
    x, y = CELL * column + CELL // 2, CELL * row + CELL // 2
    return (
        f'<a href="/sites/{escape(one.site)}" tabindex="-1"><use href="#cell-{SHAPES[one.level]}" x="{x}" y="{y}"/>'
        f"<title>{escape(one.name)}: {word}</title></a>"
    )

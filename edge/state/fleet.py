"""What HQ makes of a site as a whole: what failed there, told from heartbeats, and the line that the fleet shows of it.

Pure values and functions; knows no journal, no broker and no words. What HQ knows of the way to a site comes in as
LinkFacts, how complete its events are as EventFigures; everything else is seen in its SiteView.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from edge.state.absence import Return
from edge.state.views import DiskView, ProcessView, SiteView, Totals, Trouble

REPORTER: Final = "reporter"
SILENT_MS: Final = 35_000
"""Three heartbeats and a half: whoever is quiet for so long is silent. A bridge that is gone is known to HQ's broker
before that, as its keepalive is 20 s at the most."""
SETTLED_MS: Final = 20_000
"""HQ must have listened for so long before silence means anything: every process says that it lives each 10 s."""

Fault = Literal[
    "none", "waiting", "unheard", "unseen", "stopped", "link", "broker", "box", "process", "disk", "camera", "events",
    "clock",
]  # fmt: skip
Level = Literal["ok", "waiting", "degraded", "down"]

LEVELS: Final[tuple[Level, ...]] = ("down", "degraded", "waiting", "ok")
AWAY: Final[frozenset[Fault]] = frozenset({"link", "box", "broker", "stopped"})
"""Faults of a site that was heard once and is not heard now."""
UNSEEN: Final[frozenset[Fault]] = frozenset({"link", "broker", "unseen"})
"""Faults on the way to a site: what it does meanwhile is not seen from here."""
USUAL_LEVELS: Final[dict[Fault, Level]] = {
    "link": "down", "box": "down", "stopped": "down", "process": "degraded", "disk": "degraded", "camera": "degraded",
    "broker": "degraded", "events": "degraded", "clock": "degraded", "unseen": "waiting", "unheard": "waiting",
    "waiting": "waiting", "none": "ok",
}  # fmt: skip
"""How bad each fault is, the worst first; one of a site's own is worse where nothing is recorded any more."""
_ABOUT: Final[dict[str, Fault]] = {"channel": "camera", "disk": "disk", "events": "events", "clock": "clock"}
_RANK: Final = tuple(USUAL_LEVELS)
_OWN: Final[frozenset[Fault]] = frozenset({"process", "disk", "camera", "events", "clock"})
_OF_HQ: Final = frozenset({"silent", "broker_away", "journal_unavailable"})


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """What HQ knows of the way to a site.

    `bridge_up` is None while HQ's broker said nothing of the bridge, `reported_ms` is when the newest report came by
    HTTP, `deaf_since_ms` since when HQ itself hears nobody, as its own broker is away; `hearing_since_ms` is since when
    it does hear, None for always.
    """

    bridge_up: bool | None = None
    reported_ms: int | None = None
    deaf_since_ms: int | None = None
    hearing_since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class EventFigures:
    """How complete a site's events are at HQ.

    `missing` are asked for again, `lost` are those that nobody has any longer (`lost_of`: by process). `newest_ms` is
    when the newest of them happened, None where there is none.
    """

    held: int = 0
    missing: int = 0
    lost: int = 0
    lost_of: tuple[tuple[str, int], ...] = ()
    newest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A message that HQ did not take; `site` is the one whose topic it came on."""

    at_ms: int
    site: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refusals:
    """The messages that HQ did not take: how many by the site whose topic they came on, and the newest few of them."""

    by_site: tuple[tuple[str, int], ...] = ()
    newest: tuple[RefusedMessage, ...] = ()

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(count for _, count in self.by_site)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What failed at a site, and since when.

    | fault | what is so |
    |---|---|
    | `none`, `waiting` | nothing; nothing, but not all that should record has begun to, or its settings are not known |
    | `unheard` | it was never heard |
    | `unseen` | HQ itself hears nobody, or has only begun to listen |
    | `stopped` | silent, and all its processes said that they were told to stop |
    | `box` | silent while its bridge is connected: its programs do not run, or the box hangs |
    | `broker` | silent without a bridge, and yet a report came by HTTP since |
    | `link` | silent without a bridge and without a report: link or power, which cannot be told from here |
    | `process` | heard, and a process of it is not |
    | `disk`, `camera`, `events`, `clock` | all processes are heard, and this is its worst trouble |
    """

    fault: Fault
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SiteSummary:
    """A site as the fleet shows it; `heard_ms` is when any of its processes was heard last, `back` how it came back."""

    site: str
    name: str
    level: Level
    diagnosis: Diagnosis
    troubles: tuple[Trouble, ...]
    totals: Totals
    recorded_s: float
    expected_s: float
    disk: DiskView
    events: EventFigures
    heard_ms: int | None
    reported_ms: int | None
    processes_well: int
    processes_all: int
    back: Return | None = None

    @property
    def weight(self) -> tuple[int, int, int, str]:
        """Where it stands in the list: trouble first, the worst of it first, then what has lasted longest."""
        fault, since_ms = self.diagnosis.fault, self.diagnosis.since_ms
        return LEVELS.index(self.level), _RANK.index(fault), since_ms if since_ms is not None else 0, self.site


def heard_ms(processes: Sequence[ProcessView], link: LinkFacts) -> int | None:
    """When any process was heard last over the broker; a report that came by HTTP tells nothing of that way."""
    return max(
        (
            one.last_heard_ms
            for one in processes
            if one.last_heard_ms is not None and not (one.name == REPORTER and _by_http(one.last_heard_ms, link))
        ),
        default=None,
    )


def _by_http(time_ms: int, link: LinkFacts) -> bool:
    return not link.bridge_up and link.reported_ms is not None and time_ms <= link.reported_ms


def diagnose(view: SiteView, link: LinkFacts, now_ms: int, *, known: bool = True) -> Diagnosis:
    """What failed at a site: exactly one thing, the one that explains the most; `known`: its settings are."""
    if link.deaf_since_ms is not None:
        return Diagnosis("unseen", link.deaf_since_ms)
    last_ms = heard_ms(view.processes, link)
    if last_ms is None or now_ms - last_ms >= SILENT_MS:
        settled = link.hearing_since_ms is None or now_ms - link.hearing_since_ms >= SETTLED_MS
        if last_ms is not None and not settled:
            return Diagnosis("unseen", last_ms)
        return _silent(view, link, last_ms)
    gone = [one for one in view.processes if _is_gone(one, now_ms)]
    if gone:
        return Diagnosis("process", min((one.since_ms for one in gone if one.since_ms is not None), default=None))
    for trouble in view.troubles:
        if trouble.about != "process" and trouble.code not in _OF_HQ:
            return Diagnosis(_ABOUT[trouble.about], trouble.since_ms)
    switched_on = view.totals.total - view.totals.off
    return Diagnosis("none" if known and view.totals.recording == switched_on else "waiting")


def _silent(view: SiteView, link: LinkFacts, last_ms: int | None) -> Diagnosis:
    reported = link.reported_ms is not None and (last_ms is None or link.reported_ms > last_ms)
    if last_ms is None:
        return Diagnosis("broker" if reported else "unheard")
    ends = [one for one in view.processes if one.last_heard_ms is not None]
    if all(one.stopped == "clean" for one in ends):
        return Diagnosis("stopped", max((one.since_ms for one in ends if one.since_ms is not None), default=None))
    return Diagnosis("box" if link.bridge_up else "broker" if reported else "link", last_ms)


def _is_gone(process: ProcessView, now_ms: int) -> bool:
    """Whether a process is away that should be there; a heartbeat that is only a little late came a long way."""
    if process.status == "late" and process.last_heard_ms is not None:
        return process.expected and now_ms - process.last_heard_ms >= SILENT_MS
    return process.expected and process.status != "online"


def level_of(fault: Fault, view: SiteView) -> Level:
    """How bad it is: `down` where nothing is recorded that should be, or nothing is known of it any more."""
    return "down" if fault in _OWN and view.health == "down" else USUAL_LEVELS[fault]


def site_summary(
    site: str,
    view: SiteView,
    link: LinkFacts,
    events: EventFigures,
    now_ms: int,
    *,
    name: str = "",
    known: bool = True,
    back: Return | None = None,
) -> SiteSummary:
    """The line of a site in the fleet."""
    diagnosis = diagnose(view, link, now_ms, known=known)
    expected = [one for one in view.processes if one.expected]
    return SiteSummary(
        site=site,
        name=name or site,
        level=level_of(diagnosis.fault, view),
        diagnosis=diagnosis,
        troubles=view.troubles,
        totals=_unseen(view.totals) if diagnosis.fault in UNSEEN else view.totals,
        recorded_s=sum(one.recorded_s for one in view.channels),
        expected_s=sum(one.expected_s for one in view.channels),
        disk=view.disk,
        events=events,
        heard_ms=heard_ms(view.processes, link),
        reported_ms=link.reported_ms,
        processes_well=sum(not _is_gone(one, now_ms) for one in expected),
        processes_all=len(expected),
        back=back,
    )


def _unseen(totals: Totals) -> Totals:
    return Totals(totals.total, 0, 0, 0, totals.off, totals.total - totals.off)

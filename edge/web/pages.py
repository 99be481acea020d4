"""The pages for people: the site at a glance, a channel, events, login, and what is said when something is wrong."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from edge.events.catalog import EVENTS
from edge.events.values import CHANNEL_PATTERN, LEVEL_PATTERN
from edge.journal.arrival import Entry
from edge.state.views import SiteView
from edge.web import disk_panel, panels, protecting, verdicts
from edge.web.assets import Assets
from edge.web.days import day_of
from edge.web.door import Door, safe_path
from edge.web.frame import Frame
from edge.web.happenings import NOTABLE, Happening, happening, is_no_news
from edge.web.last_day import strips_of
from edge.web.live import LiveSite
from edge.web.paging import Place
from edge.web.problem import Problem, ProblemError
from edge.web.receipts import receipts
from edge.web.rendering import Reader, language_of
from edge.web.site import Site
from edge.web.site_journal import SiteJournal
from edge.web.strips import Stretch, bars, stretches, told
from edge.words.catalog import Words
from edge.words.fleet import away_summary
from edge.words.hq_link import HqWords, hq_words
from edge.words.site import Summary, channel_statement, summary
from edge.words.times import Times

NEWEST: Final = 20
OF_CHANNEL: Final = 30
ROWS: Final = 100
MOST_LACKS: Final = 50
_FURTHER: Final = (100, 100)
"""So many entries more are read, twice at most, where the newest say nothing new."""
FEW: Final = 4
SOME: Final = 16
"""From more channels than this on tiles are as small as they can be read."""

_Live = NamedDependency[LiveSite]
_Site = NamedDependency[Site]
_Journal = NamedDependency[SiteJournal]
_Assets = NamedDependency[Assets]
_Door = NamedDependency[Door]
_Asked = Request[Any, Any, Any]
_MOST_POSITION: Final = 2**63 - 1


@get("/", include_in_schema=False, sync_to_thread=True)
def site_page(request: _Asked, site: _Site, live: _Live, journal: _Journal, assets: _Assets) -> Response[str]:
    """The site at a glance."""
    view = live.view()
    reader = reader_of(request, site.frame, view.now_ms)
    times = reader.times
    strips = strips_of(live)
    return reader.page(
        "site.html",
        assets=assets,
        summary=_summary(site, view, times),
        hq=_hq(site, view, times),
        view=view,
        counts=_counts(view),
        crowd="few" if len(view.channels) <= FEW else "some" if len(view.channels) <= SOME else "many",
        strips={one.id: strips.of(live, one, times) for one in view.channels},
        shares={one.id: panels.share_words(one.recorded_s, one.expected_s, times) for one in view.channels},
        notes={one.id: panels.note(one, times) for one in view.channels},
        disk=disk_panel.disk_panel(
            view.disk,
            site.facts.names,
            site.facts.keeping,
            receipts(journal, disk_panel.LATELY) or (),
            times,
        ),
        processes_well=sum(one.status == "online" for one in view.processes),
        happenings=_happenings(journal, live, site, times, NEWEST),
        only_channel="",
        pictured=site.pictures is not None,
    )


@get("/channels/{channel_id:str}", include_in_schema=False, sync_to_thread=True)
def channel_page(
    request: _Asked,
    site: _Site,
    live: _Live,
    journal: _Journal,
    assets: _Assets,
    channel_id: FromPath[str],
    day: Annotated[date | None, QueryParameter(description="A day of the site's time zone.")] = None,
) -> Response[str]:
    """One channel: how it is, its day as a line, its events."""
    view = live.view()
    channel = next((one for one in view.channels if one.id == channel_id), None)
    if channel is None:
        raise ProblemError(404, "no_such_channel", "there is no such channel in the configuration")
    reader = reader_of(request, site.frame, view.now_ms)
    times, words = reader.times, reader.words
    shown = day_of(day, times)
    found = stretches(live.coverage(channel.id, shown.start_ms, shown.end_ms))
    lacks = [one for one in found if one.look not in {"recorded", "before"}]
    share, before = _share(found, times), {one.look for one in found} == {"before"}
    return reader.page(
        "channel.html",
        assets=assets,
        summary=_summary(site, view, times),
        hq=_hq(site, view, times),
        channel=channel,
        statement=channel_statement(channel, times),
        facts=panels.facts(channel, times),
        day=shown,
        day_share=words("page.day_share", share=share) if found and not before else "",
        line=bars(found, shown.start_ms, shown.end_ms, times),
        line_label=words("page.line_label", day=times.day(shown.day), share=share, count=len(lacks)),
        lacks=[_lack(one, times) for one in reversed(lacks[-MOST_LACKS:])],
        lacks_nothing=words("page.lacks_before" if before else "page.lacks_nothing"),
        more_lacks=max(0, len(lacks) - MOST_LACKS),
        happenings=_happenings(journal, live, site, times, OF_CHANNEL, channel=channel.id),
        only_channel=channel.id,
        pictured=site.pictures is not None,
        kept=protecting.protect_panel(request, site, channel, shown, times),
        judged=verdicts.verdict_panel(journal, site.kept, channel.id, times),
    )


@get("/events", include_in_schema=False, sync_to_thread=True)
def events_page(
    request: _Asked,
    site: _Site,
    live: _Live,
    journal: _Journal,
    assets: _Assets,
    kind: Annotated[str, QueryParameter(name="type", pattern=rf"^$|{LEVEL_PATTERN}")] = "",
    channel: Annotated[str, QueryParameter(pattern=rf"^$|{CHANNEL_PATTERN}")] = "",
    before: Annotated[int | None, QueryParameter(ge=0, le=_MOST_POSITION)] = None,
    after: Annotated[int | None, QueryParameter(ge=0, le=_MOST_POSITION)] = None,
) -> Response[str]:
    """Events as sentences, a page at a time, newest first."""
    view = live.view()
    reader = reader_of(request, site.frame, view.now_ms)
    times = reader.times
    types: Sequence[str] = NOTABLE if not kind else () if kind == "all" else (kind,)
    channels = (channel,) if channel else ()
    forward, turned = after is not None, before is not None or after is not None
    entries = journal.entries(
        after=after or 0, before=before, limit=ROWS + 1, newest_first=not forward, event_types=types, channels=channels
    )
    more, entries = len(entries) > ROWS, entries[:ROWS]
    if forward:
        entries.reverse()
    shown = [one for one in entries if kind or not is_no_news(one, live.lacks, times.now_ms)]
    rows = _in_words(shown, live, site, times)
    query = {name: value for name, value in (("type", kind), ("channel", channel)) if value}
    place = Place(f"{site.frame.base}/events", query, entries, more=more, forward=forward, turned=turned)
    return reader.page(
        "events.html",
        assets=assets,
        summary=_summary(site, view, times),
        hq=_hq(site, view, times),
        pace="still" if place.turned else "live",
        rows=[(day, list(found)) for day, found in groupby(rows, lambda one: times.local(one.time_ms).date())],
        kinds=_kinds(reader.words),
        kind=kind,
        only_channel=channel,
        settings=live.settings,
        newest=place.newest,
        newer=place.newer,
        older=place.older,
    )


@get("/login", include_in_schema=False, sync_to_thread=False, opt={"open": True})
def login_page(
    request: _Asked,
    frame: NamedDependency[Frame],
    assets: _Assets,
    door: _Door,
    next_path: Annotated[str, QueryParameter(name="next", max_length=4000)] = "/",
    problem: Annotated[str, QueryParameter(max_length=20)] = "",
    wait_s: Annotated[int, QueryParameter(ge=0, le=86_400)] = 0,
) -> Response[str]:
    """The form to log in with."""
    reader = reader_of(request, frame, request.app.state.clock.wall_ns() // 1_000_000)
    words = reader.words
    text = ""
    if words.has(f"login.{problem}"):
        text = words(f"login.{problem}", wait=words.duration(max(10, wait_s)))
    return reader.page(
        "login.html",
        assets=assets,
        pace="still",
        problem=text,
        has_users=door.accounts.has_users,
        settings_file="hq.yaml" if frame.in_fleet else "edge.yaml",
        next_path=safe_path(next_path),
    )


def error_page(request: _Asked, problem: Problem) -> Response[str]:
    """A problem for people: what it is, what to do, and in small what a program would be told."""
    state = request.app.state
    reader = reader_of(request, state.frame_of(request), state.clock.wall_ns() // 1_000_000)
    words = reader.words
    known = problem.status if words.has(f"problem.{problem.status}") else 500 if problem.status >= 500 else 400
    return reader.page(
        "problem.html",
        assets=state.assets,
        status=problem.status,
        pace="waiting" if problem.status == 503 else "still",
        heading=words(f"problem.{known}"),
        do=words(f"problem.{known}.do"),
        problem=problem,
    )


def reader_of(request: _Asked, frame: Frame, now_ms: int) -> Reader:
    """Who looks at a page of this frame."""
    words = Words(language_of(request))
    return Reader(request, words, Times(words, frame.zone, now_ms), frame)


def _summary(site: Site, view: SiteView, times: Times) -> Summary:
    """The top of a page of a site; at headquarters a site that is away cannot speak for itself."""
    line = site.line()
    return (away_summary(line, times) if line is not None else None) or summary(view, times)


def _hq(site: Site, view: SiteView, times: Times) -> HqWords | None:
    link = site.hq_link(view)
    return None if link is None else hq_words(link, times)


def _counts(view: SiteView) -> list[tuple[str, int]]:
    totals = view.totals
    found = (
        ("recording", totals.recording),
        ("picture_fault", totals.invalid),
        ("offline", totals.offline),
        ("unknown", totals.unknown),
        ("off", totals.off),
    )
    return [(shape, count) for shape, count in found if count or shape == "recording"]


def _happenings(
    journal: SiteJournal, live: LiveSite, site: Site, times: Times, limit: int, *, channel: str | None = None
) -> list[Happening]:
    """The newest that matter: for what is over already, more are read."""
    channels = (channel,) if channel else ()
    found: list[Entry] = []
    before: int | None = None
    for most in (limit, *_FURTHER):
        entries = journal.entries(
            before=before, limit=most, newest_first=True, event_types=NOTABLE, channels=channels
        )
        found += [one for one in entries if not is_no_news(one, live.lacks, times.now_ms)]
        if len(found) >= limit or len(entries) < most:
            break
        before = entries[-1].position
    return _in_words(found[:limit], live, site, times)


def _in_words(entries: Sequence[Entry], live: LiveSite, site: Site, times: Times) -> list[Happening]:
    """Newest first by their own times: what was sent again arrives late, and is told where it happened."""
    names = site.facts.names
    return sorted((happening(entry, names, times, live.lacks) for entry in entries), key=lambda one: -one.time_ms)


def _kinds(words: Words) -> list[tuple[str, str]]:
    kinds = sorted(((name, words.of_code("kind", name)) for name in EVENTS), key=lambda kind: kind[1])
    return [("", words("page.kind_notable")), ("all", words("page.kind_all")), *kinds]


def _share(found: Sequence[Stretch], times: Times) -> str:
    expected_s = sum(one.lasts_s for one in found if one.look != "before")
    recorded_s = sum(one.lasts_s for one in found if one.look not in {"before", "gap"})
    return panels.share_words(recorded_s, expected_s, times)


def _lack(one: Stretch, times: Times) -> dict[str, object]:
    return {
        "look": one.look,
        "start_ms": one.start_ms,
        "end_ms": one.end_ms,
        "lasts_s": one.lasts_s,
        "told": told(one, times),
    }


routes: Final = [site_page, channel_page, events_page]
login_routes: Final = [login_page]
template_config: Final = None

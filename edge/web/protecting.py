"""Protected footage on the page of a channel: what is kept, the form to keep a stretch of the shown day, letting go."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from edge.state.views import ChannelView, ProtectionView
from edge.web import evidence
from edge.web.api.given import GivenSite
from edge.web.days import Day
from edge.web.live import LiveSite
from edge.web.problem import ProblemError, redirect
from edge.web.site import Site
from edge.web.strips import LEAST_PERCENT, Bar
from edge.words.times import Times

SHOWN: Final = 30
_LONGEST_NOTE: Final = 500
_SEEN_S: Final = 2.0
_LOOK_S: Final = 0.05
_MIDNIGHT: Final = time()


@dataclass(frozen=True, slots=True)
class Kept:
    """A protection as a row; `day` leads to where it lies."""

    id: str
    start_ms: int
    end_ms: int
    words: str
    note: str
    by: str
    since_ms: int
    day: date


@dataclass(frozen=True, slots=True)
class ProtectPanel:
    """What is protected of a channel, newest first, as `bars` on the shown day, and what the form holds."""

    rows: tuple[Kept, ...]
    more: int
    bars: tuple[Bar, ...]
    may: bool
    problem: str
    start: str
    end: str
    note: str


def protect_panel(
    request: Request[Any, Any, Any], site: Site, channel: ChannelView, day: Day, times: Times
) -> ProtectPanel:
    """What is to be seen of a channel's protections by whoever asks."""
    words, query = times.words, request.query_params
    newest = sorted(channel.protected, key=lambda one: -one.start_ms)
    problem = query.get("problem", "")
    if problem:
        problem = words(f"protect.{problem}") if words.has(f"protect.{problem}") else words("protect.failed")
    return ProtectPanel(
        rows=tuple(_kept(one, times) for one in newest[:SHOWN]),
        more=max(0, len(newest) - SHOWN),
        bars=tuple(_bar(one, day, times) for one in channel.protected if _lies_in(one, day)),
        may=not site.frame.in_fleet and evidence.may_protect(request.scope.get("user")),
        problem=problem,
        start=query.get("start", "")[:8],
        end=query.get("end", "")[:8],
        note=query.get("note", "")[:_LONGEST_NOTE],
    )


def _kept(one: ProtectionView, times: Times) -> Kept:
    start, end = times.local(one.start_ms), times.local(one.end_ms)
    until = times.seconds(one.end_ms) if start.date() == end.date() else _moment(end, times)
    return Kept(
        id=one.id,
        start_ms=one.start_ms,
        end_ms=one.end_ms,
        words=times.words("page.protected_range", start=_moment(start, times), end=until),
        note=one.note,
        by=one.by,
        since_ms=one.since_ms,
        day=start.date(),
    )


def _moment(local: datetime, times: Times) -> str:
    return f"{times.day(local.date())}, {local:%H:%M:%S}"


def _lies_in(one: ProtectionView, day: Day) -> bool:
    return one.start_ms < day.end_ms and one.end_ms > day.start_ms


def _bar(one: ProtectionView, day: Day, times: Times) -> Bar:
    scale = 100 / (day.end_ms - day.start_ms)
    left = (max(one.start_ms, day.start_ms) - day.start_ms) * scale
    width = max((min(one.end_ms, day.end_ms) - day.start_ms) * scale - left, LEAST_PERCENT)
    says = times.words("page.protected_title", range=_kept(one, times).words, by=one.by, note=one.note)
    return Bar(round(min(left, 100 - width), 2), round(width, 2), "kept", says)


@post("/channels/{channel_id:str}/protections", guards=[evidence.admin_only], include_in_schema=False)
async def protect(
    request: Request[Any, Any, Any], site: GivenSite, live: NamedDependency[LiveSite], channel_id: FromPath[str]
) -> Response[bytes]:
    """Take the form; leads back to the page of the day, with what is wrong where something is."""
    form = await request.form()
    day, start, end, note = (_text(form.get(name)) for name in ("day", "start", "end", "note"))
    try:
        from_ms, to_ms = _stretch(day, start, end, site.facts.zone)
        made = await asyncio.to_thread(
            evidence.protect, site, request.scope["user"], channel_id, from_ms, to_ms, note
        )
    except ProblemError as error:
        return redirect(_back(channel_id, "protect", day=day, problem=error.code, start=start, end=end, note=note))
    await _until(live, channel_id, made.protection, there=True)
    return redirect(_back(channel_id, "protected", day=day, problem="" if made.segments else "empty"))


@post(
    "/channels/{channel_id:str}/protections/{protection_id:str}/end",
    guards=[evidence.admin_only],
    include_in_schema=False,
)
async def unprotect(
    request: Request[Any, Any, Any],
    site: GivenSite,
    live: NamedDependency[LiveSite],
    channel_id: FromPath[str],
    protection_id: FromPath[str],
) -> Response[bytes]:
    """Let footage go."""
    form = await request.form()
    day = _text(form.get("day"))
    try:
        await asyncio.to_thread(evidence.unprotect, site, request.scope["user"], protection_id)
    except ProblemError as error:
        return redirect(_back(channel_id, "protected", day=day, problem=error.code))
    await _until(live, channel_id, protection_id, there=False)
    return redirect(_back(channel_id, "protected", day=day))


def _stretch(day: str, start: str, end: str, zone: Any) -> tuple[int, int]:
    """Milliseconds of two times of a day; an end at midnight is the end of the day. Raises ProblemError."""
    try:
        shown, begin, until = date.fromisoformat(day), time.fromisoformat(start), time.fromisoformat(end)
        last = shown + timedelta(days=1) if until == _MIDNIGHT else shown
        from_, to = (datetime.combine(*one, zone) for one in ((shown, begin), (last, until)))
        return int(from_.timestamp() * 1000), int(to.timestamp() * 1000)
    except (ValueError, OverflowError, TypeError):
        raise ProblemError(400, "bad_time", "from and to are times of the day as 14:02 or 14:02:31") from None


async def _until(live: LiveSite, channel: str, protection: str, *, there: bool) -> None:
    """Wait for the event that says so, that the page which follows may show it; not for long."""
    for _ in range(round(_SEEN_S / _LOOK_S)):
        view = live.channel(channel)
        if view is None or any(one.id == protection for one in view.protected) == there:
            return
        await asyncio.sleep(_LOOK_S)


def _back(channel: str, part: str, **query: str) -> str:
    """The page of a channel, at one of its parts."""
    known = {name: value for name, value in query.items() if value}
    return f"/channels/{channel}?{urlencode(known)}#{part}"


def _text(value: object) -> str:
    return value[:_LONGEST_NOTE] if isinstance(value, str) else ""


routes: Final = [protect, unprotect]

"""The words of a statement: times in the site's zone, exact seconds, a sentence for every problem. Pure."""

from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from edge.audit.statement import Code, Problem, Statement
from edge.audit.stretches import Stretch
from edge.words.catalog import ENGLISH
from edge.words.times import moment_of

_LEDGERS: Final = {"site": "the site's own journal", "hq": "headquarters' journal"}


def seconds(ms: int) -> str:
    """Milliseconds as seconds, exactly."""
    return f"{ms // 1000}.{ms % 1000:03d}"


def local(time_ms: int, zone: ZoneInfo) -> str:
    """A time as people at the site read it, with its offset from UTC."""
    moment = moment_of(time_ms).astimezone(zone)
    rest = f".{time_ms % 1000:03d}" if time_ms % 1000 else ""
    offset = f"{moment:%z}"
    return f"{moment:%Y-%m-%d %H:%M:%S}{rest} {offset[:3]}:{offset[3:5]}"


def verdict(statement: Statement) -> str:
    """The one sentence that says whether the statement is whole and all is as it should be."""
    problems = statement.problems
    if not problems:
        return "The statement is complete: every second has its account and every event is there."
    codes = list(dict.fromkeys(one.code.replace("_", " ") for one in problems))
    return f"Not all is well: {', '.join(codes)}."


def digest_line(statement: Statement) -> str:
    """The line by which two audits of one range are compared."""
    count = len([one for one in statement.channels if one.tally.segments])
    return f"{statement.digest.hex()} over {many(statement.segments, 'segment')} of {many(count, 'channel')}"


def origin(statement: Statement, zone: ZoneInfo) -> str:
    """Who says so, when, and from what."""
    made = local(statement.made_ms, zone)
    return f"made {made} by Saksi {statement.version} from {_LEDGERS[statement.ledger]}"


def why(stretch: Stretch) -> str:
    """Why a stretch is not recorded."""
    if stretch.kind == "gap":
        return ENGLISH.of_code("gap", stretch.reason or "")
    if stretch.kind == "pruned":
        return f"deleted by policy ({stretch.reason or 'no rule'})"
    if stretch.kind == "rejected":
        return f"judged worthless ({(stretch.reason or '').replace('_', ' ')})"
    return "the recorder has not told of it" if stretch.kind == "unsaid" else "to come"


def receipts(stretch: Stretch, zone: ZoneInfo) -> str:
    """Which receipts speak of a stretch; empty where none does."""
    held = stretch.receipts
    if held.first_ms is None or held.last_ms is None:
        return ""
    if held.count == 1:
        return f"receipt of {local(held.first_ms, zone)}"
    return f"{held.count} receipts from {local(held.first_ms, zone)} to {local(held.last_ms, zone)}"


def sentence(problem: Problem) -> str:
    """What is off, or what cannot be said, and what to do."""
    return _SENTENCES[problem.code](problem)


def many(count: int, word: str) -> str:
    """So many of something."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _s(problem: Problem) -> str:
    return f"{problem.about}: {seconds(problem.count)} s"


def _events(problem: Problem) -> str:
    return f"{problem.about}: {many(problem.count, 'event')} ({problem.detail})"


_SENTENCES: Final[dict[Code, Callable[[Problem], str]]] = {
    "before_first_event": lambda one: f"{_s(one)} before the first event of the channel: nothing can be said of them.",
    "unsaid": lambda one: f"{_s(one)} of which the recorder has not told yet; audit again later, or up to earlier.",
    "future": lambda one: f"{_s(one)} have not passed yet.",
    "events_missing": lambda one: f"{_events(one)} missing now; what is missing may still come: audit again later.",
    "events_lost": lambda one: f"{_events(one)} lost for ever: what was said there is not in this statement.",
    "events_conflicting": lambda one: f"{_events(one)} told twice with different content; the first telling counts.",
    "events_unread": lambda one: f"{one.about}: {many(one.count, 'event')} of a newer release; audit with that one.",
    "footage_missing": lambda one: f"{_s(one)} were recorded and are gone, and no rule of retention deleted them.",
    "unexplained": lambda one: f"{_s(one)} of gaps without a reason.",
    "contradicted": lambda one: (
        f"{one.about}: {many(one.count, 'segment')} announced twice with different hashes ({one.detail})."
    ),
    "file_changed": lambda one: f"{one.about}: changed since it was announced: {one.detail}.",
    "file_missing": lambda one: f"{one.about}: deleted by nobody who says so: {one.detail}.",
    "file_unknown": lambda one: f"{one.about}: no event that is known announces it: {one.detail}.",
    "file_unreadable": lambda one: f"{one.about}: cannot be read: {one.detail}.",
    "not_verified": lambda one: f"{one.about}: the files could not be held against the hashes: {one.detail}",
}

"""What is wrong at a site, since when and what to do, in sentences; the one on top of every page first. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from edge.state.views import About, ChannelStatus, ChannelView, SiteView, Trouble
from edge.words.catalog import Words
from edge.words.times import Times

Mood = Literal["ok", "waiting", "degraded", "down"]
TOGETHER_MS: Final = 120_000
"""Channels that went for the same reason within this time are told of in one sentence: they share a cause."""
SHARED: Final = 3
"""From so many channels on, what they share is looked at before each of them."""

_UNSEEN: Final = ("broker_away", "silent")
_UNRECORDED: Final = ("recorder_down", "stalled", "unheard")
_RECORDER_AWAY: Final = ("offline", "failed", "unheard")
_PROCESS_SHAPES: Final[dict[str, ChannelStatus]] = {"late": "picture_fault", "unheard": "unknown"}
_EXPLAINED_BY_DISK: Final = {"full": "disk_full", "missing": "storage_missing"}
_NOTHING_RECORDED: Final = ("full", "missing", "faulty")


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that is so: what, and what to do about it ("" where nothing is to be done).

    `shape` is how it is marked beside its words, `channels` are the ids of those that it is about; `ago` is the part of
    `what` that changes as time passes.
    """

    mood: Mood
    shape: ChannelStatus
    what: str
    do: str = ""
    detail: str | None = None
    channels: tuple[str, ...] = ()
    process: str | None = None
    ago: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The top of a page: the sentence, how many channels are recording, and whatever else is wrong."""

    first: Statement
    count: str
    others: tuple[Statement, ...]


def summary(view: SiteView, times: Times) -> Summary:
    """A site in words, worst first."""
    words, totals = times.words, view.totals
    found = statements(view.troubles, times)
    switched_on = totals.total - totals.off
    if found:
        unseen = any(one.about == "events" and one.code in _UNSEEN for one in view.troubles)
        key = "top.unseen" if unseen else "top.count" if totals.recording else "top.none"
        return Summary(found[0], words(key, recording=totals.recording, total=switched_on), tuple(found[1:]))
    if not switched_on:
        first = Statement("waiting", "off", words("top.idle"))
    elif totals.recording == switched_on:
        first = Statement("ok", "recording", words.count("top.ok", switched_on))
    else:
        first = Statement("waiting", "unknown", words("top.waiting", recording=totals.recording, total=switched_on))
    return Summary(first, "", ())


def statements(troubles: Sequence[Trouble], times: Times) -> list[Statement]:
    """A statement for every trouble, in their order; channels that went together share one."""
    told = [trouble for trouble in troubles if not _follows_from_another(trouble, troubles)]
    return [_said(group, times) for group in _groups(told)]


def channel_statement(channel: ChannelView, times: Times) -> Statement:
    """A channel in words, on its own page."""
    words = times.words
    about = (channel.id,)
    if channel.status == "off":
        return Statement("ok", "off", words("channel.off", names=channel.name), channels=about)
    if channel.status == "recording":
        what = _since("channel.recording", channel.since_ms, times, names=channel.name)
        return Statement("ok", "recording", what, channels=about)
    params = {"name": channel.name, "status": channel.status, "detail": channel.detail}
    code = "unheard" if channel.status == "unknown" else channel.reason or ""
    return _said([Trouble("degraded", "channel", channel.id, code, channel.since_ms, params)], times)


def gap_words(reason: str | None, words: Words) -> str:
    """Why a stretch of time was not recorded."""
    return words.of_code("gap", reason or "unexplained")


def _said(group: Sequence[Trouble], times: Times) -> Statement:
    statement = _SAY[group[0].about](group, times)
    known = [one.since_ms for one in group if one.since_ms is not None]
    ago = times.ago(min(known)) if known else ""
    return replace(statement, ago=ago) if ago and ago in statement.what else statement


def _follows_from_another(trouble: Trouble, troubles: Sequence[Trouble]) -> bool:
    """Whether a trouble is only what another one comes to: it is said once, at its cause."""
    unseen = [one for one in troubles if one.about == "events" and one.code in _UNSEEN]
    if unseen:
        return _is_silence(trouble) and trouble is not min(unseen, key=lambda one: _UNSEEN.index(one.code))
    match trouble.about:
        case "disk":
            whole = any(one.code == "short" and one.subject == "" for one in troubles)
            return trouble.code == "short" and trouble.subject != "" and whole
        case "channel" if trouble.code in _UNRECORDED:
            return any(
                one.about == "process" and one.subject == "recorder" and one.code in _RECORDER_AWAY for one in troubles
            )
        case "channel":
            return any(one.about == "disk" and _EXPLAINED_BY_DISK.get(one.code) == trouble.code for one in troubles)
    return False


def _is_silence(trouble: Trouble) -> bool:
    """Whether a trouble is that nothing is heard, which a broker that is away explains."""
    match trouble.about:
        case "events":
            return trouble.code in _UNSEEN
        case "process":
            return trouble.code in {"late", "offline"}
        case "channel":
            return trouble.code in _UNRECORDED
    return False


def _groups(troubles: Sequence[Trouble]) -> list[list[Trouble]]:
    groups: list[list[Trouble]] = []
    for trouble in troubles:
        group = next((group for group in groups if _together(group[0], trouble)), None)
        if group is None:
            groups.append([trouble])
        else:
            group.append(trouble)
    return groups


def _together(first: Trouble, other: Trouble) -> bool:
    if first.about != "channel" or other.about != "channel" or first.code != other.code:
        return False
    if first.params.get("status") != other.params.get("status"):
        return False
    if first.since_ms is None or other.since_ms is None:
        return first.since_ms is other.since_ms
    return abs(first.since_ms - other.since_ms) <= TOGETHER_MS


def _channels(group: Sequence[Trouble], times: Times) -> Statement:
    words, trouble, count = times.words, group[0], len(group)
    known = [one.since_ms for one in group if one.since_ms is not None]
    since_ms = min(known) if known else None
    values: dict[str, object] = {"names": words.some([str(one.params.get("name", one.subject)) for one in group])}
    number = "one" if count == 1 else "many"
    shape: ChannelStatus
    if trouble.code == "unheard" or trouble.params.get("status") == "unknown":
        what, do = words(f"channel.unheard.{number}", **values), words("channel.unheard.do")
        shape = "unknown"
    elif trouble.params.get("status") == "picture_fault":
        fault = words.of_code("fault", trouble.code)
        what = _since("channel.fault", since_ms, times, f".{number}", fault=fault, **values)
        do = _advice("fault.do", trouble.code, count, words)
        shape = "picture_fault"
    else:
        why = words.of_code("why", trouble.code) if trouble.code else words("gap.unexplained")
        what = _since("channel.offline", since_ms, times, f".{number}", why=why, **values)
        do = _advice("do", trouble.code, count, words)
        shape = "offline"
    detail = trouble.params.get("detail") if count == 1 else None
    return Statement(_mood(trouble), shape, what, do, detail, tuple(one.subject for one in group))


def _process(group: Sequence[Trouble], times: Times) -> Statement:
    words, (trouble,) = times.words, group
    name = trouble.subject
    process = process_name(name, words)
    cost = words(f"cost.{name}" if words.has(f"cost.{name}") else "cost.other")
    if not words.has(f"process.{trouble.code}"):
        return _unknown(group, times)
    what = _since(f"process.{trouble.code}", trouble.since_ms, times, process=process, cost=cost)
    shape = _PROCESS_SHAPES.get(trouble.code, "offline")
    do = words(f"process.do.{trouble.code}")
    return Statement(_mood(trouble), shape, what, do, trouble.params.get("detail"), process=name)


def process_name(name: str, words: Words) -> str:
    """A process as the beginning of a sentence."""
    key = f"process_name.{name}"
    return words(key) if words.has(key) else words("process_name.other", name=name)


def _disk(group: Sequence[Trouble], times: Times) -> Statement:
    words, (trouble,) = times.words, group
    params = trouble.params
    if trouble.code == "short":
        forecast, promise = words.days(params["forecast_days"]), words.days(params["promise_days"])
        name = params.get("name", trouble.subject)
        key = "disk.short.channel" if trouble.subject else "disk.short.site"
        what = words(key, name=name, forecast=forecast, promise=promise)
        return Statement(_mood(trouble), "picture_fault", what, words("disk.do.short"))
    if not words.has(f"disk.do.{trouble.code}"):
        return _unknown(group, times)
    what = _since(f"disk.{trouble.code}", trouble.since_ms, times, room=_room(trouble, words))
    shape: ChannelStatus = "offline" if trouble.code in _NOTHING_RECORDED else "picture_fault"
    detail = params.get("detail")
    stuck = f"disk.do.{trouble.code}.{params.get('stuck')}"
    do = words(stuck if words.has(stuck) else f"disk.do.{trouble.code}")
    return Statement(_mood(trouble), shape, what, do, detail)


def _room(trouble: Trouble, words: Words) -> str:
    free, total = trouble.params.get("free_bytes"), trouble.params.get("total_bytes")
    if free is None or total is None:
        return ""
    hours_left = trouble.params.get("hours_left")
    if hours_left is None:
        return words("disk.room", free=words.size(free), total=words.size(total))
    left = words.duration(hours_left * 3600)
    return words("disk.room.full_in", free=words.size(free), total=words.size(total), left=left)


def _events(group: Sequence[Trouble], times: Times) -> Statement:
    words, (trouble,) = times.words, group
    key = f"events.{trouble.code}"
    if trouble.code == "unanswered":
        return _unanswered(trouble, times)
    if trouble.code == "flood":
        return _flood(trouble, times)
    if words.has(key):
        what = _since(key, trouble.since_ms, times)
        shape: ChannelStatus = "picture_fault" if trouble.code == "hq_silent" else "offline"
        return Statement(_mood(trouble), shape, what, words(f"events.do.{trouble.code}"))
    if not words.has(f"{key}.many"):
        return _unknown(group, times)
    count = int(trouble.params.get("count", 0))
    number = ".one" if count == 1 else ".many"
    what = _since(key, trouble.since_ms, times, number, process=trouble.subject, count=words.whole(count))
    do = words(f"events.do.{trouble.code}")
    return Statement(_mood(trouble), "picture_fault", what, do, process=trouble.subject)


def _unanswered(trouble: Trouble, times: Times) -> Statement:
    """Events that were asked for in vain: what is said to be there, and what was done to get it."""
    words, params = times.words, trouble.params
    figures = {name: words.whole(params[name]) for name in ("said", "count", "asked")}
    last = times.at(params["asked_ms"])
    what = _since("events.unanswered", trouble.since_ms, times, process=trouble.subject, last=last, **figures)
    if params.get("now") is not None:
        what = f"{what} {words('events.unanswered.now', now=words.whole(params['now']))}"
    return Statement(_mood(trouble), "picture_fault", what, words("events.do.unanswered"), process=trouble.subject)


def _flood(trouble: Trouble, times: Times) -> Statement:
    words, params = times.words, trouble.params
    figures = {"rate": words.whole(round(params["events_s"])), "usual": words.figure(float(f"{params['usual_s']:.1g}"))}
    what = _since("events.flood", trouble.since_ms, times, **figures)
    return Statement(_mood(trouble), "picture_fault", what, words("events.do.flood"))


def _clock(group: Sequence[Trouble], times: Times) -> Statement:
    words, (trouble,) = times.words, group
    params = trouble.params
    if trouble.code == "stepped":
        step_s = float(params["step_s"])
        at = times.at(trouble.since_ms) if trouble.since_ms is not None else "?"
        way = "ahead" if step_s > 0 else "back"
        what = words(f"clock.stepped.{way}", step=words.duration(abs(step_s)), at=at)
        return Statement(_mood(trouble), "picture_fault", what, words("clock.stepped.do"))
    if trouble.code == "camera":
        offset_s = float(params["offset_s"])
        way, name = "ahead" if offset_s > 0 else "behind", params.get("name", trouble.subject)
        what = words(f"clock.camera.{way}", name=name, offset=words.duration(abs(offset_s)))
        return Statement(_mood(trouble), "picture_fault", what, words("clock.camera.do"), channels=(trouble.subject,))
    return _unknown(group, times)


def _unknown(group: Sequence[Trouble], times: Times) -> Statement:
    words, trouble = times.words, group[0]
    what = words("unknown_trouble", subject=trouble.subject or trouble.about, code=trouble.code.replace("_", " "))
    return Statement(_mood(trouble), "picture_fault", what, words("unknown_trouble.do"))


_SAY: Final[dict[About, Callable[[Sequence[Trouble], Times], Statement]]] = {
    "channel": _channels,
    "process": _process,
    "disk": _disk,
    "events": _events,
    "clock": _clock,
}


def _mood(trouble: Trouble) -> Mood:
    return "down" if trouble.severity == "down" else "degraded"


def _since(key: str, since_ms: int | None, times: Times, ending: str = "", /, **values: object) -> str:
    """The sentence with its time where that is known, else the one without."""
    if since_ms is None:
        return times.words(key + ending, **values)
    told = {"since": times.both(since_ms), "at": times.at_both(since_ms)}
    return times.words(f"{key}.since{ending}", **told, **values)


def _advice(group: str, code: str, count: int, words: Words) -> str:
    if count >= SHARED and words.has(f"{group}.{code}.many"):
        return words(f"{group}.{code}.many")
    return words(f"{group}.{code}") if words.has(f"{group}.{code}") else ""


"""The fleet in sentences: the one on top, the line of each site, and how complete its events are. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from edge.state.absence import Return
from edge.state.fact import DAY_MS
from edge.state.fleet import AWAY, UNSEEN, EventFigures, Fault, Level, Refusals, SiteSummary
from edge.state.views import ChannelStatus, DiskView, Trouble
from edge.words.site import TOGETHER_MS, Statement, Summary, statements
from edge.words.times import Times

SHAPES: Final[dict[Level, ChannelStatus]] = {
    "ok": "recording", "waiting": "unknown", "degraded": "picture_fault", "down": "offline",
}  # fmt: skip
RETURN_SHOWN_MS: Final = DAY_MS
REFUSED_SHOWN_MS: Final = DAY_MS

_TOLD_TOGETHER: Final[frozenset[Fault]] = AWAY | {"unheard"}
_OF_HQ: Final = frozenset({"silent", "broker_away", "journal_unavailable"})


def fleet_summary(sites: Sequence[SiteSummary], deaf_since_ms: int | None, refusals: Refusals, times: Times) -> Summary:
    """The top of the fleet's page: the worst thing, since when and what to do; then how many sites are well."""
    words = times.words
    others = tuple(_refused(refusals, times))
    if deaf_since_ms is not None:
        what = words("fleet.unseen", since=times.both(deaf_since_ms))
        first = Statement("down", "offline", what, words("fleet.unseen.do"), ago=times.ago(deaf_since_ms))
        return Summary(first, "", others)
    if not sites:
        return Summary(Statement("waiting", "unknown", words("fleet.empty"), words("fleet.empty.do")), "", others)
    well = sum(one.level == "ok" for one in sites)
    worst = min(sites, key=lambda one: one.weight)
    if worst.level == "ok":
        return Summary(Statement("ok", "recording", _counted("fleet.ok", len(sites), times)), "", others)
    if worst.diagnosis.fault in {"waiting", "unseen"}:
        what = words("fleet.waiting", well=words.whole(well), all=words.whole(len(sites)))
        return Summary(Statement("waiting", "unknown", what), "", others)
    count = words("fleet.count", well=words.whole(well), all=words.whole(len(sites)))
    return Summary(_worst(sites, times), count, others)


def away_summary(one: SiteSummary, times: Times) -> Summary | None:
    """The top of a site's own page at HQ while nothing is heard of it; None while it can speak for itself."""
    fault = one.diagnosis.fault
    if fault not in AWAY and fault != "unseen":
        return None
    count = times.words("top.unseen") if fault in UNSEEN else ""
    first = _said([one], times) if fault in AWAY else site_line(one, times)
    return Summary(first, count, ())


def site_line(one: SiteSummary, times: Times) -> Statement:
    """What is wrong with a site, beside its name: `what` is "" where all is well."""
    words, fault = times.words, one.diagnosis.fault
    shape = SHAPES[one.level]
    if fault == "none":
        back = one.back if one.back and times.now_ms - one.back.to_ms <= RETURN_SHOWN_MS else None
        return Statement("ok", shape, back_words(back, times) if back else "")
    if fault == "waiting":
        switched_on = one.totals.total - one.totals.off
        key = "site_row.waiting" if one.totals.recording < switched_on else "site_row.unknown"
        what = words(key, recording=one.totals.recording, total=switched_on)
        return Statement(one.level, shape, what)
    if fault in AWAY or fault in {"unheard", "unseen"}:
        since_ms = one.diagnosis.since_ms
        never = ".never" if fault == "broker" and since_ms is None else ""
        since = "?" if since_ms is None else times.both(since_ms)
        at = "?" if since_ms is None else times.at_both(since_ms)
        return Statement(one.level, shape, words(f"site_row.{fault}{never}", since=since, at=at))
    found = _own(one, times)
    if not found:
        return Statement(one.level, shape, "")
    what = found[0].what
    if len(found) > 1:
        what = f"{what} {words('site_row.more', count=len(found) - 1)}"
    return replace(found[0], mood=one.level, shape=shape, what=what)


def back_words(back: Return, times: Times) -> str:
    """How a site was silent and came back, and why."""
    return times.words(f"site_back.{back.cause}", start=times.moment(back.from_ms), end=times.moment(back.to_ms))


def events_words(events: EventFigures, times: Times, *, heard: bool) -> str:
    """How complete a site's events are, as `all 48,211 events, newest 3 s ago`; `heard`: the site is, now."""
    words = times.words
    total = events.held + events.missing + events.lost
    if not total:
        return words("ledger.none")
    figures = {"count": words.whole(total), "held": words.whole(events.held), "missing": words.whole(events.missing)}
    newest_ms = events.newest_ms if events.newest_ms is not None else times.now_ms
    number = "one" if total == 1 else "many"
    if events.missing:
        found = [words("ledger.missing" if heard else "ledger.missing.away", **figures)]
    elif not heard:
        found = [words(f"ledger.until.{number}", when=times.moment(newest_ms), **figures)]
    else:
        key = "ledger.held" if events.lost else f"ledger.all.{number}"
        found = [words(key, ago=_seconds_ago(newest_ms, times), **figures)]
    return "; ".join([*found, *_lost(events, times)])


def ledger_words(sites: Sequence[SiteSummary], times: Times) -> str:
    """How complete the events of the whole fleet are."""
    words = times.words
    missing, lost = sum(one.events.missing for one in sites), sum(one.events.lost for one in sites)
    lacks = [words("ledger.whole.missing", missing=words.whole(missing))] if missing else []
    lacks += [words("ledger.whole.lost", lost=words.whole(lost))] if lost else []
    return words(
        "ledger.whole",
        held=words.whole(sum(one.events.held for one in sites)),
        sites=_counted("ledger.whole.sites", len(sites), times),
        lacks=", ".join(lacks) or words("ledger.whole.nothing"),
    )


def disk_words(disk: DiskView, times: Times) -> str:
    """The disk of a site in a word or two: how far back it will reach, when it is full, or what is wrong with it."""
    words = times.words
    if disk.state != "ok":
        return words(f"disk_state.{disk.state}")
    if disk.forecast_days:
        return words("fleet.keeps", days=words.days(min(disk.forecast_days.values())))
    if disk.hours_left is not None:
        return words("fleet.full_in", left=words.days(disk.hours_left / 24))
    return words("disk_state.ok")


def _worst(sites: Sequence[SiteSummary], times: Times) -> Statement:
    """The worst thing of a fleet in trouble: what most sites share comes before what has lasted longest."""
    words = times.words
    group = max(_groups(sites), key=lambda group: (len(group), [-part for part in group[0].weight[:3]]))
    first = group[0]
    fault, shape = first.diagnosis.fault, SHAPES[first.level]
    if fault not in _TOLD_TOGETHER:
        found = _own(first, times)
        what = found[0].what if found else words.of_code("site_fault", fault)
        said = found[0] if found else Statement(first.level, shape, what)
        return replace(said, mood=first.level, shape=shape, what=words("fleet.of_site", site=first.name, what=what))
    return _said(group, times)


def _said(group: Sequence[SiteSummary], times: Times) -> Statement:
    """What sites that are away, or were never heard, have in common."""
    words, first = times.words, group[0]
    fault, since_ms = first.diagnosis.fault, first.diagnosis.since_ms
    number = "one" if len(group) == 1 else "many"
    never = ".never" if fault == "broker" and since_ms is None else ""
    what = words(
        f"fleet.{fault}{never}.{number}",
        names=words.some([one.name for one in group]),
        since="?" if since_ms is None else times.both(since_ms),
        at="?" if since_ms is None else times.at_both(since_ms),
    )
    ago = None if since_ms is None else times.ago(since_ms)
    return Statement(first.level, SHAPES[first.level], what, words(f"fleet.{fault}.do.{number}"), ago=ago)


def _groups(sites: Sequence[SiteSummary]) -> list[list[SiteSummary]]:
    """The sites of the worst level, those together that went for the same reason within two minutes."""
    worst = min(one.weight[0] for one in sites)
    groups: list[list[SiteSummary]] = []
    for one in sorted((one for one in sites if one.weight[0] == worst), key=lambda one: one.weight):
        if groups and _together(groups[-1][0], one):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _together(first: SiteSummary, other: SiteSummary) -> bool:
    if first.diagnosis.fault != other.diagnosis.fault or first.diagnosis.fault not in _TOLD_TOGETHER:
        return False
    since_ms, other_ms = first.diagnosis.since_ms, other.diagnosis.since_ms
    if since_ms is None or other_ms is None:
        return since_ms is other_ms
    return abs(since_ms - other_ms) <= TOGETHER_MS


def _own(one: SiteSummary, times: Times) -> list[Statement]:
    """What the site's own page says of its troubles, that of its fault first."""
    of_process = one.diagnosis.fault == "process"

    def counts(trouble: Trouble) -> bool:
        return trouble.code not in _OF_HQ and (of_process or trouble.about != "process")

    told = [trouble for trouble in one.troubles if counts(trouble)]
    if of_process:
        told.sort(key=lambda trouble: trouble.about != "process")
    return statements(told, times)


def _refused(refusals: Refusals, times: Times) -> list[Statement]:
    words = times.words
    if not refusals.newest or times.now_ms - refusals.newest[0].at_ms > REFUSED_SHOWN_MS:
        return []
    newest = refusals.newest[0]
    number = "one" if refusals.count == 1 else "many"
    count, when = words.whole(refusals.count), times.both(newest.at_ms)
    what = words(f"fleet.refused.{number}", count=count, when=when, site=newest.site or "?")
    return [Statement("degraded", "picture_fault", what, words("fleet.refused.do"))]


def _lost(events: EventFigures, times: Times) -> list[str]:
    if not events.lost:
        return []
    words = times.words
    by = [words("ledger.lost_of", count=words.whole(count), process=process) for process, count in events.lost_of]
    return [words("ledger.lost", listed=words.some(by) if by else words.whole(events.lost))]


def _counted(key: str, count: int, times: Times) -> str:
    return times.words(f"{key}.{'one' if count == 1 else 'many'}", count=times.words.whole(count))


def _seconds_ago(time_ms: int, times: Times) -> str:
    """To the second: what is complete is worth knowing exactly."""
    return times.words("time.ago", span=times.words.span(max(0.0, (times.now_ms - time_ms) / 1000)))

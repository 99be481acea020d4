"""What was tried and heard, judged: the table, what must not be, and what is worth a look."""

import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import report
from detection_site import FAULTS, Heard, Pace
from detection_tries import Try


def table(tries: Sequence[Try], heard: Sequence[Heard], pace: Pace) -> str:
    """A line for each fault, and one for all."""
    columns = ["fault", "tries", "found", "wrong", "late"]
    columns += [f"{what} {how}" for what in ("known", "since", "back") for how in ("p50", "p95", "max")]
    kinds = [(fault, [one for one in tries if one.fault == fault]) for fault in FAULTS]
    return report.table(columns, [row(name, some, heard, pace) for name, some in (*kinds, ("all", tries))])


def row(name: str, tries: Sequence[Try], heard: Sequence[Heard], pace: Pace) -> list[object]:
    """One line of the table."""
    found = [one for one in tries if one.heard_s is not None]
    late = [one for one in found if one.heard_s > pace.claim_s]
    wrong = [reason for one in tries for reason in wrong_reasons(heard, one)]
    columns = ([one.heard_s for one in tries], [one.since_s for one in tries], [one.back_heard_s for one in tries])
    spreads = [cell for values in columns for cell in spread(values)]
    return [name, len(tries), len(found), len(wrong), len(late), *spreads]


def spread(values: Sequence[float | None]) -> list[str]:
    """Median, 95th percentile and most of what was measured."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return ["-"] * 3
    return [f"{one:.1f}" for one in (statistics.median(known), known[-(-len(known) * 19 // 20) - 1], known[-1])]


def failures(found: dict, pace: Pace) -> list[str]:
    """What must not be."""
    tries = found["tries"]
    wrong = [f"{one.channel} {one.fault}: not found in {pace.patience_s:g} s" for one in tries if one.heard_s is None]
    wrong += [f"{one.channel} {one.fault}: its end was not found" for one in tries if one.back_heard_s is None]
    wrong += [f"false alarm of {alarm}" for alarm in false_alarms(found["heard"], tries)]
    return wrong + disorder(found["heard"]) + [f"the {name} ended" for name in found["ended"]]


def remarks(found: dict, pace: Pace) -> list[str]:
    """What is worth a look."""
    late = [text for one in found["tries"] if (text := told_late(one, pace)) is not None]
    named = Counter((one.fault, one.reason) for one in found["tries"] if one.reason not in {None, one.fault})
    return late + [f"{fault} was said to be {reason} {times} times" for (fault, reason), times in sorted(named.items())]


def told_late(one: Try, pace: Pace) -> str | None:
    """Where the time went in a try that took longer than claimed."""
    if one.heard_s is None or one.heard_s <= pace.claim_s:
        return None
    said_s, under_way_s = one.said_s - one.since_s, one.heard_s - one.said_s
    return (
        f"{one.channel} {one.fault}: known after {one.heard_s:.1f} s, claimed are {pace.claim_s:.1f}; first bad look "
        f"{one.since_s:.1f} s, said {said_s:.1f} s after it, {under_way_s:.2f} s under way"
    )


def false_alarms(heard: Sequence[Heard], tries: Sequence[Try]) -> list[str]:
    """Alarms of channels that showed no fault then, such as those that never did."""
    shown = [(one.channel, one.began_s, one.until_s) for one in tries]
    return [
        f"{alarm.envelope.subject}: {alarm.envelope.data}"
        for alarm in heard
        if alarm.envelope.event_type == "channel_invalid"
        and not any(alarm.envelope.subject == who and since <= alarm.at_s <= until for who, since, until in shown)
    ]


def disorder(heard: Sequence[Heard]) -> list[str]:
    """Events that came twice or out of order, and words that say what was said already."""
    found = []
    for before, one in pairwise(heard):
        if one.envelope.sequence != before.envelope.sequence + 1:
            found.append(f"event {one.envelope.sequence} came behind {before.envelope.sequence}")
    stands: dict[str | None, str] = {}
    for one in heard:
        if one.is_about_pictures:
            channel = one.envelope.subject
            if one.word == stands.get(channel, "valid"):
                found.append(f"{channel} is {one.word}, it was said at {one.envelope.time} again")
            stands[channel] = one.word
    return found


def wrong_reasons(heard: Sequence[Heard], one: Try) -> list[str]:
    """What was said of a fault from its beginning to its end that it was not."""
    said = (h for h in heard if h.envelope.event_type == "channel_invalid" and h.envelope.subject == one.channel)
    return [h.word for h in said if one.began_s <= h.at_s <= one.until_s and h.word != one.fault]

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.recordings.catalog import Entry, Usage
from edge.retention import decision
from edge.retention.decision import Kept, Room, decide
from edge.retention.policy import DAY_MS, HOUR_MS, Policy, trusted_ms

MINUTE_MS = 60_000
NOW_MS = 100 * DAY_MS
TOTAL = 10_000
RESERVE, LOW_MARK = 1_000, 1_100


@dataclass
class Listed:
    """Holdings in a plain list."""

    entries: list[Entry]

    def usage(self):
        found = {}
        for entry in self.entries:
            usage = found.setdefault(entry.channel, Usage())
            usage.segments += 1
            usage.bytes += entry.bytes
        return found

    def oldest(self, channel=None, *, from_ms=-(2**62)):
        entries = sorted(self.entries, key=lambda one: (one.start_ms, one.channel))
        return iter([one for one in entries if channel in {None, one.channel} and one.start_ms >= from_ms])

    def rejected(self):
        entries = [one for one in self.entries if one.rejected_ms is not None]
        return iter(sorted(entries, key=lambda one: (one.rejected_ms, one.start_ms, one.channel)))


@st.composite
def sites(draw):
    """Some channels with some hours of segments, at different rates, some of them worthless; and a policy."""
    entries = []
    for channel in draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3)):
        start_ms = NOW_MS - draw(st.integers(0, 400)) * 10 * MINUTE_MS
        for _ in range(draw(st.integers(0, 30))):
            start_ms += draw(st.integers(0, 5)) * MINUTE_MS
            length_ms = draw(st.integers(0, 10)) * MINUTE_MS
            rejected = draw(st.none() | st.integers(0, 72).map(lambda hours: NOW_MS - hours * HOUR_MS))
            entries.append(Entry(channel, start_ms, start_ms + length_ms, draw(st.integers(0, 400)), rejected))
            start_ms += max(length_ms, 1)
    protections = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["a", "b", "c"]),
                st.integers(0, 70).map(lambda hours: NOW_MS - hours * HOUR_MS),
                st.integers(1, 20).map(lambda hours: hours * HOUR_MS),
            ),
            max_size=4,
        )
    )
    kept = Kept.of([(channel, at, at + length) for channel, at, length in protections], {})
    held = {}
    for entry in entries:
        if kept.until_ms(entry) is not None:
            held[entry.channel] = held.get(entry.channel, 0) + entry.bytes
    policy = Policy(
        max_used_percent=90,
        min_free_bytes=draw(st.integers(0, 1_000)),
        quarantine_ms=draw(st.integers(0, 48)) * HOUR_MS,
        max_age_ms=draw(st.none() | st.integers(0, 80).map(lambda hours: hours * HOUR_MS)),
        channel_age_ms=draw(st.dictionaries(st.sampled_from("abc"), st.integers(1, 80).map(lambda h: h * HOUR_MS))),
        channel_bytes=draw(st.dictionaries(st.sampled_from("abc"), st.integers(0, 3_000))),
    )
    return entries, Kept(kept.ranges, held), policy


def overlaps(entry, from_ms, to_ms):
    return from_ms < max(entry.end_ms, entry.start_ms + 1) and to_ms > entry.start_ms


def protected(entry, kept):
    return any(overlaps(entry, *span) for span in kept.ranges.get(entry.channel, ()))


@settings(deadline=None, max_examples=150)
@given(sites(), st.integers(0, 3_000), st.booleans())
def test_a_step_deletes_what_its_rule_allows_and_no_more(site, free_bytes, clearing):
    """Protected segments stay, the oldest go first, the newest hour last, and one segment less would not be enough."""
    entries, kept, policy = site
    held = Listed(entries)
    step = decide(held, Room(TOTAL, free_bytes), policy, kept, NOW_MS, clearing=clearing)
    again = decide(Listed(entries[::-1]), Room(TOTAL, free_bytes), policy, kept, NOW_MS, clearing=clearing)
    assert step == again
    assert len(set(step.entries)) == len(step.entries)
    assert not any(protected(entry, kept) for entry in step.entries)
    assert step.clearing == (free_bytes < (LOW_MARK if clearing else RESERVE))
    sizes = [entry.bytes for entry in step.entries]
    chosen = set(step.entries)
    left = [one for one in entries if one not in chosen and not protected(one, kept)]
    if step.rule in {"rejected", "age"}:
        assert all(entry.end_ms <= NOW_MS - HOUR_MS for entry in step.entries)
    if step.rule == "rejected":
        assert all(entry.rejected_ms + policy.quarantine_ms <= NOW_MS for entry in step.entries)
    if step.rule == "age":
        assert all(entry.end_ms <= NOW_MS - policy.age_ms(entry.channel) for entry in step.entries)
    if step.rule == "quota":
        for channel in {entry.channel for entry in step.entries}:
            mine = [entry.bytes for entry in step.entries if entry.channel == channel]
            over = sum(one.bytes for one in entries if one.channel == channel)
            over -= kept.bytes.get(channel, 0) + policy.channel_bytes[channel]
            assert sum(mine[:-1]) < over
            newest_gone = max(one.start_ms for one in step.entries if one.channel == channel)
            assert all(one.start_ms >= newest_gone for one in left if one.channel == channel)
    if step.rule == "space":
        assert step.clearing
        assert sum(sizes[:-1]) < LOW_MARK - free_bytes
        newest_gone = max(one.start_ms for one in step.entries)
        assert all(one.start_ms >= newest_gone for one in left)
        if any(entry.end_ms > NOW_MS - HOUR_MS for entry in step.entries):
            assert all(one.end_ms > NOW_MS - HOUR_MS or one.start_ms >= newest_gone for one in left)
    if step.rule is None:
        assert not step.entries
        assert (step.stuck is not None) == (free_bytes < RESERVE)
        if clearing and free_bytes < LOW_MARK:
            assert not left
        if step.stuck is not None:
            assert (step.stuck == "protected") == (sum(kept.bytes.values()) >= RESERVE - free_bytes)


@settings(deadline=None, max_examples=150)
@given(sites(), st.integers(0, 3_000))
def test_steps_come_to_an_end_at_the_low_mark_or_with_nothing_left(site, free_bytes):
    """Carried out one after the other, steps neither run on nor stop early, and every channel keeps as far back."""
    entries, kept, policy = site
    clearing = False
    for _ in range(len(entries) + 2):
        step = decide(Listed(entries), Room(TOTAL, free_bytes), policy, kept, NOW_MS, clearing=clearing)
        clearing = step.clearing
        if step.rule is None:
            break
        free_bytes += sum(entry.bytes for entry in step.entries)
        entries = [entry for entry in entries if entry not in step.entries]
    else:
        raise AssertionError("deletion runs on")
    free_to_go = [entry for entry in entries if not protected(entry, kept)]
    assert free_bytes >= RESERVE or not free_to_go
    for entry in free_to_go:
        age_ms = policy.age_ms(entry.channel)
        assert age_ms is None or entry.end_ms > NOW_MS - max(age_ms, HOUR_MS)


@settings(deadline=None, max_examples=200)
@given(sites())
@example(([], Kept(), Policy()))
def test_protection_covers_exactly_what_overlaps_it(site):
    """A segment is protected if any of its time is."""
    entries, kept, _policy = site
    for entry in entries:
        until_ms = kept.until_ms(entry)
        assert (until_ms is not None) == protected(entry, kept)
        assert until_ms is None or until_ms > entry.start_ms
    for spans in kept.ranges.values():
        assert all(one[1] < other[0] for one, other in pairwise(spans))


def run_of(channel, minutes, size, *, ago=10 * HOUR_MS):
    return [
        Entry(channel, NOW_MS - ago + at * MINUTE_MS, NOW_MS - ago + (at + 1) * MINUTE_MS, size) for at in range(minutes)
    ]


def test_channels_of_different_bitrate_reach_equally_far_back():
    """Fair is by time and not by size: a camera of ten times the bitrate does not push the others out."""
    entries = run_of("a", 100, 100) + run_of("b", 100, 10)
    step = decide(Listed(entries), Room(TOTAL, 0), Policy(), Kept(), NOW_MS)
    left = [one for one in entries if one not in step.entries]
    oldest = {channel: min(one.start_ms for one in left if one.channel == channel) for channel in "ab"}
    assert step.rule == "space"
    assert abs(oldest["a"] - oldest["b"]) <= MINUTE_MS


def test_rules_come_in_their_order():
    """Worthless, too old, over the share, no space: the first that has something to delete."""
    entries = run_of("a", 20, 100)
    entries[5] = entries[5]._replace(rejected_ms=NOW_MS - 2 * DAY_MS)
    entries += run_of("b", 1, 100, ago=3 * DAY_MS)
    policy = Policy(max_age_ms=2 * DAY_MS, channel_bytes={"a": 500})
    rules = []
    free_bytes = 500
    while (step := decide(Listed(entries), Room(TOTAL, free_bytes), policy, Kept(), NOW_MS)).rule is not None:
        rules.append(step.rule)
        entries = [one for one in entries if one not in step.entries]
        free_bytes = 500 if step.rule != "space" else LOW_MARK
    assert rules == ["rejected", "age", "quota", "space"]


def test_step_is_bounded_by_count_and_size(monkeypatch):
    """However much has to go, the disk is measured in between."""
    entries = run_of("a", 500, 100)
    step = decide(Listed(entries), Room(10**6, 0), Policy(), Kept(), NOW_MS)
    assert len(step.entries) == decision.STEP_SEGMENTS
    monkeypatch.setattr(decision, "STEP_BYTES", 350)
    assert len(decide(Listed(entries), Room(10**6, 0), Policy(), Kept(), NOW_MS).entries) == 3
    monkeypatch.setattr(decision, "STEP_BYTES", 50)
    assert len(decide(Listed(entries), Room(10**6, 0), Policy(), Kept(), NOW_MS).entries) == 1


def test_newest_hour_goes_only_when_nothing_else_is_left():
    """What happens right now is worth most."""
    old, new = run_of("a", 3, 100, ago=2 * HOUR_MS), run_of("b", 30, 100, ago=30 * MINUTE_MS)
    step = decide(Listed(old + new), Room(TOTAL, 700), Policy(), Kept(), NOW_MS)
    assert list(step.entries[:3]) == old
    policy = Policy(max_age_ms=10 * MINUTE_MS)
    assert decide(Listed(new), Room(TOTAL, TOTAL), policy, Kept(), NOW_MS).rule is None


def test_share_of_a_channel_does_not_count_what_is_protected():
    """Evidence does not cost the channel the rest of its footage."""
    entries = run_of("a", 10, 100)
    kept = Kept.of([("a", entries[0].start_ms, entries[5].start_ms)], {"a": 500})
    policy = Policy(channel_bytes={"a": 400})
    step = decide(Listed(entries), Room(TOTAL, TOTAL), policy, kept, NOW_MS)
    assert step.rule == "quota"
    assert list(step.entries) == [entries[5]]


def test_segments_that_the_disk_does_not_let_go_are_passed_over():
    """One file that cannot be deleted does not keep the others from being deleted."""
    entries = run_of("a", 30, 100)
    step = decide(Listed(entries), Room(TOTAL, 900), Policy(), Kept(), NOW_MS, unwilling={entries[0].name})
    assert list(step.entries) == entries[1:3]


def test_age_is_not_measured_at_a_clock_that_leaps():
    """A clock that leaps ten years ahead is caught up with in months, one that is set back is followed at once."""
    assert trusted_ms(None, NOW_MS, 0) == NOW_MS
    assert trusted_ms(NOW_MS, NOW_MS + 1_000, 1_000) == NOW_MS + 1_000
    assert trusted_ms(NOW_MS, NOW_MS + 3650 * DAY_MS, 1_000) == NOW_MS + 25_000
    assert trusted_ms(NOW_MS, NOW_MS - DAY_MS, 1_000) == NOW_MS - DAY_MS

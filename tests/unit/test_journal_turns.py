"""How often a source is asked again that does not bring what it is said to have, and that a true gap is closed soon."""

from collections import deque
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from journal_events import EPOCH, SITE

from edge.events.messages import ReplayReply
from edge.journal.positions import Source, Track
from edge.journal.ranges import Ranges
from edge.journal.requests import ReplayRequests
from edge.journal.turns import PATIENCE

SOURCE = Source(SITE, "recorder", EPOCH)
ABSURD = 10**15
HOUR = 3_600
SECOND = 10**9


class Line:
    """A process that answers truly, and the line to it, a second at a time.

    The line is `up`, `held` (what is sent waits), `losing` (what is sent is gone) or `away` (no heartbeat comes either).
    """

    def __init__(self, received: int, written: int, *, said: int | None = None, events_a_second: int = 200) -> None:
        self.requests = ReplayRequests(lambda: f"t{len(self.asked)}-{self.now_s}")
        self.written = written
        self.track = Track(received=Ranges(((1, received),)), heard=written if said is None else said)
        self.rate = events_a_second
        self.sent: deque[int | str] = deque()
        self.asked: list[tuple[int, int, int]] = []
        self.now_s = 0
        self.unreadable = range(0)

    def second(self, state: str = "up") -> None:
        self.now_s += 1
        if state == "losing":
            self.sent.clear()
        if state == "up":
            self._deliver()
        due = {SOURCE: self.track.missing} if self.track.missing else {}
        alive = state != "away"
        for request in self.requests.next_requests(due, {SOURCE: self.track}, lambda _: alive, self.now_s * SECOND):
            self.requests.sent(request)
            first, last = request.command.from_, request.command.to
            self.asked.append((self.now_s, first, last))
            self.sent.extend(n for n in range(first, min(last, self.written) + 1) if n not in self.unreadable)
            self.sent.append(request.command.transaction)

    def seconds(self, count: int, state: str = "up") -> None:
        for _ in range(count):
            self.second(state)

    def write(self, *, arrives: bool = True) -> None:
        """The process goes on; its heartbeat says what it said before."""
        self.written += 1
        if arrives:
            self.track = self.track.with_received(Ranges.of_numbers([self.written]))

    def in_vain(self) -> list[int]:
        return [turn.in_vain for _, turn in self.requests.in_vain()]

    def _deliver(self) -> None:
        came = []
        while self.sent and len(came) < self.rate:
            one = self.sent.popleft()
            if isinstance(one, int):
                came.append(one)
                continue
            self.track = self.track.with_received(Ranges.of_numbers(came))
            reply = ReplayReply(transaction=one, status="partial", available_from=1)
            self.requests.answered(SOURCE.speaker, reply, {SOURCE: self.track}, self.now_s * SECOND)
        self.track = self.track.with_received(Ranges.of_numbers(came))


def test_events_that_never_were_are_asked_for_ever_more_seldom():
    """Eight windows at once, as those behind may be there; then with waits that grow to five minutes."""
    line = Line(5_000, 5_000, said=ABSURD)
    line.seconds(2 * HOUR)
    times = [at_s for at_s, *_ in line.asked]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert times[: PATIENCE + 1] == [*range(1, PATIENCE + 1), PATIENCE + 2 + 1]
    assert waits == sorted(waits)
    assert 300 <= waits[-1] <= 302
    assert len(times) < 45
    assert line.in_vain() == [len(times)]


def test_events_that_come_by_themselves_do_not_count_as_an_answer():
    """A process whose heartbeat is mad goes on: the numbers that were asked for are those that it gives next."""
    line = Line(5_000, 5_000, said=ABSURD)
    for _ in range(HOUR // 2):
        line.write()
        line.seconds(2)
    assert len(line.asked) < 100


def test_a_new_hole_is_asked_for_at_once_whatever_was_in_vain():
    """Something came that was written behind it: so it is there."""
    line = Line(5_000, 5_000, said=ABSURD)
    line.seconds(HOUR)
    for _ in range(9):
        line.write(arrives=False)
    line.write()
    asked = len(line.asked)
    line.seconds(2)
    assert line.asked[asked][1] == 5_001
    assert line.track.contiguous_to == 5_010


def test_an_event_that_comes_late_ends_the_waiting():
    """The replay had to queue behind a backlog: where one is, the others are."""
    line = Line(5_000, 9_000)
    line.track = line.track.with_received(Ranges(((9_000, 9_000),)))
    line.seconds(HOUR, "losing")
    assert line.in_vain() == [len(line.asked)]
    asked = len(line.asked)
    line.track = line.track.with_received(Ranges(((5_700, 5_700),)))
    line.seconds(61, "losing")
    assert len(line.asked) > asked
    line.seconds(70 + 4_000 // 200 + 8)
    assert not line.track.missing
    assert line.in_vain() == []


def test_a_process_that_was_away_is_asked_as_soon_as_it_is_back():
    """What was in vain before says nothing of now; how often it was asked is still known."""
    line = Line(5_000, 8_000)
    line.seconds(HOUR, "losing")
    (often,) = line.in_vain()
    line.seconds(70, "away")
    line.seconds(2)
    assert line.asked[-1][0] == line.now_s - 1
    assert line.in_vain()[0] in (often, often + 1)
    line.seconds(30)
    assert not line.track.missing


def test_over_a_slow_line_no_event_is_asked_for_twice():
    """A window takes three minutes there; as long as it comes, it is waited for."""
    line = Line(100, 4_100, events_a_second=5)
    line.seconds(4_000 // 5 + 20)
    assert not line.track.missing
    assert [asked[1:] for asked in line.asked] == [(first, first + 999) for first in (101, 1_101, 2_101, 3_101)]


def test_one_event_a_minute_keeps_no_request_open_for_ever():
    """Others wait for a place among those that are open."""
    line = Line(5_000, 5_000, said=ABSURD)
    line.second("losing")
    for _ in range(15):
        line.write()
        line.seconds(50, "losing")
    assert [asked[0] for asked in line.asked[:2]] == [1, 601]


def test_events_that_nobody_can_read_hold_up_none_of_those_behind_them():
    """However many windows they fill: every other request goes behind them, and the rest of an hour is enough."""
    line = Line(100, 15_000)
    line.unreadable = range(101, 12_001)
    line.seconds(HOUR)
    assert line.track.missing == Ranges(((101, 12_000),))


@given(
    size=st.integers(1, 6_000),
    as_a_hole=st.booleans(),
    story=st.lists(st.tuples(st.sampled_from(["up", "held", "losing", "away"]), st.integers(1, 400)), max_size=12),
)
def test_a_true_gap_is_closed_soon_once_the_line_stays_up(size, as_a_hole, story):
    """Whatever the line did: in the time that it takes, and no more than as long as it was bad, five minutes at most."""
    line = Line(100, 100 + size)
    if as_a_hole:
        line.write()
    for state, count in story:
        line.seconds(count, state)
    bad_s = sum(count for state, count in story if state != "up")
    needed_s = size // 200 + 2 * (size // 1_000 + 2) + len(line.sent) // 200
    begun_s = line.now_s
    while line.track.missing:
        line.second()
        assert line.now_s - begun_s <= needed_s + 62 + min(bad_s, 300)


@given(lie=st.integers(10**4, 2**62), every_s=st.integers(1, 60), answers=st.booleans())
def test_whatever_a_heartbeat_says_requests_stay_few(lie, every_s, answers):
    """Hours of it, with events that come meanwhile: at most as many as a tenth of a request a second."""
    line = Line(5_000, 5_000, said=5_000 + lie)
    for at_s in range(2_000):
        if at_s % every_s == 0:
            line.write()
        line.second("up" if answers else "losing")
    assert len(line.asked) <= 200

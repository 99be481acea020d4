"""Whom to ask for which events, how often, and what an answer means."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from journal_events import EPOCH, LATER_EPOCH, SITE

from edge.events.messages import ReplayReply
from edge.journal.positions import Process, Source, Track
from edge.journal.ranges import Ranges
from edge.journal.requests import MOST_OPEN_OF_SITE, ReplayRequests

SOURCE = Source(SITE, "recorder", EPOCH)
LATER = Source(SITE, "recorder", LATER_EPOCH)
RECORDER = Process(SITE, "recorder")
SECOND = 10**9


class Asker:
    """ReplayRequests with a clock, for one process that lives."""

    def __init__(self) -> None:
        numbers = iter(range(10_000))
        self.requests = ReplayRequests(lambda: f"t{next(numbers)}")
        self.tracks: dict[Source, Track] = {}
        self.now_ns = 0

    def ask(self, *, alive=("recorder",), after_s: float = 0):
        self.now_ns += round(after_s * SECOND)
        due = {source: track.missing for source, track in self.tracks.items() if track.missing}
        requests = self.requests.next_requests(due, self.tracks, lambda one: one.name in alive, self.now_ns)
        for request in requests:
            self.requests.sent(request)
        return [(request.source, request.command.from_, request.command.to) for request in requests]

    def answer(self, status: str, available_from: int, transaction: str | None = None):
        reply = ReplayReply(transaction=transaction or self.open(), status=status, available_from=available_from)
        return self.requests.answered(RECORDER, reply, self.tracks, self.now_ns)

    def open(self) -> str:
        return self.requests._open[RECORDER].command.transaction


def lacking(*missing, newest: int) -> Track:
    return Track(received=Ranges(((1, newest),)) - Ranges(missing), heard=newest)


def test_one_request_at_a_time_of_at_most_a_thousand_numbers():
    """The next follows at once when the answer brought something."""
    asker = Asker()
    asker.tracks[SOURCE] = lacking((11, 5_000), newest=6_000)
    assert asker.ask() == [(SOURCE, 11, 1_010)]
    assert asker.ask(after_s=30) == []
    asker.tracks[SOURCE] = lacking((1_011, 5_000), newest=6_000)
    assert asker.answer("done", 1) == (SOURCE, Ranges())
    assert asker.ask() == [(SOURCE, 1_011, 2_010)]


def test_holes_close_to_each_other_are_had_with_one_request():
    """What was received between them comes again."""
    asker = Asker()
    asker.tracks[SOURCE] = lacking((5, 5), (7, 7), (900, 910), (2_000, 2_000), newest=3_000)
    assert asker.ask() == [(SOURCE, 5, 910)]


def test_what_is_missing_behind_an_overdue_number_comes_along():
    """Who subscribes to a process that has just started lacks its first events; one request brings them all."""
    requests = ReplayRequests(lambda: "t")
    tracks = {SOURCE: Track(heard=5)}
    due = {SOURCE: Ranges(((1, 1),))}
    (request,) = requests.next_requests(due, tracks, lambda _: True, 0)
    assert (request.command.from_, request.command.to) == (1, 5)


def test_a_process_that_is_away_is_not_asked():
    """Commands would wait for it at the broker, one for every minute."""
    asker = Asker()
    asker.tracks[SOURCE] = lacking((5, 5), newest=9)
    assert asker.ask(alive=()) == []
    assert asker.ask(alive=("recorder",)) == [(SOURCE, 5, 5)]


def test_the_newest_epoch_is_asked_for_first():
    """What happens now matters more than what happened before the outbox was lost."""
    asker = Asker()
    asker.tracks = {SOURCE: lacking((5, 5), newest=9), LATER: lacking((2, 3), newest=9)}
    assert asker.ask() == [(LATER, 2, 3)]


def test_a_request_that_nobody_answers_is_repeated_ever_more_slowly():
    """After a minute, then with waits that grow to five minutes."""
    asker = Asker()
    asker.tracks[SOURCE] = lacking((5, 5), newest=9)
    asked_s = []
    for second in range(3_600):
        if asker.ask(after_s=1):
            asked_s.append(second)
    waits = [later - earlier for earlier, later in pairwise(asked_s)]
    assert waits[0] == 62
    assert waits == sorted(waits)
    assert 355 <= waits[-1] <= 361
    assert len(asked_s) < 20


def test_an_answer_that_brought_nothing_makes_the_next_request_wait():
    """The replayed events may have been lost again; the source is not asked in a loop."""
    asker = Asker()
    asker.tracks[SOURCE] = lacking((5, 5), newest=9)
    asker.ask()
    assert asker.answer("done", 1) == (SOURCE, Ranges())
    assert asker.ask(after_s=1) == []
    assert asker.ask(after_s=1) == [(SOURCE, 5, 5)]


def test_numbers_that_nobody_brings_hold_up_no_others():
    """An event that cannot be read comes again and again and is never there."""
    asker = Asker()
    asker.tracks = {SOURCE: lacking((7, 7), newest=9), LATER: lacking((5, 5), (3_000, 3_000), newest=4_000)}
    asked = []
    for _ in range(3):
        asked += asker.ask(after_s=0.1)
        asker.answer("done", 1)
    assert asked == [(LATER, 5, 5), (LATER, 3_000, 3_000), (SOURCE, 7, 7)]
    assert asker.ask(after_s=0.1) == []
    assert asker.ask(after_s=4) == [(LATER, 5, 5)]


def test_what_lies_below_what_is_available_is_lost():
    """Of the missing numbers only, whatever the status."""
    for status, available_from, lost in (
        ("gone", 300, [(11, 20), (40, 50)]),
        ("partial", 15, [(11, 14)]),
        ("done", 1, []),
        ("partial", 1, []),
    ):
        asker = Asker()
        asker.tracks[SOURCE] = lacking((11, 20), (40, 50), newest=500)
        asker.ask()
        assert asker.answer(status, available_from) == (SOURCE, Ranges(tuple(lost))), status


def test_all_of_an_epoch_that_is_over_is_lost_at_once():
    """The outbox that held it is gone: nobody is asked for every thousand of it."""
    asker = Asker()
    asker.tracks = {SOURCE: lacking((11, 90_000), newest=90_000), LATER: lacking(newest=5)}
    assert asker.ask() == [(SOURCE, 11, 1_010)]
    assert asker.answer("gone", 1_011) == (SOURCE, Ranges(((11, 90_000),)))


def test_answers_to_others_are_ignored():
    """HQ asks the same process."""
    asker = Asker()
    asker.tracks[SOURCE] = lacking((5, 5), newest=9)
    assert asker.answer("gone", 100, "hq1") is None
    asker.ask()
    assert asker.answer("gone", 100, "hq1") is None
    assert asker.requests.open == 1


def test_a_hole_that_fills_by_itself_ends_its_request():
    """The answer, if it comes, is nobody's."""
    asker = Asker()
    asker.tracks[SOURCE] = lacking((5, 5), newest=9)
    asker.ask()
    transaction = asker.open()
    asker.tracks[SOURCE] = lacking(newest=9)
    assert asker.ask() == []
    assert asker.requests.open == 0
    assert asker.answer("gone", 100, transaction) is None


@given(
    newest=st.integers(1, 5_000),
    holes=st.lists(st.tuples(st.integers(1, 5_000), st.integers(1, 5_000)), max_size=6),
    retired_to=st.integers(0, 5_000),
    losses=st.lists(st.sampled_from(["command", "events", "nothing"]), max_size=12),
)
def test_with_an_outbox_that_answers_truly_every_number_comes_or_is_lost(newest, holes, retired_to, losses):
    """Whatever is missing, however much is retired, and although commands, events and answers are lost at first."""
    missing = Ranges.of(holes).up_to(newest)
    available_from = min(retired_to, newest) + 1
    network = iter(losses)
    asker = Asker()
    asker.tracks[SOURCE] = Track(received=Ranges(((1, newest),)) - missing, heard=newest)
    for _ in range(300):
        for source, first, last in asker.ask(after_s=61):
            fate = next(network, "nothing")
            if fate == "command":
                continue
            track = asker.tracks[source]
            if fate == "nothing":
                track = track.with_received(Ranges.of([(max(first, available_from), last)]))
                asker.tracks[source] = track
            status = "gone" if last < available_from else "partial" if first < available_from else "done"
            answer = asker.answer(status, available_from)
            assert answer is not None
            asker.tracks[source] = track.with_lost(answer[1])
    track = asker.tracks[SOURCE]
    assert not track.missing
    assert track.lost == missing.up_to(available_from - 1)
    assert track.contiguous_to == newest


def test_a_site_that_lacks_much_does_not_hold_up_the_others():
    """However many processes it has that never answer: it has a few of the open requests, the rest is for the others."""
    requests = ReplayRequests(lambda: "t")
    epochs = [Source("bad", f"p{number:03d}", EPOCH) for number in range(500)]
    due = {source: Ranges(((1, 9),)) for source in epochs}
    assert len(send(requests, due)) == MOST_OPEN_OF_SITE
    due[SOURCE] = Ranges(((3, 4),))
    assert [request.source for request in send(requests, due)] == [SOURCE]


def send(requests, due):
    tracks = {source: Track(heard=20) for source in due}
    found = requests.next_requests(due, tracks, lambda _: True, 0)
    for request in found:
        requests.sent(request)
    return found

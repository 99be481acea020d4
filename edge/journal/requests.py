"""When to ask whom for which events again, and what its answer means. Pure: time and names are handed in.

One request at a time to a process, of at most 1,000 numbers; what it brought decides how soon the next one goes out
(`turns`). It is given up when nothing of it came for a minute: over a slow link the whole of it takes longer than that.
Over all sites some tens are open at a time, so that what comes back does not drown what is new; who was asked longest
ago goes first, and no site has more than a few, however many of its processes lack something: else one that makes up
holes without end would hold up the others.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from edge.events.messages import ReplayCommand, ReplayReply
from edge.journal.positions import Process, Source, Track
from edge.journal.ranges import NONE, Ranges
from edge.journal.turns import MOST_NUMBERS, PATIENCE, Turn

MOST_OPEN: Final = 50
MOST_OPEN_OF_SITE: Final = 8
TIMEOUT_NS: Final = 60_000_000_000
LONGEST_NS: Final = 600_000_000_000  # who brings one event a minute must not keep a request open for ever


@dataclass(frozen=True, slots=True)
class Request:
    """One replay that was asked for: of numbers that were `missing` when events up to `received_to` had come."""

    source: Source
    command: ReplayCommand
    asked_ns: int
    missing: Ranges
    received_to: int
    left: int  # how many are missing still
    moved_ns: int  # when that changed last


class ReplayRequests:
    """Decides; whoever holds the connection sends what `next_requests` gives and says `sent`."""

    def __init__(self, new_transaction: Callable[[], str]) -> None:
        self._new_transaction = new_transaction
        self._open: dict[Process, Request] = {}
        self._asked_ns: dict[Process, int] = {}
        self._turns: dict[Source, Turn] = {}

    @property
    def open(self) -> int:
        """Requests that wait for an answer."""
        return len(self._open)

    def in_vain(self) -> Iterator[tuple[Source, Turn]]:
        """The sources that were asked so often in vain that somebody should know."""
        return ((source, turn) for source, turn in self._turns.items() if turn.in_vain >= PATIENCE)

    def begin_again(self) -> None:
        """Forget what is open: the connection that the answers would come by is gone."""
        self._open.clear()

    def next_requests(
        self,
        due: Mapping[Source, Ranges],
        tracks: Mapping[Source, Track],
        is_alive: Callable[[Process], bool],
        now_ns: int,
    ) -> list[Request]:
        """What to ask for now: of each process that lives the newest of its epochs that lacks something."""
        self._end_old_ones(tracks, now_ns)
        asked = {request.source for request in self._open.values()}
        self._turns = {source: turn for source, turn in self._turns.items() if source in due or source in asked}
        wanted: dict[Process, tuple[Source, Ranges]] = {}
        for source in sorted(due, key=lambda source: source.epoch, reverse=True):
            process = source.speaker
            if not is_alive(process):
                self._turn(source).begin_anew()
            elif process not in wanted and process not in self._open:
                numbers = self._turn(source).wanted(due[source], tracks[source], now_ns)
                if numbers:
                    wanted[process] = source, numbers
        waiting = sorted(wanted, key=lambda process: self._asked_ns.get(process, 0))
        return [
            self._request(*wanted[process], tracks[wanted[process][0]], now_ns)
            for process in self._in_turn(waiting)[: MOST_OPEN - len(self._open)]
        ]

    def sent(self, request: Request) -> None:
        """Note that a request went out."""
        self._open[request.source.speaker] = request
        self._asked_ns[request.source.speaker] = request.asked_ns
        self._turn(request.source).asked(request.missing, request.received_to, request.asked_ns)

    def answered(
        self, process: Process, reply: ReplayReply, tracks: Mapping[Source, Track], now_ns: int
    ) -> tuple[Source, Ranges] | None:
        """The source and its numbers that are lost by this answer; None when it is no answer to us.

        `tracks` has at least all epochs of the process.
        """
        request = self._open.get(process)
        if request is None or request.command.transaction != reply.transaction:
            return None
        missing = tracks[request.source].missing
        lost = missing.up_to(reply.available_from - 1)
        if reply.status == "gone" and _is_over(request.source, tracks):
            lost = missing  # an outbox that was given up has none of them
        self._end(request, missing, now_ns)
        if lost:
            self._turn(request.source).brought()
        return request.source, lost

    def _in_turn(self, waiting: Iterable[Process]) -> list[Process]:
        """Those of the waiting that their site has room for."""
        asked = Counter(process.site for process in self._open)
        found = []
        for process in waiting:
            if asked[process.site] < MOST_OPEN_OF_SITE:
                asked[process.site] += 1
                found.append(process)
        return found

    def _end_old_ones(self, tracks: Mapping[Source, Track], now_ns: int) -> None:
        for process, request in list(self._open.items()):
            missing = tracks[request.source].missing if request.source in tracks else NONE
            left = (request.missing & missing).count
            moved_ns = request.moved_ns if left == request.left else now_ns
            self._open[process] = replace(request, left=left, moved_ns=moved_ns)
            if not left or now_ns - moved_ns >= TIMEOUT_NS or now_ns - request.asked_ns >= LONGEST_NS:
                self._end(request, missing, now_ns)

    def _end(self, request: Request, missing: Ranges, now_ns: int) -> None:
        del self._open[request.source.speaker]
        self._turn(request.source).over(request.missing, missing, now_ns)

    def _request(self, source: Source, wanted: Ranges, track: Track, now_ns: int) -> Request:
        """The first wanted numbers, and what is missing behind them though not overdue yet: it may come twice then.

        Received ones between them come again, which costs less than many requests.
        """
        behind = track.missing - track.missing.up_to(wanted.first - 1)
        numbers = behind.up_to(wanted.first + MOST_NUMBERS - 1)
        command = ReplayCommand(
            transaction=self._new_transaction(), epoch=source.epoch, from_=numbers.first, to=numbers.last
        )
        return Request(source, command, now_ns, numbers, track.received.last, numbers.count, now_ns)

    def _turn(self, source: Source) -> Turn:
        return self._turns.setdefault(source, Turn())


def _is_over(source: Source, tracks: Mapping[Source, Track]) -> bool:
    """Whether the process has begun a later epoch since."""
    return any(other.speaker == source.speaker and other.epoch > source.epoch for other in tracks)

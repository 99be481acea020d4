"""When to ask whom for which events again, and what its answer means. Pure: time and names are handed in.

One request at a time to a process, of at most 1,000 numbers; what it brought decides how soon the next one goes out.
Over all sites some tens are open at a time, so that what comes back does not drown what is new; who was asked longest
ago goes first, and no site has more than a few, however many of its processes lack something: else one that makes up
holes without end would hold up the others.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from edge.events.messages import ReplayCommand, ReplayReply
from edge.journal.positions import Process, Source, Track
from edge.journal.ranges import Ranges
from edge.retry import delay_s

MOST_NUMBERS: Final = 1_000
MOST_OPEN: Final = 50
MOST_OPEN_OF_SITE: Final = 8
TIMEOUT_NS: Final = 60_000_000_000
_FIRST_RETRY_S: Final = 2.0
_MOST_RETRY_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Request:
    """One replay that was asked for."""

    source: Source
    command: ReplayCommand
    asked_ns: int
    missing: Ranges


@dataclass(slots=True)
class _Turn:
    """How it stands with one source. Numbers that nobody brings must not hold up those behind them."""

    fruitless: int = 0
    tried_to: int = 0
    not_before_ns: int = 0

    def wanted(self, due: Ranges, now_ns: int) -> Ranges:
        """What of the overdue numbers to ask for next: behind those that were tried, or all again after a wait."""
        untried = due - due.up_to(self.tried_to)
        if untried or now_ns < self.not_before_ns:
            return untried
        return due

    def over(self, request: Request, *, fruitful: bool, now_ns: int) -> None:
        """Take note of how a request ended."""
        if fruitful:
            self.fruitless = self.tried_to = self.not_before_ns = 0
            return
        wait_s = delay_s(self.fruitless, first_s=_FIRST_RETRY_S, most_s=_MOST_RETRY_S, jitter=0.0, random=float)
        self.fruitless += 1
        self.tried_to = request.command.to
        self.not_before_ns = now_ns + round(wait_s * 1e9)


class ReplayRequests:
    """Decides; whoever holds the connection sends what `next_requests` gives and says `sent`."""

    def __init__(self, new_transaction: Callable[[], str]) -> None:
        self._new_transaction = new_transaction
        self._open: dict[Process, Request] = {}
        self._asked_ns: dict[Process, int] = {}
        self._turns: dict[Source, _Turn] = {}

    @property
    def open(self) -> int:
        """Requests that wait for an answer."""
        return len(self._open)

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
        wanted: dict[Process, tuple[Source, Ranges]] = {}
        for source in sorted(due, key=lambda source: source.epoch, reverse=True):
            process = source.speaker
            if process in wanted or process in self._open or not is_alive(process):
                continue
            numbers = self._turn(source).wanted(due[source], now_ns)
            if numbers:
                wanted[process] = source, numbers
        waiting = sorted(wanted, key=lambda process: self._asked_ns.get(process, 0))
        return [
            self._request(*wanted[process], tracks[wanted[process][0]].missing, now_ns)
            for process in self._in_turn(waiting)[: MOST_OPEN - len(self._open)]
        ]

    def sent(self, request: Request) -> None:
        """Note that a request went out."""
        self._open[request.source.speaker] = request
        self._asked_ns[request.source.speaker] = request.asked_ns

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
        self._end(request, fruitful=bool(lost or request.missing - missing), now_ns=now_ns)
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
        for request in list(self._open.values()):
            track = tracks.get(request.source)
            if track is None or not track.missing & request.missing:
                self._end(request, fruitful=True, now_ns=now_ns)
            elif now_ns - request.asked_ns >= TIMEOUT_NS:
                self._end(request, fruitful=False, now_ns=now_ns)

    def _end(self, request: Request, *, fruitful: bool, now_ns: int) -> None:
        del self._open[request.source.speaker]
        self._turn(request.source).over(request, fruitful=fruitful, now_ns=now_ns)

    def _request(self, source: Source, wanted: Ranges, missing: Ranges, now_ns: int) -> Request:
        """The first wanted numbers, and what is missing behind them though not overdue yet: it may come twice then.

        Received ones between them come again, which costs less than many requests.
        """
        numbers = (missing - missing.up_to(wanted.first - 1)).up_to(wanted.first + MOST_NUMBERS - 1)
        command = ReplayCommand(
            transaction=self._new_transaction(), epoch=source.epoch, from_=numbers.first, to=numbers.last
        )
        return Request(source, command, now_ns, numbers)

    def _turn(self, source: Source) -> _Turn:
        return self._turns.setdefault(source, _Turn())


def _is_over(source: Source, tracks: Mapping[Source, Track]) -> bool:
    """Whether the process has begun a later epoch since."""
    return any(other.speaker == source.speaker and other.epoch > source.epoch for other in tracks)

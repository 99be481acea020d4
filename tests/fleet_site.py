"""A fleet on the web for tests: the real pages over sites that are made up, kept alive by heartbeats, without a broker."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.clock import Clock, SystemClock, rfc3339, utc
from edge.config import WebConfig
from edge.events.catalog import (
    ChannelInvalid,
    DiskFull,
    DiskMeasured,
    ProcessStopped,
    RecordingStarted,
    RecordingStopped,
    SegmentWritten,
)
from edge.events.data import EventData
from edge.events.envelope import Envelope
from edge.events.messages import Heartbeat
from edge.hq import fleet_page
from edge.hq.fleet_page import Partition, feed_of
from edge.hq.summaries import Summaries
from edge.journal.arrival import Arrival
from edge.state import ChannelSetting, SiteProjection
from edge.state.fleet import EventFigures, LinkFacts, Refusals, RefusedMessage
from edge.web.frame import Frame
from edge.web.live import LiveSite
from edge.web.server import WebServer, listen
from edge.web.shell import Shell

EPOCH = "01KAQFYK00N8TG6ZQ3V5M7W9XA"
EXPECTED = ("recorder", "retention", "validator", "reporter", "web")
NASTY = "Lobby <script>alert(1)</script> & 'co'"
MINUTE_MS = 60_000
CITIES = ("jkt", "bdg", "sby", "mdn", "dps", "smg", "yog", "mks", "plb", "ptk")
TOWNS = ("Jakarta", "Bandung", "Surabaya", "Medan", "Denpasar", "Semarang", "Yogyakarta", "Makassar", "Palembang", "Pontianak")
PLACES = ("Gate", "Lobby", "Warehouse", "Parking", "Loading dock", "Till", "Corridor", "Roof")


@dataclass
class MadeUpSite:
    """A site of the fleet, as `Summaries` watches it; `story` says how it does."""

    site: str
    name: str
    live: LiveSite
    clock: Clock
    story: str = "well"
    link: LinkFacts = field(default_factory=lambda: LinkFacts(bridge_up=True))
    known: bool = True
    figures: EventFigures = field(default_factory=EventFigures)
    sequences: dict[str, int] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    started_ms: int = 0

    def say(self, *events: tuple[EventData, str | None, int], process: str = "recorder") -> None:
        """Have a process say something, each with its channel and time."""
        entries = []
        for event, channel, at_ms in events:
            sequence = self.sequences[process] = self.sequences.get(process, 0) + 1
            time = utc(at_ms * 1_000_000)
            envelope = Envelope.build(
                event, site=self.site, process=process, epoch=EPOCH, sequence=sequence, time=time, subject=channel
            )
            entries.append(Arrival.read(envelope.to_json(), at_ms).entry(sequence))
        self.live.fold(entries)

    def beat(self, at_ms: int | None = None) -> None:
        """All processes that are not silent say that they live."""
        at_ms = self.live.now_ms() if at_ms is None else at_ms
        text = rfc3339(at_ms * 1_000_000)
        for process in EXPECTED:
            if process not in self.silent:
                beat = Heartbeat(
                    epoch=EPOCH, bdseq=1, last_sequence=self.sequences.get(process, 0), time=text, version="0.1.0",
                    started=rfc3339(self.started_ms * 1_000_000), pid=1, metrics={},
                )  # fmt: skip
                self.live.hear(process, beat, at_ms)


@dataclass
class MadeUpFleet:
    """Where `Summaries` gets the sites from."""

    clock: Clock = field(default_factory=SystemClock)
    held: dict[str, MadeUpSite] = field(default_factory=dict)
    deaf_since_ms: int | None = None
    refusals: Refusals = field(default_factory=Refusals)
    ahead_ms: int = 0
    """How far in the future heartbeats are: a machine that is busy must not make sites silent."""

    def sites(self) -> Sequence[MadeUpSite]:
        return list(self.held.values())

    def events(self, site: str) -> EventFigures:
        return self.held[site].figures

    def refused(self) -> Refusals:
        return self.refusals

    def now_ms(self) -> int:
        return self.clock.wall_ns() // 1_000_000

    def add(self, site: str, name: str = "", *, channels: int = 4, story: str = "well", names: Sequence[str] = PLACES) -> MadeUpSite:
        """A site that has recorded for half a day, and what happened to it since."""
        settings = [ChannelSetting(f"cam{n}", f"{names[n % len(names)]}{'' if n < len(names) else f' {n}'}", True) for n in range(channels)]
        live = LiveSite(settings, EXPECTED, segment_s=60, clock=self.clock, own_process="", day_fresh_ms=60_000)
        live.load(SiteProjection(), 0)
        live.show()
        made = self.held[site] = MadeUpSite(site, name or site, live, self.clock, story)
        now_ms = self.now_ms() - QUIET_MS.get(story, 0)
        made.started_ms = now_ms - 12 * 3_600_000
        if story == "unheard":
            made.known = False
            return made
        for channel in settings:
            made.say(*_recorded(channel.id, made.started_ms, now_ms - (7 * MINUTE_MS if story == "recorder" else 0)))
        made.say((_disk(free_bytes=300_000_000_000), None, now_ms - MINUTE_MS), process="retention")
        held = 48_211 + 997 * len(self.held)
        made.figures = EventFigures(held=held)
        STORIES[story](made, now_ms)
        if story not in AWAY:
            made.beat(now_ms)
        return made

    def beat_all(self) -> None:
        """All that are not away live."""
        for site in self.sites():
            if site.story not in AWAY | {"unheard"}:
                site.beat(self.now_ms() + self.ahead_ms)


def _recorded(channel: str, from_ms: int, to_ms: int) -> Iterator[tuple[EventData, str, int]]:
    """A start and segments of an hour."""
    yield RecordingStarted.model_validate(dict(RecordingStarted.example)), channel, from_ms
    for start_ms in range(from_ms, to_ms, 3_600_000):
        end_ms = min(start_ms + 3_600_000, to_ms)
        stamp = utc(start_ms * 1_000_000)
        name = f"{channel}/{stamp:%Y-%m-%d}/{channel}_{stamp:%Y%m%dT%H%M%S}{start_ms % 1000:03d}Z.mp4"
        fields = dict(SegmentWritten.example) | {
            "path": name,
            "start": rfc3339(start_ms * 1_000_000),
            "end": rfc3339(end_ms * 1_000_000),
            "duration_s": (end_ms - start_ms) / 1000,
            "reason": "rollover",
        }
        yield SegmentWritten.model_validate(fields), channel, end_ms


def _disk(**fields: object) -> DiskMeasured:
    return DiskMeasured.model_validate(dict(DiskMeasured.example) | fields)


def _offline(site: MadeUpSite, now_ms: int, count: int = 1, reason: str = "unreachable") -> None:
    for number in range(count):
        event = RecordingStopped.model_validate(dict(RecordingStopped.example) | {"reason": reason})
        site.say((event, f"cam{number}", now_ms - (9 + number % 3) * MINUTE_MS))


def _black(site: MadeUpSite, now_ms: int) -> None:
    since = rfc3339((now_ms - 31 * MINUTE_MS) * 1_000_000)
    event = ChannelInvalid.model_validate(dict(ChannelInvalid.example) | {"reason": "black", "since": since})
    site.say((event, "cam1", now_ms - 30 * MINUTE_MS), process="validator")


def _away(**link: object) -> Callable[[MadeUpSite, int], None]:
    def happen(site: MadeUpSite, now_ms: int) -> None:
        site.beat(now_ms)
        site.link = LinkFacts(**link)  # type: ignore[arg-type]

    return happen


def _reports(site: MadeUpSite, now_ms: int) -> None:
    site.beat(now_ms)
    site.link = LinkFacts(bridge_up=False, reported_ms=site.live.now_ms() - 20_000)


def _stopped(site: MadeUpSite, now_ms: int) -> None:
    site.beat(now_ms - 1000)
    for process in EXPECTED:
        site.say((ProcessStopped(reason="clean", detail=None, uptime_s=1.0), None, now_ms), process=process)


def _silent_process(process: str) -> Callable[[MadeUpSite, int], None]:
    def happen(site: MadeUpSite, now_ms: int) -> None:
        site.beat(now_ms - 7 * MINUTE_MS)
        site.silent.add(process)

    return happen


def _full(site: MadeUpSite, now_ms: int) -> None:
    event = DiskFull.model_validate(dict(DiskFull.example))
    site.say((event, None, now_ms - 5 * MINUTE_MS), process="retention")
    _offline(site, now_ms, 4, "disk_full")


def _missing(site: MadeUpSite, _: int) -> None:
    site.figures = replace(site.figures, missing=12)


def _lost(site: MadeUpSite, _: int) -> None:
    site.figures = replace(site.figures, lost=7, lost_of=(("recorder", 5), ("web", 2)))


STORIES: dict[str, Callable[[MadeUpSite, int], None]] = {
    "well": lambda *_: None,
    "link": _away(bridge_up=False),
    "provider": _away(bridge_up=False),
    "box": _away(bridge_up=True),
    "broker": _reports,
    "stopped": _stopped,
    "recorder": _silent_process("recorder"),
    "validator": _silent_process("validator"),
    "offline": _offline,
    "offline_all": lambda site, now_ms: _offline(site, now_ms, 4, "timeout"),
    "black": _black,
    "full": _full,
    "missing": _missing,
    "lost": _lost,
    "flood": lambda site, _: site.live.set_pace(4_987.0),
}
QUIET_MS = {"link": 12 * MINUTE_MS, "provider": 4 * MINUTE_MS, "box": 3 * MINUTE_MS, "broker": 40 * MINUTE_MS, "stopped": 60 * MINUTE_MS}
AWAY = frozenset(QUIET_MS)
"""Stories of sites that are not heard any more, since when."""
MIXED = (
    *(["link"] * 2), *(["provider"] * 5), "box", "box", "broker", "stopped", "recorder", "validator", "validator",
    *(["offline"] * 9), "offline_all", *(["black"] * 4), "full", *(["missing"] * 3), "lost", "lost", "unheard",
)  # fmt: skip


def thousand(fleet: MadeUpFleet, count: int = 1000) -> None:
    """So many sites, of which some are in trouble of every kind, spread over the names."""
    for number in range(count):
        story = MIXED[number // 25 % len(MIXED)] if number % 25 == 7 else "well"
        city = number % len(CITIES)
        site = f"{CITIES[city]}-{number // len(CITIES) + 1:03d}"
        name = f"{TOWNS[city]} {number // len(CITIES) + 1}"
        fleet.add(site, name, story=story, channels=4 if count > 100 else 8)
    now_ms = fleet.now_ms()
    reason = "the event is of site jkt-001, it came on a topic of bdg-014"
    fleet.refusals = Refusals((("bdg-014", 3),), tuple(RefusedMessage(now_ms - at * MINUTE_MS, "bdg-014", reason) for at in (2, 3, 3)))


@dataclass
class RunningFleet:
    """What a test has of it."""

    fleet: MadeUpFleet
    summaries: Summaries
    url: str

    def refresh(self) -> None:
        """See everything anew, however new it is."""
        for line in self.summaries._lines.values():
            line.looked_ms = 0
        self.summaries.refresh()


@contextmanager
def running_fleet(folder: Path, fleet: MadeUpFleet, *, live: bool = True, partition: Partition | None = None) -> Iterator[RunningFleet]:
    """The fleet's pages until the end of the block; `live`: sites go on to say that they live."""
    summaries = Summaries(fleet, fleet.clock)
    feed = feed_of(summaries)
    frame = Frame.of_hq("hq", ZoneInfo("Asia/Jakarta"))
    parts = {
        "summaries": lambda: summaries,
        "fleet_feed": lambda: feed,
        "frame": lambda: frame,
        "partition": lambda: partition or Partition(),
    }
    shell = Shell(
        WebConfig(auth="off"), folder, fleet.clock, title="Saksi, a fleet", routes=fleet_page.routes, parts=parts,
        frame_of=lambda _: frame, tasks=[feed.run],
    )  # fmt: skip
    summaries._hearing_since_ms = fleet.now_ms() - MINUTE_MS  # it has listened for long
    summaries.refresh()
    server = WebServer(shell.asgi, listen("127.0.0.1", 0), before_stop=feed.close)
    server.start()
    stop = threading.Event()

    def go_on() -> None:
        rounds = 0
        while not stop.wait(1):
            rounds += 1
            if live and rounds % 10 == 0:
                fleet.beat_all()
            summaries.refresh()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield RunningFleet(fleet, summaries, f"http://127.0.0.1:{server.port}")
    finally:
        stop.set()
        thread.join()
        server.stop()

"""The ingest of headquarters: many sites by one broker, refusals, replays over all of them, acks."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_events import EPOCH, LATER_EPOCH, payload

from edge.bus.connection import Change, Message
from edge.bus.outbox import Outbox
from edge.clock import ManualClock, rfc3339, utc
from edge.events.catalog import ProcessStarted
from edge.events.envelope import Envelope
from edge.events.errors import TopicError
from edge.events.messages import Ack, Heartbeat, ReplayCommand, ReplayReply, Will
from edge.events.values import MAX_INTEGER
from edge.journal import announcements, completeness, kinds
from edge.journal.acks import DueAcks, Held
from edge.journal.ingest import Ingest
from edge.journal.positions import Process
from edge.journal.requests import MOST_OPEN
from edge.journal.scope import Place, Scope, partition_of
from edge.journal.turns import PATIENCE

JKT, SBY = "jkt-001", "sby-002"
SECOND = 10**9
HOUR = 3_600


class Headquarters:
    """An ingest of a fleet whose broker is this object."""

    def __init__(self, folder: Path, place, owns=lambda _: True) -> None:
        self.clock = ManualClock()
        self.outbox = Outbox.open(folder / "hq.outbox", site="hq", process="hq", clock=self.clock, at_hq=True)
        self.journal = place.open(self.clock)
        self.sent: list[tuple[str, bytes, bool]] = []
        self.bridges: list[tuple] = []
        self.heard: list[tuple] = []
        self.scope = Scope.fleet("hq", owns)
        self.ingest = Ingest(
            self.journal, self.scope, self.outbox, self.clock,
            fold=lambda _: None, hear=lambda *heard: self.heard.append(heard), publish=self.publish,
            bridged=lambda *bridge: self.bridges.append(bridge),
        )  # fmt: skip
        self.ingest.connected(Change(connected=True))

    def publish(self, topic: str, body: bytes, *, retain: bool = False) -> bool:
        self.sent.append((topic, body, retain))
        return True

    def take(self, body: bytes, topic: str, *, retained: bool = False) -> None:
        self.ingest.commit([Message(topic, body, retained, 1, 1)])

    def events(self, *sequences: int, site: str = JKT, by: str | None = None, **about) -> None:
        topic = f"cctv/{by or site}/event/{about.get('process', 'recorder')}/clock_jumped/_"
        self.ingest.commit([Message(topic, payload(n, site=site, **about), False, 1, 1) for n in sequences])

    def take_together(self, *sequences: int) -> None:
        topic = f"cctv/{JKT}/event/recorder/clock_jumped/_"
        self.ingest.commit([Message(topic, payload(n, site=JKT), False, 1, 1) for n in sequences])

    def beat(self, last: int, *, site: str = JKT, process: str = "recorder", epoch: str = EPOCH) -> None:
        time = rfc3339(self.clock.wall_ns())
        beat = Heartbeat(epoch=epoch, bdseq=1, last_sequence=last, started=time, time=time, version="0", pid=1)
        self.take(beat.to_json(), f"cctv/{site}/state/{process}")

    def answer(self, status: str, available_from: int) -> None:
        topic, body, _ = [sent for sent in self.sent if sent[0].endswith("/replay")][-1]
        transaction = ReplayCommand.parse(body).transaction
        reply = ReplayReply(transaction=transaction, status=status, available_from=available_from)
        site, process = topic.split("/")[1], topic.split("/")[3]
        self.take(reply.to_json(), f"cctv/{site}/reply/{process}/replay")

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.ingest.tick()
            self.clock.advance(1)

    def acks(self) -> list[tuple[str, str, int]]:
        found = [(topic, Ack.parse(body)) for topic, body, _ in self.sent if "/ack/" in topic]
        return [(topic, ack.epoch, ack.contiguous_to) for topic, ack in found]

    def asked(self) -> list[tuple[str, int, int]]:
        found = [(topic, ReplayCommand.parse(body)) for topic, body, _ in self.sent if topic.endswith("/replay")]
        return [(topic, command.from_, command.to) for topic, command in found]


@pytest.fixture
def make(tmp_path: Path, place):
    made: list[Headquarters] = []

    def new(**options) -> Headquarters:
        made.append(Headquarters(tmp_path, place, **options))
        return made[-1]

    yield new
    for one in made:
        one.journal.close()
        one.outbox.close()


@pytest.fixture
def hq(make) -> Headquarters:
    return make()


def test_topics_say_whose_a_message_is() -> None:
    """At a site all are the site's; at headquarters the second level says it."""
    fleet = Scope.fleet("hq", lambda site: site != SBY)
    assert Scope.local(JKT).place("event/recorder/x/_") == Place(JKT, "event/recorder/x/_")
    assert fleet.place("cctv/jkt-001/event/recorder/x/_") == Place(JKT, "event/recorder/x/_")
    assert fleet.place("cctv/sby-002/state/recorder") is None
    for topic in ("event/recorder/x/_", "cctv/jkt-001", "hq/jkt-001/ack/recorder", ""):
        with pytest.raises(TopicError, match="is not cctv/<site>"):
            fleet.place(topic)
    assert fleet.command_topic(JKT, "web") == "hq/jkt-001/command/web/replay"
    assert Scope.local(JKT).command_topic(JKT, "web") == "command/web/replay"
    assert fleet.topics == ("cctv/+/event/#", "cctv/+/state/+", "cctv/+/reply/+/replay")


@given(site=st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True), of=st.integers(1, 64))
def test_every_site_has_one_owner(site: str, of: int) -> None:
    """One of those that there are."""
    assert 1 <= partition_of(site, of) <= of


def test_the_owner_of_a_site_never_changes() -> None:
    """Not with a release: its history lies there."""
    sites = [f"jkt-{number:03d}" for number in range(8)]
    assert [partition_of(site, 4) for site in sites] == [1, 4, 3, 3, 3, 2, 4, 4]
    shares = [partition_of(f"site-{number}", 4) for number in range(1_000)]
    assert all(200 < shares.count(number) < 300 for number in (1, 2, 3, 4))


def test_events_of_all_sites_are_kept_apart(hq: Headquarters) -> None:
    """The same epoch and number at two sites are two events."""
    hq.events(1, 2)
    hq.events(1, site=SBY)
    assert [(one.site, one.count) for one in hq.journal.completeness()] == [(JKT, 2), (SBY, 1)]
    assert [entry.site for entry in hq.journal.entries(site=SBY)] == [SBY]
    assert [[(position, site) for position, site, _ in piece] for piece in hq.journal.site_rows(1)] == [
        [(2, JKT), (3, SBY)]
    ]


def test_an_event_in_another_sites_name_is_refused_and_shown(hq: Headquarters) -> None:
    """What a site's certificate may write is its own tree: there it may say what it wants, and is not believed."""
    hq.events(1, site=SBY, by=JKT)
    hq.take(payload(1, process="web"), "cctv/jkt-001/event/recorder/clock_jumped/_")
    hq.take(b"{}", "cctv/jkt-001/event/recorder/x/y/z")
    hq.take(b'{"a":"\\u0000"}', "cctv/sby-002/state/recorder")
    hq.take(b"?", "elsewhere")
    assert hq.journal.entries() == []
    assert hq.ingest.refused() == {JKT: 3, SBY: 1, "": 1}
    found = hq.journal.refused("cctv/jkt-001/")
    assert [refusal.topic.split("/")[3] for refusal in found] == ["recorder"] * 3
    assert "an event of site sby-002 came by way of site jkt-001" in {refusal.reason for refusal in found}
    assert len(hq.journal.refused(limit=2)) == 2


def test_sites_of_another_process_are_left_to_it(make) -> None:
    """Neither their events nor their heartbeats nor what is wrong with them."""
    hq = make(owns=lambda site: site == JKT)
    hq.events(1)
    hq.events(1, site=SBY)
    hq.beat(5, site=SBY)
    hq.take(b"?", "cctv/sby-002/event/recorder/x/_")
    assert [one.site for one in hq.journal.completeness()] == [JKT]
    assert (hq.heard, hq.ingest.refused()) == ([], {})


def test_states_that_are_no_processes_are_not_heard_as_such(hq: Headquarters) -> None:
    """The state of a channel is for others; that of the bridge is told by itself."""
    hq.take(b'{"status":"recording"}', "cctv/jkt-001/state/reporter/lobby")
    for body in (b"1", b"0", b""):
        hq.take(body, "cctv/jkt-001/state/bridge", retained=True)
    assert [(site, up) for site, up, _ in hq.bridges] == [(JKT, True), (JKT, False)]
    assert (hq.heard, hq.ingest.refused()) == ([], {})
    hq.take(b"maybe", "cctv/jkt-001/state/bridge")
    assert hq.ingest.refused() == {JKT: 1}


def test_what_is_held_is_acked_at_most_every_ten_seconds(hq: Headquarters) -> None:
    """Up to the first hole; retained, with the time; nothing when nothing is new."""
    hq.events(1, 2, 3, 5)
    hq.wait(1)
    topic, body, retain = hq.sent[0]
    assert (topic, json.loads(body)["contiguous_to"], retain) == ("hq/jkt-001/ack/recorder", 3, True)
    hq.events(4)
    hq.wait(5)
    hq.events(6)
    hq.wait(30)
    assert hq.acks() == [("hq/jkt-001/ack/recorder", EPOCH, 3), ("hq/jkt-001/ack/recorder", EPOCH, 6)]


def test_the_newest_epoch_is_acked(hq: Headquarters) -> None:
    """The outbox of an older one is gone; a heartbeat alone says nothing of what is held."""
    hq.events(1, 2)
    hq.beat(9, epoch=LATER_EPOCH)
    hq.wait(1)
    assert hq.acks() == []
    hq.events(1, epoch=LATER_EPOCH)
    hq.wait(20)
    assert hq.acks() == [("hq/jkt-001/ack/recorder", LATER_EPOCH, 1)]


def test_lost_events_hold_no_ack_up(hq: Headquarters) -> None:
    """Nobody has them: the outbox may forget those behind them."""
    hq.beat(6)
    hq.events(1, 5, 6)
    hq.wait(4)
    assert hq.asked() == [("hq/jkt-001/command/recorder/replay", 2, 4)]
    hq.answer("partial", 4)
    hq.events(4)
    hq.wait(20)
    assert hq.acks()[-1] == ("hq/jkt-001/ack/recorder", EPOCH, 6)
    said = [json.loads(row.payload)["data"] for row in hq.outbox.rows(0)]
    assert [(one["source"], one["from"], one["to"], one["how"]) for one in said if "how" in one] == [
        ("/jkt-001/recorder", 2, 4, "hole"), ("/jkt-001/recorder", 2, 3, "gone"), ("/jkt-001/recorder", 4, 4, "replay")
    ]  # fmt: skip
    assert hq.outbox.rows(0)[0].topic == "cctv/hq/event/hq/events_missing/_"


def test_all_acks_are_said_again_to_a_broker_that_may_be_new(hq: Headquarters) -> None:
    """And none while there is no connection."""
    hq.events(1)
    hq.events(1, site=SBY)
    hq.wait(1)
    hq.ingest.connected(Change(connected=False))
    hq.events(2)
    hq.wait(30)
    assert len(hq.acks()) == 2
    hq.ingest.connected(Change(connected=True, session_present=True))
    hq.wait(1)
    assert hq.acks()[2:] == [("hq/jkt-001/ack/recorder", EPOCH, 2), ("hq/sby-002/ack/recorder", EPOCH, 1)]


def test_a_restart_says_all_acks_again(make) -> None:
    """What was said before is nowhere noted: it costs a message a process."""
    hq = make()
    hq.events(1, 2)
    hq.journal.close()
    hq.outbox.close()
    hq = make()
    hq.wait(2)
    assert hq.acks() == [("hq/jkt-001/ack/recorder", EPOCH, 2)]


def test_replays_of_many_sites_are_asked_some_at_a_time(hq: Headquarters) -> None:
    """Who was asked longest ago goes first, so none waits for ever."""
    sites = [f"site-{number:03d}" for number in range(3 * MOST_OPEN)]
    for site in sites:
        hq.beat(50_000, site=site)
        hq.events(49_999, site=site)
    hq.wait(3)
    assert len(hq.asked()) == MOST_OPEN
    asked: list[str] = []
    for _ in range(3 * MOST_OPEN):
        hq.beat(50_000, site=sites[0])
        fresh = hq.asked()[len(asked) :]
        asked += [topic for topic, _, _ in fresh]
        for topic, first, last in fresh:
            hq.events(*range(first, min(last, first + 3) + 1), site=topic.split("/")[1])
            command = [ReplayCommand.parse(body) for where, body, _ in hq.sent if where == topic][-1]
            reply = ReplayReply(transaction=command.transaction, status="partial", available_from=1)
            hq.take(reply.to_json(), f"cctv/{topic.split('/')[1]}/reply/recorder/replay")
        if set(asked) >= {f"hq/{site}/command/recorder/replay" for site in sites}:
            break
        hq.wait(1)
    assert len(asked) <= 4 * MOST_OPEN


def test_a_site_that_says_it_wrote_more_than_can_be_is_asked_seldom_and_named(hq: Headquarters) -> None:
    """With what it says, what never came, how often it was asked and when; the other sites are as ever."""
    hq.events(1, 2)
    hq.beat(10**15)
    for _ in range(HOUR // 10):
        hq.beat(10**15)
        hq.answer("partial", 1) if hq.asked() else None
        hq.wait(10)
    assert len(hq.asked()) < 40
    (found,) = hq.ingest.unanswered()
    assert (str(found.source), found.said, found.missing) == ("/jkt-001/recorder", 10**15, 10**15 - 2)
    assert found.asked >= PATIENCE
    now_ms = hq.clock.wall_ns() // 1_000_000
    assert now_ms - 310_000 <= found.asked_ms <= now_ms
    asked = len(hq.asked())
    hq.beat(9, site=SBY)
    hq.events(1, 9, site=SBY)
    hq.wait(4)
    assert (f"hq/{SBY}/command/recorder/replay", 2, 8) in hq.asked()[asked:]


def test_a_lower_claim_takes_nothing_back_and_a_new_outbox_ends_it(hq: Headquarters) -> None:
    """A disk that was set back says less too, and what it forgot was real: only that nobody has it settles it."""
    hq.events(1, 2, 3)
    hq.beat(10**15)
    for _ in range(60):
        hq.beat(3)
        hq.answer("partial", 1) if hq.asked() else None
        hq.wait(10)
    (found,) = hq.ingest.unanswered()
    assert (found.said, found.missing) == (10**15, 10**15 - 3)
    hq.beat(0, epoch=LATER_EPOCH)
    hq.events(1, epoch=LATER_EPOCH)
    asked = len(hq.asked())
    while len(hq.asked()) == asked:
        hq.beat(1, epoch=LATER_EPOCH)
        hq.wait(10)
    hq.answer("gone", 10**15)
    hq.wait(2)
    assert hq.ingest.unanswered() == []
    old, new = hq.journal.completeness(JKT)
    assert (old.missing, old.lost, new.missing, new.lost) == ((), ((4, 10**15),), (), ())


def test_a_site_gone_mad_is_named(hq: Headquarters) -> None:
    """What was stored counts; what comes again does not."""
    for minute in range(3):
        bodies = [payload(1_500 * minute + n, minute=minute) for n in range(1, 1_501)]
        hq.ingest.commit([Message(f"cctv/{JKT}/event/recorder/clock_jumped/_", body, False, 1, 1) for body in bodies])
    hq.ingest.commit([Message(f"cctv/{JKT}/event/recorder/clock_jumped/_", body, False, 1, 1) for body in bodies])
    assert hq.ingest.fast() == {JKT: 25.0}


def test_a_site_that_makes_holes_without_end_is_not_all_that_is_spoken_of(hq: Headquarters, monkeypatch) -> None:
    """Though its name comes first; what is too much for now is said later."""
    monkeypatch.setattr(announcements, "_SAID_TOGETHER", 0)
    hq.events(*range(1, 400, 2), site="aaa")
    hq.events(1, 9, site=JKT)
    hq.wait(4)

    def said() -> list[str]:
        return [json.loads(row.payload)["data"]["source"] for row in hq.outbox.rows(0, limit=1_000)]

    assert said().count("/jkt-001/recorder") == 1
    hq.wait(10)
    assert said().count("/aaa/recorder") == 199


def test_headquarters_speaks_of_a_hole_of_its_own_only_when_it_is_lost(hq: Headquarters) -> None:
    """A process of the same name at a site is somebody else."""
    hq.beat(9, site="hq", process="hq")
    hq.events(1, 9, site="hq", process="hq")
    hq.wait(5)
    assert hq.outbox.last_sequence == 0
    assert hq.asked() == [("hq/hq/command/hq/replay", 2, 8)]
    hq.events(1, 9, site=JKT, process="hq")
    hq.wait(5)
    assert hq.outbox.last_sequence == 1


def test_a_site_that_makes_up_epochs_fills_no_memory(hq: Headquarters, monkeypatch) -> None:
    """Nor with processes, nor with channels; what is known goes on, and so do the other sites."""
    monkeypatch.setattr(completeness, "MOST_SOURCES", 5)
    monkeypatch.setattr(kinds, "MOST_KINDS", 3)
    epochs = [f"01KAQFYK00N8TG6ZQ3V5M7W9{letter}A" for letter in "ABCDEFGH"]
    for epoch in epochs:
        hq.beat(9, epoch=epoch)
        hq.events(1, epoch=epoch)
    hq.events(2, epoch=epochs[0])
    hq.events(1, site=SBY)
    assert [one.epoch for one in hq.journal.completeness(JKT)] == epochs[:5]
    assert [one.count for one in hq.journal.completeness()] == [2, 1, 1, 1, 1, 1]
    assert hq.ingest.refused() == {JKT: 6}
    for process in ("a", "b", "c", "d"):
        hq.events(1, site=SBY, process=process)
    assert len(hq.journal.completeness(SBY)) == 3
    assert "more epochs, processes or channels than can be real" in hq.journal.refused(limit=1)[0].reason


def test_a_site_that_only_says_that_processes_live_fills_no_memory(hq: Headquarters, monkeypatch) -> None:
    """Wills and heartbeats without an event count like events; what was heard of before goes on."""
    monkeypatch.setattr(completeness, "MOST_PROCESSES", 3)
    for number in range(8):
        hq.beat(0, process=f"p{number}")
        hq.take(Will(epoch=EPOCH, bdseq=1).to_json(), f"cctv/{JKT}/state/q{number}")
    assert {heard[1] for heard in hq.heard} == {"p0", "q0", "p1"}
    hq.beat(0, process="p0")
    hq.events(1, process="q0")
    hq.beat(0, site=SBY)
    assert hq.ingest.refused() == {JKT: 13}
    assert [one.process for one in hq.journal.completeness()] == ["q0"]


def test_starts_that_name_epochs_without_end_fill_no_memory(hq: Headquarters, monkeypatch) -> None:
    """The epoch before a start is known from then on, so there has to be room for it."""
    monkeypatch.setattr(completeness, "MOST_SOURCES", 4)
    for number, letter in enumerate("ABCDEFGH", 1):
        data = ProcessStarted.example | {
            "previous_epoch": f"01KAQFYK00N8TG6ZQ3V5M7W9{letter}A",
            "previous_last_sequence": MAX_INTEGER,
        }
        envelope = Envelope.build(
            ProcessStarted.model_validate(data), site=JKT, process="recorder", epoch=EPOCH, sequence=number,
            time=utc(hq.clock.wall_ns()), subject=None,
        )  # fmt: skip
        hq.take(envelope.to_json(), f"cctv/{JKT}/event/recorder/process_started/_")
    assert len(hq.journal.tracks()) == 4
    assert hq.ingest.refused() == {JKT: 5}


def test_a_site_that_makes_up_holes_fills_no_memory(hq: Headquarters, monkeypatch) -> None:
    """What comes next, or closes a hole, is taken all the same, and so is what other sites say."""
    monkeypatch.setattr(completeness, "MOST_SPANS", 4)
    for number in range(10, 100, 10):
        hq.events(number)
    assert hq.ingest.refused() == {JKT: 5}
    hq.take_together(*range(41, 50))
    hq.take_together(*range(1, 10))
    hq.events(5, 9, site=SBY)
    assert hq.ingest.refused() == {JKT: 5}
    held = {one.site: one.missing for one in hq.journal.completeness()}
    assert held == {JKT: ((11, 19), (21, 29), (31, 39)), SBY: ((1, 4), (6, 8))}


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 25), st.sampled_from(["changed", "changed", "again"])),
        max_size=40,
    )
)
def test_no_process_is_told_twice_in_ten_seconds_and_each_in_the_end(steps) -> None:
    """Whatever changes when; only a new connection brings one earlier."""
    due, now_ns, value = DueAcks(), 0, 0
    told: dict[Process, list[int]] = {}
    newest: dict[Process, int] = {}
    for name, after_s, what in [*steps, ("a", 11, "nothing"), ("a", 11, "nothing")]:
        now_ns += after_s * SECOND
        process = Process(name, "recorder")
        if what == "changed":
            value += 1
            newest[process] = value
            due.changed(process, now_ns)
        elif what == "again":
            due.begin_again(newest, now_ns)
            told.clear()
        for one in due.take(now_ns):
            held = Held(EPOCH, newest[one])
            if due.is_news(one, held):
                due.said(one, held, now_ns)
                assert all(now_ns - at_ns >= 10 * SECOND for at_ns in told.get(one, [])[-1:])
                told.setdefault(one, []).append(now_ns)
    for process, held in newest.items():
        assert not due.is_news(process, Held(EPOCH, held))

"""What the ingest does with each kind of message, and what it says of gaps, with a clock that is told the time."""

import json
from pathlib import Path

import pytest
from journal_events import EPOCH, LATER_EPOCH, SITE, message, payload

from edge.bus.connection import Change
from edge.bus.outbox import Outbox, OutboxUnavailable
from edge.bus.subscriber import NotCommitted
from edge.clock import ManualClock, rfc3339
from edge.events.catalog import RecordingStopped
from edge.events.messages import Ack, Heartbeat, ReplayCommand, ReplayReply, Will
from edge.journal.errors import JournalDamaged, JournalUnavailable
from edge.journal.ingest import Ingest
from edge.journal.scope import Scope

STOPPED = RecordingStopped.read(RecordingStopped.example)


class Site:
    """An ingest whose broker is this object."""

    def __init__(self, folder: Path, place) -> None:
        self.clock = ManualClock()
        self.outbox = Outbox.open(folder / "web.outbox", site=SITE, process="web", clock=self.clock)
        self.journal = place.open(self.clock)
        self.folded: list[int] = []
        self.heard: list[tuple] = []
        self.commands: list[tuple[str, ReplayCommand]] = []
        self.ingest = self.make()
        self.ingest.connected(Change(connected=True, session_present=True))

    def make(self) -> Ingest:
        return Ingest(
            self.journal,
            Scope.local(SITE),
            self.outbox,
            self.clock,
            fold=lambda entries: self.folded.extend(entry.sequence for entry in entries),
            hear=lambda *heard: self.heard.append(heard),
            publish=self.publish,
        )

    def publish(self, topic: str, body: bytes) -> bool:
        self.commands.append((topic, ReplayCommand.parse(body)))
        return True

    def events(self, *sequences: int, **about) -> None:
        self.ingest.commit([message(payload(sequence, **about)) for sequence in sequences])

    def beat(self, last: int, *, process: str = "recorder", epoch: str = EPOCH, bdseq: int = 1, age_s: float = 0, **how):
        time = rfc3339(self.clock.wall_ns() - round(age_s * 1e9))
        beat = Heartbeat(
            epoch=epoch, bdseq=bdseq, last_sequence=last, started=time, time=time, version="0", pid=1
        )
        self.ingest.commit([message(beat.to_json(), f"state/{process}", **how)])

    def will(self, *, bdseq: int = 1, epoch: str = EPOCH) -> None:
        self.ingest.commit([message(Will(epoch=epoch, bdseq=bdseq).to_json(), "state/recorder")])

    def answer(self, status: str, available_from: int) -> None:
        topic, command = self.commands[-1]
        reply = ReplayReply(transaction=command.transaction, status=status, available_from=available_from)
        self.ingest.commit([message(reply.to_json(), topic.replace("command", "reply"))])

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            self.ingest.tick()

    def said(self) -> list[tuple]:
        data = [json.loads(row.payload) for row in self.outbox.rows(0, limit=1000)]
        return [
            (event["type"].split(".")[1], event["data"]["from"], event["data"]["to"], event["data"]["how"])
            for event in data
        ]


@pytest.fixture
def site(tmp_path: Path, place):
    site = Site(tmp_path, place)
    yield site
    site.journal.close()
    site.outbox.close()


def test_new_events_are_folded_once_in_their_order(site: Site) -> None:
    """Duplicates and what is not understood are not."""
    site.ingest.commit(
        [message(payload(1)), message(payload(2)), message(payload(1)), message(payload(3).replace(b'":1.0', b'":"x"'))]
    )
    site.events(2, 4)
    assert site.folded == [1, 2, 4]
    assert site.ingest.metrics() | {"position": 0} == {
        "events": 4, "not_understood": 1, "duplicates": 2, "conflicts": 0, "refused": 0, "position": 0, "missing": 0,
        "lost": 0, "replays_open": 0,
    }  # fmt: skip


def test_a_database_that_cannot_is_not_committed(site: Site, monkeypatch) -> None:
    """Nothing is folded and nothing heard; the same batch is taken later."""

    def full(*_args) -> None:
        raise JournalUnavailable("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(site.journal, "append", full)
        with pytest.raises(NotCommitted, match="disk full"):
            site.events(1)
    assert site.folded == []
    site.events(1)
    assert site.folded == [1]


def test_heartbeats_are_heard_with_the_time_they_are_true_for(site: Site) -> None:
    """A retained one may be old; one from a clock that ran ahead is not true in the future."""
    now_ms = site.clock.wall_ns() // 1_000_000
    site.beat(0)
    site.beat(0, age_s=90)
    site.beat(0, age_s=90, retained=True)
    site.beat(0, age_s=-90, retained=True)
    site.will()
    assert [at_ms - now_ms for _, _, _, at_ms in site.heard] == [0, 0, -90_000, 0, 0]
    assert [state.status for _, _, state, _ in site.heard] == ["online"] * 4 + ["offline"]


def test_a_hole_is_said_asked_for_and_said_to_be_filled(site: Site) -> None:
    """Once each."""
    site.beat(9)
    site.events(1, 2, 6, 7, 8, 9)
    site.wait(2)
    assert site.commands == []
    site.wait(30)
    ((topic, command),) = site.commands
    assert (topic, command.epoch, command.from_, command.to) == ("command/recorder/replay", EPOCH, 3, 5)
    site.events(3, 4, 5)
    site.answer("done", 1)
    site.wait(60)
    assert site.said() == [("events_missing", 3, 5, "hole"), ("events_recovered", 3, 5, "replay")]
    assert len(site.commands) == 1


def test_a_hole_that_fills_within_two_seconds_is_not_spoken_of(site: Site) -> None:
    """Events change places when a connection breaks."""
    site.beat(4)
    site.events(1, 4)
    site.wait(1)
    site.events(3, 2)
    site.wait(10)
    assert (site.said(), site.commands) == ([], [])


def test_a_wall_clock_that_jumps_changes_no_waiting(site: Site) -> None:
    """Ages are taken from the monotonic clock."""
    site.beat(9)
    site.events(1, 9)
    site.clock.step_wall(-86_400)
    site.wait(1)
    assert site.commands == []
    site.clock.step_wall(900_000)
    site.wait(1)
    assert site.commands == []
    site.wait(1)
    assert len(site.commands) == 1


def test_a_process_that_is_gone_is_asked_when_it_is_back(site: Site) -> None:
    """What it lacks is said at once; a Will of an earlier connection does not make it gone."""
    site.beat(9, bdseq=2)
    site.events(1, 9)
    site.will(bdseq=2)
    site.wait(20)
    assert site.said() == [("events_missing", 2, 8, "hole")]
    assert site.commands == []
    site.beat(9, bdseq=3)
    site.will(bdseq=2)
    site.wait(1)
    assert len(site.commands) == 1


def test_an_old_retained_heartbeat_is_nobody_to_ask(site: Site) -> None:
    """The process may have been removed long ago."""
    site.beat(9, retained=True, age_s=3_600)
    site.wait(20)
    assert site.commands == []
    assert site.said() == [("events_missing", 1, 9, "heartbeat")]


def test_while_the_broker_is_away_nothing_is_overdue(site: Site) -> None:
    """Nothing could come; after the reconnect the waits begin anew."""
    site.beat(9)
    site.events(1, 2, 3)
    site.ingest.connected(Change(connected=False))
    site.wait(60)
    assert site.said() == []
    site.ingest.connected(Change(connected=True))
    site.beat(9)
    site.wait(4)
    site.events(4, 5, 6, 7, 8, 9)
    site.wait(60)
    assert (site.said(), site.commands) == ([], [])


def test_what_nobody_has_any_longer_is_lost_and_said_once(site: Site) -> None:
    """What was said and noted outlives a restart of the ingest."""
    site.beat(9)
    site.events(7, 8, 9)
    site.wait(3)
    site.answer("partial", 4)
    site.events(4, 5)
    site.wait(1)
    site.ingest = site.make()
    site.ingest.connected(Change(connected=True))
    site.beat(9)
    site.events(6)
    site.wait(20)
    assert site.said() == [
        ("events_missing", 1, 6, "hole"),
        ("events_missing", 1, 3, "gone"),
        ("events_recovered", 4, 6, "late"),
    ]
    assert site.ingest.metrics()["lost"] == 3
    site.events(2)  # found in a drawer
    site.wait(1)
    assert site.said()[3:] == [("events_recovered", 2, 2, "late")]


def test_the_web_does_not_announce_its_own_holes(site: Site) -> None:
    """It asks itself, but an announcement that went missing is no reason for the next; a loss is one, once."""
    site.beat(9, process="web")
    site.events(1, 9, process="web")
    site.wait(10)
    assert site.said() == []
    assert [topic for topic, _ in site.commands] == ["command/web/replay"]
    site.answer("gone", 9)
    site.wait(10)
    assert site.said() == [("events_missing", 2, 8, "gone")]


def test_many_small_holes_are_said_together(site: Site) -> None:
    """A connection that loses every second event fills no outbox with complaints."""
    site.beat(999)
    site.events(*range(1, 1_000, 2))
    site.wait(5)
    assert site.said() == [("events_missing", 2, 998, "hole")]
    assert [(command.from_, command.to) for _, command in site.commands] == [(2, 998)]
    site.events(*range(2, 999, 2))
    site.wait(2)
    assert site.said()[1:] == [("events_recovered", 2, 998, "replay")]


def test_a_full_disk_delays_what_is_said_and_doubles_none_of_it(site: Site, monkeypatch) -> None:
    """Whether the outbox does not take it or the journal does not note it."""

    def full(*_args, **_options) -> None:
        raise OutboxUnavailable("disk full")

    def also_full(*_args, **_options) -> None:
        raise JournalUnavailable("disk full")

    site.beat(9)
    site.events(1, 9)
    with monkeypatch.context() as patched:
        patched.setattr(site.outbox, "append_many", full)
        site.wait(5)
    assert site.said() == []
    with monkeypatch.context() as patched:
        patched.setattr(site.journal, "note", also_full)
        site.wait(5)
    site.wait(5)
    assert site.said() == [("events_missing", 2, 8, "hole")]
    assert len(site.commands) == 1


def test_a_conflict_is_said_and_no_more_than_one_a_minute(site: Site) -> None:
    """Two machines with one outbox make one with every event."""
    site.events(*range(1, 40))
    for sequence in range(1, 40):
        site.ingest.commit([message(payload(sequence, STOPPED, channel="lobby"))])
        site.wait(1)
    types = [json.loads(row.payload)["type"] for row in site.outbox.rows(0)]
    assert types == ["cctv.events_conflicting.v1"]
    site.wait(60)
    data = [json.loads(row.payload)["data"] for row in site.outbox.rows(0)]
    assert [one["sequence"] for one in data] == [1, 2]
    assert site.ingest.metrics()["conflicts"] == 39


def test_a_conflict_that_a_dead_run_left_unsaid_is_said(site: Site) -> None:
    """It stands in the journal until then."""
    site.events(1)
    site.ingest.commit([message(payload(1, STOPPED, channel="lobby"))])
    site.ingest = site.make()
    site.wait(1)
    assert site.outbox.last_sequence == 1


def test_a_conflict_of_the_web_itself_is_not_said(site: Site) -> None:
    """What it says would conflict too."""
    site.events(1, process="web")
    site.ingest.commit([message(payload(1, STOPPED, process="web", channel="lobby"))])
    site.wait(100)
    assert site.outbox.last_sequence == 0
    assert site.ingest.metrics()["conflicts"] == 1


def test_a_new_epoch_takes_nothing_from_the_old_one(site: Site) -> None:
    """Each is counted by itself."""
    site.events(1, 2, 3)
    site.events(1, 2, epoch=LATER_EPOCH)
    assert [(found.epoch, found.contiguous_to) for found in site.journal.completeness(SITE)] == [
        (EPOCH, 3),
        (LATER_EPOCH, 2),
    ]


def test_a_damaged_journal_ends_the_timer(site: Site) -> None:
    """And with it the process; the next start moves the file aside."""
    site.journal._database._remember_damage("a test")
    with pytest.raises(JournalDamaged, match="next start"):
        site.ingest.tick()


def test_a_site_hears_what_headquarters_holds(site: Site) -> None:
    """With the time that it was said, as the broker keeps an ack; it is nothing of the ledger."""
    acked: list[tuple] = []
    ingest = Ingest(
        site.journal, Scope.local(SITE), site.outbox, site.clock,
        fold=lambda _: None, hear=print, publish=site.publish, acked=lambda *ack: acked.append(ack),
    )  # fmt: skip
    assert "ack/+" in ingest.topics
    assert "ack/+" not in site.ingest.topics
    now_ms = site.clock.wall_ns() // 1_000_000
    for time in (None, rfc3339((now_ms - 90_000) * 10**6), rfc3339((now_ms + 90_000) * 10**6)):
        body = Ack(epoch=EPOCH, contiguous_to=7, time=time).to_json()
        ingest.commit([message(body, "ack/recorder", retained=True)])
    ingest.commit([message(b"", "ack/recorder")])
    assert [(process, ack.contiguous_to, at_ms - now_ms) for process, ack, at_ms in acked] == [
        ("recorder", 7, 0), ("recorder", 7, -90_000), ("recorder", 7, 0)
    ]  # fmt: skip
    assert site.journal.newest_position() == 0

"""The journal on a real database, SQLite and PostgreSQL: what is stored once, found again and retired."""

import os
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_events import EPOCH, JUMP, LATER_EPOCH, NOON, SITE, arrival, arrivals, segment, started
from sqlalchemy import Engine, event, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from edge.events.catalog import RecordingStopped
from edge.journal import lookup, postgres, store
from edge.journal.arrival import Arrival, Refusal, milliseconds
from edge.journal.aside import MOST_OF_SITE
from edge.journal.errors import JournalDamaged, JournalLocked, JournalTooNew, JournalUnavailable
from edge.journal.positions import Source
from edge.journal.ranges import Ranges
from edge.journal.store import Journal
from edge.journal.tables import metadata, snapshots

SOURCE = Source(SITE, "recorder", EPOCH)
STOPPED = RecordingStopped.read(RecordingStopped.example)
NOON_MS = round(NOON.timestamp() * 1000)


@pytest.fixture
def journal(place):
    journal = place.open()
    yield journal
    journal.close()


def moved_aside(place) -> list[Path]:
    return [] if place.url.startswith("postgresql") else list(Path(place.url.removeprefix("sqlite:///")).parent.glob("*corrupt*"))


def sequences(entries) -> list[int]:
    return [entry.sequence for entry in entries]


def test_an_event_that_is_appended_is_an_entry(journal: Journal) -> None:
    """With all that the envelope says and exactly its bytes."""
    given_one = arrival(7, STOPPED, channel="lobby", received_ms=5)
    appended = journal.append([given_one])
    (entry,) = journal.entries()
    assert appended.entries == [entry]
    assert (entry.position, entry.site, entry.process, entry.epoch, entry.sequence) == (1, *SOURCE, 7)
    assert (entry.event_type, entry.event_version, entry.channel) == ("recording_stopped", 1, "lobby")
    assert (entry.time_ms, entry.received_ms, entry.understood) == (NOON_MS, 5, True)
    assert entry.payload == given_one.payload


def test_the_same_event_again_is_a_duplicate_whether_in_one_batch_or_later(journal: Journal, place) -> None:
    """Also after a restart; positions are not used up by it."""
    first = journal.append([*arrivals(1, 3), arrival(2)])
    assert (sequences(first.entries), first.duplicates) == ([1, 2, 3], 1)
    assert journal.append(arrivals(1, 4)).duplicates == 3
    journal.close()
    again = place.open()
    appended = again.append(arrivals(3, 5))
    assert [(entry.position, entry.sequence) for entry in appended.entries] == [(5, 5)]
    assert again.newest_position() == 5
    again.close()


def test_other_bytes_under_one_number_are_kept_aside_and_the_first_count(journal: Journal) -> None:
    """Once for each content, however often it comes; in one batch as well as later."""
    appended = journal.append([arrival(1), arrival(1, STOPPED, channel="lobby"), arrival(1)])
    assert (len(appended.entries), appended.duplicates, len(appended.conflicts)) == (1, 1, 1)
    assert journal.append([arrival(1, STOPPED, channel="lobby")]).conflicts == []
    (later,) = journal.append([arrival(1, STOPPED, channel="yard")]).conflicts
    assert (later.source, later.sequence) == (SOURCE, 1)
    assert later.kept_sha256 != later.refused_sha256
    assert [entry.event_type for entry in journal.entries()] == ["clock_jumped"]
    (unsaid,) = journal.unsaid_conflicts()
    assert unsaid.sequence == 1
    journal.conflicts_said(SOURCE)
    assert journal.unsaid_conflicts() == []


def test_an_event_of_a_later_release_is_kept_and_not_understood(journal: Journal) -> None:
    """It is no state, but it is evidence, and it leaves no hole."""
    unknown = arrival(1).payload.replace(b"clock_jumped", b"camera_stolen")
    broken = arrival(2).payload.replace(b'"step_s":1.0', b'"step_s":"far"')
    journal.append([Arrival.read(unknown, 0), Arrival.read(broken, 0), arrival(3)])
    assert [entry.understood for entry in journal.entries()] == [False, False, True]
    assert [position for piece in journal.rows() for position, _ in piece] == [3]
    assert journal.completeness()[0].missing == ()


def test_holes_are_known_and_outlive_a_restart(journal: Journal, place) -> None:
    """With what was lost and what was said of them."""
    journal.append([*arrivals(1, 3), *arrivals(8, 9), arrival(20)])
    gaps = {SOURCE: Ranges(((4, 7),))}
    journal.note(missing={SOURCE: Ranges(((4, 19),))}, settled={}, lost=gaps)
    journal.close()
    journal = place.open()
    (found,) = journal.completeness()
    assert (found.first, found.contiguous_to, found.newest, found.count) == (1, 9, 20, 6)
    assert (found.missing, found.lost) == (((10, 19),), ((4, 7),))
    assert journal.tracks()[SOURCE].announced == Ranges(((4, 19),))
    journal.close()


def test_what_was_lost_and_comes_after_all_is_lost_no_longer(journal: Journal) -> None:
    """And is to be said."""
    journal.append([arrival(1), arrival(5)])
    journal.note(missing={}, settled={}, lost={SOURCE: Ranges(((2, 4),))})
    journal.append([arrival(3)])
    track = journal.tracks()[SOURCE]
    assert (track.lost, track.announced) == (Ranges(((2, 2), (4, 4))), Ranges(((3, 3),)))


def test_a_start_tells_how_far_the_epoch_before_it_reached(journal: Journal) -> None:
    """Its last events may never have come."""
    journal.append(arrivals(1, 5))
    journal.append([arrival(1, started(LATER_EPOCH, (EPOCH, 9)), epoch=LATER_EPOCH)])
    assert [found.missing for found in journal.completeness()] == [((6, 9),), ()]


def test_a_heartbeat_may_speak_of_more_than_came(journal: Journal) -> None:
    """Also of a source of which nothing came."""
    journal.hear(SOURCE, 3)
    journal.append([arrival(1)])
    journal.hear(SOURCE, 2)
    assert journal.completeness(SITE)[0].missing == ((2, 3),)
    assert journal.completeness("elsewhere") == []


def test_entries_are_found_by_every_filter_and_in_both_orders(journal: Journal) -> None:
    """Positions bound the search; the filter is an AND of its parts."""
    journal.append(
        [
            arrival(1),
            arrival(2, STOPPED, channel="lobby"),
            arrival(3, STOPPED, channel="yard"),
            arrival(1, process="web"),
            arrival(4, segment(0), channel="lobby"),
            arrival(5, STOPPED, channel="lobby"),
        ]
    )

    def found(**options) -> list[int]:
        return [entry.position for entry in journal.entries(**options)]

    assert found() == [1, 2, 3, 4, 5, 6]
    assert found(newest_first=True, limit=2) == [6, 5]
    assert found(after=2, before=5) == [3, 4]
    assert found(event_types=["recording_stopped"]) == [2, 3, 6]
    assert found(event_types=["recording_stopped"], channels=["lobby"], newest_first=True) == [6, 2]
    assert found(channels=["lobby", "yard"], limit=3) == [2, 3, 5]
    assert found(channels=["lobby", "yard"], limit=3, newest_first=True, before=6) == [5, 3, 2]
    assert found(processes=["web"]) == [4]
    assert found(site="elsewhere") == []
    assert found(site=SITE, after=5) == [6]
    assert found(event_types=["never_seen"]) == []


def test_segments_are_found_by_the_time_that_they_show(journal: Journal) -> None:
    """One that begins before and reaches in is there; a file that was announced twice is there once."""
    journal.append([arrival(n + 1, segment(n), channel="lobby") for n in range(10)])
    journal.append([arrival(11, segment(4, sha="a"), channel="lobby"), arrival(12, segment(4), channel="yard")])
    journal.append([arrival(13, segment(-90, seconds=10), channel="lobby")])

    def found(from_minute: float, to_minute: float, **options) -> list[int]:
        times = (NOON_MS + round(minute * 60_000) for minute in (from_minute, to_minute))
        return sequences(journal.segments(SITE, "lobby", *times, **{"limit": 100} | options))

    assert found(2.5, 5) == [3, 4, 11]
    assert found(3, 4) == [4]
    assert found(0, 10, limit=4) == [1, 2, 3, 4]
    assert found(0, 10, limit=4, after_ms=NOON_MS + 3 * 60_000) == [11, 6, 7, 8]
    assert found(-200, -80) == [13]
    assert found(20, 30) == []
    assert journal.segments(SITE, "nowhere", 0, NOON_MS * 2, limit=5) == []


def test_the_newest_two_snapshots_of_a_name_are_kept(journal: Journal) -> None:
    """A version that is not this one is not handed out, and one that is damaged neither."""
    for position, data in ((10, b"a"), (20, b"b"), (30, b"c")):
        journal.save_snapshot("site", 1, position, data)
    journal.save_snapshot("other", 1, 5, b"d")
    assert journal.newest_snapshot("site", 1).data == b"c"
    assert journal.newest_snapshot("site", 2) is None
    with journal._database.writing() as connection:
        connection.execute(update(snapshots).where(snapshots.c.position == 30).values(data=b"\0"))
        assert connection.exec_driver_sql("SELECT count(*) FROM snapshots").scalar() == 3
    assert journal.newest_snapshot("site", 1).position == 20


def test_only_old_events_that_every_snapshot_holds_retire(journal: Journal, place) -> None:
    """From the front; completeness stays, positions are not given again, a replay brings nothing back."""
    journal.append(arrivals(1, 10, received_ms=1_000))
    assert journal.retire(5_000) == 0  # no snapshot has them
    journal.save_snapshot("site", 1, 8, b"state")
    journal.append(arrivals(11, 20, received_ms=2_000))
    assert journal.retire(500) == 0
    assert journal.retire(5_000) == 8
    journal.save_snapshot("site", 1, 20, b"state")
    assert journal.retire(5_000) == 0  # the snapshot before this one is a way back too
    journal.save_snapshot("site", 1, 20, b"state")
    assert journal.retire(1_500) == 2
    assert journal.retire(5_000) == 9
    journal.close()
    journal = place.open()
    assert sequences(journal.entries()) == [20]
    assert journal.completeness()[0].contiguous_to == 20
    appended = journal.append(arrivals(1, 21))
    assert [(entry.position, entry.sequence) for entry in appended.entries] == [(21, 21)]
    assert appended.duplicates == 20
    journal.close()


def test_a_clock_that_jumped_ahead_costs_a_bounded_part_of_history(journal: Journal) -> None:
    """A call lets go of a limited number of events."""
    for first in range(1, 30_001, 5_000):
        journal.append(arrivals(first, first + 4_999))
    journal.save_snapshot("site", 1, 30_000, b"state")
    assert journal.retire(10**15) == 20_000
    assert journal.entries(limit=1)[0].position == 20_001


def test_what_cannot_be_read_is_kept_aside_and_bounded(journal: Journal) -> None:
    """The newest thousand are enough to see who sends it."""
    for first in range(0, MOST_OF_SITE + 500, 500):
        journal.append([], refusals("event/x/y/z", first, first + 500))
    with journal._database.reading() as connection:
        count, oldest = connection.exec_driver_sql("SELECT count(*), min(reason) FROM refused").one()
    assert (count, oldest) == (MOST_OF_SITE, "reason 1000")


def test_a_site_that_floods_pushes_out_nothing_of_the_others(journal: Journal, place) -> None:
    """Neither refused payloads nor conflicts, also after a restart; its own oldest go."""
    journal.append([], refusals("cctv/sby-002/event/recorder/x/_", 0, 2))
    journal.append([arrival(1, site="sby-002"), arrival(1, STOPPED, channel="lobby", site="sby-002")])
    for batch in range(3):
        first = batch * 600
        journal.append([], refusals("cctv/jkt-001/event/recorder/x/_", first, first + 600))
        doubles = [arrival(1, STOPPED, channel=f"c{first + n}") for n in range(600)]
        journal.append([arrival(1), *doubles])
        journal.close()
        journal = place.open()
    assert journal.refused_of() == {"sby-002": 2, "jkt-001": MOST_OF_SITE}
    assert [one.reason for one in journal.refused("cctv/sby-002/")] == ["reason 1", "reason 0"]
    assert journal.refused("cctv/jkt-001/", limit=MOST_OF_SITE)[-1].reason == "reason 800"
    with journal._database.reading() as connection:
        by_site = "SELECT site, count(*) FROM conflicts JOIN sources ON sources.id = source GROUP BY site ORDER BY site"
        assert connection.exec_driver_sql(by_site).all() == [("jkt-001", MOST_OF_SITE), ("sby-002", 1)]
        assert connection.exec_driver_sql("SELECT count(*) FROM refused").scalar() == MOST_OF_SITE + 2
    assert {one.source.site for one in journal.unsaid_conflicts()} == {"jkt-001", "sby-002"}
    journal.close()


def test_what_a_batch_that_failed_would_have_pushed_out_is_still_there(journal: Journal, monkeypatch) -> None:
    """What is kept is known from what was committed."""
    journal.append([], refusals("event/x/y/z", 0, MOST_OF_SITE))
    with monkeypatch.context() as patched:
        patched.setattr(journal._database, "writing", failing(journal._database.writing))
        with pytest.raises(JournalUnavailable):
            journal.append([], refusals("event/x/y/z", 5_000, 5_500))
    assert journal.refused(limit=2_000)[-1].reason == "reason 0"
    journal.append([], refusals("event/x/y/z", 6_000, 6_001))
    found = [one.reason for one in journal.refused(limit=2_000)]
    assert (len(found), found[0], found[-1]) == (MOST_OF_SITE, "reason 6000", "reason 1")


def refusals(topic: str, first: int, end: int) -> list[Refusal]:
    return [Refusal(topic, b"?", f"reason {n}", 0) for n in range(first, end)]


def failing(writing):
    """A transaction that fails when it is committed."""

    @contextmanager
    def fails():
        with writing() as connection:
            yield connection
            raise JournalUnavailable("disk full")

    return fails


def test_a_batch_that_fails_leaves_nothing_and_may_come_again(journal: Journal, monkeypatch) -> None:
    """Neither on disk nor in memory; kinds and sources that were new included."""
    from edge.journal import rows

    def fails(*_args) -> None:
        raise JournalUnavailable("disk full")

    for step in ("insert_events", "stored_payloads", "insert_conflicts", "insert_refusals"):
        with monkeypatch.context() as patched:
            patched.setattr(rows, step, lambda *args, **options: fails())
            with pytest.raises(JournalUnavailable):
                journal.append(arrivals(1, 3, process=step.replace("_", "-")))
        assert (journal.entries(), journal.completeness(), journal.newest_position()) == ([], [], 0)
    assert sequences(journal.append(arrivals(1, 3)).entries) == [1, 2, 3]


def test_a_second_opener_is_told_who_holds_it(journal: Journal, place, monkeypatch) -> None:
    """Two web processes on one state_dir, two of headquarters' on one partition."""
    monkeypatch.setattr(postgres, "_LOCK_WAIT_MS", 100)
    with pytest.raises(JournalLocked, match=f"held by process {os.getpid()}: only one|held by another process; give"):
        place.open()
    journal.close()
    place.open().close()


def test_a_closed_journal_says_so(journal: Journal) -> None:
    """Instead of opening the file again behind the next holder's back."""
    journal.close()
    journal.close()
    with pytest.raises(JournalUnavailable, match="closed"):
        journal.entries()


def test_a_journal_of_a_later_release_is_left_alone(place) -> None:
    """It can be read again by that release."""
    journal = place.open()
    with journal._database.writing() as connection:
        connection.exec_driver_sql("UPDATE about SET schema_version = 99")
    journal.close()
    with pytest.raises(JournalTooNew, match="newer release"):
        place.open()
    assert moved_aside(place) == []


def test_a_number_that_is_there_though_it_was_not_received_is_damage(journal: Journal) -> None:
    """Rows and ranges are written together: they disagree only in a file that is not what was written."""
    journal.append(arrivals(1, 5))
    journal._completeness._stored.clear()
    journal._completeness._tracks.clear()
    with pytest.raises(JournalDamaged):
        journal.append([arrival(3, STOPPED, channel="lobby")])


def test_every_table_can_be_made_in_postgresql() -> None:
    """One code path serves HQ's database too."""
    words = [str(CreateTable(table).compile(dialect=postgresql.dialect())) for table in metadata.sorted_tables]
    words += [
        str(CreateIndex(index).compile(dialect=postgresql.dialect()))
        for table in metadata.sorted_tables
        for index in table.indexes
    ]
    assert any("position BIGINT NOT NULL" in text for text in words)
    assert any("WHERE start_ms IS NOT NULL" in text for text in words)


STEPS = st.lists(
    st.tuples(st.sampled_from([EPOCH, LATER_EPOCH]), st.lists(st.integers(1, 12), max_size=8), st.booleans()), max_size=8
)


@given(STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_arrives_in_whatever_order_is_there_once(make_place, steps) -> None:
    """Duplicates, holes, two epochs, restarts: rows, ranges and positions agree."""
    place = make_place()
    journal = place.open()
    came: dict[str, set[int]] = {}
    for epoch, numbers, restart in steps:
        journal.append([arrival(number, epoch=epoch) for number in numbers])
        came.setdefault(epoch, set()).update(numbers)
        if restart:
            journal.close()
            journal = place.open()
    entries = journal.entries()
    assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
    for epoch, numbers in came.items():
        assert sorted(entry.sequence for entry in entries if entry.epoch == epoch) == sorted(numbers)
        if numbers:
            track = journal.tracks()[SOURCE._replace(epoch=epoch)]
            assert track.received == Ranges.of_numbers(numbers)
            assert track.missing == Ranges.of_numbers(set(range(1, max(numbers) + 1)) - numbers)
    journal.close()


def test_milliseconds_are_those_of_the_timestamp() -> None:
    """Exact, as floats are not."""
    assert milliseconds("2026-11-23T12:00:00.007Z") == NOON_MS + 7
    assert JUMP.step_s == 1.0


def test_readers_see_whole_batches_while_events_are_written(journal: Journal) -> None:
    """Pages are served on other threads; none of them sees half a batch or waits for the disk."""
    import threading

    wrong: list = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            found = [entry.position for entry in journal.entries(limit=5_000)]
            if len(found) % 10 or found != list(range(1, len(found) + 1)):
                wrong.append(found)
            journal.completeness()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for first in range(1, 1_001, 10):
        journal.append(arrivals(first, first + 9))
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert journal.newest_position() == 1_000


def test_a_filter_that_lets_hundreds_of_kinds_through_finds_them_in_order(journal: Journal) -> None:
    """A site of many channels, of which one is left out."""
    journal.append([arrival(n, STOPPED, channel=f"cam{n % 250:03d}") for n in range(1, 1_001)])
    channels = [f"cam{n:03d}" for n in range(1, 250)]
    expected = [n for n in range(1, 1_001) if n % 250]
    assert sequences(journal.entries(channels=channels, limit=700)) == expected[:700]
    assert sequences(journal.entries(channels=channels, limit=700, newest_first=True)) == expected[::-1][:700]


@given(
    said_of=st.lists(st.integers(0, 9), min_size=1, max_size=60),
    wanted=st.sets(st.integers(0, 9), min_size=1),
    limit=st.integers(1, 12),
    newest_first=st.booleans(),
    after=st.integers(0, 60),
    before=st.none() | st.integers(0, 61),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_page_is_the_same_however_many_kinds_there_are(
    make_place, said_of, wanted, limit, newest_first, after, before
) -> None:
    """More kinds than the page is long, fewer, and such as have nothing within the bounds."""
    journal = make_place().open()
    journal.append([arrival(n, STOPPED, channel=f"cam{cam}") for n, cam in enumerate(said_of, 1)])
    within = [n for n, cam in enumerate(said_of, 1) if cam in wanted and after < n and (before is None or n < before)]
    page = journal.entries(
        channels=[f"cam{cam}" for cam in wanted], after=after, before=before, limit=limit, newest_first=newest_first
    )
    journal.close()
    assert sequences(page) == (within[::-1] if newest_first else within)[:limit]


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_page_of_a_site_that_makes_up_kinds_is_found_in_few_steps(journal: Journal, newest_first: bool) -> None:
    """Of 2,000 kinds: their first events are found some hundreds at a time, and then those of the page."""
    journal.append([arrival(n, STOPPED, channel=f"cam{n % 2_000}") for n in range(1, 4_001)])
    journal.append([arrival(4_001)])  # of no channel, so that a filter has something to leave out
    asked: list[int] = []

    def count(*_) -> None:
        asked.append(1)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        page = journal.entries(channels=[f"cam{n}" for n in range(2_000)], limit=20, newest_first=newest_first)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert sequences(page) == (list(range(4_000, 3_980, -1)) if newest_first else list(range(1, 21)))
    assert len(asked) <= 8


@given(said_of=st.lists(st.integers(0, 9), max_size=60), after=st.integers(0, 60), most=st.integers(1, 20))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_events_of_a_site_are_read_once_each_however_its_kinds_are_bunched(make_place, said_of, after, most) -> None:
    """Those behind a position, of each kind in their order."""
    journal = make_place().open()
    given_ones = [arrival(n, STOPPED, channel=f"cam{cam}") for n, cam in enumerate(said_of, 1)]
    journal.append([*given_ones, arrival(1, STOPPED, channel="cam1", site="sby-002")])
    with patch.object(store, "_ROWS_A_PIECE", most):
        read = [payload for piece in journal.rows_of(SITE, after) for payload in piece]
    journal.close()
    for cam in range(10):
        of_cam = [one.payload for one in given_ones[after:] if one.kind.channel == f"cam{cam}"]
        assert [payload for payload in read if payload in of_cam] == of_cam
    assert len(read) == len(given_ones[after:])


@pytest.mark.parametrize(
    ("counted", "expected"),
    [([], []), ([(1, 5), (2, 5), (3, 1)], [[1, 2], [3]]), ([(1, 30), (2, 9), (3, 30)], [[1], [2], [3]])],
)
def test_kinds_are_read_together_as_far_as_a_piece_holds_them(counted, expected) -> None:
    """Twenty thousand of one event each are no twenty thousand queries."""
    assert list(lookup.bunches(counted, 10)) == expected

import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.recordings.catalog import Catalog, CatalogUnavailable, Entry, Usage

MINUTE_MS = 60_000
CHANNELS = ("lobby", "dock", "gate")


def entry(channel="lobby", minute=0, size=100, rejected_ms=None):
    return Entry(channel, minute * MINUTE_MS, (minute + 1) * MINUTE_MS, size, rejected_ms)


@pytest.fixture
def catalog():
    """An empty catalog in memory."""
    one = Catalog.open(None, "disk")
    yield one
    one.close()


ENTRIES = st.builds(
    entry, st.sampled_from(CHANNELS), st.integers(0, 30), st.integers(0, 1000), st.none() | st.integers(1, 5)
)
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove", "reject"]), ENTRIES), max_size=60)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_catalog_is_a_set_of_segments_with_their_newest_facts(steps):
    """Against a dictionary: order, sums, rejections, whatever is added, removed or said twice."""
    catalog = Catalog.open(None, "disk")
    model: dict[tuple[int, str], Entry] = {}
    rejected: dict[tuple[int, str], int] = {}
    for action, one in steps:
        key = (one.start_ms, one.channel)
        if action == "add":
            catalog.add([one])
            model[key] = one
            if one.rejected_ms is not None:
                rejected.setdefault(key, one.rejected_ms)
        elif action == "remove":
            assert catalog.remove([one]) == (key in model)
            model.pop(key, None)
            rejected.pop(key, None)
        else:
            catalog.reject(one.channel, one.start_ms, 7)
            rejected.setdefault(key, 7)
    expected = {key: one._replace(rejected_ms=rejected.get(key)) for key, one in model.items()}
    assert {(one.start_ms, one.channel): one for one in catalog.oldest()} == expected
    starts = [one.start_ms for one in catalog.oldest()]
    assert starts == sorted(starts)
    for channel in CHANNELS:
        mine = sorted((one for one in expected.values() if one.channel == channel), key=lambda one: one.start_ms)
        assert list(catalog.oldest(channel)) == mine
        assert list(catalog.oldest(channel, from_ms=5 * MINUTE_MS)) == [m for m in mine if m.start_ms >= 5 * MINUTE_MS]
        assert catalog.extremes(channel) == ((mine[0].start_ms, mine[-1].start_ms) if mine else None)
        assert catalog.usage().get(channel, Usage()) == Usage(len(mine), sum(one.bytes for one in mine))
    assert [one.rejected_ms for one in catalog.rejected()] == sorted(
        one.rejected_ms for one in expected.values() if one.rejected_ms is not None
    )
    before = catalog.usage()
    catalog._count()
    assert catalog.usage() == before
    catalog.close()


def test_order_of_pages_is_that_of_all(catalog):
    """Reading goes on where the last page ended, also where many channels start in the same millisecond."""
    channels = [f"c{number:03}" for number in range(150)]
    catalog.add(entry(channel, minute) for minute in range(3) for channel in channels)
    found = list(catalog.oldest())
    assert len(found) == len(set(found)) == 450
    assert [one.start_ms for one in found] == sorted(one.start_ms for one in found)
    catalog.add(entry(channel, 5, rejected_ms=9) for channel in channels)
    assert len(set(catalog.rejected())) == 150


def test_segments_of_a_stretch_of_time(catalog):
    """What overlaps a stretch, what was recorded since, what comes first."""
    catalog.add(entry(minute=minute) for minute in range(10))
    found = catalog.overlapping("lobby", 150_000, 240_000, longest_ms=MINUTE_MS)
    assert [one.start_ms // MINUTE_MS for one in found] == [2, 3]
    assert catalog.bytes_since(8 * MINUTE_MS) == {"lobby": (200, 2 * MINUTE_MS)}
    assert catalog.first_from("lobby", 1) == MINUTE_MS
    assert catalog.first_from("lobby", 10 * MINUTE_MS) is None
    assert catalog.first_from("attic", 0) is None
    assert catalog.between("attic", 0, 10) == []


def test_catalog_keeps_what_it_knew_over_a_clean_end_and_doubts_itself_after_a_kill(tmp_path):
    """`clean` is true exactly when it was closed in order."""
    path = tmp_path / "catalog.db"
    first = Catalog.open(path, "disk")
    assert (first.doubt, first.clean) == ("missing", False)
    first.add([entry(), entry("dock", 3)])
    first.set_note("x", [1, {"a": None}])
    first.close()
    second = Catalog.open(path, "disk")
    assert (second.doubt, second.clean) == (None, True)
    assert second.usage() == {"lobby": Usage(1, 100), "dock": Usage(1, 100)}
    assert second.note("x") == [1, {"a": None}]
    second._connection.close()
    third = Catalog.open(path, "disk")
    assert (third.doubt, third.clean) == (None, False)
    third.close(clean=False)
    assert not Catalog.open(path, "disk").clean


def test_catalog_of_another_disk_or_release_is_moved_aside(tmp_path):
    """It is not gone on with, and not thrown away."""
    path = tmp_path / "catalog.db"
    Catalog.open(path, "a").close()
    other = Catalog.open(path, "b")
    assert other.doubt == "other_disk"
    other.close()
    assert (tmp_path / "catalog.db.bad").exists()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=2")
    db.close()
    assert Catalog.open(path, "b").doubt == "outdated"


def test_catalog_that_is_known_to_be_damaged_is_not_tried_again(tmp_path):
    """Damage that only showed while reading."""
    path = tmp_path / "catalog.db"
    Catalog.open(path, "a").close()
    again = Catalog.open(path, "a", damaged=True)
    assert (again.doubt, again.usage()) == ("damaged", {})


def test_failed_change_leaves_sums_as_they_were(catalog):
    """Rows and sums go together."""

    def broken():
        yield entry(minute=1)
        raise LookupError

    catalog.add([entry()])
    with pytest.raises(LookupError):
        catalog.add(broken())
    assert catalog.usage() == {"lobby": Usage(1, 100)}
    assert len(list(catalog.oldest())) == 1


def test_closed_catalog_says_so(catalog):
    """A thread that comes late gets an error that it knows."""
    catalog.close()
    with pytest.raises(CatalogUnavailable):
        catalog.add([entry()])
    with pytest.raises(CatalogUnavailable):
        list(catalog.oldest())


def test_catalog_in_a_folder_that_cannot_be_written_is_unavailable(tmp_path):
    """Not a crash: another one in memory stands in."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(CatalogUnavailable, match="state_dir"):
        Catalog.open(tmp_path / "file" / "catalog.db", "a")

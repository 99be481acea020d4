"""What the processes of one headquarters tell each other, over one database."""

import pytest
from sqlalchemy import create_engine

from edge.hq import unreachable
from edge.hq.shared import SCHEMA, TELL_MS, SharedTables
from edge.journal.scope import partition_of
from edge.state import SiteProjection, site_view
from edge.state.fleet import EventFigures, LinkFacts, SiteSummary, site_summary
from edge.state.views import ChannelSetting

NOW_MS = 1_795_399_200_000
A, B = [name for name in map("site-{}".format, range(20)) if partition_of(name, 2) == 1][:2]
C = next(name for name in map("site-{}".format, range(20)) if partition_of(name, 2) == 2)


def summary(site: str, *, missing: int = 0, at_ms: int = NOW_MS) -> SiteSummary:
    settings = [ChannelSetting("lobby", "Lobby", enabled=True)]
    view = site_view(SiteProjection(), settings, ("recorder",), at_ms, segment_s=60)
    events = EventFigures(held=7, missing=missing, lost_of=(("recorder", 3),))
    return site_summary(site, view, LinkFacts(bridge_up=True), events, at_ms, name=site)


@pytest.fixture
def tables_of(tmp_path):
    opened = []

    def make(number, of=2, url=None):
        engine = create_engine(f"sqlite:///{tmp_path / 'shared.db'}")
        tables = SharedTables(engine.execution_options(schema_translate_map={SCHEMA: None}), number, of, url)
        opened.append(tables)
        return tables

    yield make
    for tables in opened:
        tables.close()


def test_each_hears_of_the_sites_and_the_address_of_the_other(tables_of):
    """Whole, as they were told; its own are not among them."""
    one, two = tables_of(1, url="https://hq-1.example/"), tables_of(2, url="https://hq-2.example")
    assert one.exchange([summary(A), summary(B)], NOW_MS).sites == ()
    told = two.exchange([summary(C)], NOW_MS)
    assert told.addresses == {1: "https://hq-1.example"}
    assert sorted(told.sites, key=lambda found: found.site) == [summary(A), summary(B)]
    assert one.exchange([], NOW_MS).sites == (summary(C),)


def test_what_changes_is_told_at_once_and_the_rest_in_time(tables_of):
    """A line changes by the second; that is no reason to write it again."""
    one, two = tables_of(1), tables_of(2)
    one.exchange([summary(A)], NOW_MS)
    later = NOW_MS + 5_000
    one.exchange([summary(A, at_ms=later)], later)
    assert two.exchange([], later).sites == (summary(A),)
    one.exchange([summary(A, missing=4, at_ms=later)], later)
    assert two.exchange([], later).sites[0].events.missing == 4
    late = later + TELL_MS
    one.exchange([summary(A, missing=4, at_ms=late)], late)
    assert two.exchange([], late).sites == (summary(A, missing=4, at_ms=late),)


def test_sites_of_a_process_that_is_silent_are_unseen(tables_of):
    """Since it was heard last."""
    one, two = tables_of(1), tables_of(2)
    one.exchange([summary(A)], NOW_MS)
    found = two.exchange([], NOW_MS + unreachable.QUIET_MS).sites[0]
    assert (found.diagnosis.fault, found.diagnosis.since_ms, found.level) == ("unseen", NOW_MS, "waiting")


def test_process_of_another_division_is_left_out(tables_of):
    """While the number of processes is being changed, each goes by its own."""
    tables_of(3, of=3).exchange([summary(A)], NOW_MS)
    assert tables_of(1, of=2).exchange([], NOW_MS).sites == ()


def test_site_that_moved_is_shown_once(tables_of):
    """What the process told of it that had it before is old."""
    tables_of(2).exchange([summary(A)], NOW_MS)
    assert tables_of(1).exchange([], NOW_MS).sites == ()

"""Snapshots: what is not whole and of this version is refused, and the fold knows the whole catalog."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from state_story import Teller, folded

from edge.events.catalog import EVENTS, DiskPruned, StopReason
from edge.events.catalog.validator import InvalidReason, RejectReason
from edge.state import SiteProjection, SnapshotError, read_fact
from edge.state.channels import RULES
from edge.state.fact import to_ms
from edge.state.marks import REJECTIONS, TRANSITIONS, VALIDITY
from edge.state.projection import _CHANNEL_FOLDS, _FOLDS, SAYS_NOTHING


def small():
    """A snapshot of a small state."""
    recorder, retention = Teller(), Teller("retention")
    recorder.up(0)
    recorder.segments(0, 600)
    recorder.segment(600, 660, lost_packets=2)
    retention.pruned(0, 60, at=900)
    return folded(recorder, retention).dump()


def test_snapshot_of_an_empty_state_is_small():
    """HQ holds a thousand of them."""
    assert len(SiteProjection().dump()) < 250
    assert SiteProjection.load(SiteProjection().dump()).dump() == SiteProjection().dump()


def test_snapshot_goes_on_where_it_was_taken():
    """What is loaded folds on."""
    recorder = Teller()
    recorder.segments(0, 600)
    loaded = SiteProjection.load(folded(recorder).dump())
    loaded.apply(recorder.segment(600, 660))
    assert loaded.dump() == folded(recorder).dump()


@pytest.mark.parametrize("data", [b"", b"\n", b"saksi-state 1 00000000\n{}\n", b"{}", b"saksi-state"])
def test_bytes_that_are_no_snapshot_are_refused(data):
    """Empty, cut, foreign."""
    with pytest.raises(SnapshotError):
        SiteProjection.load(data)


def test_snapshot_of_another_version_is_refused(monkeypatch):
    """It is rebuilt from the journal."""
    data = small()
    monkeypatch.setattr(SiteProjection, "VERSION", SiteProjection.VERSION + 1)
    with pytest.raises(SnapshotError, match="version 2"):
        SiteProjection.load(data)


@given(st.data())
def test_snapshot_that_was_damaged_is_refused(data):
    """A bit anywhere, or an end that is missing."""
    whole = small()
    place = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    damaged = bytearray(whole)
    damaged[place] ^= 1 << bit
    for bad in (bytes(damaged), whole[:place], whole + b"\0"):
        with pytest.raises(SnapshotError):
            SiteProjection.load(bad)


@pytest.mark.parametrize(
    "text", [b"[]", b"{}", b'{"newest_event_ms":0,"processes":[]}', b'{"newest_event_ms":0,"processes":{"x":[]}}']
)
def test_snapshot_with_a_right_checksum_and_wrong_content_is_refused(text):
    """Made by a release that forgot to count its version up."""
    import zlib

    body = text + b"\n"
    with pytest.raises(SnapshotError, match="cannot be read"):
        SiteProjection.load(b"saksi-state 1 %08x\n" % zlib.crc32(body) + body)


def test_every_event_of_the_catalog_is_folded_or_known_to_say_nothing():
    """A new type is decided upon, not forgotten."""
    assert set(EVENTS) == set(_CHANNEL_FOLDS) | set(_FOLDS) | SAYS_NOTHING
    assert all(EVENTS[name].subject in ("channel", "either") for name in _CHANNEL_FOLDS)


@pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: event.event_type)
def test_example_of_every_event_is_folded(event):
    """By the catalog's own examples, through bytes."""
    channel = "lobby" if event.subject == "channel" else None
    state = SiteProjection()
    state.apply(Teller(event.publishers[0]).say(event.read(event.example), 0, channel))
    assert SiteProjection.load(state.dump()).dump() == state.dump()


@pytest.mark.parametrize(
    ("codes", "words"),
    [(TRANSITIONS, get_args(StopReason)), (VALIDITY, get_args(InvalidReason)), (REJECTIONS, get_args(RejectReason))],
)
def test_every_reason_of_the_catalog_has_a_code(codes, words):
    """Snapshots hold codes."""
    assert [codes.word(codes.code(word)) for word in words] == list(words)


def test_every_rule_of_receipts_is_known():
    """Pruned time is kept for each rule."""
    assert set(get_args(DiskPruned.model_fields["rule"].annotation)) == set(RULES)


def test_fact_is_read_from_the_bytes_of_an_event():
    """What the envelope says, in the terms of the fold."""
    fact = Teller().segment(0, 60)
    assert (fact.process, fact.sequence, fact.event_type, fact.channel) == ("recorder", 1, "segment_written", "lobby")
    assert fact.time_ms == to_ms("2026-11-23T00:01:00.000Z")
    assert fact.data["bytes"] == 30_000_000
    document = {"type": "cctv.lens_cleaned.v2", "source": "/a/b", "epoch": "E", "sequence": "07"}
    document |= {"time": "1969-12-31T23:59:59.999Z", "data": {}}
    other = read_fact(json.dumps(document).encode())
    assert (other.event_type, other.time_ms, other.channel, other.sequence) == ("cctv.lens_cleaned.v2", -1, None, 7)

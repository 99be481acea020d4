import math

import pytest
from pydantic import ValidationError

from edge.events.catalog import (
    EVENTS,
    DiskPruned,
    OutboxTruncated,
    RecordingStarted,
    RecordingStopped,
    SegmentWritten,
    SiteReported,
    UnknownEvent,
    read,
)
from edge.events.data import PROCESSES
from edge.events.errors import EventDataError

EVERY_EVENT = pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)

CATALOG_OF_THE_DESIGN = {
    "process_started": {"version", "epoch", "bdseq", "previous_epoch", "previous_last_sequence", "pid"},
    "process_stopped": {"reason", "uptime_s"},
    "outbox_truncated": {"epoch", "from", "to"},
    "recording_started": {"video", "audio", "url", "camera_clock_offset_s", "attempt"},
    "segment_written": {
        *("path", "start", "end", "duration_s", "bytes", "sha256", "video", "audio", "packets", "keyframes"),
        *("lost_packets", "suspect_s", "gap_before_s", "reason"),
    },
    "recording_stopped": {"reason", "detail", "retry_in_s"},
    "clock_jumped": {"step_s", "wall_before", "wall_after"},
    "disk_measured": {
        *("mount", "device", "total_bytes", "used_bytes", "free_bytes", "recordings_bytes", "unknown_files"),
        *("write_rate_bytes_s", "hours_left", "oldest", "smart"),
    },
    "disk_pruned": {"rule", "segments", "bytes", "channels"},
    "disk_low": set(),
    "disk_full": set(),
    "disk_recovered": set(),
    "disk_missing": set(),
    "disk_faulty": {"mount", "device", "fault", "detail"},
    "retention_restored": {"channel", "promise_days", "forecast_days"},
    "footage_protected": {"protection", "from", "to", "note", "by"},
    "footage_unprotected": {"protection", "from", "to", "note", "by"},
    "segments_missing": {"segments", "bytes", "channels"},
    "segments_verified": {"checked", "held", "bytes", "changed", "unreadable", "undecodable"},
    "catalog_rebuilt": {"reason", "segments", "bytes", "took_s"},
    "retention_short": {"channel", "promise_days", "forecast_days", "short_from"},
    "channel_invalid": {"reason", "measured", "threshold", "since", "segment", "picture"},
    "channel_valid": {"was", "invalid_for_s"},
    "segment_rejected": {"path", "reason"},
    "site_reported": set(),
    "report_delivered": set(),
    "report_failed": set(),
    "livestream_ready": {"rtsp", "webrtc", "hls"},
    "livestream_lost": {"reason"},
    "events_missing": {"source", "epoch", "from", "to", "how"},
    "events_recovered": {"source", "epoch", "from", "to", "how"},
    "events_conflicting": {"source", "epoch", "sequence", "kept_sha256", "refused_sha256"},
}


def test_catalog_holds_every_event_of_the_design():
    """The catalog has exactly the types of the design, each with at least its fixed fields."""
    assert set(CATALOG_OF_THE_DESIGN) == set(EVENTS)
    for name, fields in CATALOG_OF_THE_DESIGN.items():
        assert fields <= set(EVENTS[name].example), name


@EVERY_EVENT
def test_event_of_the_catalog_documents_itself(event):
    """Every event has a one-sentence docstring, publishers that exist, and a description a field."""
    assert event.__doc__.endswith(".")
    assert "\n" not in event.__doc__
    assert set(event.publishers) <= set(PROCESSES)
    assert all(field.description for field in event.model_fields.values())


@EVERY_EVENT
def test_example_reads_back_as_itself(event):
    """An example names every field of its event and survives reading and writing."""
    assert event.example == event.read(event.example).document()
    assert list(event.example) == list(event.read(event.example).document())


@EVERY_EVENT
def test_missing_field_is_named(event):
    """Each field without a default is missed by name."""
    for name, field in event.model_fields.items():
        key = name.removesuffix("_")
        data = {other: value for other, value in event.example.items() if other != key}
        if not field.is_required():
            event.read(data)
            continue
        with pytest.raises(EventDataError, match=rf"^{event.event_type}: {key}: Field required$"):
            event.read(data)


@EVERY_EVENT
def test_unknown_field_is_tolerated_in_reading_and_refused_in_building(event):
    """A newer publisher may add fields; our own cannot misspell one."""
    data = event.example | {"invented_later": 1}
    assert event.read(event.example) == event.read(data)
    with pytest.raises(ValidationError, match="invented_later"):
        event(**data)


def test_unknown_field_of_a_part_is_tolerated_in_reading_and_refused_in_building():
    """The same holds for the parts of an event."""
    data = DiskPruned.example | {"channels": [DiskPruned.example["channels"][0] | {"invented_later": 1}]}
    assert DiskPruned.read(DiskPruned.example) == DiskPruned.read(data)
    with pytest.raises(ValidationError, match="invented_later"):
        DiskPruned(**data)


def test_event_cannot_be_changed():
    """What was said stays said."""
    with pytest.raises(ValidationError, match="frozen"):
        SegmentWritten.read(SegmentWritten.example).bytes = 1


def test_python_keyword_is_spelt_with_underscore_and_written_without():
    """`from_` in code is `from` in JSON, and only there."""
    built = OutboxTruncated(epoch="01KAQFYK00N8TG6ZQ3V5M7W9XA", from_=1, to=2, bytes=3, max_bytes=4)
    assert built.document() == {"epoch": "01KAQFYK00N8TG6ZQ3V5M7W9XA", "from": 1, "to": 2, "bytes": 3, "max_bytes": 4}
    with pytest.raises(EventDataError, match="from: Field required"):
        OutboxTruncated.read({"epoch": "01KAQFYK00N8TG6ZQ3V5M7W9XA", "from_": 1, "to": 2, "bytes": 3, "max_bytes": 4})


WRONG_VALUES = {
    "path with parent": ("path", "lobby/../../etc/passwd"),
    "path that is absolute": ("path", "/srv/saksi/lobby.mp4"),
    "path with backslash": ("path", "lobby\\a.mp4"),
    "path with an empty part": ("path", "lobby//a.mp4"),
    "path that ends in a slash": ("path", "lobby/"),
    "path with a newline": ("path", "lobby/a.mp4\n"),
    "hidden path": ("path", "lobby/.saksi"),
    "time without zone": ("start", "2026-11-23T02:21:00.000"),
    "time with offset": ("start", "2026-11-23T02:21:00.000+00:00"),
    "time without milliseconds": ("start", "2026-11-23T02:21:00Z"),
    "time that is no date": ("start", "2026-02-30T02:21:00.000Z"),
    "time in other digits": ("start", "٢٠٢٦-11-23T02:21:00.000Z"),
    "time with a newline": ("start", "2026-11-23T02:21:00.000Z\n"),
    "end before start": ("end", "2026-11-23T02:20:59.999Z"),
    "number that is not one": ("duration_s", math.nan),
    "number without end": ("duration_s", math.inf),
    "negative duration": ("duration_s", -0.001),
    "number in a string": ("bytes", "1"),
    "fraction of a byte": ("bytes", 1.5),
    "truth as a number": ("bytes", True),
    "more than a database holds": ("bytes", 2**63),
    "hash in capitals": ("sha256", "A" * 64),
    "reason that is not coded": ("reason", "because"),
    "video without size": ("video", SegmentWritten.example["video"] | {"width": 0}),
}


@pytest.mark.parametrize(("field", "value"), WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_wrong_value_is_refused_in_building_and_reading(field, value):
    """A value out of bounds is refused on both ends."""
    data = SegmentWritten.example | {field: value}
    with pytest.raises(ValidationError):
        SegmentWritten(**data)
    with pytest.raises(EventDataError, match=r"^segment_written: "):
        SegmentWritten.read(data)


def test_seconds_are_rounded_to_microseconds():
    """Floating-point noise does not reach the payload."""
    assert SegmentWritten.read(SegmentWritten.example | {"duration_s": 0.1 + 0.2}).duration_s == 0.3


def test_camera_words_are_made_printable_and_short():
    """Whatever a camera answered, the event that quotes it is published."""
    stopped = RecordingStopped(reason="stream_error", detail="\x1b[31mno\r\n\udcff" + "x" * 1000, retry_in_s=None)
    assert stopped.detail.startswith("[31mno \ufffdx")
    assert len(stopped.detail) == 500


REDACTED = {
    "rtsp://edge:geheim@10.0.0.11/main": "rtsp://edge:***@10.0.0.11/main",
    "rtsp://edge:a@b:c@10.0.0.11/main": "rtsp://edge:***@10.0.0.11/main",
    "rtsp://edge:a/b@10.0.0.11/main": "rtsp://edge:***@10.0.0.11/main",
    "rtsp://:geheim@10.0.0.11/main": "rtsp://:***@10.0.0.11/main",
    "rtsp://edge@10.0.0.11:554/main": "rtsp://edge@10.0.0.11:554/main",
    "rtsp://10.0.0.11:554/main": "rtsp://10.0.0.11:554/main",
    "rtsp://[fe80::1]:554/main": "rtsp://[fe80::1]:554/main",
    "rtsp://10.0.0.11/v?user=a&password=geheim&x=1": "rtsp://10.0.0.11/v?user=a&password=***&x=1",
    "rtsp://10.0.0.11/user=a_Password=geheim_channel=1": "rtsp://10.0.0.11/user=a_Password=***",
}


@pytest.mark.parametrize(("url", "shown"), REDACTED.items())
def test_password_never_gets_into_an_event(url, shown):
    """The type of the field takes the password out, whoever forgot to."""
    assert shown == RecordingStarted.read(RecordingStarted.example | {"url": url}).url


def test_report_of_a_newer_site_reads_without_what_it_added():
    """Also deep inside: a channel may have gained a field."""
    (lobby, *others), report = SiteReported.example["report"]["channels"], dict(SiteReported.example["report"])
    report |= {"weather": "rain", "channels": [lobby | {"zoom": 2}, *others]}
    read = SiteReported.read(SiteReported.example | {"report": report})
    assert read == SiteReported.read(SiteReported.example)


@pytest.mark.parametrize(("event_type", "version"), [("segment_written", 2), ("door_opened", 1)])
def test_unknown_type_or_version_is_kept_as_it_is(event_type, version):
    """A journal can keep what this release does not understand."""
    assert UnknownEvent(event_type, version, {"a": 1}) == read(event_type, version, {"a": 1})

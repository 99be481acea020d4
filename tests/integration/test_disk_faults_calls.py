"""Recorder and retention together while the calls of a real disk fail: named, survived, and all is well afterwards."""

import errno
import time
from pathlib import Path

import pytest
from acceptance_support import until
from faulty_site import CHANNELS, FaultySite, faulty_site
from retention_site import small_disk

from edge.config import load
from edge.verify.main import verify

WRITING = CHANNELS[:5]
FAULTS = [
    {errno.ENOSPC: (WRITING, "disk_full")},
    {errno.EIO: (CHANNELS, "storage_missing")},
    {errno.EDQUOT: (("write", "fsync"), "disk_full"), errno.EROFS: (("create", "rename"), "storage_missing")},
]


@pytest.fixture
def site(tmp_path: Path, mosquitto):
    with small_disk(tmp_path, 48) as root, faulty_site(tmp_path, root, mosquitto.port) as one:
        yield one


@pytest.mark.timeout(200)
def test_writing_that_fails_is_named_and_recording_resumes_by_itself(site: FaultySite):
    """At each call, with each error: told with its reason, the channels that are spared have no gap, and all is whole."""
    for errors in FAULTS:
        mark = site.mark()
        reasons = {call: reason for calls, reason in errors.values() for call in calls}
        calls = tuple(reasons)
        site.fail_each({call: number for number, (failing, _) in errors.items() for call in failing})
        stopped = site.wait(mark, "recorder", "recording_stopped", calls)
        assert {(one.channel, one.data["reason"]) for one in stopped} == set(reasons.items())
        mended = site.mark()
        site.mend()
        site.wait(mended, "recorder", "recording_started", calls)
        site.wait_for_recording()
        gaps = {one.channel for one in site.since(mark, "recorder", "segment_written") if one.data["gap_before_s"]}
        assert gaps == set(calls), errors
    site.stop()
    assert site.assert_files_and_events_agree() > len(CHANNELS)


@pytest.mark.timeout(200)
def test_deletion_that_fails_is_named_and_goes_on_by_itself(site: FaultySite):
    """The disk gives EIO, then turns read-only for whoever deletes: no second receipt, and recording has no gap."""
    for number, fault in ((errno.EIO, "io_error"), (errno.EROFS, "read_only")):
        site.wait(site.mark(), "retention", "disk_pruned")
        mark = site.mark()
        site.fail("unlink", number=number, part=".mp4")
        assert site.wait(mark, "retention", "disk_faulty")[0].data["fault"] == fault
        site.mend()
        assert site.wait(mark, "retention", "disk_recovered")[0].data["was"] == "faulty"
        site.wait(site.mark(), "retention", "disk_pruned")
    site.stop()
    told = site.said("recorder")
    assert not [one for one in told if one.type == "segment_written" and one.data["gap_before_s"]]
    assert {one.data["reason"] for one in told if one.type == "recording_stopped"} == {"shutdown"}
    site.assert_files_and_events_agree()
    receipts = [one.data for one in site.said("retention") if one.type == "disk_pruned"]
    written = {one.data["path"]: one.data["bytes"] for one in told if one.type == "segment_written"}
    gone = {path for path in written if not (site.root / path).exists()}
    assert sum(one["segments"] for one in receipts) == len(gone)
    assert sum(one["bytes"] for one in receipts) == sum(written[path] for path in gone)


@pytest.mark.timeout(100)
def test_verifying_while_the_site_records_and_deletes_finds_nothing(site: FaultySite):
    """Files come and go under the walk: what is on its way to be announced or receipted is not called off."""
    site.wait(site.mark(), "retention", "disk_pruned")
    reports = [verify(load(site.config_path))]

    def verified() -> bool:
        reports.append(verify(load(site.config_path)))
        assert reports[-1].is_ok, reports[-1].findings
        return len(reports) > 20 and reports[-1].pruned >= reports[0].pruned + 12

    until(verified, 60, lambda: str(reports[-1]))
    site.stop()


@pytest.mark.timeout(200)
def test_slow_disk_costs_no_picture_and_a_hanging_one_is_told_of(site: FaultySite):
    """Seconds of waiting stay in memory; a disk that hangs is named while it hangs, and nothing that came is lost."""
    site.wait_for_recording()
    mark = site.mark()
    site.fail("write", "fdatasync", number=0, delay_ms=600, part=".mp4")
    time.sleep(4)
    site.mend()
    site.wait_for_recording()
    assert not site.since(mark, "recorder", "recording_stopped")
    mark = site.mark()
    site.fail("fdatasync", number=0, delay_ms=13_000, part=".mp4")
    time.sleep(3)
    site.mend()  # who waits goes on waiting
    stopped = site.wait(mark, "recorder", "recording_stopped", CHANNELS)
    assert all("has not answered for" in one.data["detail"] for one in stopped)
    site.wait_for_recording()
    site.stop()
    written = [one.data for one in site.said("recorder") if one.type == "segment_written"]
    assert sum(one["dropped_fragments"] for one in written) == 0
    site.assert_files_and_events_agree()

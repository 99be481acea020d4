"""A disk that takes no further file although it has bytes free: retention makes room of that kind too, and says so."""

import os
from pathlib import Path

from retention_site import MINUTE_MS, NOW_MS, RetentionSite, small_disk

from edge.recordings.tree import LEAST_FREE_FILES


def crowd(folder: Path, left: int) -> Path:
    """Somebody else's files, until so many more fit."""
    folder.mkdir()
    number = 0
    while os.statvfs(folder).f_favail > left:
        (folder / str(number)).touch()
        number += 1
    return folder


def test_disk_short_of_files_is_pruned_until_files_fit_again(tmp_path: Path):
    """Not more than that, oldest first, with receipts; the disk is low only when nothing of ours is left to go."""
    with small_disk(tmp_path, 32) as root:
        site = RetentionSite(tmp_path, root, ("lobby",))
        for minute in range(100):
            site.record("lobby", NOW_MS - (300 - minute) * MINUTE_MS, 20_000)
        site.open()
        site.settle()
        theirs = crowd(root / "theirs", 10)
        site.look(10)
        assert os.statvfs(root).f_favail >= LEAST_FREE_FILES
        left = site.names()
        assert 100 - LEAST_FREE_FILES - 40 <= len(left) < 100
        assert left[0].start_ms > NOW_MS - 300 * MINUTE_MS
        assert {event["rule"] for event in site.said("disk_pruned")} == {"space"}
        assert not site.said("disk_low")
        crowd(root / "more", 0)
        site.look(10)
        assert site.names() == []
        assert [event["reason"] for event in site.said("disk_low")] == ["files"]
        crowd(root / "most", 0)
        site.look(3)
        assert [event["reason"] for event in site.said("disk_full")] == ["files"]
        for folder in (theirs, root / "more", root / "most"):
            for path in folder.iterdir():
                path.unlink()
        site.look(3)
        assert site.said("disk_recovered")[-1]["was"] == "full"
        told = site.said("disk_pruned")
        assert sum(event["segments"] for event in told) == 100
        site.close()

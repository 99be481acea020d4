"""A real ext4 that finds an error in mid-segment, is repaired, and is recorded to again."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from recorded_channel import FPS, RecordedChannel, encode
from recorded_lane import RecordedLane, mount, unmount

from edge.errors import StorageMissing

MIB = 1 << 20
SECOND = FPS


@pytest.fixture(scope="session")
def clip():
    """Parameter sets and pictures of half a minute."""
    return encode(30 * FPS)


def mount_image(image: Path, folder: Path) -> Path:
    """Mount an ext4 image as a site's disk is; returns where the kernel takes a made-up error of it."""
    mount("-o", "loop,errors=remount-ro", str(image), str(folder))
    devices = [
        line.split()[0] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[1] == str(folder)
    ]
    return Path("/sys/fs/ext4") / Path(devices[-1]).name / "trigger_fs_error"


def test_file_system_that_shuts_itself_is_repaired_and_recorded_to_again(tmp_path: Path, clip):
    """A real ext4 that finds an error turns read-only in mid-segment; repaired, what it kept is told of, and no more."""
    if shutil.which("mkfs.ext4") is None or shutil.which("e2fsck") is None:
        pytest.skip("e2fsprogs is not installed")
    sets, pictures = clip
    image, root = tmp_path / "image", tmp_path / "root"
    root.mkdir()
    image.write_bytes(b"")
    os.truncate(image, 24 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    trigger = mount_image(image, root)
    try:
        if not trigger.exists():
            pytest.skip("this kernel takes no made-up errors of ext4")
        channel = RecordedChannel(tmp_path, root=root)

        async def scenario() -> None:
            lane = RecordedLane(channel, sets)
            await lane.feed(pictures[: 2 * SECOND + 7])
            trigger.write_text("made up by a test\n")
            await lane.feed(pictures[2 * SECOND + 7 : 9 * SECOND])
            assert {type(error) for error in lane.troubles} == {StorageMissing}
            assert len(channel.events()) == 2
            unmount(root)
            repair(image)
            mount_image(image, root)
            await lane.feed(pictures[9 * SECOND : 20 * SECOND])
            await lane.end()

        asyncio.run(scenario())
        assert channel.assert_told_one_to_one() >= 8 * SECOND
        channel.close()
    finally:
        unmount(root)


def repair(image: Path) -> None:
    """As at a boot."""
    assert subprocess.run(["e2fsck", "-fy", str(image)], capture_output=True, check=False).returncode <= 1

"""Pictures of what a real recorder is writing, while it writes and after it was killed."""

import asyncio
import time

from demo_cameras import running_cameras
from pictured_segments import pixels
from recording_site import recording_site

from edge.clock import SystemClock
from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec
from edge.web.pictures import FRESH_S, Pictures

CAMERAS = [
    CameraSpec("lobby", ClipSpec("Lobby", width=320, height=180, seconds=4, audio="aac")),
    CameraSpec("parking", ClipSpec("Parking", width=320, height=180, seconds=4, codec="h265")),
]
LATEST_S = 12.0  # a keyframe a second, written within half a second; the rest is for a busy machine


class Always(SystemClock):
    """The machine's clocks, on which nothing stays fresh."""

    def __init__(self) -> None:
        self._asked = 0

    def monotonic_ns(self) -> int:
        self._asked += round(FRESH_S * 2e9)
        return self._asked


def test_pictures_of_a_recorder_are_recent_go_on_over_segments_and_survive_its_death(tmp_path):
    """H.264 with sound and H.265: a few seconds old at most, through three segments, and still there after kill -9."""

    async def watch(site, pictures):
        for channel in ("lobby", "parking"):
            etags, deadline_s = set(), time.monotonic() + 60
            while len(etags) < 5 or len(site.segments(channel)) < 2:
                picture = await pictures.newest(channel, 320)
                if picture is not None:
                    assert time.time() - picture.taken_ms / 1000 < LATEST_S
                    assert pixels(picture.jpeg).shape == (180, 320, 3)
                    etags.add(picture.etag)
                assert time.monotonic() < deadline_s, site.log()
                await asyncio.sleep(0.05)
        site.kill()
        last = {channel: await pictures.newest(channel, 320) for channel in ("lobby", "parking")}
        fresh = Pictures(site.root, SystemClock())
        try:
            for channel, picture in last.items():
                again = await fresh.newest(channel, 320)
                assert (again.etag, again.jpeg) == (picture.etag, picture.jpeg)
        finally:
            await fresh.close()

    async def test(site):
        pictures = Pictures(site.root, Always())
        try:
            await watch(site, pictures)
        finally:
            await pictures.close()

    with running_cameras(CAMERAS) as cameras, recording_site(cameras.urls, tmp_path, segment_s=2) as site:
        asyncio.run(test(site))

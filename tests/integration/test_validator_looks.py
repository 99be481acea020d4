"""Looks at real segments with a real decoder: what is found, and that bad input is counted and never a wrong verdict."""

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from pictured_segments import START_MS, SegmentFile

from edge.bus.outbox import Outbox
from edge.clock import ManualClock
from edge.config import ChannelConfig, Config, StorageConfig, ValidatorConfig
from edge.decoding.process import NoPicture, PictureProcess
from edge.demo.clips import ClipSpec, default_cache_dir, load_clip
from edge.recordings.segment import SegmentName
from edge.validator import ledger
from edge.validator.feed import Finished, Turned
from edge.validator.judge import ChannelJudge
from edge.validator.rejection import Span
from edge.validator.site import SiteValidator

CLIP = ClipSpec("looked-at", width=320, height=180, fps=10, seconds=11, gop_s=1.0, bitrate=600_000)
BLACK = replace(CLIP, look="black")
EPOCH = "01JZZZZZZZZZZZZZZZZZZZZZZZ"


class Site:
    """A validator over a folder that the test fills, on a clock that it moves; a look a second."""

    def __init__(self, folder: Path, *, every_s: float = 1.0) -> None:
        self.root = folder / "segments"
        self.root.mkdir(exist_ok=True)
        self.clock = ManualClock(START_MS * 1_000_000)
        self.config = Config(
            site="test-site",
            state_dir=folder / "state",
            storage=StorageConfig(root=self.root),
            validator=ValidatorConfig(every_s=every_s),
            channels=(ChannelConfig(id="lobby", url="rtsp://10.0.0.1/main"),),
        )
        self.config.state_dir.mkdir(exist_ok=True)
        self.sequence = 0

    @asynccontextmanager
    async def open(self, **options):
        """One life of the validator."""
        outbox = Outbox.open(
            self.config.state_dir / "validator.outbox",
            site="test-site",
            process="validator",
            clock=self.clock,
            state_schema=ledger.STATE_SCHEMA,
        )
        self.outbox = outbox
        self.validator = SiteValidator(self.config, outbox, self.clock, **options)
        try:
            yield self
        finally:
            await self.validator.close()
            outbox.close()

    async def look(self, seconds: float = 1.0) -> None:
        """One look, and time goes on."""
        await self.validator._look("lobby")
        self.validator._tick_due_ns = 0
        self.validator.tick()
        self.clock.advance(seconds)

    async def watch(self, segment: SegmentFile, seconds: int, **growth) -> None:
        """Look at a segment that grows, once a second."""
        for _ in range(seconds):
            segment.grow(**growth)
            await self.look()

    async def finished(self, segment: SegmentFile) -> None:
        """Finish a segment and say so, as the recorder does."""
        segment.finish()
        start_ms = segment.name.start_ms
        await self.validator._take([Finished("lobby", Span(start_ms, start_ms + segment.fragments * 500))])

    async def turned(self, stopped: str | None) -> None:
        """The recorder says that it stopped or began."""
        self.sequence += 1
        at_ms = self.clock.wall_ns() // 1_000_000
        await self.validator._take([Turned("lobby", (EPOCH, self.sequence), stopped, at_ms)])

    def next_segment(self, spec: ClipSpec = CLIP) -> SegmentFile:
        """A segment that begins now."""
        return SegmentFile(self.root, "lobby", self.clock.wall_ns() // 1_000_000, spec)

    @property
    def metrics(self):
        return self.validator.metrics()

    def said(self):
        """What it said, shortly."""
        rows = [json.loads(row.payload) for row in self.outbox.rows(0)]
        kinds = {"channel_invalid": "reason", "channel_valid": "was", "segment_rejected": "reason"}
        return [(kind, one["data"][kinds[kind]]) for one in rows if (kind := one["type"].split(".")[1]) in kinds]


def live(folder: Path, story, **options) -> Site:
    """Live through a story in one life."""
    site = Site(folder)

    async def run() -> None:
        async with site.open(**options):
            await story(site)

    asyncio.run(run())
    return site


def test_good_channel_is_looked_at_and_nothing_is_said(tmp_path):
    """Growing and finished segments, one after the other."""

    async def story(site):
        for _ in range(3):
            segment = site.next_segment()
            await site.watch(segment, 6)
            await site.finished(segment)
        assert site.metrics["looks"] == 18
        assert site.metrics["skipped"] == {}
        assert site.said() == []

    live(tmp_path, story)


def test_no_keyframe_is_looked_at_twice(tmp_path):
    """The same picture again would seem frozen."""

    async def story(site):
        await site.watch(site.next_segment(), 4)
        for _ in range(10):
            await site.look()
        assert site.metrics["looks"] == 4
        assert site.said() == []

    live(tmp_path, story)


def test_verdict_and_stretch_outlive_a_restart(tmp_path):
    """What was said is not said again, and segments go on being rejected."""
    site = Site(tmp_path)

    async def first():
        async with site.open():
            await site.watch(site.next_segment(), 4)
            segment = site.next_segment(BLACK)
            await site.watch(segment, 6)
            await site.finished(segment)
            return site.said()

    async def second():
        async with site.open():
            for _ in range(2):
                segment = site.next_segment(BLACK)
                await site.watch(segment, 4)
                await site.finished(segment)
            await site.watch(site.next_segment(BLACK), 2)
            rejected = site.said()
            await site.watch(site.next_segment(), 5)
            return rejected, site.said()

    before = asyncio.run(first())
    (kind, reason), *_ = before
    assert kind == "channel_invalid"
    rejected, after = asyncio.run(second())
    assert rejected[: len(before)] == before
    assert rejected.count(("channel_invalid", reason)) == 1
    assert ("segment_rejected", reason) in rejected[len(before) :]
    assert after[-1] == ("channel_valid", reason)


def test_segments_of_a_pause_are_looked_into_afterwards(tmp_path):
    """While the validator was away two segments were written, the second of them black."""

    async def story(site):
        segment = site.next_segment()
        await site.watch(segment, 5)
        await site.finished(segment)
        looked = site.metrics["looks"]
        for spec in (CLIP, BLACK):
            segment = site.next_segment(spec).grow(10)
            site.clock.advance(10)
            await site.finished(segment)
        assert site.metrics["segments_waiting"] == 2
        for _ in range(20):
            await site.look(0.1)
        assert site.metrics["segments_waiting"] == 0
        assert site.metrics["looks"] >= looked + 8
        assert [kind for kind, _ in site.said()] == ["channel_invalid"]

    live(tmp_path, story)


def test_trouble_of_the_recorder_is_said_once_and_ends_with_a_clean_picture(tmp_path):
    """One stream of truth about a channel."""

    async def story(site):
        await site.watch(site.next_segment(), 4)
        await site.turned("unreachable")
        for _ in range(5):
            await site.look()
        assert site.said() == [("channel_invalid", "unreachable")]
        await site.turned(None)
        await site.watch(site.next_segment(), 3)
        assert site.said() == [("channel_invalid", "unreachable"), ("channel_valid", "unreachable")]

    live(tmp_path, story)


def test_old_words_of_the_recorder_that_come_again_change_nothing(tmp_path):
    """Events of long ago are published again when somebody asks for them."""

    async def story(site):
        old_ms = site.clock.wall_ns() // 1_000_000 - 3_600_000
        await site.turned(None)
        await site.watch(site.next_segment(), 4)
        await site.validator._take([Turned("lobby", (EPOCH, 1), "unreachable", old_ms)])
        await site.validator._take([Turned("lobby", ("01A" + EPOCH[3:], 99), "auth_failed", old_ms)])
        await site.watch(site.next_segment(), 4)
        assert site.said() == []

    live(tmp_path, story)


def test_channel_that_was_black_from_the_first_picture_on_rejects_from_its_first_segment_on(tmp_path):
    """Nothing counts before the first connection was judged."""

    async def story(site):
        for _ in range(3):
            segment = site.next_segment(BLACK)
            await site.watch(segment, 3)
            await site.finished(segment)
        await site.look()
        reason = site.said()[0][1]
        assert site.said()[0] == ("channel_invalid", reason)
        assert site.said().count(("segment_rejected", reason)) >= 2
        rejected = [json.loads(row.payload) for row in site.outbox.rows(0) if b"segment_rejected" in row.payload]
        paths = [one["data"]["path"] for one in rejected]
        assert paths[0] == SegmentName("lobby", START_MS).path
        assert len(paths) == len(set(paths))

    live(tmp_path, story)


def test_change_of_size_within_a_channel_is_no_fault(tmp_path):
    """Another resolution begins another segment."""

    async def story(site):
        for width, height in ((320, 180), (640, 360), (160, 120), (320, 180)):
            segment = site.next_segment(replace(CLIP, width=width, height=height))
            await site.watch(segment, 5)
            await site.finished(segment)
        assert site.metrics["looks"] == 20
        assert site.said() == []

    live(tmp_path, story)


def test_finished_segment_of_noise_is_undecodable(tmp_path):
    """Every keyframe that is tried is nothing: the segment is not worth keeping, and the channel has no video."""

    async def story(site):
        await site.watch(site.next_segment(), 4)
        for _ in range(2):
            segment = site.next_segment()
            for second in range(8):
                segment.grow()
                segment.spoil(second)
                await site.look()
            await site.finished(segment)
        for _ in range(12):
            await site.look(0.2)
        assert ("segment_rejected", "undecodable") in site.said()
        assert ("channel_invalid", "no_video") in site.said()
        assert site.metrics["skipped"]["damaged"] >= 5
        await site.watch(site.next_segment(), 4)
        assert site.said()[-1] == ("channel_valid", "no_video")

    live(tmp_path, story)


@pytest.mark.parametrize("kind", ["empty", "text", "head only", "torn head", "a folder", "a link", "gone"])
def test_file_that_is_no_segment_is_counted_or_named_and_never_a_verdict(tmp_path, kind):
    """Whatever lies where a finished segment should: no crash, nothing said about the channel."""

    async def story(site):
        await site.watch(site.next_segment(), 4)
        site.clock.advance(5)
        segment = site.next_segment().grow(5)
        site.clock.advance(5)
        segment.finish()
        whole = segment.path.read_bytes()
        segment.path.unlink()
        if kind == "a folder":
            segment.path.mkdir()
        elif kind == "a link":
            segment.path.symlink_to("/etc/hostname")
        elif kind != "gone":
            contents = {"empty": b"", "text": b"nothing" * 999, "head only": whole[:1500], "torn head": whole[:300]}
            segment.path.write_bytes(contents[kind])
        await site.validator._take([Finished("lobby", Span(segment.name.start_ms, segment.name.start_ms + 5000))])
        for _ in range(6):
            await site.look(0.2)
        assert {what for what, _ in site.said()} <= {"segment_rejected"}
        assert {why for _, why in site.said()} <= {"undecodable"}
        await site.watch(site.next_segment(), 4)
        assert not any(what == "channel_invalid" for what, _ in site.said())

    live(tmp_path, story)


def test_segment_that_is_cut_anywhere_is_never_a_wrong_verdict(tmp_path):
    """Truncated while it is read, over and over: what is whole is judged, the rest is not."""

    async def story(site):
        await site.watch(site.next_segment(), 5)
        segment = site.next_segment().grow(6)
        whole = segment.path.read_bytes()
        random = np.random.default_rng(5)
        for cut in [*random.integers(0, len(whole), 25), 0, 1, len(whole) - 1]:
            segment.path.write_bytes(whole[: int(cut)])
            await site.look()
        assert site.said() == []

    live(tmp_path, story)


def test_file_pruned_between_finding_and_reading_is_a_counted_skip(tmp_path, monkeypatch):
    """Retention deletes what is being looked at."""

    async def story(site):
        newest = site.validator._looker._newest
        find = newest.find

        def find_and_prune(channel, now_ms):
            found = find(channel, now_ms)
            for path in site.root.rglob("*.mp4"):
                path.unlink()
            return found

        monkeypatch.setattr(newest, "find", find_and_prune)
        for _ in range(3):
            site.next_segment().grow(2)
            await site.look()
        assert site.metrics["skipped"] == {"torn": 3}
        assert site.metrics["looks"] == 0
        assert site.said() == []

    live(tmp_path, story)


def test_decoder_that_dies_or_hangs_says_nothing_about_the_channel(tmp_path):
    """The channel is left alone for a while; the process goes on, and the next decoder looks again."""
    hang = (sys.executable, "-c", "import time; time.sleep(600)")

    async def story(site):
        segment = site.next_segment()
        for _ in range(3):
            segment.grow()
            await site.look()
        assert site.metrics["skipped"] == {"decoder": 3}
        site.validator._looker._decoder = PictureProcess()
        await site.watch(segment, 4)
        assert site.metrics["looks"] == 4
        assert site.said() == []

    live(tmp_path, story, decoder=PictureProcess(hang, timeout_s=0.2))
    (tmp_path / "other").mkdir()

    async def dies(site):
        site.next_segment().grow()
        await site.look()
        assert site.metrics["skipped"] == {"decoder": 1}

    live(tmp_path / "other", dies, decoder=PictureProcess((sys.executable, "-c", "")))


def test_outbox_that_takes_nothing_loses_no_event(tmp_path, monkeypatch):
    """A full disk: what is to be said waits, in order, and is said once."""

    async def story(site):
        from edge.bus.outbox import OutboxUnavailable

        append = site.outbox.append_many

        def refuse(*_args, **_options):
            raise OutboxUnavailable("the disk is full")

        monkeypatch.setattr(site.outbox, "append_many", refuse)
        segment = site.next_segment(BLACK)
        await site.watch(segment, 5)
        assert site.said() == []
        assert await site.validator._take([Finished("lobby", Span(segment.name.start_ms, START_MS + 4000))]) is False
        monkeypatch.setattr(site.outbox, "append_many", append)
        await site.watch(segment, 1)
        assert [what for what, _ in site.said()].count("channel_invalid") == 1

    live(tmp_path, story)


def coded(
    codec: str, pixel_format: str, color_range: int, *, size: tuple[int, int] = (320, 180), **options: str
) -> bytes:
    """One picture of a ramp with colour, coded in some format."""
    width, height = size
    ramp = np.tile(np.linspace(30, 220, width, dtype=np.uint8), (height, 1))
    rgb = np.dstack([ramp, ramp[:, ::-1], np.full_like(ramp, 90)])
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
        format=pixel_format, dst_color_range=color_range, dst_colorspace=5
    )
    context = av.CodecContext.create({"h264": "libx264", "h265": "libx265"}[codec], "w")
    context.width, context.height, context.pix_fmt = width, height, pixel_format
    context.time_base, context.color_range = Fraction(1, 25), color_range
    context.options = {"preset": "ultrafast", **options}
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


@pytest.mark.parametrize(
    ("codec", "pixel_format", "color_range"),
    [
        ("h264", "yuv420p", 2), ("h264", "yuvj420p", 2), ("h264", "yuv420p10le", 1), ("h264", "yuv422p", 1),
        ("h264", "gray", 1), ("h265", "yuv420p", 1), ("h265", "yuv420p", 2), ("h265", "yuv420p10le", 1),
        ("h265", "gray", 1), ("h265", "yuv420p10le", 2), ("h264", "yuv444p", 1),
    ],
)  # fmt: skip
def test_ten_bits_and_full_range_look_like_eight_bits_and_limited_range(codec, pixel_format, color_range):
    """The judge sees the same picture, whatever the camera's way of coding it."""
    quiet = {"x265-params": "log-level=error"} if codec == "h265" else {}

    async def ask():
        decoder = PictureProcess()
        try:
            plain = await decoder.pixels("h264", 320, coded("h264", "yuv420p", 1))
            other = await decoder.pixels(codec, 320, coded(codec, pixel_format, color_range, **quiet))
        finally:
            await decoder.end()
        return [np.frombuffer(one.data, np.uint8).reshape(180, 320, 3).astype(int) for one in (plain, other)]

    plain, other = asyncio.run(ask())
    if pixel_format == "gray":
        plain, other = plain @ [0.114, 0.587, 0.299], other.mean(axis=2)
    assert np.abs(plain - other).mean() < 3


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((1280, 720), {"x264-params": "interlaced=1"}),
        ((704, 576), {"x264-params": "interlaced=1:sar=12/11"}),
        ((323, 181), {}),
        ((162, 120), {}),
        ((2560, 64), {}),
        ((64, 720), {}),
    ],
    ids=["interlaced", "interlaced, wide pixels", "odd sides", "small", "very wide", "very high"],
)
def test_picture_of_any_shape_can_be_judged(size, options):
    """Odd sides, fields and wide pixels: a picture in square pixels that the judge takes, or none for a named reason."""

    async def ask():
        decoder = PictureProcess()
        try:
            return await decoder.pixels("h264", 320, coded("h264", "yuv444p", 1, size=size, **options))
        finally:
            await decoder.end()

    shown = asyncio.run(ask())
    picture = np.frombuffer(shown.data, np.uint8).reshape(shown.height, shown.width, 3)
    judge = ChannelJudge()
    judge.look(picture, 0)
    assert judge.look(picture, 10_000).change is None
    luma = picture.mean(axis=(0, 2))
    assert luma[-5] != luma[5]


@pytest.mark.parametrize(("codec", "shares"), [("h264", (0.1, 0.5, 0.95)), ("h265", (0.1, 0.3))])
def test_equal_keyframes_give_equal_pixels_and_partial_ones_none(codec, shares):
    """Frozen is found by equality; what a decoder paints over missing parts is not to be judged."""
    clip = load_clip(replace(CLIP, codec=codec), default_cache_dir())
    *sets, slices = clip.units[0].nals

    def stream(last: bytes) -> bytes:
        return b"".join(b"\0\0\0\1" + nal for nal in (*sets, last))

    async def ask():
        decoder = PictureProcess()
        try:
            first, again = [await decoder.pixels(codec, 320, stream(slices)) for _ in range(2)]
            assert first == again
            assert (first.width, first.height) == (320, 180)
            for share in shares:
                part = stream(slices[: int(len(slices) * share)])
                with pytest.raises(NoPicture) as refusal:
                    await decoder.pixels(codec, 320, part)
                assert type(refusal.value) is NoPicture
                assert (await decoder.picture(codec, 320, part)).startswith(b"\xff\xd8")
        finally:
            await decoder.end()

    asyncio.run(ask())

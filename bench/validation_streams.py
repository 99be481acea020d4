"""Whole streams for the validation benchmark: scenes that move from frame to frame, and encoders that keep a bit rate.

A look gets what the validator gets: the picture of the newest keyframe, and how each picture since the last look was
coded.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import av
import cv2
import numpy as np
from validation_scenes import HEIGHT, WIDTH, Camera, Sky, judged, write_clock

from edge.codec.formats import VideoCodec, VideoFormat
from edge.codec.quantiser import QuantiserReader
from edge.recordings.coded import MOST_PICTURES, CodedPicture
from edge.validator.judge import ChannelJudge

FPS = 8
LOOK_FRAMES, SHORT_LOOK_FRAMES = 10 * FPS, 4 * FPS
WARM_UP_LOOKS, FROZEN_LOOKS = 30, 6
DAY, NIGHT = Sky(), Sky(light=0.9, infrared=True, people=0, noise=3.0, moving=False)


@dataclass(frozen=True)
class Coding:
    """How a camera encodes: at one quality (`qp`), or at a bit rate, with a buffer of some seconds or free."""

    preset: str
    gop_s: int
    qp: int | None = None
    kilobits: int | None = None
    buffer_s: float | None = None
    codec: str = "libx264"

    @property
    def name(self) -> str:
        """The kind that the table sums up."""
        if self.qp is not None:
            return "constant quality"
        return "average bit rate" if self.buffer_s is None else f"constant bit rate, buffer of {self.buffer_s:g} s"


def some_coding(random: np.random.Generator) -> Coding:
    """A camera's setting: 640 x 360 at 8 pictures a second."""
    preset, gop_s = str(random.choice(["ultrafast", "veryfast", "medium"])), int(random.choice([1, 2, 4]))
    codec = "libx265" if random.random() < 0.15 else "libx264"
    if random.random() < 0.25:
        return Coding(preset, gop_s, qp=int(random.integers(26, 38)), codec=codec)
    kilobits = int(random.choice([150, 300, 500, 1000]))
    buffer_s = [None, 0.5, 1.0, 2.0][int(random.integers(4))]
    return Coding(preset, gop_s, kilobits=kilobits, buffer_s=buffer_s, codec=codec)


def freezes(sources: dict[str, list[np.ndarray]], tries: int, seed: int) -> list[list[object]]:
    """A freeze between sensor and encoder, looks 10 s apart: found within three looks, within six, alarms before."""
    results: dict[str, list[tuple[bool, bool, int]]] = defaultdict(list)
    for number in range(tries):
        random = np.random.default_rng(seed + number)
        coding = some_coding(random)
        results[coding.name].append(_freeze(sources, coding, random))
    return [
        [
            name,
            len(found),
            *(f"{sum(one[place] for one in found) / len(found):.0%}" for place in (0, 1)),
            sum(one[2] for one in found),
        ]
        for name, found in sorted(results.items())
    ]


def _freeze(
    sources: dict[str, list[np.ndarray]], coding: Coding, random: np.random.Generator
) -> tuple[bool, bool, int]:
    film = _some_film(sources, random)
    noise = float(random.choice([0.5, 1, 2, 3, 4]))
    sky = (
        replace(NIGHT, noise=noise)
        if random.random() < 0.4
        else replace(DAY, noise=noise, people=int(random.integers(5)))
    )

    def scenes() -> Iterator[Iterable[np.ndarray]]:
        for _ in range(WARM_UP_LOOKS - 1):
            yield film.frames(sky, LOOK_FRAMES)
        last = list(film.frames(sky, LOOK_FRAMES))
        yield last
        for _ in range(FROZEN_LOOKS):
            yield [last[-1]] * LOOK_FRAMES

    judge, found, alarms = ChannelJudge(), 0, 0
    for place, look in enumerate(looks(coding, scenes())):
        change = judge.look(look.picture, place * 10_000, look.coded).change if look else None
        if change and change.now:
            alarms += place < WARM_UP_LOOKS
            found = found or max(0, place + 1 - WARM_UP_LOOKS)
    return 0 < found <= 3, found > 0, alarms


def _some_film(sources: dict[str, list[np.ndarray]], random: np.random.Generator) -> "Film":
    views = sources[str(random.choice(list(sources)))]
    return Film(Camera(views, int(random.integers(2**32))), is_recording=len(views) > 1)


Story = Callable[[np.random.Generator, int, tuple[float, float]], Iterator[tuple[str, Sky]]]


def stream_days(
    sources: dict[str, list[np.ndarray]], days: int, quiet_looks: int, seed: int, story: Story
) -> list[list[object]]:
    """Alarms over days told short as streams, after which crowds come and go; looks are 4 s apart."""
    rows: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for number in range(days):
        random = np.random.default_rng(seed + number)
        coding, film, judge = some_coding(random), _some_film(sources, random), ChannelJudge()
        noise = float(random.choice([0.3, 1, 2, 3]))
        parts = [*story(random, quiet_looks, (float(random.choice([0.5, 2, 4])), noise)), *_crowds(random, noise)]
        scenes = (film.frames(sky, SHORT_LOOK_FRAMES) for _, sky in parts)
        row = rows[coding.name]
        row[0] += 1
        for place, look in enumerate(looks(coding, scenes)):
            row[1] += look is not None
            change = judge.look(look.picture, place * 4_000, look.coded).change if look else None
            if change and change.now:
                row[2] += 1
                print(f"!! day {number}, {coding}, {parts[place][0]}: {change.now.finding}")
    return [[name, *row] for name, row in sorted(rows.items())]


def _crowds(random: np.random.Generator, noise: float) -> Iterator[tuple[str, Sky]]:
    day = replace(DAY, noise=noise)
    for people in (8, 3):
        yield from (("crowd", replace(day, people=people)) for _ in range(40))
        closed = replace(day, people=0, moving=bool(random.integers(2)))
        yield from (("closed", closed) for _ in range(40))


class Film:
    """What one camera's sensor gives, frame after frame."""

    def __init__(self, camera: Camera, *, is_recording: bool) -> None:
        """`is_recording`: the views are frames of a recording, which go on by one each frame."""
        self._camera = camera
        self._is_recording = is_recording
        self._walkers: list[np.ndarray] = []

    def frames(self, sky: Sky, count: int) -> Iterator[np.ndarray]:
        """The frames between two looks; the light goes on drifting, people walk."""
        still = replace(sky, noise=0.0, people=0, rain=False)
        scene = self._camera.see(still, step=1 if self._is_recording else None)
        people = int(self._camera.random.integers(sky.people + 1)) if sky.moving or sky.people else 0
        for _ in range(count):
            if self._is_recording:
                scene = self._camera.see(replace(still, moving=False), step=1)
            picture = scene.astype(np.float32)
            self._walk(picture, people)
            if sky.rain:
                self._camera.rain(picture)
            yield self._camera.sense(picture, sky)

    def _walk(self, picture: np.ndarray, people: int) -> None:
        random = self._camera.random
        while len(self._walkers) < people:
            side = int(random.integers(2))
            speed = (1 - 2 * side) * random.uniform(2, 9)
            tone = random.integers(20, 230)
            self._walkers.append(np.array([side * WIDTH, random.integers(140, HEIGHT - 60), speed, tone]))
        for x, y, _, tone in self._walkers:
            cv2.ellipse(picture, (int(x), int(y) + 30), (14, 40), 0, 0, 360, (tone, tone * 0.8, tone * 0.9), -1)
            cv2.circle(picture, (int(x), int(y) - 18), 9, (120.0, 150.0, 190.0), -1)
        for walker in self._walkers:
            walker[0] += walker[2]
        self._walkers = [one for one in self._walkers if 0 <= one[0] <= WIDTH]


class Look(NamedTuple):
    """What the validator sees of the stream."""

    picture: np.ndarray
    coded: list[CodedPicture]


def looks(coding: Coding, scenes: Iterable[Iterable[np.ndarray]]) -> Iterator[Look | None]:
    """One look at the end of each scene; None where no keyframe is new. The camera writes its clock into the frames."""
    coder, stream = _coder(coding), _Stream("h265" if coding.codec == "libx265" else "h264")
    ends: deque[int] = deque()
    count = 0
    for scene in scenes:
        for picture in scene:
            frame = av.VideoFrame.from_ndarray(write_clock(picture, count // FPS), format="bgr24")
            frame.pts = count
            count += 1
            stream.packets += coder.encode(frame)
        ends.append(count)
        while ends and stream.packets and stream.packets[-1].pts >= ends[0]:
            yield stream.look(ends.popleft())
    stream.packets += coder.encode(None)
    for end in ends:
        yield stream.look(end)


class _Stream:
    """What came out of an encoder, and what a look finds of it."""

    def __init__(self, codec: VideoCodec) -> None:
        self.packets: deque[av.Packet] = deque()
        self._codec: VideoCodec = codec
        self._decoder = av.CodecContext.create("hevc" if codec == "h265" else "h264", "r")
        self._decoder.thread_count = 1
        self._reader: QuantiserReader | None = None
        self._coded: list[CodedPicture] = []
        self._since: list[CodedPicture] = []
        self._keyframe: av.Packet | None = None

    def look(self, end: int) -> Look | None:
        """The newest keyframe before a frame, and how the pictures from the last look's on to it were coded."""
        while self.packets and self.packets[0].pts < end:
            self._take(self.packets.popleft())
        if self._keyframe is None:
            return None
        frames = [*self._decoder.decode(self._keyframe), *self._decoder.decode(None)]
        self._decoder.flush_buffers()
        look = Look(judged(frames[0]), self._coded[-MOST_PICTURES:])
        self._keyframe, self._coded = None, []
        return look

    def _take(self, packet: av.Packet) -> None:
        data = bytes(packet)
        nals = [nal for nal in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if nal]
        if self._reader is None:
            self._reader = QuantiserReader(VideoFormat.parse(self._codec, nals))
        quantiser = next((found for nal in nals if (found := self._reader.of_slice(nal)) is not None), None)
        if packet.is_keyframe:
            self._coded += self._since
            self._since, self._keyframe = [], packet
        self._since.append(CodedPicture(len(data), packet.is_keyframe, quantiser))


def _coder(coding: Coding) -> av.VideoCodecContext:
    coder = av.CodecContext.create(coding.codec, "w")
    coder.width, coder.height, coder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    coder.time_base, coder.framerate = Fraction(1, FPS), Fraction(FPS)
    coder.thread_count = 1
    gop = coding.gop_s * FPS
    settings = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0"
    if coding.kilobits is not None:
        coder.bit_rate = 1000 * coding.kilobits
        if coding.buffer_s is not None:
            settings += f":vbv-maxrate={coding.kilobits}:vbv-bufsize={int(coding.kilobits * coding.buffer_s)}"
    if coding.codec == "libx265":
        settings += f":log-level=none:pools=1:frame-threads=1{'' if coding.qp is None else f':qp={coding.qp}'}"
        coder.options = {"preset": "ultrafast", "tune": "zerolatency", "x265-params": settings}
        return coder
    coder.options = {"preset": coding.preset, "x264-params": settings}
    if coding.preset != "medium":
        coder.options = coder.options | {"tune": "zerolatency"}
    if coding.qp is not None:
        coder.options = coder.options | {"qp": str(coding.qp)}
    return coder

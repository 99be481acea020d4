"""Clips that the simulated cameras do not make: deep reordering, open GOPs, interlacing, intra refresh, many slices, SEI, filler.

Each is the same moving picture through another set of options of x264 or x265.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av

from edge.demo.clips import VIDEO_CLOCK_RATE, AccessUnit, Clip, ClipSpec, nal_type
from edge.demo.scene import Scene

FPS, SECONDS, GOP = 25, 4, 25
DELIMITERS = {"h264": 9, "h265": 35}
PARAMETER_SETS = {"h264": {7, 8}, "h265": {32, 33, 34}}


@dataclass(frozen=True)
class Recipe:
    """How a clip is encoded.

    `closed`: what follows a keyframe can be decoded without what is before it. `cuts`: there are keyframes after the first.
    """

    codec: str
    options: str
    preset: str = "veryfast"
    width: int = 320
    height: int = 180
    pixels: str = "yuv420p"
    closed: bool = True
    cuts: bool = True


RECIPES = {
    "pyramid": Recipe("h264", "bframes=3:b-pyramid=normal:ref=4"),
    "cabac-8x8": Recipe("h264", "bframes=0:8x8dct=1:cabac=1", preset="medium"),
    "interlaced": Recipe("h264", "interlaced=1:bframes=0", height=192),
    "open-gop": Recipe("h264", "open-gop=1:bframes=2", closed=False),
    "intra-refresh": Recipe("h264", "intra-refresh=1:bframes=0", cuts=False),
    "many-slices": Recipe("h264", "slice-max-size=300:bframes=0"),
    "hrd-sei": Recipe("h264", "nal-hrd=vbr:pic-struct=1:bframes=0"),
    "filler": Recipe("h264", "nal-hrd=cbr:bframes=0"),
    "cropped": Recipe("h264", "bframes=0", width=322, height=182),
    "sar": Recipe("h264", "bframes=0:sar=4/3", width=352, height=288),
    "422-10bit": Recipe("h264", "bframes=0", pixels="yuv422p10le"),
    "h265-bframes": Recipe("h265", "bframes=4:b-pyramid=1:open-gop=0"),
    "h265-open-gop": Recipe("h265", "bframes=4:open-gop=1", closed=False),
    "h265-slices": Recipe("h265", "slices=3:bframes=0"),
    "h265-hrd-sei": Recipe("h265", "hrd=1:bframes=0"),
    "h265-10bit": Recipe("h265", "bframes=0", pixels="yuv420p10le"),
    "h265-cropped": Recipe("h265", "bframes=0", width=324, height=182),
}


@cache
def encoded(name: str) -> Clip:
    """The clip of a recipe."""
    recipe = RECIPES[name]
    units = tuple(_units(recipe))
    sets = tuple(nal for nal in units[0].nals if nal_type(recipe.codec, nal) in PARAMETER_SETS[recipe.codec])
    spec = ClipSpec(name, codec=recipe.codec, width=recipe.width, height=recipe.height, fps=FPS, seconds=SECONDS)
    return Clip(spec, sets, units, None)


def _units(recipe: Recipe) -> list[AccessUnit]:
    context = av.CodecContext.create({"h264": "libx264", "h265": "libx265"}[recipe.codec], "w")
    context.width, context.height, context.pix_fmt = recipe.width, recipe.height, recipe.pixels
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    context.thread_count = 1
    settings = f"keyint={GOP}:min-keyint={GOP}:scenecut=0:repeat-headers=1:bitrate=300:vbv-maxrate=300:vbv-bufsize=300"
    quiet = ":log-level=error:pools=1:frame-threads=1" if recipe.codec == "h265" else ""
    key = {"h264": "x264-params", "h265": "x265-params"}[recipe.codec]
    context.options = {"preset": recipe.preset, key: f"{settings}:{recipe.options}{quiet}"}
    scene = Scene(recipe.codec, "normal", recipe.width, recipe.height, FPS)
    packets = []
    for index, picture in enumerate(scene.pictures(SECONDS * FPS)):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p").reformat(format=recipe.pixels)
        frame.pts = index
        packets += context.encode(frame)
    packets += context.encode(None)
    return [_unit(recipe, packet) for packet in packets]


def _unit(recipe: Recipe, packet: "av.Packet") -> AccessUnit:
    codec = recipe.codec
    nals = (nal.rstrip(b"\0") for nal in bytes(packet).split(b"\0\0\1")[1:])
    kept = tuple(nal for nal in nals if nal_type(codec, nal) != DELIMITERS[codec])
    # The encoder says so of each round of an intra refresh too, where no decoder can start.
    keyframe = packet.is_keyframe and (recipe.cuts or any(nal_type(codec, nal) == 5 for nal in kept))
    return AccessUnit(kept, keyframe, round(packet.pts * VIDEO_CLOCK_RATE / FPS))

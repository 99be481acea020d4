"""The table of what the oracle looks at: clips, and what happens to them on the way."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import oracle_faults as faults
from oracle_clips import RECIPES, encoded
from oracle_stream import Alter, Sent, add_sei, repacketised, sent, with_sprop_of, without_sprop

from edge.demo.clips import Clip, ClipSpec, default_cache_dir, load_clip

H264 = ClipSpec("Oracle", width=320, height=180, fps=25, seconds=4, bitrate=400_000)
SLICES = replace(H264, slices=3)
AAC = replace(H264, audio="aac")
H265 = replace(H264, codec="h265", bitrate=300_000)
BFRAMES = replace(H264, bframes=2)
SMALL = replace(H264, width=192, height=108)


ALONE = {
    "requests": "FFmpeg ends at a request of the server",
    "garbage": "FFmpeg takes garbage for a line of text and waits for its end",
    "double": "FFmpeg keeps doubled packets twice",
    "swap": "FFmpeg puts late packets into whatever came before them",
}


JUMPS = ("rollover", "discontinuity")
CUTTING = {"jump-forward", "jump-back", "jump-small", "backward"}


@dataclass(frozen=True)
class Case:
    """One stream; `lossless` says that nothing is lost, so that FFmpeg's copy must be ours, `steady` that times are true."""

    name: str
    clips: tuple[ClipSpec | str, ...]
    """Of the simulated camera, or names of `oracle_clips.RECIPES`."""
    alters: tuple[Alter, ...] = ()
    lossless: bool = True
    steady: bool = True
    decode: bool = True
    seconds: float = 4
    seed: int = 0
    alone: str = ""
    """Why FFmpeg's copy is not looked at, where it does not survive."""
    cuts: tuple[str, ...] = ("rollover",)
    """Reasons for which segments may end, but for the last; all but `rollover` must be there."""
    early: bool = False
    """FFmpeg takes the times of parameter sets for those of pictures, and stumbles over a wrap with B-frames."""

    def stream(self) -> Sent:
        """The bytes and their truth."""
        return sent([_clip(spec) for spec in self.clips], self.seconds / len(self.clips), self.alters, self.seed)


@cache
def _clip(spec: ClipSpec | str) -> Clip:
    return encoded(spec) if isinstance(spec, str) else load_clip(spec, default_cache_dir())


def _recipes() -> list[Case]:
    """Where a keyframe needs pictures before it, those behind a cut cannot be decoded, so only the bytes are compared."""
    return [Case(f"coding-{name}", (name,), decode=recipe.closed) for name, recipe in RECIPES.items()]


def representative() -> list[Case]:
    """A few dozen cases in which every clip, packing and fault is there once."""
    return [
        *_clips(),
        *_recipes(),
        *_packings(SLICES),
        *_quirks(SLICES),
        *_losses(SLICES),
        *_with_sound(),
        *_of_h265(),
        *_descriptions(),
    ]


def matrix() -> Iterator[Case]:
    """Every codec and clip with every packing, quirk and fault."""
    yield from representative()
    for label, spec in {
        "h264": H264,
        "aac": AAC,
        "pcma": replace(SLICES, audio="pcma"),
        "bframes": BFRAMES,
        "h265aac": replace(H265, audio="aac"),
        "fps5": replace(H264, fps=5),
        "fps30": replace(H265, fps=30, gop_s=0.5),
    }.items():
        for family in (_packings, _quirks, _losses):
            for case in family(spec):
                yield replace(case, name=f"{label}-{case.name.partition('-')[2]}")
    for size in ((160, 96), (352, 288), (1280, 720), (1920, 1080)):
        for codec in ("h264", "h265"):
            spec = ClipSpec("Oracle", codec=codec, width=size[0], height=size[1], fps=15, seconds=2, bitrate=2_000_000)
            yield Case(f"size-{codec}-{size[0]}x{size[1]}", (spec,))
    for fps in (5, 8, 10, 12, 15, 20, 25, 30):
        for gop_s in (1, 2, 4):
            yield Case(f"rate-{fps}fps-gop{gop_s}", (replace(H264, fps=fps, gop_s=gop_s, seconds=4),))
    for seed in range(1, 9):
        for case in (*_losses(H264), *_losses(SLICES), *_losses(H265)):
            codec = case.clips[0].codec
            name = f"seed{seed}-{codec}-{case.clips[0].slices}-{case.name.partition('-')[2]}"
            yield replace(case, name=name, seed=seed)


def _clips() -> list[Case]:
    return [
        Case("clip-aac", (AAC,)),
        Case("clip-pcma", (replace(H264, audio="pcma"),)),
        Case("clip-pcmu-slices", (replace(SLICES, audio="pcmu"),)),
        Case("clip-bframes", (BFRAMES,)),
        Case("clip-h265", (H265,)),
        Case("clip-h265-aac", (replace(H265, audio="aac"),)),
        Case("clip-black", (replace(H264, look="black"),)),
        Case("clip-frozen", (replace(H264, look="frozen"),)),
        Case("clip-bars", (replace(H265, look="bars"),)),
        Case("clip-5fps-gop2", (replace(H264, fps=5, gop_s=2, seconds=4),)),
        Case("clip-30fps-gop4", (replace(H264, fps=30, gop_s=4, seconds=4),)),
        Case("clip-720p", (replace(H264, width=1280, height=720, bitrate=2_000_000),)),
        Case("clip-size-changes", (H264, SMALL), cuts=JUMPS),
        Case("clip-size-changes-h265", (H265, replace(H265, width=192, height=108)), cuts=JUMPS),
    ]


def _packings(spec: ClipSpec) -> list[Case]:
    styles = ["single_sets", "tiny", "huge", "whole_fragments", "empty_fragments", "bundle_all", "mark_all", "noise"]
    if spec.codec == "h264":
        styles.append("start_codes")
    refused = {"whole_fragments": "FFmpeg refuses fragments with start and end bit"} if spec.codec == "h265" else {}
    cases = [Case(f"pack-{style}", (spec,), (repacketised(style),), alone=refused.get(style, "")) for style in styles]
    return [*cases, Case("pack-sei", (spec,), (add_sei,))]


def _quirks(spec: ClipSpec) -> list[Case]:
    lying = {
        "jump-forward": faults.jump(3600),
        "jump-back": faults.jump(-100_000, at=0.63),
        "jump-small": faults.jump(2.5),
        "jump-tiny": faults.jump(0.7),
        "freeze": faults.freeze,
    }
    if not spec.bframes:  # with B-frames nobody could tell what such a camera means
        lying |= {"backward": faults.backward, "pairs": faults.pairs}
    quirks = {
        "wrap": faults.wrap,
        "no-marker": faults.no_marker,
        "extension": faults.extension,
        "padding": faults.padding,
        "late-number": faults.late_number,
        "empty-packets": faults.empty_packets,
        "chop": faults.chop,
        "burst": faults.burst(2),
        "flat-out": faults.burst(60),
    }
    strange = ("blank_lines", "foreign_channel", "zero_frames", "requests", "answers", "reports", "garbage")
    return [
        *(
            Case(f"time-{name}", (spec,), (alter,), steady=False, cuts=JUMPS if name in CUTTING else ("rollover",))
            for name, alter in lying.items()
        ),
        *(
            Case(f"wire-{name}", (spec,), (alter,), early=name == "wrap" and spec.bframes > 0)
            for name, alter in quirks.items()
        ),
        Case("wire-early-sets", (spec,), (faults.early_sets,), early=True),
        *(Case(f"between-{name}", (spec,), (faults.between(name),), alone=ALONE.get(name, "")) for name in strange),
        Case("wire-all", (spec,), (faults.extension, faults.padding, faults.between("reports"), faults.chop)),
    ]


def _losses(spec: ClipSpec) -> list[Case]:
    alters: dict[str, tuple[Alter, ...]] = {
        "drop": (faults.drop(0.03),),
        "drop-run": (faults.drop(0.01, run=7),),
        "drop-many": (faults.drop(0.25),),
        "drop-sets": (faults.drop_sets,),
        "swap": (faults.swap(0.03),),
        "double": (faults.double(0.05),),
        "drop-extension": (faults.extension, faults.drop(0.03)),
        "drop-chop": (faults.drop(0.03), faults.chop),
    }
    if spec.audio != "none":
        alters["drop-sound"] = (faults.drop(0.05, "audio"),)
    return [
        *(
            Case(f"lose-{name}", (spec,), alter, lossless=False, decode=False, alone=ALONE.get(name, ""))
            for name, alter in alters.items()
        ),
        Case("lose-flip", (spec,), (faults.flip(0.05, 8),), decode=False),
    ]


def _with_sound() -> list[Case]:
    """The quirks that touch sound, once for AAC and once for G.711."""
    wanted = {"wire-all", "wire-burst", "wire-wrap", "wire-flat-out", "time-jump-back", "lose-drop-sound", "lose-drop"}
    found = []
    for spec in (AAC, replace(SLICES, audio="pcma")):
        families = (*_quirks(spec), *_losses(spec))
        found += [replace(case, name=f"{spec.audio}-{case.name}") for case in families if case.name in wanted]
    return found


def _of_h265() -> list[Case]:
    families = (*_packings(H265), *_quirks(H265), *_losses(H265))
    wanted = {
        "pack-tiny", "pack-bundle_all", "pack-noise", "pack-mark_all", "time-jump-back", "wire-no-marker", "wire-all",
        "lose-drop", "lose-swap", "lose-double", "lose-flip",
    }  # fmt: skip
    return [replace(case, name=f"h265-{case.name}") for case in families if case.name in wanted]


def _descriptions() -> list[Case]:
    return [
        Case("sdp-no-sprop", (H264,), (without_sprop,)),
        Case("sdp-no-sprop-h265", (H265,), (without_sprop,)),
        Case("sdp-other-sprop", (H264,), (with_sprop_of(_clip(SMALL)),)),
    ]

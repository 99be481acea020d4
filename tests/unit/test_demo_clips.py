"""Clips: what they show, how they are encoded, how they are kept."""

from dataclasses import replace
from itertools import pairwise

import av
import numpy as np
import pytest

from edge.demo import clips
from edge.demo.clips import VARIANTS, ClipSpec, load_clip, make_clip
from edge.demo.scene import text_dots

SMALL = ClipSpec("Test", width=160, height=96, fps=10, seconds=2, bitrate=100_000)


def decode(clip):
    """Luma planes of all pictures, in the order of showing."""
    decoder = av.CodecContext.create({"h264": "h264", "h265": "hevc"}[clip.spec.codec], "r")
    data = [b"".join(b"\0\0\0\1" + nal for nal in unit.nals) for unit in clip.units]
    frames = [frame for unit in data for frame in decoder.decode(av.Packet(unit))] + decoder.decode(None)
    return [frame.to_ndarray(format="gray") for frame in frames]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_clip_has_all_pictures_and_keyframes_where_asked(codec):
    """A clip of 2 s holds 20 pictures, a keyframe with parameter sets every half second, and decodes."""
    clip = make_clip(replace(SMALL, codec=codec, gop_s=0.5))
    assert [index for index, unit in enumerate(clip.units) if unit.keyframe] == [0, 5, 10, 15]
    assert all(unit.nals[: len(clip.parameter_sets)] == clip.parameter_sets for unit in clip.units if unit.keyframe)
    assert [unit.pts for unit in clip.units] == list(range(0, 180_000, 9_000))
    pictures = decode(clip)
    assert len(pictures) == 20
    assert pictures[0].shape == (96, 160)


def test_clip_with_b_frames_is_in_decoding_order():
    """B-frames come after the picture that they refer to, and every time is there once."""
    clip = make_clip(replace(SMALL, bframes=2))
    times = [unit.pts for unit in clip.units]
    assert times != sorted(times)
    assert sorted(times) == list(range(0, 180_000, 9_000))


def test_slices_are_nal_units_of_their_own():
    """A picture of three slices has three NAL units."""
    clip = make_clip(replace(SMALL, slices=3))
    assert {len(unit.nals) for unit in clip.units if not unit.keyframe} == {3}


@pytest.mark.parametrize(("bitrate", "seconds"), [(400_000, 4), (1_000_000, 4)])
def test_bitrate_is_the_one_asked(bitrate, seconds):
    """The scene is noisy enough to cost what it should."""
    clip = make_clip(ClipSpec(width=640, height=360, bitrate=bitrate, seconds=seconds))
    size = sum(len(nal) for unit in clip.units for nal in unit.nals)
    assert 0.8 < size * 8 / seconds / bitrate < 1.25


def test_looks_are_what_they_are_called():
    """Black is dark, frozen does not move, normal does, noise is rough."""
    normal, black, frozen, noise = (
        [picture.astype(int) for picture in decode(make_clip(SMALL.variant(look)))]
        for look in ("normal", "black", "frozen", "noise")
    )
    assert black[-1][40:].mean() < 20
    assert normal[-1].mean() > 60
    assert max(np.abs(a - b).max() for a, b in pairwise(frozen[10:])) < 8
    assert np.abs(normal[0] - normal[-1]).max() > 40
    assert np.abs(np.diff(noise[0][40:])).mean() > 3 * np.abs(np.diff(normal[0][40:])).mean()


def test_clock_changes_from_picture_to_picture():
    """The burnt-in counter is another in each picture, also where nothing else moves."""
    pictures = decode(make_clip(SMALL.variant("black")))
    assert all(np.abs(a.astype(int) - b).max() > 100 for a, b in pairwise(pictures))


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_a_clip_specification(variant):
    """A variant keeps the camera's name and can be made."""
    spec = SMALL.variant(variant)
    assert spec.name == "Test"
    assert (spec == SMALL) == (variant in {"normal", "h264"})


@pytest.mark.parametrize(("audio", "samples", "config"), [("aac", 1024, "1408"), ("pcma", 320, ""), ("pcmu", 320, "")])
def test_audio_lasts_as_long_as_the_clip(audio, samples, config):
    """Audio has its own frames and rate; AAC says its configuration."""
    made = make_clip(replace(SMALL, audio=audio)).audio
    assert (made.samples_per_frame, made.config.hex()) == (samples, config)
    assert abs(len(made.frames) * samples / made.sample_rate - 2) < 0.15


def test_clip_is_made_once_and_read_back_the_same(tmp_path, monkeypatch):
    """The second load comes from the folder, another specification does not."""
    made = load_clip(replace(SMALL, audio="aac"), tmp_path)
    monkeypatch.setattr(clips, "make_clip", lambda _: pytest.fail("made again"))
    assert load_clip(replace(SMALL, audio="aac"), tmp_path) == made
    assert [path.suffix for path in tmp_path.iterdir()] == [".clip"]
    with pytest.raises(pytest.fail.Exception):
        load_clip(SMALL, tmp_path)


def test_text_is_drawn_in_dots():
    """The letter L is an upright and a foot; what has no glyph is blank."""
    assert text_dots("l~").tolist() == [[1, 0, 0, 0] + [0] * 4] * 4 + [[1, 1, 1, 0] + [0] * 4]

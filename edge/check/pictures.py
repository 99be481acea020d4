"""The first pictures of a channel: taken from the stream that is being measured, judged, and laid out on one sheet."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from edge.check.probe import ProbeResult
from edge.codec.formats import VideoCodec
from edge.decoding.process import NoPicture, PictureProcess
from edge.errors import ConfigError
from edge.rtsp.units import AccessUnit
from edge.validator.features import Picture
from edge.validator.judge import ChannelJudge
from edge.validator.sheet import TILE_WIDTH, Tile, contact_sheet
from edge.validator.thresholds import Thresholds

MOST_KEYFRAMES: Final = 4
_MOST_BYTES: Final = 16 << 20
_CODEC: Final[VideoCodec] = "h264"
_START_CODE: Final = b"\x00\x00\x00\x01"
_LENGTH_BYTES: Final = 4
_CONFIRM: Final = 2
_WORDS: Final[dict[str, str]] = {
    "black": "the picture is black: see to lens cap, iris and light",
    "no_signal": "the recorder or encoder shows a screen without a signal: see to the cable of its camera",
    "frozen": "the picture does not change: restart the camera if it should",
    "covered": "most of the view is covered",
    "blurred": "the picture is out of focus",
    "undecodable": "the pictures cannot be decoded",
}


class Keyframes:
    """Keeps the first and the newest keyframes of one stream."""

    def __init__(self) -> None:
        self.codec: VideoCodec = _CODEC
        self._kept: list[tuple[tuple[bytes, ...], list[bytes | bytearray]]] = []
        self._open = False

    def add(self, unit: AccessUnit) -> None:
        """Take an access unit."""
        if unit.continues:
            if self._open and sum(map(len, self._kept[-1][1])) < _MOST_BYTES:
                self._kept[-1][1].extend(unit.parts)
            return
        self._open = unit.random_access and not unit.after_loss and unit.size < _MOST_BYTES
        if self._open:
            if len(self._kept) == MOST_KEYFRAMES:
                del self._kept[1]
            self._kept.append((unit.parameter_sets, list(unit.parts)))

    def streams(self) -> list[bytes]:
        """Each with its parameter sets, in Annex B form, oldest first."""
        return [b"".join(_START_CODE + nal for nal in (*sets, *_nals(b"".join(parts)))) for sets, parts in self._kept]


@dataclass(frozen=True, slots=True)
class PictureSeen:
    """What the first pictures of a channel show; `fault` is None where nothing is wrong with them."""

    channel: str
    looks: int
    fault: str | None
    what: str | None


async def look_at(
    kept: Mapping[str, Keyframes],
    limits: Mapping[str, Thresholds],
    results: Sequence[ProbeResult],
    sheet: Path,
) -> tuple[PictureSeen, ...]:
    """Judge the pictures of all channels and write the sheet; raises ConfigError where that cannot be written."""
    decoder = PictureProcess()
    seen: list[PictureSeen] = []
    tiles: list[Tile] = []
    try:
        for result in results:
            found, picture = await _judged(decoder, result.channel, kept.get(result.channel), limits[result.channel])
            if found is not None:
                seen.append(found)
            tiles.append(_tile(result, found, picture))
    finally:
        await decoder.end()
    try:
        await asyncio.to_thread(sheet.write_bytes, contact_sheet(tiles))
    except OSError as error:
        raise ConfigError(f"--pictures {sheet} cannot be written: {error.strerror}; name another file") from error
    return tuple(seen)


async def _judged(
    decoder: PictureProcess, channel: str, kept: Keyframes | None, limits: Thresholds
) -> tuple[PictureSeen | None, Picture | None]:
    """What is thought of the pictures of a channel, and the last of them."""
    streams = kept.streams() if kept is not None else []
    if kept is None or not streams:
        return None, None
    judge = ChannelJudge(limits, confirm=min(_CONFIRM, len(streams)))
    picture: Picture | None = None
    looks = 0
    for stream in streams:
        try:
            pixels = await decoder.pixels(kept.codec, TILE_WIDTH, stream)
        except NoPicture:
            continue
        picture = np.frombuffer(pixels.data, np.uint8).reshape(pixels.height, pixels.width, 3)
        judge.look(picture, looks * 1000)
        looks += 1
    verdict = judge.verdict
    fault = "undecodable" if not looks else verdict.finding.reason if verdict is not None else None
    return PictureSeen(channel, looks, fault, _WORDS[fault] if fault else None), picture


def _tile(result: ProbeResult, found: PictureSeen | None, picture: Picture | None) -> Tile:
    video = result.video
    form = f"{video.codec.upper()} {video.width}x{video.height}" if video is not None else ""
    if result.trouble is not None:
        return Tile(result.channel, result.trouble.word, is_good=False, picture=picture)
    if found is None:
        return Tile(result.channel, "no picture yet", is_good=False, picture=None)
    words = f"{found.fault or 'ok'}, {form}".rstrip(", ")
    return Tile(result.channel, words, is_good=found.fault is None, picture=picture)


def _nals(sample: bytes) -> list[bytes]:
    nals: list[bytes] = []
    position = 0
    while position + _LENGTH_BYTES < len(sample):
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(sample[position:start], "big")
        nals.append(sample[start:position])
    return nals

"""From an offered stream to what its bytes mean: parameter sets and audio configuration in fmtp, where they are usable.

All of it is a hint: the sets that come in the stream are the truth.
"""

import binascii
import re
from typing import Final

from edge.codec import aac, h264, h265
from edge.codec.formats import AudioFormat, VideoFormat
from edge.errors import CodecError
from edge.rtsp.sdp import MediaDescription

_H264_SETS: Final[tuple[int, ...]] = (h264.NAL_SPS, h264.NAL_PPS)
_H265_SETS: Final[tuple[int, ...]] = (h265.NAL_VPS, h265.NAL_SPS, h265.NAL_PPS)
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_G711_CLOCK: Final = 8000


def sprop_sets(media: MediaDescription) -> tuple[bytes, ...]:
    """The parameter sets of an fmtp that are what they claim to be, VPS before SPS before PPS; maybe not all of them.

    Cameras put start codes before or after them, leave NAL headers out, and put sets of H.265 into tracks of H.264.
    """
    order = _H264_SETS if media.encoding == "H264" else _H265_SETS
    type_of = h264.nal_type if media.encoding == "H264" else h265.nal_type
    if media.encoding == "H264":
        texts = media.fmtp.get("sprop-parameter-sets", "").split(",")
    else:
        texts = [text for name in ("vps", "sps", "pps") for text in media.fmtp.get(f"sprop-{name}", "").split(",")]
    nals = [nal for text in texts for nal in _nals(text)]
    return tuple(nal for kind in order for nal in nals if type_of(nal) == kind and len(nal) > 2)


def video_format(media: MediaDescription) -> VideoFormat | None:
    """The format that the description promises; None where its sets are absent, incomplete or broken."""
    sets = sprop_sets(media) if media.encoding in {"H264", "H265"} else ()
    if not sets:
        return None
    try:
        return VideoFormat.parse("h264" if media.encoding == "H264" else "h265", sets)
    except CodecError:
        return None


def audio_format(media: MediaDescription) -> AudioFormat | None:
    """The format of an audio stream; None where it is none that is recorded."""
    if media.encoding in {"PCMA", "PCMU"}:
        return AudioFormat.g711(
            "pcma" if media.encoding == "PCMA" else "pcmu",
            sample_rate=media.clock_rate or _G711_CLOCK,
            channels=media.channels,
        )
    if media.encoding != "MPEG4-GENERIC" or "celp" in media.fmtp.get("mode", "").lower():
        return None
    try:
        return AudioFormat.aac(bytes.fromhex(media.fmtp["config"]), clock_rate=media.clock_rate or None)
    except (KeyError, ValueError, CodecError):
        return _aac_by_rtpmap(media)


def _aac_by_rtpmap(media: MediaDescription) -> AudioFormat | None:
    """AAC-LC with the rate and channels of the rtpmap, for cameras that leave `config` out."""
    try:
        return AudioFormat.aac(aac.lc_config(media.clock_rate, media.channels), clock_rate=media.clock_rate)
    except CodecError:
        return None


def _nals(text: str) -> list[bytes]:
    """The NAL units in one Base64 value, whatever padding, start codes and zero bytes surround them."""
    letters = _NOT_BASE64.sub("", text)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    data = binascii.a2b_base64(letters + "=" * (-len(letters) % 4))
    pieces = data.split(b"\x00\x00\x01")
    return [nal for nal in (piece.rstrip(b"\x00") for piece in pieces) if nal.strip(b"\x00")]

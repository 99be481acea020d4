"""How H.265 lies in RTP (RFC 7798): whole NAL units, bundles, fragments, and what each means to a recorder."""

from typing import Final

from edge.codec.bits import BitReader
from edge.codec.h265 import (
    NAL_AUD,
    NAL_END_OF_BITSTREAM,
    NAL_END_OF_SEQUENCE,
    NAL_FILLER,
    NAL_FIRST_IRAP,
    NAL_LAST_IRAP,
    NAL_LAST_VCL,
    NAL_PPS,
    NAL_SPS,
    NAL_SUFFIX_SEI,
    NAL_VPS,
    parse_sps,
)
from edge.rtsp.nal import Kind, NalRules, Payload

_PAYLOADS: Final[dict[int, Payload]] = {
    48: Payload.BUNDLE,  # AP
    49: Payload.FRAGMENT,  # FU
    50: Payload.REFUSED,  # PACI
}
_FIRST_OF_RTP: Final = 48
_HIGHEST_PPS_ID: Final = 63


class H265Rules(NalRules):
    """RFC 7798 without interleaving (DONL), which no camera is known to send."""

    codec = "h265"
    fragment_header_bytes = 3
    nal_header_bytes = 2
    parameter_set_order = (NAL_VPS, NAL_SPS, NAL_PPS)

    def nal_type(self, first_byte: int) -> int:
        """Type of the NAL unit (6 bits)."""
        return (first_byte >> 1) & 0x3F

    def kind(self, nal_type: int) -> Kind:
        """What a NAL unit of this type is to a recorder; every IRAP is a random access, not IDR alone (CRA cameras)."""
        if nal_type <= NAL_LAST_VCL:
            return Kind.RANDOM_ACCESS if NAL_FIRST_IRAP <= nal_type <= NAL_LAST_IRAP else Kind.PICTURE
        if nal_type <= NAL_PPS:
            return Kind.PARAMETER_SET
        if nal_type in {NAL_AUD, NAL_FILLER} or nal_type >= _FIRST_OF_RTP:
            return Kind.DROPPED
        behind = nal_type in {NAL_END_OF_SEQUENCE, NAL_END_OF_BITSTREAM, NAL_SUFFIX_SEI}
        return Kind.ATTACHED if behind else Kind.LEADING

    def payload(self, first_byte: int) -> Payload:
        """How a payload that begins with this byte is made."""
        return _PAYLOADS.get((first_byte >> 1) & 0x3F, Payload.WHOLE)

    def fragment(self, head: bytes) -> tuple[bool, bool, bytes]:
        """Start bit, end bit and NAL header that a fragment (FU) stands for."""
        first, second, header = head
        return header > 0x7F, bool(header & 0x40), bytes((first & 0x01 | (header & 0x3F) << 1, second))

    def middle(self, head: bytes) -> bytes:
        """The three bytes with which every middle fragment of the same NAL unit begins."""
        return bytes((head[0], head[1], head[2] & 0x3F))

    def starts_picture(self, nal: bytes | bytearray) -> bool:
        """Whether a picture begins with this slice: first_slice_segment_in_pic_flag, one bit."""
        return len(nal) > 2 and nal[2] > 0x7F

    def recovery_frames(self, nal: bytes | bytearray) -> int | None:  # noqa: ARG002 - the rule has one shape for both codecs
        """H.265 cameras mark random access by NAL type; recovery points are not used."""
        return None

    def parameter_id(self, nal: bytes) -> int:
        """The id of a VPS or PPS; all SPS count as one, as the id lies behind the profile of every sub-layer."""
        kind = self.nal_type(nal[0])
        if kind == NAL_SPS:
            parse_sps(nal)
            return 0
        return BitReader(nal[2:12]).u(4) if kind == NAL_VPS else BitReader(nal[2:12]).ue(_HIGHEST_PPS_ID)

    def is_intra(self, nal: bytes | bytearray) -> bool:  # noqa: ARG002 - the rule has one shape for both codecs
        """Not asked: see `recovery_frames`."""
        return False

    def has_fields(self, parameter_sets: tuple[bytes, ...]) -> bool:  # noqa: ARG002 - the rule has one shape for both codecs
        """Fields of H.265 are pictures of their own with timestamps of their own."""
        return False

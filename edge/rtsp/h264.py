"""How H.264 lies in RTP (RFC 6184): whole NAL units, bundles, fragments, and what each means to a recorder."""

from typing import Final

from edge.codec.bits import BitReader, unescape
from edge.codec.h264 import NAL_SEI, NAL_SPS, parse_sps
from edge.errors import CodecError
from edge.rtsp.nal import Kind, NalRules, Payload

_KINDS: Final[dict[int, Kind]] = {
    1: Kind.PICTURE,
    2: Kind.PICTURE,  # data partition A
    3: Kind.PICTURE_REST,
    4: Kind.PICTURE_REST,
    5: Kind.RANDOM_ACCESS,
    6: Kind.LEADING,  # SEI
    7: Kind.PARAMETER_SET,
    8: Kind.PARAMETER_SET,
    9: Kind.DROPPED,  # access unit delimiter
    10: Kind.ATTACHED,  # end of sequence
    11: Kind.ATTACHED,  # end of stream
    12: Kind.DROPPED,  # filler
    14: Kind.ATTACHED,  # prefix of each slice, with scalable coding
    19: Kind.ATTACHED,  # auxiliary slice
    20: Kind.ATTACHED,  # slice of an enhancement layer
}
_PAYLOADS: Final[dict[int, Payload]] = {
    24: Payload.BUNDLE,  # STAP-A
    25: Payload.REFUSED,  # STAP-B, MTAP16, MTAP24, FU-B: interleaved mode
    26: Payload.REFUSED,
    27: Payload.REFUSED,
    28: Payload.FRAGMENT,  # FU-A
    29: Payload.REFUSED,
}
_SEI_RECOVERY_POINT: Final = 6
_SEI_BYTES_READ: Final = 512
_HIGHEST_SPS_ID: Final = 31
_HIGHEST_PPS_ID: Final = 255


class H264Rules(NalRules):
    """RFC 6184, packetisation modes 0 and 1, whatever the SDP says of the mode: many cameras say 0 and send FU-A."""

    codec = "h264"
    fragment_header_bytes = 2
    nal_header_bytes = 1
    parameter_set_order = (7, 8)

    def nal_type(self, first_byte: int) -> int:
        """Type of the NAL unit (5 bits)."""
        return first_byte & 0x1F

    def kind(self, nal_type: int) -> Kind:
        """What a NAL unit of this type is to a recorder."""
        if nal_type == 0 or nal_type > 23:
            return Kind.DROPPED
        return _KINDS.get(nal_type, Kind.LEADING)

    def payload(self, first_byte: int) -> Payload:
        """How a payload that begins with this byte is made."""
        return _PAYLOADS.get(first_byte & 0x1F, Payload.WHOLE)

    def fragment(self, head: bytes) -> tuple[bool, bool, bytes]:
        """Start bit, end bit and NAL header that a fragment (FU-A) stands for; Longse sets the reserved bit, too."""
        indicator, header = head
        return header > 0x7F, bool(header & 0x40), bytes((indicator & 0x60 | header & 0x1F,))

    def middle(self, head: bytes) -> bytes:
        """The two bytes with which every middle fragment of the same NAL unit begins."""
        return bytes((head[0], head[1] & 0x3F))

    def starts_picture(self, nal: bytes | bytearray) -> bool:
        """Whether a picture begins with this slice: first_mb_in_slice is 0, one bit."""
        return len(nal) > 1 and nal[1] > 0x7F

    def recovery_frames(self, nal: bytes | bytearray) -> int | None:
        """Frames until the picture is whole, from a recovery point SEI; None where this NAL unit holds none."""
        if self.nal_type(nal[0]) != NAL_SEI:
            return None
        data = unescape(bytes(nal[1:_SEI_BYTES_READ]))
        while len(data) > 2:
            kind, data = _sei_number(data)
            size, data = _sei_number(data)
            if kind == _SEI_RECOVERY_POINT:
                try:
                    return BitReader(data).ue()
                except CodecError:
                    return None
            data = data[size:]
        return None

    def parameter_id(self, nal: bytes) -> int:
        """The id of a parameter set; raises CodecError where there is none, or an SPS gives no picture size."""
        if self.nal_type(nal[0]) == NAL_SPS:
            parse_sps(nal)
            return BitReader(nal[4:16]).ue(_HIGHEST_SPS_ID)
        return BitReader(nal[1:12]).ue(_HIGHEST_PPS_ID)

    def is_intra(self, nal: bytes | bytearray) -> bool:
        """Whether slice_type is I or SI (2, 4, 7, 9)."""
        try:
            reader = BitReader(bytes(nal[1:16]))
            reader.ue()
            return reader.ue() % 5 in {2, 4}
        except CodecError:
            return False

    def has_fields(self, parameter_sets: tuple[bytes, ...]) -> bool:
        """Whether an SPS allows interlaced pictures (frame_mbs_only_flag is 0)."""
        return any(self.nal_type(nal[0]) == NAL_SPS and parse_sps(nal).interlaced for nal in parameter_sets)


def _sei_number(data: bytes) -> tuple[int, bytes]:
    """A payload type or size of SEI, where 255 adds the byte behind it, and what follows."""
    rest = data.lstrip(b"\xff")
    return 255 * (len(data) - len(rest)) + (rest[0] if rest else 0), rest[1:]

"""What the tracks hand over: units of video and audio, with the facts that only the network side knows."""

from dataclasses import dataclass


@dataclass(slots=True)
class AccessUnit:
    """One coded picture: length-prefixed NAL units (4 bytes), parameter sets, delimiters and filler taken out."""

    timestamp: int
    """RTP timestamp, 32 bit, as the camera sent it; of a unit that continues, the one of the unit before it."""
    arrival_ns: int
    """Monotonic time at which the bytes that completed it were read."""
    parts: list[bytes | bytearray]
    """Pieces that joined are the MP4 sample."""
    size: int
    """Bytes of all parts."""
    random_access: bool
    """A decoder can start here: IDR, IRAP, or a recovery point with nothing to wait for."""
    recovery_point: bool
    """A decoder that starts here shows a whole picture some frames later (intra refresh)."""
    parameter_sets: tuple[bytes, ...]
    """VPS, SPS and PPS in force; the same object as long as nothing changed."""
    continues: bool
    """More slices, or the second field, of the picture before it, sent after its end; belongs to the same sample."""
    lost_packets: int
    """RTP packets lost since the unit before."""
    after_loss: bool
    """Something between the unit before and this one was lost or thrown away: suspect until the next random access."""


@dataclass(slots=True)
class AudioUnit:
    """One sample of audio as MP4 wants it: an AAC frame, or the G.711 bytes of one packet."""

    timestamp: int
    arrival_ns: int
    data: bytes
    duration: int
    """Ticks of the RTP clock."""
    lost_packets: int

"""Made-up access units for tests of the recorder: real parameter sets, slices that only carry a number; and segments."""

from dataclasses import dataclass, field
from itertools import accumulate

from rtp_packets import H264_SETS

from edge.codec.formats import AudioFormat
from edge.recorder.operations import CloseSegment, OpenSegment, WriteFragment
from edge.recorder.segmenter import Segmenter
from edge.rtsp.units import AccessUnit, AudioUnit

SECOND = 1_000_000_000
START_NS = 1_000 * SECOND
ALAW = AudioFormat.g711("pcma")
BROKEN_SETS = (b"\x67\xff", b"\x68")
NO_SETS = ()
REORDERED_SETS = (
    bytes.fromhex("67640028acd940780227e584000003000400000300f03c60c658"),
    bytes.fromhex("68ebe3cb22c0"),
)
WALL_OFFSET_NS = 1_795_392_000 * SECOND - START_NS
SEGMENT_S = 2


def picture(
    number: int,
    *,
    key: bool = False,
    timestamp: int | None = None,
    arrival_ns: int | None = None,
    sets: tuple[bytes, ...] = H264_SETS,
    size: int = 40,
    **flags,
) -> AccessUnit:
    """Picture `number` of a stream with 25 pictures a second; its bytes name it."""
    body = bytes([0x65 if key else 0x41]) + b"\xff" * (size - 10) + number.to_bytes(4, "big") + b"\xff"
    unit = {
        "timestamp": (number * 3600 if timestamp is None else timestamp) & 0xFFFF_FFFF,
        "arrival_ns": START_NS + number * SECOND // 25 if arrival_ns is None else arrival_ns,
        "random_access": key,
        "recovery_point": False,
        "continues": False,
        "lost_packets": 0,
        "after_loss": False,
    } | flags
    return AccessUnit(parts=[len(body).to_bytes(4, "big"), body], size=4 + len(body), parameter_sets=sets, **unit)


def sound(
    number: int, *, arrival_ns: int | None = None, timestamp: int | None = None, lost_packets: int = 0
) -> AudioUnit:
    """Packet `number` of G.711, 20 ms each."""
    return AudioUnit(
        (number * 160 if timestamp is None else timestamp) & 0xFFFF_FFFF,
        START_NS + number * SECOND // 50 if arrival_ns is None else arrival_ns,
        number.to_bytes(4, "big") * 40,
        160,
        lost_packets,
    )


@dataclass
class Segment:
    """What one segment holds, as the operations told."""

    open: OpenSegment
    fragments: list[WriteFragment] = field(default_factory=list)
    close: CloseSegment | None = None

    @property
    def sizes(self):
        return [size for one in self.fragments for size in one.runs[0].sizes]

    @property
    def sync(self):
        return [sync for one in self.fragments for sync in one.runs[0].sync]

    @property
    def durations(self):
        return [ticks for one in self.fragments for ticks in one.runs[0].durations]

    @property
    def decode_times(self):
        return list(accumulate(self.durations, initial=0))[:-1]

    @property
    def offsets(self):
        runs = [one.runs[0] for one in self.fragments]
        return [offset for run in runs for offset in run.offsets or [0] * len(run.sizes)]

    @property
    def video(self):
        return b"".join(b"".join(one.pieces)[: sum(one.runs[0].sizes)] for one in self.fragments)

    @property
    def audio(self):
        return b"".join(b"".join(one.pieces)[sum(one.runs[0].sizes) :] for one in self.fragments)


def segments_of(operations):
    """The operations in segments; they must come as open, fragments, close."""
    found = []
    for operation in operations:
        match operation:
            case OpenSegment():
                assert not found or found[-1].close is not None
                found.append(Segment(operation))
            case WriteFragment():
                assert found[-1].close is None
                found[-1].fragments.append(operation)
            case CloseSegment():
                assert found[-1].close is None
                assert found[-1].fragments
                found[-1].close = operation
    return found


def record(units, *, audio=None, segment_s=SEGMENT_S, tick=True, segmenter=None):
    """Feed units (pictures and sounds) with ticks between, end, and return the segments."""
    segmenter = segmenter or Segmenter("h264", audio, segment_s, WALL_OFFSET_NS)
    operations = []
    for unit in units:
        if hasattr(unit, "random_access"):
            operations += segmenter.add_video(unit)
        else:
            segmenter.add_audio(unit)
        if tick:
            operations += segmenter.tick(unit.arrival_ns)
    operations += segmenter.end("shutdown")
    return segments_of(operations)


def stream(count, *, gop=10, first=0):
    return [picture(n, key=(n - first) % gop == 0) for n in range(first, first + count)]


def data_of(units):
    return b"".join(b"".join(unit.parts) for unit in units)

"""The AudioSpecificConfig of AAC (ISO/IEC 14496-3)."""

from dataclasses import dataclass

from edge.codec.bits import BitReader
from edge.errors import CodecError

SAMPLE_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
OBJECT_LC = 2
_OBJECT_ESCAPE = 31
_RATE_ESCAPE = 15
_WITH_SBR = frozenset({5, 29})  # HE-AAC and HE-AAC v2 put the rate that is heard behind the coded one
_WITH_FRAME_LENGTH = frozenset({1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23})
_CHANNELS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8}


@dataclass(frozen=True, slots=True)
class AacConfig:
    """What an AudioSpecificConfig says; rates in Hz, `output_rate` is the one that is heard."""

    object_type: int
    sample_rate: int
    output_rate: int
    channels: int
    frame_samples: int


def parse_config(config: bytes) -> AacConfig:
    """Read an AudioSpecificConfig; CodecError if it is too short or names no usable rate or channels."""
    reader = BitReader(config)
    object_type = signalled = _object_type(reader)
    sample_rate = output_rate = _sample_rate(reader)
    layout = reader.u(4)
    if layout not in _CHANNELS:
        raise CodecError(f"AAC channel configuration {layout}; 1 to 7 can be recorded")
    if signalled in _WITH_SBR:
        output_rate = _sample_rate(reader)
        object_type = _object_type(reader)
    short = object_type in _WITH_FRAME_LENGTH and reader.flag()
    return AacConfig(signalled, sample_rate, output_rate, _CHANNELS[layout], 960 if short else 1024)


def lc_config(sample_rate: int, channels: int) -> bytes:
    """The AudioSpecificConfig of AAC-LC, for SDP that has none; CodecError if there is no such AAC."""
    if sample_rate not in SAMPLE_RATES or channels not in _CHANNELS.values():
        raise CodecError(f"AAC of {sample_rate} Hz and {channels} channels does not exist")
    layout = next(layout for layout, count in _CHANNELS.items() if count == channels)
    return (OBJECT_LC << 11 | SAMPLE_RATES.index(sample_rate) << 7 | layout << 3).to_bytes(2, "big")


def _object_type(reader: BitReader) -> int:
    object_type = reader.u(5)
    return 32 + reader.u(6) if object_type == _OBJECT_ESCAPE else object_type


def _sample_rate(reader: BitReader) -> int:
    index = reader.u(4)
    if index == _RATE_ESCAPE:
        rate = reader.u(24)
    elif index < len(SAMPLE_RATES):
        rate = SAMPLE_RATES[index]
    else:
        rate = 0
    if not rate:
        raise CodecError(f"AAC sampling frequency index {index} names no rate")
    return rate

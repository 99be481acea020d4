"""Bit fields, Exp-Golomb codes, emulation prevention, NTP time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.codec.bits import BitReader, unescape
from edge.codec.ntp import ntp_from_unix_ns, unix_ns_from_ntp
from edge.errors import CodecError


def exp_golomb(value: int) -> str:
    binary = f"{value + 1:b}"
    return "0" * (len(binary) - 1) + binary


def packed(bits: str) -> bytes:
    bits += "0" * (-len(bits) % 8)
    return int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 1 << 40))))
def test_fields_read_back_as_they_were_packed(fields):
    """Any sequence of fields of any width is read as written."""
    values = [(width, value & ((1 << width) - 1)) for width, value in fields]
    reader = BitReader(packed("".join(f"{value:0{width}b}" for width, value in values)))
    assert [value for _, value in values] == [reader.u(width) for width, _ in values]


@given(st.lists(st.integers(0, 0xFFFF_FFFE)))
def test_exp_golomb_codes_read_back(values):
    """Unsigned codes of up to 32 bits are read as written."""
    reader = BitReader(packed("".join(map(exp_golomb, values))))
    assert values == [reader.ue() for _ in values]


def test_signed_codes_alternate():
    """The codes 0 to 4 stand for 0, 1, -1, 2, -2."""
    reader = BitReader(packed("".join(map(exp_golomb, range(5)))))
    assert [reader.se() for _ in range(5)] == [0, 1, -1, 2, -2]


@pytest.mark.parametrize("read", [lambda r: r.u(9), lambda r: r.skip(9), lambda r: r.ue()])
def test_reading_past_the_end_is_a_codec_error(read):
    """No field reaches behind the data."""
    with pytest.raises(CodecError, match="ends after 8 bits"):
        read(BitReader(b"\x00"))


def test_code_of_more_than_32_zeros_is_refused():
    """A code that is too long ends at once, whatever follows."""
    with pytest.raises(CodecError, match="more than 32 zeros"):
        BitReader(bytes(100)).ue()


def test_value_over_its_limit_is_refused():
    """A loop driven by a code is bounded by that code's limit."""
    with pytest.raises(CodecError, match="holds 6; at most 5"):
        BitReader(packed(exp_golomb(6))).ue(5)


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        ("000003", "0000"),
        ("00000301", "000001"),
        ("000003000003", "00000000"),
        ("0000030003", "00000003"),
        ("00000303", "000003"),
        ("0003", "0003"),
    ],
)
def test_emulation_prevention_is_removed_once(escaped, plain):
    """Only the 03 behind two zeros goes, and counting begins again behind it."""
    assert bytes.fromhex(plain) == unescape(bytes.fromhex(escaped))


@given(st.integers(0, 4_233_462_144 * 1_000_000_000 - 1))
def test_ntp_time_returns_to_the_same_nanosecond(unix_ns):
    """The 64-bit fraction is finer than a nanosecond, also behind the end of the era in 2036."""
    ntp = ntp_from_unix_ns(unix_ns)
    assert 0 <= ntp < 1 << 64
    assert unix_ns == unix_ns_from_ntp(ntp)


@pytest.mark.parametrize(
    ("unix_s", "ntp_s"), [(0, 2_208_988_800), (1_795_392_000, 4_004_380_800), (2_085_978_496, 0), (2_085_978_497, 1)]
)
def test_ntp_seconds_are_those_of_the_standard(unix_s, ntp_s):
    """1970, 2026 and the first second of the next era."""
    assert ntp_s << 32 == ntp_from_unix_ns(unix_s * 1_000_000_000)

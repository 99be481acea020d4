"""The AudioSpecificConfig of AAC and what becomes of it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.codec.aac import SAMPLE_RATES, AacConfig, lc_config, parse_config
from edge.codec.formats import AudioFormat
from edge.errors import CodecError

CASES = {
    "LC 44.1 kHz stereo": ("1210", AacConfig(2, 44100, 44100, 2, 1024)),
    "LC 16 kHz mono": ("1408", AacConfig(2, 16000, 16000, 1, 1024)),
    "LC of 960 samples": ("120c", AacConfig(2, 44100, 44100, 1, 960)),
    "rate of its own": ("1780" + "1f40" + "08", AacConfig(2, 16000, 16000, 1, 1024)),
    "HE-AAC 22.05 to 44.1 kHz": ("2b920800", AacConfig(5, 22050, 44100, 2, 1024)),
    "7.1 channels": ("1238", AacConfig(2, 44100, 44100, 8, 1024)),
    "ELD behind the escape": ("f8f04000", AacConfig(39, 16000, 16000, 2, 1024)),
}


@pytest.mark.parametrize("name", CASES)
def test_known_configurations_are_read(name):
    """Object type, rates, channels and frame length of configurations from the field."""
    text, expected = CASES[name]
    assert expected == parse_config(bytes.fromhex(text))


@pytest.mark.parametrize(
    ("config", "rule"), [("", "ends"), ("12", "ends"), ("1200", "configuration 0"), ("1690", "names no rate")]
)
def test_unusable_configuration_is_refused(config, rule):
    """Too short, without channels or without a rate."""
    with pytest.raises(CodecError, match=rule):
        parse_config(bytes.fromhex(config))


@pytest.mark.parametrize("rate", SAMPLE_RATES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 8])
def test_made_configuration_reads_back(rate, channels):
    """The configuration made for an SDP that has none says what was asked for."""
    assert AacConfig(2, rate, rate, channels, 1024) == parse_config(lc_config(rate, channels))


@pytest.mark.parametrize(("rate", "channels"), [(44000, 1), (8000, 0), (8000, 7)])
def test_made_configuration_of_impossible_aac_is_refused(rate, channels):
    """Rates outside the table and seven channels do not exist."""
    with pytest.raises(CodecError, match="does not exist"):
        lc_config(rate, channels)


@given(st.binary(max_size=40))
def test_random_bytes_raise_only_codec_errors(config):
    """No configuration does more than refuse."""
    with suppress(CodecError):
        assert AudioFormat.aac(config).samples_per_unit >= 1


def test_frame_length_counts_ticks_of_the_rtp_clock():
    """HE-AAC over a clock of the audible rate: 1024 coded samples are 2048 ticks."""
    audio = AudioFormat.aac(bytes.fromhex("2b920800"), clock_rate=44100)
    assert (audio.sample_rate, audio.samples_per_unit, audio.codec_string) == (44100, 2048, "mp4a.40.5")


def test_g711_ticks_are_samples():
    """A-law of 16 kHz has a clock of 16 kHz."""
    audio = AudioFormat.g711("pcma", sample_rate=16000)
    assert (audio.clock_rate, audio.samples_per_unit, audio.codec_string) == (16000, 1, "alaw")

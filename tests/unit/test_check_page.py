"""The report as it stands on a terminal and as JSON."""

import io
import json
from pathlib import Path

import pytest

from edge.check.findings import Finding
from edge.check.measure import AudioSeen, VideoSeen
from edge.check.page import print_report, verdict
from edge.check.probe import ProbeResult
from edge.check.report import Report
from edge.check.storage import Disk, forecast
from edge.check.trouble import ADVICE, trouble
from edge.config import ChannelConfig, Config

VIDEO = VideoSeen("h264", "High", "avc1.640028", 1920, 1080, 25.0, 24.96, 2.0, 4_120_000.0, 0)
HEVC = VideoSeen("h265", "Main", "hvc1.1.6.L120.B0", 3840, 2160, 29.97, 29.9, None, 14_120_000.0, 7)
GOOD = ProbeResult(
    "lobby", "rtsp://edge:***@10.0.0.11/", None, VIDEO, AudioSeen("aac", "mp4a.40.2", 16000, 1, 32e3), None, 0.41, 0.2
)
HOSTILE = ProbeResult(
    "yard", "rtsp://10.0.0.12/", None, HEVC, None, "G726", 1.25, -3600.0, "x\x1b[2J", ("note \x1b]0;owned\x07[red]",)
)


def report(*results, findings=(), off=()):
    channels = [ChannelConfig(id=one.channel, url="rtsp://edge:s3cret@10.0.0.11/") for one in results]
    channels += [ChannelConfig(id=name, url="rtsp://h/", enabled=False) for name in off]
    config = Config(site="jkt-001", channels=tuple(channels))
    disk = Disk(Path("/srv/saksi"), "ok", "", 4 * 10**12, 10**12, 2 * 10**12)
    outlook = forecast(disk, config.retention, [4e6])
    return Report(config, "edge.yaml", 1_795_400_000 * 10**9, disk, outlook, None, tuple(results), tuple(findings))


def printed(one):
    out = io.StringIO()
    print_report(one, out)
    return out.getvalue()


def test_good_site_is_told_in_one_sentence_and_a_row_a_channel():
    """The verdict first, then the site, then every channel on a line of its own."""
    lines = printed(report(GOOD, HOSTILE, off=["attic"])).splitlines()
    assert lines[0] == "All 2 channels can be recorded."
    rows = {line.split()[0]: " ".join(line.split()) for line in lines if line.startswith(("lobby ", "yard ", "attic"))}
    assert rows["lobby"] == "lobby ok H.264 High 1920x1080 25.0/25 2.0 4.15 AAC 16 kHz 0.41"
    assert rows["yard"] == "yard ok H.265 Main 3840x2160 29.9/30 - 14.12 not G726 1.25"
    assert rows["attic"] == "attic off"


def test_nothing_is_wider_than_a_hundred_columns():
    """Long names fold inside their column, long sentences at words."""
    failed = [
        ProbeResult(f"channel-with-a-long-name-{number:07d}", "rtsp://h/", trouble(kind, "what " * 50, "timeout"))
        for number, kind in enumerate(ADVICE)
    ]
    text = printed(report(GOOD, HOSTILE, *failed))
    assert max(map(len, text.splitlines())) <= 100
    for advice in ADVICE.values():
        assert advice.word in text


def test_words_of_a_camera_cannot_control_the_terminal():
    """Escape sequences and markup in a note are shown as text."""
    text = printed(report(HOSTILE))
    assert text.replace("\n", "").isprintable()
    assert "[red]" in text
    assert "the camera's clock is 1 h behind" in text


def test_no_password_is_printed_anywhere():
    """Neither on the page nor in the document."""
    one = report(GOOD, HOSTILE)
    assert "s3cret" not in printed(one) + json.dumps(one.document())


@pytest.mark.parametrize(
    ("results", "findings", "ok", "words"),
    [
        ((GOOD,), (), True, "The channel can be recorded."),
        ((GOOD,), (Finding("warning", "broker", "it is away", "Start it."),), True, "1 warning below"),
        ((GOOD,), (Finding("fault", "storage", "it is full", "Empty it."),), False, "Nothing can be recorded: it is full."),
        ((ProbeResult("a", "rtsp://h/", trouble("silent", "no", "timeout")), GOOD), (), False, "1 of 2 channels cannot be recorded: a (sends nothing)."),
        ((), (), True, "No channel is enabled"),
    ],
)  # fmt: skip
def test_verdict_says_the_worst_first(results, findings, ok, words):
    """What decides the exit status is what the first sentence says."""
    one = report(*results, findings=findings, off=["attic"])
    assert one.ok is ok
    assert words in verdict(one)


def test_document_holds_what_machines_need():
    """One JSON document, rounded, with the trouble of each channel by its code."""
    bad = ProbeResult("gate", "rtsp://h/", trouble("wrong_password", "refused", "auth_failed"))
    document = json.loads(json.dumps(report(GOOD, bad, off=["attic"]).document()))
    lobby, gate = document["channels"]
    assert (document["ok"], document["off"], document["site"]) == (False, ["attic"], "jkt-001")
    assert lobby["video"]["codec_string"] == "avc1.640028"
    assert (lobby["ok"], lobby["first_keyframe_s"], lobby["trouble"]) == (True, 0.41, None)
    assert (gate["trouble"]["kind"], gate["trouble"]["reason"]) == ("wrong_password", "auth_failed")
    assert document["storage"]["forecast"]["days_kept"] > 0

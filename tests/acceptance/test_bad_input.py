"""Bad input to the real commands: a sentence that names key, value and rule, an exit status, and nothing that crashes."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest
import yaml
from acceptance_support import BROKER_CONFIGURATION, EDGE, Reel, assert_told_one_to_one, printed_watch, until
from demo_cameras import running_cameras
from free_ports import free_port
from recording_site import recording_site

from edge.demo.authentication import Account
from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec

CLIP = ClipSpec("bad input", width=160, height=96, fps=15, seconds=4, bitrate=100_000)
SECRET = "hunter2-Pa55"
GOOD = {"site": "jkt-001", "channels": [{"id": "lobby", "url": f"rtsp://edge:{SECRET}@127.0.0.1:1/main"}]}
CAMERA = GOOD["channels"][0]
WRONG = {
    "unreadable YAML": ("site: [jkt", ["edge.yaml"]),
    "tabs": ("site: x\n\tchannels: 1", ["edge.yaml", "line 2"]),
    "not UTF-8": (b"site: \xff\xfe", ["edge.yaml", "UTF-8"]),
    "empty": ("", ["edge.yaml", "empty"]),
    "a list": ("- 1\n- 2\n", ["edge.yaml", "site and channels"]),
    "unknown key": (GOOD | {"chanels": []}, ["chanels"]),
    "unknown key of a channel": (GOOD | {"channels": [CAMERA | {"ulr": "x"}]}, ["channels[0].ulr"]),
    "two channels with one id": (GOOD | {"channels": [CAMERA, {**CAMERA}]}, ["channels[1].id", "lobby", "own id"]),
    "no channel": (GOOD | {"channels": []}, ["channels", "at least one camera"]),
    "a site that is no site": (GOOD | {"site": "Jakarta 1"}, ["site", "Jakarta 1"]),
    "an address that is none": (
        GOOD | {"channels": [CAMERA | {"url": f"http://edge:{SECRET}@h/"}]},
        ["channels[0].url", "rtsp"],
    ),
    "a port that is none": (GOOD | {"broker": {"port": 70_000}}, ["broker.port", "70000"]),
    "an unset variable": (
        GOOD | {"channels": [CAMERA | {"url": "rtsp://a:${NO_SUCH_VARIABLE}@h/"}]},
        ["NO_SUCH_VARIABLE"],
    ),
    "a segment of no length": (GOOD | {"storage": {"segment_s": 0}}, ["storage.segment_s", "0"]),
}


@pytest.mark.parametrize(("text", "named"), WRONG.values(), ids=WRONG)
def test_wrong_configuration_is_refused_with_key_value_and_rule(text, named, tmp_path):
    """Status 2, the reason on stderr, no traceback and no secret; the supervisor reads by the same code."""
    path = tmp_path / "edge.yaml"
    data = yaml.safe_dump(text) if isinstance(text, dict) else text
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    name = "up" if named == ["chanels"] else "recorder"
    done = subprocess.run([*EDGE, name, "--config", path], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    for words in named:
        assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr


def test_missing_configuration_names_the_file_and_the_next_step(tmp_path):
    """Status 2 and what to copy."""
    done = subprocess.run(
        [*EDGE, "recorder", "--config", tmp_path / "none.yaml"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "none.yaml" in done.stderr
    assert "deploy/edge.example.yaml" in done.stderr


def test_second_recorder_on_a_state_dir_is_refused_and_the_first_goes_on(tmp_path):
    """Exit status 1 and who holds it; the first records without a break."""
    with (
        running_cameras([CameraSpec("lobby", CLIP)]) as cameras,
        recording_site(cameras.urls, tmp_path / "site", segment_s=1) as site,
    ):
        site.wait_for("segment_written")
        second = subprocess.run(
            [*EDGE, "recorder", "--config", site.config_path], capture_output=True, text=True, timeout=60, check=False
        )
        assert second.returncode == 1
        said = second.stdout + second.stderr
        assert f"held by process {site.process.pid}" in said
        assert "Traceback" not in said
        site.wait_for("segment_written", count=len(site.events("segment_written")) + 2)
        assert site.stop() == 0
        reel = Reel(CLIP)
        assert reel.breaks(reel.places_of(site.announced("lobby"))) == []


def test_state_dir_that_cannot_be_written_is_named(tmp_path):
    """Exit status 2: a folder below a file can never be made, whoever we are."""
    (tmp_path / "file").write_text("")
    with recording_site(
        {"lobby": "rtsp://127.0.0.1:1/x"},
        tmp_path / "site",
        started=False,
        extra={"state_dir": str(tmp_path / "file" / "state")},
    ) as site:
        site.start()
        assert site.process.wait(60) == 2
        assert str(tmp_path / "file" / "state") in site.log()
        assert "Traceback" not in site.log()
        site.process = None


def test_root_that_is_missing_or_read_only_is_told_and_recording_starts_by_itself_when_it_can(tmp_path):
    """storage_missing without a crash; a disk that appears, goes and comes back is recorded to, and nothing is lost."""
    with (
        running_cameras([CameraSpec("lobby", CLIP)]) as cameras,
        recording_site(cameras.urls, tmp_path / "absent", segment_s=1, started=False) as absent,
        recording_site(cameras.urls, tmp_path / "locked", segment_s=1, started=False) as locked,
    ):
        absent.root.rmdir()
        make, mend = read_only(locked.root)
        may_lock = subprocess.run(make, capture_output=True, check=False).returncode == 0
        try:
            for site in (absent, locked):
                site.start()
            first = [(site, site.wait_for("recording_stopped", "lobby")) for site in (absent, locked)[: 1 + may_lock]]
        finally:
            subprocess.run(mend, capture_output=True, check=False)
        for site, missing in first:
            assert (missing.data["reason"], str(site.root) in missing.data["detail"]) == ("storage_missing", True)
        assert not absent.root.exists(), "a folder was made where a disk belongs"
        absent.root.mkdir()
        for site in (absent, locked):
            site.wait_for("segment_written", "lobby")
        absent.root.rename(tmp_path / "away")
        absent.wait_for("recording_stopped", "lobby", count=2)
        assert not absent.root.exists(), "a folder was made where a disk belongs"
        (tmp_path / "away").rename(absent.root)
        before = len(absent.events())
        absent.wait_for("segment_written", such=lambda e: e.sequence > before and e.data["reason"] == "rollover")
        for site in (absent, locked):
            assert site.stop() == 0
            assert_told_one_to_one(site, ["lobby"])
    if not may_lock:
        pytest.skip(f"{make[0]} is not allowed here: only the missing folder was tested")


def read_only(root: Path) -> tuple[list[str], list[str]]:
    """How to take and give the right to write; root is stopped by nothing but the file system."""
    if os.geteuid() == 0:
        return ["chattr", "+i", str(root)], ["chattr", "-i", str(root)]
    return ["chmod", "0500", str(root)], ["chmod", "0700", str(root)]


def test_port_in_use_is_said_in_a_sentence_by_the_cameras(tmp_path):
    """The simulated cameras need the port that they are told: exit status and a sentence, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*EDGE, "demo", "cameras", "--port", str(port), "--folder", tmp_path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    assert str(port) in done.stderr


def test_fault_without_a_demo_is_said_in_a_sentence(tmp_path):
    """Neither a folder without a demo nor a demo that has ended gives a traceback."""
    done = subprocess.run(
        [*EDGE, "demo", "fault", "--folder", tmp_path, "lobby", "stall"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "edge demo" in done.stderr
    assert "Traceback" not in done.stderr


def test_secrets_are_in_no_output_event_log_file_or_process_list(start, tmp_path):
    """Passwords of cameras, right and wrong, and of the broker are planted and looked for everywhere."""
    wrong = "wr0ng-Secret77"
    with running_cameras(
        [CameraSpec("lobby", CLIP, Account("edge", SECRET)), CameraSpec("gate", CLIP, Account("edge2", "other"))]
    ) as cameras:
        (tmp_path / "broker-password").write_text("br0ker-Secret99\n")
        (tmp_path / "recordings").mkdir()
        settings = {
            "site": "jkt-001",
            "state_dir": "state",
            "broker": {"port": free_port(), "username": "edge", "password_file": "broker-password"},
            "storage": {"root": "recordings", "segment_s": 1},
            "web": {"port": free_port()},
            "log": {"level": "debug"},
            "channels": [
                {"id": "lobby", "url": cameras.urls["lobby"]},
                {"id": "gate", "url": cameras.urls["gate"].replace(":other@", f":{wrong}@")},
                {"id": "nobody", "url": f"rtsp://edge:{SECRET}@127.0.0.1:1/x?password={SECRET}"},
                {"id": "variable", "url": "rtsp://edge:${SECRET_OF_CAMERA}@127.0.0.1:2/x"},
            ],
        }
        (tmp_path / "edge.yaml").write_text(yaml.safe_dump(settings))
        up = start(
            *EDGE,
            "up",
            "--config",
            tmp_path / "edge.yaml",
            "--broker",
            BROKER_CONFIGURATION,
            env={"SECRET_OF_CAMERA": "env-Secret55"},
        )
        options, port = printed_watch(up)
        watch = start("mosquitto_sub", "-p", port, "-v", "-t", "#", env={"XDG_CONFIG_HOME": options}) if listening(port) else None
        until(lambda: watch.said().count("segment_written") >= 2 and "auth_failed" in watch.said(), 30, up.said)
        command_lines = "\n".join(" ".join(process.cmdline()) for process in up.tree())
        assert up.stop() == 0
        watch.stop(signal.SIGTERM)
        haystacks = {
            "output": up.said().encode(),
            "traffic": watch.said().encode(),
            "process list": command_lines.encode(),
        }
        kept = {tmp_path / "edge.yaml", tmp_path / "broker-password"}
        haystacks |= {
            str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path not in kept
        }
        assert any(name.endswith("recorder.outbox") for name in haystacks)
        for needle in (SECRET, wrong, "br0ker-Secret99", "env-Secret55"):
            assert [name for name, data in haystacks.items() if needle.encode() in data] == []
    assert psutil.pid_exists(up.process.pid) is False


def listening(port: int) -> bool:
    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return until(answers)

"""`edge up` and `edge demo` as people start them: what they say, what runs, what dies and comes back, and how they end."""

import hashlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest
import yaml
from acceptance_support import (
    BROKER_CONFIGURATION,
    EDGE,
    REPOSITORY,
    Reel,
    assert_told_one_to_one,
    environment,
    open_ports,
    printed_watch,
    running,
    until,
)
from demo_cameras import running_cameras
from free_ports import free_port
from recording_site import RecordingSite

from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec
from edge.up.site import PROCESSES

pytestmark = pytest.mark.alone  # the demo looks for the ports that everybody knows

CLIP = ClipSpec("up", width=160, height=96, fps=15, seconds=4, bitrate=100_000)
FOUR = {"lobby", "gate", "warehouse", "parking"}


@pytest.fixture
def occupied_1883():
    """Another's broker on 1883, or whoever has that port already."""
    with closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            other.bind(("127.0.0.1", 1883))
            other.listen()
        yield


def broker_port(command) -> int:
    return printed_watch(command)[1]


def watch(start, command):
    """`mosquitto_sub` as the command printed it, once the broker is there."""
    options, port = printed_watch(command)
    with socket.socket() as probe:
        until(lambda: probe.connect_ex(("127.0.0.1", port)) == 0, 30)
    return start("mosquitto_sub", "-p", port, "-v", "-t", "event/#", env={"XDG_CONFIG_HOME": options})


def events(watching) -> list[tuple[str, dict]]:
    """The whole lines so far, as topic and event."""
    lines = watching.said().rpartition("\n")[0].splitlines()
    return [(topic, json.loads(text)) for topic, _, text in (line.partition(" ") for line in lines)]


def recording(watching) -> set[str]:
    return {event["subject"] for topic, event in events(watching) if "/recording_started/" in topic}


def assert_gone(processes, ports, within_s=30.0) -> None:
    until(lambda: not running(processes), within_s, lambda: str(running(processes)))
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, port


def test_demo_takes_another_port_records_four_cameras_obeys_faults_stops_and_starts_again(
    start, tmp_path, occupied_1883
):
    """All that a person sees of `edge demo` in its first minute, twice over, and nothing left running."""
    folder = tmp_path / "demo"
    for run in (1, 2):
        demo = start(*EDGE, "demo", "--folder", folder, "--broker", BROKER_CONFIGURATION)
        port = broker_port(demo)
        assert port != 1883
        for words in ("recordings", "events", "stop", "rtsp://demo:demo@127.0.0.1:", str(folder / "edge.yaml")):
            assert words in demo.said()
        watching = watch(start, demo)
        until(lambda demo=demo: demo.said().count('"recording"') >= 4, 60, demo.said)
        if run == 1:
            break_and_mend_a_camera(folder, watching)
            tail_as_printed(start, demo, folder)
            report_says_how_the_cameras_are(watching, demo)
        everything = demo.tree()
        assert len(everything) >= 3 + len(PROCESSES)  # supervisor, cameras, broker beside them; decoders come and go
        ports = open_ports(everything)
        assert port in ports
        began_s = time.monotonic()
        assert demo.stop(signal.SIGINT, 60) == 0
        took_s = time.monotonic() - began_s
        assert "process_killed" not in demo.said()
        assert_gone(everything, ports)
        assert list(folder.rglob("*.part.mp4")) == []
        watching.stop(signal.SIGTERM)
        stopped = {event["subject"] for topic, event in events(watching) if "/segment_written/" in topic}
        assert stopped == FOUR
        print(f"run {run}: stopped in {took_s:.1f} s, {len(events(watching))} events seen")


def break_and_mend_a_camera(folder, watching) -> None:
    assert fault(folder, "lobby", "refuse") == {"ok": True}
    until(lambda: any("recording_stopped/lobby" in topic for topic, _ in events(watching)))
    assert fault(folder, "lobby", "list")["cameras"]["lobby"]["faults"] == {"refuse": None}
    before = len(events(watching))
    assert fault(folder, "lobby", "clear") == {"ok": True}
    until(lambda: any("recording_started/lobby" in topic for topic, _ in events(watching)[before:]), 20)


def report_says_how_the_cameras_are(watching, demo) -> None:
    """The reporter, with the rights of its own user on the broker, tells of all four."""

    def reported():
        found = [event["data"]["report"] for topic, event in events(watching) if "/site_reported/" in topic]
        return found and {one["id"] for one in found[-1]["channels"]} == FOUR

    until(reported, 60, demo.said)


def tail_as_printed(start, demo, folder) -> None:
    """The printed line that shows events in words works as it stands."""
    (line,) = re.findall(r"in words: (EDGE_BROKER_PORT=.*)", demo.said())
    port, credentials, _, *words = line.split()
    tail = start(*EDGE, *words, env=dict(one.split("=") for one in (port, credentials)))
    until(lambda: fault(folder, "gate", "drop") and "gate" in tail.said(), 30, tail.said)
    assert tail.stop() == 0
    print(tail.said())


def fault(folder, *words) -> dict:
    command = [*EDGE, "demo", "fault", "--folder", folder, *words]
    return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)


@pytest.mark.parametrize("leave", ["Ctrl-C", "window closed"])
def test_run_in_a_terminal_stops_when_its_user_leaves_with_nothing_left(leave, tmp_path, occupied_1883):
    """./run of a copy of the project on a real terminal: the demo starts, Ctrl-C or a closed window ends it all."""
    copy = copy_of_project(tmp_path / "saksi")
    child, terminal = pty.fork()
    if child == 0:
        os.execve(copy / "run", [str(copy / "run")], environment())
    os.set_blocking(terminal, False)
    shown = bytearray()

    def said() -> str:
        with suppress(OSError):  # nothing to read now, or the terminal is closed
            while data := os.read(terminal, 65_536):
                shown.extend(data)
        return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode(errors="replace"))  # colours

    try:
        until(lambda: len(re.findall(r"\brecording\b.*\battempt\b", said())) >= 4, 60, said)
        everything = [psutil.Process(child), *psutil.Process(child).children(recursive=True)]
        ports = open_ports(everything)
        began_s = time.monotonic()
        if leave == "Ctrl-C":
            os.write(terminal, b"\x03")
        else:
            os.close(terminal)
            terminal = -1

        def reaped():
            said()  # a terminal that nobody reads holds up who writes to it
            return os.waitpid(child, os.WNOHANG)

        _, status = until(lambda: (found := reaped())[0] and found, 60, said)
        took_s = time.monotonic() - began_s
        assert os.waitstatus_to_exitcode(status) in {0, 130}
        assert_gone(everything, ports)
        assert "process_killed" not in said()
        assert "Traceback" not in said()
        assert (copy / "demo" / "edge.yaml").exists()
        print(f"{leave}: stopped in {took_s:.1f} s")
    finally:
        with suppress(psutil.Error):
            for process in [*psutil.Process(child).children(recursive=True), psutil.Process(child)]:
                process.kill()
        with suppress(OSError):
            os.close(terminal)


def copy_of_project(copy: Path) -> Path:
    """What ./run needs, with this machine's packages in place of a network."""
    (copy / ".venv").mkdir(parents=True)
    for name in ("run", "deploy", "mosquitto", "pyproject.toml", "requirements.lock", "requirements-dev.lock", "edge"):
        (copy / name).symlink_to(REPOSITORY / name)
    (copy / "run").unlink()
    (copy / "run").write_bytes((REPOSITORY / "run").read_bytes())
    (copy / "run").chmod(0o755)
    for name in ("bin", "lib", "pyvenv.cfg"):
        (copy / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    digest = hashlib.sha256((copy / "requirements.lock").read_bytes() + (copy / "pyproject.toml").read_bytes())
    (copy / ".venv" / "saksi-stamp").write_text(f"{digest.hexdigest()} {copy}\n")
    (copy / "demo").mkdir()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "saksi" / "clips"
    if cache.exists():
        (copy / "demo" / "clips").symlink_to(cache)
    return copy


@pytest.fixture
def site(tmp_path):
    """Folders and configuration of a site that `edge up` runs."""
    web = {"port": free_port()}  # the usual one may be another site's
    return RecordingSite(tmp_path / "site", segment_s=1, broker_port=free_port(), extra={"web": web})


def start_up(start, site):
    up = start(*EDGE, "up", "--config", site.config_path, "--broker", BROKER_CONFIGURATION)
    until(lambda: up.child("recorder"), 60, up.said)
    return up


def wait_for(site, kind, channel, count, up):
    return until(lambda: (found := site.events(kind, channel))[count - 1 :] and found[count - 1], 60, up.said)


def test_killed_recorder_is_back_soon_and_a_killed_supervisor_leaves_no_orphans(start, site):
    """kill -9 of the recorder, of the broker, then of the supervisor itself; nobody is left to wait for long."""
    with running_cameras([CameraSpec("lobby", CLIP)]) as cameras:
        site.configure(cameras.urls)
        up = start_up(start, site)
        for number, name in enumerate(("recorder", str(site.state_dir / "broker" / "mosquitto.conf"), "recorder")):
            wait_for(site, "segment_written", "lobby", 2 * number + 1, up)
            victim = up.child(name)
            victim.kill()
            killed_s = time.monotonic()
            until(lambda name=name, victim=victim: (now := up.child(name)) and now.pid != victim.pid, 60, up.said)
            print(f"{Path(name).name} runs again after {time.monotonic() - killed_s:.1f} s")
        started = wait_for(site, "process_started", None, 3, up)
        after = wait_for(site, "recording_started", "lobby", 3, up)
        assert after.sequence > started.sequence
        assert "killed by SIGKILL" in up.said()
        assert max(float(wait_s) for wait_s in re.findall(r"again_in_s\W+([0-9.]+)", up.said())) <= 1
        everything = up.tree()
        ports = open_ports(everything)
        up.process.kill()
        up.process.wait()
        assert_gone(everything, ports)
        assert_told_one_to_one(site, ["lobby"])


def test_reload_leaves_unchanged_channels_alone_and_survives_a_broken_configuration(start, site):
    """SIGHUP: one channel is added, one removed, one changed; the fourth goes on without a gap, also after nonsense."""
    names = ["stays", "goes", "comes", "changes"]
    with running_cameras([CameraSpec(name, CLIP) for name in names]) as cameras:
        urls = {name: cameras.urls[name] for name in ("stays", "goes", "changes")}
        site.configure(urls)
        up = start_up(start, site)
        for name in urls:
            wait_for(site, "segment_written", name, 1, up)
        good = yaml.safe_load(site.config_path.read_text())
        site.config_path.write_text("site: [broken")
        up.process.send_signal(signal.SIGHUP)
        until(lambda: "configuration_not_reloaded" in up.said(), 60, up.said)
        assert site.events("recording_stopped") == []
        comes, changes = ({"id": name, "url": cameras.urls[name]} for name in ("comes", "changes"))
        stays = next(one for one in good["channels"] if one["id"] == "stays")
        site.config_path.write_text(yaml.safe_dump(good | {"channels": [stays, comes, changes | {"audio": False}]}))
        up.process.send_signal(signal.SIGHUP)
        wait_for(site, "segment_written", "comes", 2, up)
        wait_for(site, "recording_started", "changes", 2, up)
        assert up.stop(signal.SIGTERM) == 0
        stops = {(event.channel, event.data["reason"]) for event in site.events("recording_stopped")}
        expected = {("goes", "config"), ("changes", "config")} | {
            (name, "shutdown") for name in ("stays", "comes", "changes")
        }
        assert stops == expected
        assert len(site.events("recording_started", "stays")) == 1
        reel = Reel(CLIP)
        places = reel.places_of(site.announced("stays"))
        assert reel.breaks(places) == []
        assert len(places) > 2 * reel.fps
        assert_told_one_to_one(site, names)

"""A site to try out: simulated cameras, a configuration for them, and every process there is."""

import json
import os
import sys
from pathlib import Path
from typing import Final

from edge.config import load
from edge.demo.main import demo_channels
from edge.errors import ConfigError
from edge.up.broker import free_port
from edge.up.site import say_where_to_look, site_programs, supervise
from edge.up.supervisor import Program

RTSP_PORT: Final = 18554
CONTROL_PORT: Final = 18555
BROKER_PORT: Final = 1883
WEB_PORT: Final = 8080
PORTS_FILE: Final = "cameras.json"


def run_demo(folder: Path, broker_template: Path | None) -> int:
    """Run the demo site in `folder`, which is made and kept, until told to stop; returns the exit status."""
    folder = folder.resolve()
    rtsp_port, control_port = free_port(RTSP_PORT), free_port(CONTROL_PORT)
    config_path = _write_configuration(folder, rtsp_port, control_port, free_port(WEB_PORT))
    config = load(config_path)
    cameras = Program(
        "cameras",
        [
            *(sys.executable, "-m", "edge", "demo", "cameras", "--folder", str(folder)),
            *("--port", str(rtsp_port), "--control-port", str(control_port)),
        ],
        ready_port=rtsp_port,
    )
    programs, broker = site_programs(config, config_path, broker_template)
    say_where_to_look(
        config,
        config_path,
        broker,
        [
            f"cameras        simulated, rtsp://demo:demo@127.0.0.1:{rtsp_port}/lobby and so on",
            "               break one: .venv/bin/edge demo fault lobby stall --for 20",
        ],
    )
    return supervise(config, [cameras, *programs])


def control_port(folder: Path) -> int:
    """Where the cameras of a running demo take orders; ConfigError where none was started there."""
    try:
        return int(json.loads((folder / PORTS_FILE).read_text(encoding="utf-8"))["control_port"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"no demo runs in {folder}: start it with 'edge demo --folder {folder}'") from error


def _write_configuration(folder: Path, rtsp_port: int, control_port: int, web_port: int) -> Path:
    """The configuration of the demo; JSON is YAML, and quotes for us."""
    recordings = folder / "recordings"
    values = {
        "site": "demo-001",
        "timezone": "Asia/Jakarta",
        "state_dir": str(folder / "state"),
        "broker": {"port": BROKER_PORT},
        "storage": {"root": str(recordings), "segment_s": 60},
        "web": {"port": web_port, "auth": "off"},
        "channels": [
            {"id": channel.id, "name": channel.name, "url": channel.url}
            for channel in demo_channels("127.0.0.1", rtsp_port)
        ],
    }
    config_path = folder / "edge.yaml"
    try:
        recordings.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(config_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2)
        ports = {"rtsp_port": rtsp_port, "control_port": control_port}
        (folder / PORTS_FILE).write_text(json.dumps(ports), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the demo cannot be set up in {folder}: {error}") from error
    return config_path

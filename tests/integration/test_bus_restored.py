"""An outbox that came back from a backup: what headquarters acknowledges shows it, and the process begins anew."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from edge.config import BrokerConfig, ChannelConfig, Config, StorageConfig
from edge.process import run

folder = Path(sys.argv[1])
config = Config(site="jkt-001", state_dir=folder / "state", broker=BrokerConfig(port=int(sys.argv[2])),
                storage=StorageConfig(root=folder / "recordings"),
                channels=(ChannelConfig(id="lobby", url="rtsp://10.0.0.11/main"),))
sys.exit(run("recorder", config, lambda context: context.stop.wait(60)))
"""


def run_until_it_ends(folder: Path, port: int) -> int:
    command = [sys.executable, "-c", PROGRAM, str(folder), str(port)]
    return subprocess.run(command, stderr=subprocess.DEVNULL, timeout=60, check=False).returncode


def begun(folder: Path) -> dict[str, object]:
    """What the newest `process_started` in the outbox says."""
    with closing(sqlite3.connect(folder / "state" / "recorder.outbox")) as connection:
        (payload,) = connection.execute("SELECT payload FROM events ORDER BY sequence LIMIT 1").fetchone()
    return json.loads(payload)["data"]


def acknowledge(port: int, epoch: object, contiguous_to: int) -> None:
    ack = json.dumps({"epoch": epoch, "contiguous_to": contiguous_to})
    command = ["mosquitto_pub", "-p", str(port), "-q", "1", "-r", "-t", "ack/recorder", "-m", ack]
    subprocess.run(command, timeout=30, check=True)


def test_outbox_from_a_backup_ends_its_process_and_begins_a_new_epoch(mosquitto, tmp_path: Path) -> None:
    """Headquarters holds 500 events of it: the process ends by itself, and its next start names what came before."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path), "1"], stderr=subprocess.PIPE) as first:
        assert first.stderr is not None
        first.stderr.readline()
        first.terminate()
        first.stderr.read()
    before = begun(tmp_path)
    acknowledge(mosquitto.port, before["epoch"], 500)
    assert run_until_it_ends(tmp_path, mosquitto.port) == 1
    acknowledge(mosquitto.port, before["epoch"], 501)
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path), "1"], stderr=subprocess.PIPE) as later:
        assert later.stderr is not None
        later.stderr.readline()
        later.terminate()
        later.stderr.read()
    after = begun(tmp_path)
    assert after["epoch"] > before["epoch"]
    assert (after["previous_epoch"], after["previous_last_sequence"]) == (before["epoch"], 500)

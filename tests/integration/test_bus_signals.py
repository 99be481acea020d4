"""A process that is told to stop by signals, with an asyncio body and with one that hangs."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys, time
from pathlib import Path
from edge.config import BrokerConfig, ChannelConfig, Config, StorageConfig
from edge.process import run

folder = Path(sys.argv[1])
config = Config(site="jkt-001", state_dir=folder / "state", broker=BrokerConfig(port=1),
                storage=StorageConfig(root=folder / "recordings"),
                channels=(ChannelConfig(id="lobby", url="rtsp://10.0.0.11/main"),))

async def work(context):
    loop = asyncio.get_running_loop()
    stop, reload = asyncio.Event(), asyncio.Event()
    context.on_stop(lambda: loop.call_soon_threadsafe(stop.set))
    context.on_reload(lambda: loop.call_soon_threadsafe(reload.set))
    print("ready", flush=True)
    await reload.wait()
    print("reloaded", flush=True)
    await stop.wait()

def hang(context):
    print("ready", flush=True)
    time.sleep(60)

sys.exit(run("recorder", config, hang if sys.argv[2] == "hang" else lambda context: asyncio.run(work(context))))
"""


def started(folder: Path, body: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), body],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_process_within_five_seconds(tmp_path: Path, number: signal.Signals) -> None:
    """Exit status 0, which a process that takes longer does not get, after a SIGHUP that was only a reload."""
    with started(tmp_path, "work") as child:
        child.send_signal(signal.SIGHUP)
        assert child.stdout.readline() == "reloaded\n"
        child.send_signal(number)
        child.send_signal(number)
        assert child.wait(30) == 0


def test_a_body_that_hangs_is_ended(tmp_path: Path) -> None:
    """Long before it would end by itself, with exit status 1."""
    with started(tmp_path, "hang") as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 1

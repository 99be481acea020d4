"""What `edge reporter` costs with a day of 32 channels behind it: CPU in steady state, memory, the size of a report.

Runs the real process on a real Mosquitto; the other processes of the site are their outboxes, relays and heartbeats.
Usage: python bench/reporter.py [--channels 32] [--seconds 120]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from integration.conftest import Mosquitto
from web_site import recording, segment

from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.heartbeat import Heartbeat
from edge.bus.outbox import Fact, Outbox
from edge.bus.relay import Relay
from edge.bus.replay import Replayer
from edge.clock import SystemClock

CLOCK = SystemClock()
DAY_S = 86_400
SUBSCRIBED_S = 3
SETTLE_S = 15


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=120)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(measure(Path(name), arguments.channels, arguments.seconds)))


def measure(folder: Path, channels: int, seconds: int) -> dict:
    """Run the site and measure the reporter."""
    (folder / "mosquitto").mkdir()
    (folder / "state").mkdir()
    mosquitto = Mosquitto(folder / "mosquitto")
    mosquitto.start()
    ids = [f"cam{number:02d}" for number in range(channels)]
    config = folder / "edge.yaml"
    config.write_text(json.dumps({
        "site": "jkt-001", "state_dir": "state", "storage": {"root": "recordings"}, "broker": {"port": mosquitto.port},
        "channels": [{"id": one, "name": f"Camera {one}", "url": f"rtsp://127.0.0.1/{one}"} for one in ids],
    }))  # fmt: skip
    others = [Other(folder, mosquitto.port, name) for name in ("recorder", "retention", "validator", "web")]
    outbox = others[0].outbox
    now_ms = CLOCK.wall_ns() // 1_000_000 // 60_000 * 60_000
    outbox.append_many([Fact(*recording(one)) for one in ids])
    for minute in range(DAY_S // 60, 0, -1):
        outbox.append_many([Fact(*segment(one, now_ms - minute * 60_000)) for one in ids])
    command = [sys.executable, "-m", "edge", "reporter", "--config", str(config)]
    reporter = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    process = psutil.Process(reporter.pid)
    time.sleep(SUBSCRIBED_S)
    for other in others:
        other.start()
    try:
        caught_up_s = settle(process)
        before, started = sum(process.cpu_times()[:2]), time.monotonic()
        while time.monotonic() - started < seconds:
            minute_ms = CLOCK.wall_ns() // 1_000_000 // 60_000 * 60_000
            for one in ids:
                outbox.append_many([Fact(*segment(one, minute_ms - 60_000))])
                time.sleep(60 / channels)
        took_s = time.monotonic() - started
        used_s = sum(process.cpu_times()[:2]) - before
        memory = process.memory_full_info()
    finally:
        reporter.terminate()
        reporter.wait(10)
        for other in others:
            other.stop()
        mosquitto.stop()
    return {
        "channels": channels,
        "cpu_percent_of_a_core": round(100 * used_s / took_s, 3),
        "catching_up_cpu_s": round(caught_up_s, 2),
        "pss_mb": round(memory.pss / 1e6, 1),
        "report_bytes": newest_report(folder),
    }


def settle(process: psutil.Process) -> float:
    """Wait until the day before is taken in; returns the CPU seconds that this took, the start included."""
    while True:
        before = sum(process.cpu_times()[:2])
        time.sleep(SETTLE_S)
        after = sum(process.cpu_times()[:2])
        if after - before < SETTLE_S / 50:
            return after


def newest_report(folder: Path) -> int:
    """Size of the last report, as it is in the outbox."""
    outbox = Outbox.open(folder / "state" / "reporter.outbox", site="jkt-001", process="reporter", clock=CLOCK)
    rows = [row for row in outbox.rows(0, limit=100_000) if "site_reported" in row.topic]
    outbox.close()
    return len(rows[-1].payload)


class Other:
    """What another process of the site is to the reporter."""

    def __init__(self, folder: Path, port: int, name: str) -> None:
        self.outbox = Outbox.open(folder / "state" / f"{name}.outbox", site="jkt-001", process=name, clock=CLOCK)
        broker = PahoBroker(BrokerAddress("127.0.0.1", port), f"jkt-001-{name}", clock=CLOCK)
        self._parts = [
            Relay(self.outbox, broker, CLOCK),
            Replayer(self.outbox, broker),
            Heartbeat(self.outbox, broker, CLOCK, version="0.1.0", metrics=dict),
            broker,
        ]

    def start(self) -> None:
        """Begin to say."""
        for part in self._parts:
            part.start()

    def stop(self) -> None:
        """End."""
        for part in self._parts:
            part.stop()
        self.outbox.close()


if __name__ == "__main__":
    main()

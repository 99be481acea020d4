"""Measures `edge audit` at headquarters over the journal of a month: `nice python bench/audit.py [--events 1400000]`.

month     every day of 32 channels; day: one day of them; channel: one channel of the month
Each in a process of its own: seconds, events a second of the whole journal, and the most memory that it held.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import journal as month
import report

from edge.audit.main import Wish, run
from edge.events.values import timestamp
from edge.journal.store import Journal

GOAL_MB = 400


def wishes(events: int) -> dict[str, Wish]:
    """What is audited; the month ends with the last whole day that the journal holds."""
    days = events // month.CHANNELS // 1440
    first, middle = month.FIRST, month.FIRST + timedelta(days=days // 2)
    start, end = timestamp(first), timestamp(first + timedelta(days=days))
    return {
        "month": Wish(start, end, month.SITE),
        "day": Wish(timestamp(middle), timestamp(middle + timedelta(days=1)), month.SITE),
        "channel": Wish(start, end, month.SITE, ("cam07",)),
    }


def audit(what: str, folder: Path, events: int) -> None:
    """Run one audit here and print what it took."""
    began = time.perf_counter()
    with (folder / "statement.json").open("w") as out:
        run(folder / "hq.yaml", wishes(events)[what], json=True, out=out)
    took_s = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    found = json.loads((folder / "statement.json").read_text())
    print(json.dumps({"s": round(took_s, 2), "peak_mb": round(peak_mb), "segments": found["segments"]}))


def measure(folder: Path, events: int) -> dict:
    (folder / "hq.yaml").write_text(f"state_dir: {folder}\n")
    journal = Journal.open(f"sqlite:///{folder / 'journal.db'}", clock=month.CLOCK)
    month.fill(journal, 0, events)
    journal.close()
    results: dict = {"events": events}
    for what in wishes(events):
        command = [sys.executable, __file__, "--child", what, "--folder", str(folder), "--events", str(events)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        results |= {f"{what}_{key}": value for key, value in json.loads(done.stdout).items()}
    results["month_events_a_second"] = round(events / results["month_s"])
    return results


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=1_400_000)
    arguments.add_argument("--child", help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        audit(given.child, given.folder, given.events)
        return
    folder = Path(tempfile.mkdtemp(prefix="saksi-bench-"))
    try:
        results = measure(folder, given.events)
    finally:
        shutil.rmtree(folder)
    goals = {"month_peak_mb": f"<= {GOAL_MB}"}
    rows = [(name.replace("_", " "), value, goals.get(name, "")) for name, value in results.items()]
    print(report.table(("audit", "measured", "goal"), rows))
    print(f"\nwritten to {report.write('audit', results)}")


if __name__ == "__main__":
    main()

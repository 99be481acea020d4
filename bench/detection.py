"""Measures how soon a fault of a picture is known, end to end: `python bench/detection.py [--every-s 10]`.

A real site: Mosquitto, `edge recorder`, `edge validator` and simulated cameras at real pace, half of them with a
keyframe a second, half with one every two. Once the judge knows every view, each camera is switched at random moments
to each fault in turn and back; the last ones never are. Measured are, from the moment of the switch: when
`channel_invalid` came over MQTT, and which beginning it names (`since`); from the moment of the return: when
`channel_valid` came.

Fails when a fault or its end was not found, when a channel alarmed that showed no fault, and when events of the
validator came twice or out of order. What came later than claimed, and other reasons than the fault, are only printed.
"""

import argparse
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import report
from detection_site import SETTLE_S, Pace, Usage, learn, running
from detection_table import disorder, failures, false_alarms, remarks, table
from detection_tries import break_in_turns

CLEAN = 2


def measure(count: int, clean: int, pace: Pace, rounds: int, seed: int, *, keep: bool) -> dict:
    """Run the site and break its cameras; what was tried, heard and used."""
    folder = Path(tempfile.mkdtemp(prefix="saksi-detection-"))
    try:
        with running(folder, count, pace) as site:
            print(f"{count} cameras; the judge learns their views ...", flush=True)
            learned_s = learn(site, pace)
            print(f"learned in {learned_s:.0f} s; breaking {count - clean} of them ...", flush=True)
            usage = Usage(site)
            with ThreadPoolExecutor(count) as pool:
                turns = [
                    pool.submit(break_in_turns, camera, site, pace, rounds, seed) for camera in site.cameras[:-clean]
                ]
                tries = [one for turn in turns for one in turn.result()]
            time.sleep(pace.every_s + SETTLE_S)
            cores = usage.cores()
            ended, heard = site.ended, list(site.listener.heard)
    finally:
        print(f"kept in {folder}") if keep else shutil.rmtree(folder)
    return {"learned_s": learned_s, "tries": tries, "heard": heard, "cores": cores, "ended": ended}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--clean", type=int, default=CLEAN, help="so many of them show no fault (%(default)s)")
    parser.add_argument("--every-s", type=float, default=10.0, help="seconds between two looks (%(default)s)")
    parser.add_argument("--confirm", type=int, default=3, help="looks that must agree (%(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="how often each fault is shown (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave recordings and logs where they are")
    options = parser.parse_args()
    if not 1 <= options.clean < options.cameras:
        parser.error("at least one camera must stay clean, and one must not")
    return options


def main() -> None:
    """Measure and print."""
    options = arguments()
    pace = Pace(options.every_s, options.confirm)
    found = measure(options.cameras, options.clean, pace, options.rounds, options.seed, keep=options.keep)
    tries, heard, cores = found["tries"], found["heard"], found["cores"]
    wrong, noted = failures(found, pace), remarks(found, pace)
    print("\n" + table(tries, heard, pace) + "\n")
    print(f"claimed: {pace.claim_s:.1f} s, and the time to the next keyframe where a fault begins between two")
    under_way = [one.heard_s - one.said_s for one in tries if one.heard_s is not None]
    print(f"under way over MQTT: at most {max(under_way, default=0):.2f} s")
    print(f"false alarms: {len(false_alarms(heard, tries))}, events twice or out of order: {len(disorder(heard))}")
    shares = (f"{name} {cores[name]:.3f}" for name in ("validator", "recorder", "cameras"))
    print(f"shares of a core: {', '.join(shares)}")
    print(f"machine busy {cores['machine']:.0%}, load {cores['load_before']:.1f} to {cores['load_after']:.1f}")
    print("\n".join([f"-- {line}" for line in noted] + [f"!! {line}" for line in wrong]))
    results = {
        **vars(options),
        "claim_s": pace.claim_s,
        "learned_s": found["learned_s"],
        "tries": [asdict(one) for one in tries],
        "cores": cores,
        "remarks": noted,
        "wrong": wrong,
    }
    print(f"written to {report.write('detection', results)}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

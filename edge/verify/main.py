"""Runs a verification: configuration and the site's files in, a report and an exit status out. Changes nothing."""

import ctypes
import json as json_text
import os
import random
import signal
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

import psutil
from rich.progress import Progress

from edge.check.printable import printable
from edge.check.terminal import progress_bar
from edge.clock import Clock, SystemClock
from edge.config import Config, load
from edge.errors import ConfigError, StorageError
from edge.events.values import milliseconds
from edge.recordings.mark import MarkedRoot
from edge.retention.commands import read_time
from edge.verify.announced import Announcements
from edge.verify.decoding import decode
from edge.verify.findings import Report
from edge.verify.gone import Gone
from edge.verify.page import print_report
from edge.verify.survey import EVERYTHING, Scope, Survey

FINE: Final = 0
OFF: Final = 1
_NICE: Final = 10
_PR_SET_PDEATHSIG: Final = 1
_CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line; times as a person writes them, in the site's zone."""

    channel: str | None = None
    from_: str | None = None
    to: str | None = None
    sample: int | None = None


def run(config_path: Path, wish: Wish, *, json: bool, out: TextIO, err: TextIO | None = None) -> int:
    """Verify a site's recordings: 0 all is as announced, 1 something is off or the disk is not there.

    `out` gets the report, `err` (stderr) a progress bar on a terminal. Raises ConfigError. Runs at a low priority.
    """
    err = err or sys.stderr
    config = load(config_path)
    scope = _scope(config, wish)
    step_back(_NICE)
    try:
        report = verify(config, scope, sample=wish.sample, progress=progress_bar(err, time_left=True))
    except (StorageError, OSError) as error:
        words = f"{config.storage.root} cannot be verified: {error}"
        out.write(json_text.dumps({"ok": False, "error": words}) + "\n" if json else f"{printable(words)}\n")
        return OFF
    if json:
        out.write(json_text.dumps(report.document(), indent=2) + "\n")
    else:
        print_report(report, out)
    return FINE if report.is_ok else OFF


def verify(
    config: Config,
    scope: Scope = EVERYTHING,
    *,
    sample: int | None = None,
    progress: Progress | None = None,
    chance: random.Random | None = None,
    clock: Clock = _CLOCK,
) -> Report:
    """Hold all segments of a scope, or a sample of them, against what was announced; raises StorageError, OSError."""
    begun_ns = clock.monotonic_ns()
    root, site, state_dir = config.storage.root, config.site, config.state_dir
    marked = MarkedRoot(root, site, state_dir / "storage.json", marks=False)
    marked.check()
    report = Report(site, str(root))
    progress = progress or Progress(disable=True)
    with closing(Announcements(site, state_dir)) as announcements, progress:
        gone = Gone(site, state_dir, announcements.journal)
        survey = Survey(marked, announcements, gone, scope, report, clock.wall_ns() // 1_000_000)
        if sample is None:
            folders = survey.folders()
            task = progress.add_task("reading segments", total=sum(count for _, count in folders))
            for folder, _ in folders:
                survey.look(folder, lambda count: progress.advance(task, count))
        else:
            task = progress.add_task("decoding segments", total=sample)
            survey.sample(sample, chance or random.SystemRandom(), decode, lambda count: progress.advance(task, count))
        survey.settle()
        report.notes += announcements.notes + announcements.troubles()
    report.took_s = (clock.monotonic_ns() - begun_ns) / 1e9
    return report


def sample(config_path: Path, count: int, out: TextIO) -> int:
    """What retention runs beside itself: a sample at the lowest priority, as one line of JSON."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    step_back(19)
    document: dict[str, Any]
    try:
        report = verify(load(config_path), sample=count)
        document = report.document()
    except (ConfigError, StorageError, OSError) as error:
        document = {"error": str(error)}
    out.write(json_text.dumps(document) + "\n")
    return FINE


def step_back(nice: int) -> None:
    """Let everybody else go first, at the processor and at the disk."""
    os.nice(nice)
    psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)


def _scope(config: Config, wish: Wish) -> Scope:
    known = [channel.id for channel in config.channels]
    if wish.channel is not None and wish.channel not in known and not (config.storage.root / wish.channel).is_dir():
        raise ConfigError(f"--channel {wish.channel} is no channel of {config.site}: {', '.join(known)}")
    if wish.sample is not None and wish.sample < 1:
        raise ConfigError(f"--sample {wish.sample} is no number of segments: give 1 or more")
    from_ms, to_ms = (
        None if text is None else milliseconds(read_time(text, config.zone)) for text in (wish.from_, wish.to)
    )
    if from_ms is not None and to_ms is not None and to_ms <= from_ms:
        raise ConfigError(f"--from {wish.from_} is not before --to {wish.to}")
    channels = frozenset() if wish.channel is None else frozenset((wish.channel,))
    return Scope(channels, 0 if from_ms is None else from_ms, 2**62 if to_ms is None else to_ms)

"""Runs a check: configuration, disk, broker and cameras in, a report and an exit status out."""

import asyncio
import json as json_text
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO

from edge.check.broker import broker_trouble
from edge.check.findings import site_findings
from edge.check.page import print_report
from edge.check.pictures import Keyframes, PictureSeen, look_at
from edge.check.printable import printable
from edge.check.probe import ProbeResult, probe
from edge.check.report import Report, total_bits_s
from edge.check.storage import forecast, look_at_disk
from edge.check.survey import survey
from edge.check.terminal import progress_bar
from edge.clock import Clock, SystemClock
from edge.config import BrokerConfig, Config, load
from edge.errors import ConfigError
from edge.validator.limits import limits_of

FINE: Final = 0
FAILING: Final = 1
UNUSABLE: Final = 2

_CLOCK: Final = SystemClock()


def run(
    config_path: Path,
    *,
    json: bool,
    out: TextIO,
    err: TextIO | None = None,
    clock: Clock = _CLOCK,
    pictures: Path | None = None,
) -> int:
    """Check a site: 0 all can be recorded, 1 a channel or the storage fails, 2 the configuration is wrong.

    `out` gets the report, `err` (stderr) a progress bar on a terminal, and what is wrong with the configuration.
    `pictures` is where the pictures of all channels go, on one PNG; they are judged then. Raises ConfigError when
    that file cannot be written.
    """
    err = err or sys.stderr
    try:
        config = load(config_path)
    except ConfigError as error:
        if json:
            _write_json({"ok": False, "config": str(config_path), "problems": str(error).split("\n")}, out)
        else:
            err.write("".join(f"{printable(line)}\n" for line in str(error).split("\n")))
        return UNUSABLE
    enabled = sum(channel.enabled for channel in config.channels)
    with progress_bar(err) as progress:
        task = progress.add_task("looking at the cameras", total=enabled)
        report = asyncio.run(_check(config, config_path, clock, lambda _: progress.advance(task), pictures))
    if json:
        _write_json(report.document(), out)
    else:
        print_report(report, out)
    return FINE if report.ok else FAILING


async def _check(
    config: Config, path: Path, clock: Clock, done: Callable[[ProbeResult], None], sheet: Path | None
) -> Report:
    enabled = [channel for channel in config.channels if channel.enabled]
    kept = {channel.id: Keyframes() for channel in enabled} if sheet is not None else {}
    results, disk, broker = await asyncio.gather(
        survey(enabled, lambda channel: probe(channel, clock, keeper=kept.get(channel.id)), done=done),
        asyncio.to_thread(look_at_disk, config.storage.root),
        asyncio.to_thread(_broker_trouble, config.broker),
    )
    outlook = forecast(disk, config.retention, [total_bits_s(result) for result in results])
    wall_ns = clock.wall_ns()
    findings = site_findings(config, disk, outlook, broker, wall_ns)
    seen: tuple[PictureSeen, ...] = ()
    if sheet is not None:
        seen = await look_at(kept, limits_of(config), results, sheet)
    return Report(config, str(path), wall_ns, disk, outlook, broker, results, findings, seen, sheet)


def _broker_trouble(broker: BrokerConfig) -> str | None:
    """Why no process will get in at the broker, None where nothing is against it; each has its own password."""
    try:
        broker.login("recorder")[1]()
    except ConfigError as error:
        return str(error)
    return broker_trouble(broker.host, broker.port)


def _write_json(document: dict[str, object], out: TextIO) -> None:
    out.write(json_text.dumps(document, indent=2) + "\n")

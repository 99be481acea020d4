"""How a report is made to fit a payload: step by step it leaves out what the events tell anyway, and says so. Pure."""

from collections.abc import Callable
from typing import Any, Final

from edge.events.errors import EventTooLarge
from edge.events.payload import encode
from edge.events.report import LeftOut, Report

MOST_BYTES: Final = 64_000  # of the 64 KiB of a payload; the envelope has the rest
MOST_TROUBLES: Final = 64
MOST_PROCESSES: Final = 32
MOST_EVENTS: Final = 64
MOST_SHORT: Final = 64


def fitting(report: Report) -> Report:
    """The report, without as much as is needed for it to fit; `left_out` names what."""
    report = _bounded(report)
    for name, leave_out in _STEPS:
        if _fits(report):
            break
        smaller = leave_out(report)
        if smaller != report:
            report = smaller.model_copy(update={"left_out": (*report.left_out, name)})
    return report


def _fits(report: Report) -> bool:
    try:
        return len(encode(report.compact())) <= MOST_BYTES
    except EventTooLarge:
        return False


def _bounded(report: Report) -> Report:
    """Lists that others make long are cut: whoever may publish can make a process or an epoch up."""
    cut: list[LeftOut] = []
    lists: tuple[tuple[LeftOut, int], ...] = (
        ("troubles", MOST_TROUBLES), ("processes", MOST_PROCESSES), ("events", MOST_EVENTS),
    )  # fmt: skip
    changed: dict[str, Any] = {}
    for name, most in lists:
        values = getattr(report, name)
        if len(values) > most:
            cut.append(name)
            changed[name] = values[:most]
    if len(report.disk.short) > MOST_SHORT:
        cut.append("short")
        changed["disk"] = report.disk.model_copy(update={"short": report.disk.short[:MOST_SHORT]})
    return report.model_copy(update=changed | {"left_out": tuple(cut)}) if cut else report


def _of_channels(**defaults: Any) -> Callable[[Report], Report]:
    def leave_out(report: Report) -> Report:
        channels = tuple(one.model_copy(update=defaults) for one in report.channels)
        return report.model_copy(update={"channels": channels})

    return leave_out


def _details(report: Report) -> Report:
    without = _of_channels(detail=None)(report)
    return without.model_copy(update={"disk": report.disk.model_copy(update={"detail": None})})


def _short(report: Report) -> Report:
    return report.model_copy(update={"disk": report.disk.model_copy(update={"short": ()})})


def _list(name: str) -> Callable[[Report], Report]:
    return lambda report: report.model_copy(update={name: ()})


# In this order: what is wrong with which channel stays longest.
_STEPS: Final[tuple[tuple[LeftOut, Callable[[Report], Report]], ...]] = (
    ("gap_reasons", _of_channels(gaps={})),
    ("details", _details),
    ("links", _of_channels(links=None)),
    ("live", _of_channels(live=None, lost_packets=0)),
    ("last_segments", _of_channels(last_segment=None)),
    ("short", _short),
    ("events", _list("events")),
    ("figures", _of_channels(recorded_s=None, expected_s=None, rejected_s=0.0, pruned_s=0.0, invalid_s=0.0)),
    ("since", _of_channels(since=None)),
    ("troubles", _list("troubles")),
    ("names", _of_channels(name=None)),
    ("reasons", _of_channels(reason=None)),
    ("processes", _list("processes")),
)

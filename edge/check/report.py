"""Everything that a check found, as one value and as one JSON document. Prints nothing."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.check.findings import Finding
from edge.check.pictures import PictureSeen
from edge.check.probe import ProbeResult
from edge.check.storage import Disk, Forecast
from edge.clock import utc
from edge.config import Config
from edge.events.values import timestamp


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a check; `results` has one entry for each enabled channel, in the order of the configuration."""

    config: Config
    config_path: str
    wall_ns: int
    disk: Disk
    outlook: Forecast | None
    broker: str | None
    results: tuple[ProbeResult, ...]
    findings: tuple[Finding, ...]
    pictures: tuple[PictureSeen, ...] = ()
    """What the pictures show, where they were asked for."""
    sheet: Path | None = None

    @property
    def faulty_pictures(self) -> tuple[PictureSeen, ...]:
        """The channels that can be recorded, but whose pictures are not worth it."""
        return tuple(seen for seen in self.pictures if seen.fault is not None)

    @property
    def failing(self) -> tuple[ProbeResult, ...]:
        """The channels that cannot be recorded."""
        return tuple(result for result in self.results if result.trouble is not None)

    @property
    def ok(self) -> bool:
        """Whether every enabled channel can be recorded and no picture is at fault; warnings do not count."""
        faults = [finding for finding in self.findings if finding.severity == "fault"]
        return not (self.failing or self.faulty_pictures or faults)

    def document(self) -> dict[str, Any]:
        """The report as JSON types."""
        config = self.config
        return {
            "ok": self.ok,
            "config": self.config_path,
            "site": config.site,
            "time": timestamp(utc(self.wall_ns)),
            "storage": {
                **asdict(self.disk),
                "root": str(self.disk.root),
                "segment_s": config.storage.segment_s,
                "promise_days": config.retention.promise_days,
                "forecast": _rounded(asdict(self.outlook)) if self.outlook else None,
            },
            "broker": {"host": config.broker.host, "port": config.broker.port, "trouble": self.broker},
            "findings": [asdict(finding) for finding in self.findings],
            "channels": [_channel(result) for result in self.results],
            "off": [channel.id for channel in config.channels if not channel.enabled],
            "pictures": [asdict(seen) for seen in self.pictures] if self.sheet is not None else None,
            "sheet": str(self.sheet) if self.sheet is not None else None,
        }


def total_bits_s(result: ProbeResult) -> float | None:
    """What a channel writes to disk, audio included; None where it could not be measured."""
    if result.video is None or result.video.bits_s is None:
        return None
    return result.video.bits_s + ((result.audio.bits_s if result.audio else None) or 0.0)


def _channel(result: ProbeResult) -> dict[str, Any]:
    values = asdict(result)
    del values["opened"]
    found: dict[str, Any] = _rounded(values)
    return {"channel": found.pop("channel"), "ok": result.trouble is None, **found}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return value

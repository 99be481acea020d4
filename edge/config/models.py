"""Every setting of `edge.yaml`: its name, kind, bounds, default and meaning. Writes no message."""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator

from edge.config.broker import BrokerConfig, HqLinkConfig
from edge.config.logging import LogConfig
from edge.config.recording import ChannelConfig, RetentionConfig, StorageConfig
from edge.config.reporting import ReporterConfig
from edge.config.section import Section
from edge.config.serving import LivestreamConfig, WebConfig
from edge.config.validating import Thresholds
from edge.config.values import FilePath, SiteId, TimeZone

_MOST_CHANNELS = 512


class ValidatorConfig(Section):
    """How often pictures are judged."""

    every_s: float = Field(
        default=10, ge=1, le=3600, description="Seconds between two looks at a channel; fewer of them cost more CPU."
    )
    confirm: int = Field(
        default=3,
        ge=1,
        le=100,
        description="Looks in a row that must agree before a channel changes its state; more are slower and calmer.",
    )
    thresholds: Thresholds = Field(
        default=Thresholds(), description="Limits that the pictures of all channels are held against."
    )


class Config(Section):
    """The configuration of one site, `edge.yaml`."""

    site: SiteId = Field(
        description="Key of the site at headquarters and name of its certificate; a new one starts a new history.",
        examples=["jkt-001"],
    )
    timezone: TimeZone = Field(
        default="UTC", description="Time zone that pages show; files and events are in UTC.", examples=["Asia/Jakarta"]
    )
    state_dir: FilePath = Field(
        default=Path("/var/lib/saksi"),
        description="Folder of the outboxes and indexes; what is not yet at headquarters is lost with it.",
    )
    broker: BrokerConfig = Field(default=BrokerConfig(), description="MQTT broker of this machine.")
    hq: HqLinkConfig | None = Field(
        default=None, description="Headquarters' broker, to which the bridge forwards; null keeps the site to itself."
    )
    storage: StorageConfig = Field(default=StorageConfig(), description="Where recordings lie.")
    retention: RetentionConfig = Field(default=RetentionConfig(), description="How long recordings are kept.")
    validator: ValidatorConfig = Field(default=ValidatorConfig(), description="How often pictures are judged.")
    reporter: ReporterConfig = Field(default=ReporterConfig(), description="Reports to headquarters.")
    livestream: LivestreamConfig = Field(default=LivestreamConfig(), description="Live pictures.")
    web: WebConfig = Field(default=WebConfig(), description="Pages and API of the site.")
    log: LogConfig = Field(default=LogConfig(), description="Logs of all processes.")
    channels: Annotated[tuple[ChannelConfig, ...], Field(strict=False)] = Field(
        description="The cameras, one entry each.", json_schema_extra={"minItems": 1, "maxItems": _MOST_CHANNELS}
    )

    @field_validator("channels")
    @classmethod
    def _some_cameras(cls, channels: tuple[ChannelConfig, ...]) -> tuple[ChannelConfig, ...]:
        if not 1 <= len(channels) <= _MOST_CHANNELS:
            raise ValueError(f"must name at least one camera, and at most {_MOST_CHANNELS}")
        return channels

    @field_validator("storage")
    @classmethod
    def _root_is_for_recordings(cls, storage: StorageConfig, info: ValidationInfo) -> StorageConfig:
        state_dir = info.data.get("state_dir")
        if state_dir and (state_dir == storage.root or storage.root in state_dir.parents):
            raise ValueError("root must be a folder that does not hold state_dir; recordings lie alone")
        return storage

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that people read times in."""
        return ZoneInfo(self.timezone)

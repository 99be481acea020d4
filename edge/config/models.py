"""Every setting of `edge.yaml`: its name, kind, bounds, default and meaning. Writes no message."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator

from edge.config.recording import ChannelConfig, RetentionConfig, StorageConfig
from edge.config.secret_file import read_secret
from edge.config.section import Port, Section
from edge.config.serving import LivestreamConfig, WebConfig
from edge.config.validating import Thresholds
from edge.config.values import FilePath, Host, HttpUrl, SiteId, SyslogUrl, TimeZone

_MOST_CHANNELS = 512


class BrokerConfig(Section):
    """The MQTT broker of this machine, over which the processes tell what happened."""

    host: Host = Field(
        default="127.0.0.1", description="Where the broker listens; while it is away events wait on disk."
    )
    port: Port = Field(
        default=1883, description="The broker's port; the machine's own Mosquitto often has 1883 already."
    )
    username: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Name to log in with; null logs in without a name.",
        examples=["edge"],
    )
    password_file: FilePath | None = Field(
        default=None,
        description="File that holds the broker's password; read at every connect, so that it can be changed in place.",
        examples=["/etc/saksi/broker-password"],
    )

    def password(self) -> str | None:
        """Read the password, None where none is set; raises ConfigError."""
        return None if self.password_file is None else read_secret(self.password_file, "broker.password_file")


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


class ReporterHttpConfig(Section):
    """Headquarters' address for reports over HTTP, beside MQTT."""

    url: HttpUrl = Field(
        description="Address that reports are posted to; plain http shows the token to the network.",
        examples=["https://hq.example/api/reports"],
    )
    token_file: FilePath | None = Field(
        default=None,
        description="File that holds the token sent as Bearer; null sends none.",
        examples=["/etc/saksi/hq-token"],
    )

    def token(self) -> str | None:
        """Read the token, None where none is set; raises ConfigError."""
        return None if self.token_file is None else read_secret(self.token_file, "reporter.http.token_file")


class ReporterConfig(Section):
    """Reports to headquarters."""

    every_s: float = Field(
        default=60,
        ge=1,
        le=86400,
        description="Seconds between two reports; headquarters sees changes that much later.",
    )
    http: ReporterHttpConfig | None = Field(
        default=None, description="Posts every report over HTTP too; null reports over MQTT only."
    )


class LogConfig(Section):
    """What the processes write about their work, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Records below this level are not written."
    )
    format: Literal["auto", "json", "text"] = Field(
        default="auto",
        description="json is one object a line, text is for people; auto is text on a terminal, else json.",
    )
    syslog: SyslogUrl | None = Field(
        default=None,
        description="Sends every record to a collector too; while that is away records are dropped and counted.",
        examples=["udp://127.0.0.1:514"],
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

"""Settings of what is recorded, where it lies and how long it stays. Reads no file."""

from pathlib import Path

from pydantic import Field

from edge.config.section import Section
from edge.config.validating import Thresholds
from edge.config.values import ChannelId, DisplayName, FilePath, Fingerprint, Size, Url


class StorageConfig(Section):
    """Where recordings lie and how much a failure may cost."""

    root: FilePath = Field(
        default=Path("/srv/saksi"),
        description="Folder of the recordings, best on its own disk; nothing is written while that is missing.",
    )
    segment_s: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="Length of a segment in seconds; longer ones make fewer files and later proof at headquarters.",
    )
    durability_s: float = Field(
        default=2,
        ge=0.5,
        le=60,
        description="Seconds of recording that a power cut may cost; less of it means more flushes for the disk.",
    )


class RetentionConfig(Section):
    """How long recordings are kept; the oldest go first, and every deletion leaves a receipt."""

    max_used_percent: float = Field(
        default=90,
        ge=1,
        le=99,
        description="The oldest segments are deleted while the disk is fuller than this many percent.",
    )
    min_free_bytes: Size = Field(
        default=5 * 2**30,
        description="The oldest segments are deleted while less than this is free, whatever the percentage says.",
    )
    max_age_days: float | None = Field(
        default=None,
        gt=0,
        le=3650,
        description="Segments older than this are deleted even where there is room; null keeps them.",
        examples=[90],
    )
    promise_days: float = Field(
        default=30,
        gt=0,
        le=3650,
        description="Days of recordings that were promised; headquarters is told when the disk cannot hold them.",
    )
    quarantine_hours: float = Field(
        default=24,
        ge=0,
        le=8760,
        description="Hours that a segment judged worthless is kept; after that it is the first to go.",
    )


class TlsConfig(Section):
    """How an rtsps:// camera proves who it is; without meaning for rtsp://."""

    verify: bool = Field(
        default=True,
        description="Checks the camera's certificate and name; false takes any, so that anyone between can listen.",
    )
    fingerprint: Fingerprint | None = Field(
        default=None,
        description="SHA-256 of the one certificate to accept, checked in place of its issuer and name.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    )
    legacy: bool = Field(
        default=False,
        description="Allows TLS 1.0 and weak ciphers, which only old cameras need and which can be broken.",
    )


class ChannelConfig(Section):
    """One camera."""

    id: ChannelId = Field(
        description="Name of the channel in files, topics and links; a new one starts a new history.",
        examples=["lobby"],
    )
    name: DisplayName | None = Field(
        default=None, description="Name that people read; null shows the id.", examples=["Lobby"]
    )
    url: Url = Field(
        description="Address of the stream to record, best the camera's main stream.",
        examples=["rtsp://edge:${LOBBY_PASSWORD}@10.0.0.11/main"],
    )
    sub_url: Url | None = Field(
        default=None,
        description="Address of a smaller stream for live pictures and validation; null uses url for these too.",
        examples=["rtsp://edge:${LOBBY_PASSWORD}@10.0.0.11/sub"],
    )
    audio: bool = Field(default=True, description="Records the camera's sound where it has any; false leaves it out.")
    enabled: bool = Field(
        default=True, description="Records this channel; false leaves the camera alone and keeps what was recorded."
    )
    max_age_days: float | None = Field(
        default=None,
        gt=0,
        le=3650,
        description="Segments of this channel older than this are deleted even where there is room;"
        " null leaves it to retention.max_age_days.",
        examples=[7],
    )
    max_bytes: Size | None = Field(
        default=None,
        description="The oldest segments of this channel are deleted while it uses more than this; null sets no share.",
        examples=["200GiB"],
    )
    basic_auth: bool = Field(
        default=False,
        description="Sends the password readable although the camera offers Digest, where its Digest is broken.",
    )
    tls: TlsConfig = Field(default=TlsConfig(), description="How an rtsps:// camera is checked.")
    validator: Thresholds | None = Field(
        default=None,
        description="Limits of this channel's pictures that differ from validator.thresholds, only those that do;"
        " null uses the site's.",
    )

    @property
    def label(self) -> str:
        """The name that people read."""
        return self.name or self.id

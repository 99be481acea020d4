"""Every setting of `hq.yaml`: headquarters' broker, database, share of the sites, reports and pages. Opens nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator

from edge.config.logging import LogConfig
from edge.config.secret_file import read_secret
from edge.config.section import Port, Section
from edge.config.serving import WebConfig
from edge.config.values import FilePath, Host, HttpUrl, SiteId, TimeZone

POSTGRESQL: Final = "postgresql+psycopg://"
_SQLITE: Final = "sqlite:////"
_FORMS: Final = f"{_SQLITE}PATH or {POSTGRESQL}USER@HOST/NAME"
MOST_PARTITIONS: Final = 64


class HqTlsConfig(Section):
    """How the broker proves who it is, and how this process does where the broker asks for a certificate."""

    ca_file: FilePath = Field(
        description="Certificate of the authority that signed the broker's certificate.",
        examples=["/etc/saksi/tls/ca.crt"],
    )
    cert_file: FilePath | None = Field(
        default=None, description="Certificate of this process; null where a password is all that the broker wants."
    )
    key_file: FilePath | None = Field(default=None, description="Key of that certificate.")

    @field_validator("key_file")
    @classmethod
    def _both_or_none(cls, key_file: FilePath | None, info: ValidationInfo) -> FilePath | None:
        if (key_file is None) != (info.data.get("cert_file") is None):
            raise ValueError("must stand together with cert_file; give both files or neither")
        return key_file


class HqBrokerConfig(Section):
    """Headquarters' MQTT broker, to which the bridges of all sites connect."""

    host: Host = Field(
        default="127.0.0.1", description="Where the broker listens; while it is away events wait at the sites."
    )
    port: Port = Field(default=1883, description="The broker's port for headquarters' own programs.")
    username: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Name to log in with; null logs in without a name.",
        examples=["hq_programs"],
    )
    password_file: FilePath | None = Field(
        default=None,
        description="File that holds the broker's password; read at every connect, so that it can be changed in place.",
        examples=["/etc/saksi/hq-broker/hq_programs"],
    )
    tls: HqTlsConfig | None = Field(
        default=None, description="Encrypts the connection; null only where the broker is on this machine."
    )
    mqtt_version: Literal["5", "3.1.1"] = Field(
        default="5",
        description="Version of MQTT to speak: 3.1.1 only to a broker that knows no newer one, as NATS does not.",
    )

    @field_validator("mqtt_version", mode="before")
    @classmethod
    def _five_without_quotes(cls, value: object) -> object:
        return "5" if value == 5 and not isinstance(value, bool) else value

    def login(self, process: str) -> tuple[str | None, Callable[[], str | None]]:  # noqa: ARG002 - one user for all
        """User name of a process, None for no name, and what reads its password now; reading raises ConfigError."""
        return self.username, self._password

    def _password(self) -> str | None:
        return None if self.password_file is None else read_secret(self.password_file, "broker.password_file")


class PartitionConfig(Section):
    """Which share of the sites this process has; sites fall to a process by a hash of their name."""

    number: int = Field(
        default=1, ge=1, le=MOST_PARTITIONS, description="Which of the processes this one is, from 1; each has its own."
    )
    of: int = Field(
        default=1,
        ge=1,
        le=MOST_PARTITIONS,
        description="How many processes share the sites, the same for all; another number moves sites between them.",
    )

    @field_validator("of")
    @classmethod
    def _holds_number(cls, of: int, info: ValidationInfo) -> int:
        if info.data.get("number", 1) > of:
            raise ValueError("must be at least partition.number; it is how many processes there are")
        return of


class ReportsConfig(Section):
    """Reports that sites post over HTTP, beside MQTT."""

    tokens_dir: FilePath | None = Field(
        default=None,
        description="Folder with a file for each site, named like it, that holds its token; null takes no reports.",
        examples=["/etc/saksi/report-tokens"],
    )


class HqConfig(Section):
    """The configuration of headquarters, `hq.yaml`."""

    site: SiteId = Field(
        default="hq",
        description="Name under which headquarters itself speaks on its broker; no site may have the same.",
    )
    timezone: TimeZone = Field(
        default="UTC",
        description="Time zone of pages about all sites; those of one site have that site's.",
        examples=["Asia/Jakarta"],
    )
    state_dir: FilePath = Field(
        default=Path("/var/lib/saksi-hq"),
        description="Folder of the outbox, the sessions and, with SQLite, the journal of all sites.",
    )
    database: str | None = Field(
        default=None,
        max_length=2000,
        description="Database of the journal; null is SQLite in state_dir, PostgreSQL is for a fleet.",
        examples=[f"{POSTGRESQL}saksi@db.example/saksi"],
        json_schema_extra={"x-allowed": _FORMS},
    )
    database_password_file: FilePath | None = Field(
        default=None,
        description="File that holds the database's password; null where it asks for none.",
        examples=["/etc/saksi/database-password"],
    )
    keep_days: int = Field(
        default=400,
        ge=7,
        le=3650,
        description="Days that events are kept; 32 channels make about 50 MB a day, and what is gone cannot be proven.",
    )
    broker: HqBrokerConfig = Field(default=HqBrokerConfig(), description="MQTT broker of headquarters.")
    partition: PartitionConfig = Field(
        default=PartitionConfig(), description="Share of the sites, where several processes divide them."
    )
    public_url: HttpUrl | None = Field(
        default=None,
        description="Address under which people reach this process; pages of the other processes link to it.",
        examples=["https://hq-1.example"],
    )
    reports: ReportsConfig = Field(default=ReportsConfig(), description="Reports over HTTP.")
    web: WebConfig = Field(default=WebConfig(), description="Pages and API of headquarters.")
    log: LogConfig = Field(default=LogConfig(), description="Logs.")

    @field_validator("database")
    @classmethod
    def _is_known_database(cls, url: str | None) -> str | None:
        if url is None or (url.startswith(_SQLITE) and len(url) > len(_SQLITE)):
            return url
        try:
            parts = urlsplit(url)
            known = url.startswith(POSTGRESQL) and len(parts.path) > 1 and (parts.port is None or parts.port > 0)
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"must be {_FORMS}")
        if parts.password is not None or "password" in parts.query:
            raise ValueError("must hold no password; put it into a file and name that in database_password_file")
        return url

    @field_validator("partition")
    @classmethod
    def _shared_database(cls, partition: PartitionConfig, info: ValidationInfo) -> PartitionConfig:
        url = info.data.get("database")
        if partition.of > 1 and "database" in info.data and (url is None or not url.startswith(POSTGRESQL)):
            raise ValueError(
                f"of must be 1 with SQLite, which one process writes; to share sites set database to {POSTGRESQL}..."
            )
        return partition

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of pages about all sites."""
        return ZoneInfo(self.timezone)

    @property
    def process(self) -> str:
        """Name of the process on the broker: `hq`, or with its number where several share the work."""
        return "hq" if self.partition.of == 1 else f"hq-{self.partition.number}"

    def database_url(self) -> str:
        """The database with its password; never to be shown. Raises ConfigError."""
        if self.database is None:
            return f"sqlite:///{self.state_dir / 'journal.db'}"
        if self.database_password_file is None or not self.database.startswith(POSTGRESQL):
            return self.database
        password = quote(read_secret(self.database_password_file, "database_password_file"), safe="")
        user, at, place = self.database.removeprefix(POSTGRESQL).partition("@")
        return f"{POSTGRESQL}{user}:{password}@{place}" if at else f"{POSTGRESQL}:{password}@{user}"

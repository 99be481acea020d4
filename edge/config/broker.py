"""Settings of the site's broker and of the bridge to headquarters' one: where they are, and who we are to them."""

from collections.abc import Callable
from typing import Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from edge.config.secret_file import read_secret
from edge.config.section import Port, Section
from edge.config.values import FilePath, Host

DEBUG_USER: Final = "debug"
"""Who reads everything of the site's broker and writes nothing: `edge events`, `mosquitto_sub`."""
OPERATOR_USER: Final = "operator"
"""Who asks processes on behalf of a person at the machine: `edge protect`."""


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
        description="Name that every process logs in with; null logs in without a name.",
        examples=["edge"],
    )
    password_file: FilePath | None = Field(
        default=None,
        description="File that holds the broker's password; read at every connect, so that it can be changed in place.",
        examples=["/etc/saksi/broker-password"],
    )
    credentials_dir: FilePath | None = Field(
        default=None,
        description="Folder with a password file for each process, named like it: each logs in as its own user, with"
        " its own rights; `edge bridge-config` writes it. Stands in place of username and password_file; null takes"
        " that of the broker that `edge up --broker` runs, where there is one.",
        examples=["/etc/saksi/broker/credentials"],
    )

    @field_validator("credentials_dir")
    @classmethod
    def _one_way_to_log_in(cls, folder: FilePath | None, info: ValidationInfo) -> FilePath | None:
        if folder is not None and (info.data.get("username") or info.data.get("password_file")):
            raise ValueError("must be null beside username or password_file; take one way to log in or the other")
        return folder

    def login(self, process: str) -> tuple[str | None, Callable[[], str | None]]:
        """User name of a process, None for no name, and what reads its password now; reading raises ConfigError."""
        folder = self.credentials_dir
        if folder is None:
            return self.username, self._common_password
        return process, lambda: read_secret(folder / process, "broker.credentials_dir")

    @property
    def tls(self) -> None:
        """No certificates: the site's broker listens on this machine alone."""
        return

    @property
    def mqtt_version(self) -> Literal["5"]:
        """The site's broker is a Mosquitto, as it needs the bridge."""
        return "5"

    def _common_password(self) -> str | None:
        return None if self.password_file is None else read_secret(self.password_file, "broker.password_file")


class HqLinkConfig(Section):
    """Headquarters' broker as the bridge of this site's Mosquitto dials it; `edge bridge-config` reads this."""

    host: Host = Field(
        description="Name or address of headquarters' broker, as it stands in its certificate.", examples=["hq.example"]
    )
    port: Port = Field(default=8883, description="Port of headquarters' broker.")
    ca_file: FilePath = Field(
        description="Certificate of the authority that signed the broker's certificate.",
        examples=["/etc/saksi/tls/ca.crt"],
    )
    cert_file: FilePath = Field(
        description="Certificate of this site; its common name must be the site's id.",
        examples=["/etc/saksi/tls/site.crt"],
    )
    key_file: FilePath = Field(
        description="Key of that certificate; the broker's user alone should read it.",
        examples=["/etc/saksi/tls/site.key"],
    )

"""Where a broker is, who we are to it and how the way there is kept secret. Files are read at every connect.

So a password or a certificate that is renewed in place is taken without a restart.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self

from edge.errors import ConfigError

MqttVersion = Literal["5", "3.1.1"]


class TlsSettings(Protocol):
    """The `tls` section of a configuration."""

    @property
    def ca_file(self) -> Path:
        """Certificate of the authority that signed the broker's."""
        ...

    @property
    def cert_file(self) -> Path | None:
        """Our own certificate, None where the broker asks for none."""
        ...

    @property
    def key_file(self) -> Path | None:
        """The key of that certificate."""
        ...


class BrokerSettings(Protocol):
    """The `broker` section of a configuration, a site's or headquarters'."""

    @property
    def host(self) -> str:
        """Name or address of the broker."""
        ...

    @property
    def port(self) -> int:
        """Port of the broker."""
        ...

    @property
    def tls(self) -> TlsSettings | None:
        """Certificates; None where the way there is this machine alone."""
        ...

    @property
    def mqtt_version(self) -> MqttVersion:
        """The newest version of MQTT that the broker knows."""
        ...

    def login(self, process: str) -> tuple[str | None, Callable[[], str | None]]:
        """User name of a process, and what reads its password now; reading raises ConfigError."""
        ...


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The certificates of a connection; the broker's name is checked against its certificate, TLS is 1.2 or later."""

    ca_file: Path
    cert_file: Path | None = None
    key_file: Path | None = None

    def load_into(self, context: ssl.SSLContext) -> None:
        """Have a context use the files as they are now; raises ConfigError."""
        try:
            context.load_verify_locations(self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f'broker.tls.ca_file "{self.ca_file}" cannot be used: {_words(error)}') from error
        if self.cert_file is None:
            return
        try:
            context.load_cert_chain(self.cert_file, self.key_file, password="")  # or an encrypted key asks the terminal
        except (OSError, ssl.SSLError) as error:
            files = f'broker.tls.cert_file "{self.cert_file}" and key_file "{self.key_file}"'
            raise ConfigError(f"{files} cannot be used together: {_words(error)}") from error


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and who we are to it; the password is read at every connect."""

    host: str
    port: int
    username: str | None = None
    password: Callable[[], str | None] = lambda: None
    tls: TlsFiles | None = None
    mqtt_version: MqttVersion = "5"

    @classmethod
    def of(cls, settings: BrokerSettings, process: str) -> Self:
        """The broker of a configuration, as a process of this name logs in."""
        tls = settings.tls
        files = None if tls is None else TlsFiles(tls.ca_file, tls.cert_file, tls.key_file)
        return cls(settings.host, settings.port, *settings.login(process), files, settings.mqtt_version)

    def __repr__(self) -> str:
        return f"{self.host}:{self.port}"


def new_context() -> ssl.SSLContext:
    """A client's context that trusts nobody yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _words(error: OSError) -> str:
    return str(error.strerror or error)

"""Settings of who may look: live pictures, pages, people and programs. Opens no port."""

from ipaddress import ip_address
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from edge.config.secret_file import read_secret
from edge.config.section import Port, Section
from edge.config.values import AccountName, FilePath, Host

Role = Literal["admin", "viewer"]


class LivestreamConfig(Section):
    """Live pictures through the gateway, pulled from a camera only while somebody watches."""

    enabled: bool = Field(
        default=True, description="Starts the gateway; false leaves recordings without live pictures."
    )
    rtsp_port: Port = Field(default=8554, description="Port that players open with rtsp://.")
    webrtc_port: Port = Field(default=8555, description="Port that browsers open with WebRTC, over TCP and UDP.")
    api_port: Port = Field(default=1984, description="Port of the gateway's own API, on loopback only.")
    public_host: Host | None = Field(
        default=None,
        description="Name or address that browsers reach this machine by; null takes the one that they asked for.",
        examples=["10.0.0.5"],
    )

    @field_validator("webrtc_port", "api_port")
    @classmethod
    def _differs(cls, port: int, info: ValidationInfo) -> int:
        taken = [name for name, value in info.data.items() if name.endswith("_port") and value == port]
        if taken:
            raise ValueError(f"must differ from livestream.{taken[0]}; give each its own port")
        return port


class UserConfig(Section):
    """A person who may log in."""

    password_hash: SecretStr = Field(
        description="Argon2 hash of the password; `edge password` prints the line.",
        min_length=1,
        examples=["$argon2id$v=19$m=65536,t=3,p=4$..."],
    )
    role: Role = Field(default="viewer", description="An admin may change things, a viewer only looks.")

    @field_validator("password_hash")
    @classmethod
    def _is_hash(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith("$argon2"):
            raise ValueError("must be an Argon2 hash that begins with $argon2; a plain password is not kept here")
        return value


class TokenConfig(Section):
    """A program that may use the API."""

    token_file: FilePath = Field(
        description="File that holds the token, which the program sends as Bearer.", examples=["/etc/saksi/token"]
    )
    role: Role = Field(default="viewer", description="An admin may change things, a viewer only looks.")

    def token(self, name: str) -> str:
        """Read the token of the account `name`; raises ConfigError."""
        return read_secret(self.token_file, f"web.tokens.{name}.token_file")


class WebConfig(Section):
    """The site's pages and API."""

    bind: Host = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 lets the whole network reach the login page."
    )
    port: Port = Field(default=8080, description="Port of pages and API.")
    auth: Literal["required", "off"] = Field(
        default="required",
        description="off asks nobody to log in; on loopback only, for a demo or behind a proxy that asks.",
    )
    users: dict[AccountName, UserConfig] = Field(
        default={}, description="People who may log in, by name; without any nobody can."
    )
    tokens: dict[AccountName, TokenConfig] = Field(default={}, description="Programs that may use the API, by name.")

    @field_validator("auth")
    @classmethod
    def _off_on_loopback_only(cls, auth: str, info: ValidationInfo) -> str:
        if auth == "off" and not _is_loopback(info.data.get("bind", "127.0.0.1")):
            raise ValueError("must be required unless web.bind is a loopback address such as 127.0.0.1")
        return auth


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""Settings of the reports to headquarters, and of what else the reporter tells. Sends nothing."""

from pydantic import Field, ValidationInfo, field_validator

from edge.config.secret_file import read_secret
from edge.config.section import Section
from edge.config.values import FilePath, HttpUrl, TopicPrefix


class ReporterHttpConfig(Section):
    """Headquarters' address for reports over HTTP, beside MQTT."""

    url: HttpUrl = Field(
        description="Address that reports are posted to; plain http shows the token to the network.",
        examples=["https://hq.example/api/sites/jkt-001/reports"],
    )
    token_file: FilePath | None = Field(
        default=None,
        description="File that holds the token sent as Bearer, read at every attempt; null sends none.",
        examples=["/etc/saksi/hq-token"],
    )
    ca_file: FilePath | None = Field(
        default=None,
        description="Certificate of the authority that signed headquarters' certificate, where it is a private one;"
        " null trusts those that this machine trusts.",
        examples=["/etc/saksi/tls/ca.crt"],
    )

    @field_validator("ca_file")
    @classmethod
    def _for_https_only(cls, path: FilePath | None, info: ValidationInfo) -> FilePath | None:
        if path is not None and not str(info.data.get("url", "https:")).lower().startswith("https:"):
            raise ValueError("must be null beside an http:// url, which has no certificate; write https:// there")
        return path

    def token(self) -> str | None:
        """Read the token, None where none is set; raises ConfigError."""
        return None if self.token_file is None else read_secret(self.token_file, "reporter.http.token_file")


class HomeAssistantConfig(Section):
    """Home Assistant's MQTT discovery: the site appears in it by itself, where it listens to this broker."""

    prefix: TopicPrefix = Field(
        default="homeassistant", description="Topics that Home Assistant looks for new devices in, as set there."
    )


class ReporterConfig(Section):
    """Reports to headquarters."""

    every_s: float = Field(
        default=60,
        ge=1,
        le=86400,
        description="Seconds between two reports; what gets worse is reported at once.",
    )
    http: ReporterHttpConfig | None = Field(
        default=None, description="Posts every report over HTTP too; null reports over MQTT only."
    )
    home_assistant: HomeAssistantConfig | None = Field(
        default=None, description="Tells Home Assistant of channels, disk and processes; null tells it nothing."
    )

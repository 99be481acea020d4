"""Settings of logs. Writes none."""

from typing import Literal

from pydantic import Field

from edge.config.section import Section
from edge.config.values import SyslogUrl


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

"""What the reporter says: the state of the site, folded from its events, and whether HQ got it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from edge.events.data import EventData
from edge.events.values import EventId, Seconds, Sequence, Text, Timestamp

_EVENT_ID = "01KAQFYK00N8TG6ZQ3V5M7W9XA-00000000000000000042"
HttpStatus = Annotated[int, Field(strict=True, ge=100, le=599)]


class SiteReported(EventData):
    """The state of the site, as `GET /api/report` answers it."""

    publishers = ("reporter",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "from": "2026-11-23T02:21:00.000Z",
        "to": "2026-11-23T02:22:00.000Z",
        "status": "ok",
        "report": {"channels": {"total": 4, "recording": 4, "invalid": 0, "offline": 0}},
    }

    from_: Timestamp = Field(description="start of the time that the report covers")
    to: Timestamp = Field(description="its end")
    status: Literal["ok", "degraded", "down"] = Field(description="the site in one word, as `GET /health` says it")
    report: dict[str, JsonValue] = Field(description="the report")


class ReportDelivered(EventData):
    """A report has arrived at HQ."""

    publishers = ("reporter",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "report": _EVENT_ID,
        "via": "http",
        "attempts": 1,
        "http_status": 202,
        "took_s": 0.184,
    }

    report: EventId = Field(description="id of its `site_reported` event")
    via: Literal["mqtt", "http"] = Field(description="which way it went")
    attempts: Sequence = Field(description="attempts that it took")
    http_status: HttpStatus | None = Field(description="HQ's answer; null for MQTT")
    took_s: Seconds = Field(description="from the first attempt to HQ's answer")


class ReportFailed(EventData):
    """A report has not arrived at HQ."""

    publishers = ("reporter",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "report": _EVENT_ID,
        "via": "http",
        "attempts": 5,
        "http_status": 503,
        "detail": "HQ answers 503; the report is kept and sent again",
        "retry_in_s": 60.0,
    }

    report: EventId = Field(description="id of its `site_reported` event")
    via: Literal["mqtt", "http"] = Field(description="which way it went")
    attempts: Sequence = Field(description="attempts so far")
    http_status: HttpStatus | None = Field(description="HQ's last answer; null when there was none")
    detail: Text = Field(description="what went wrong in words, with what to do")
    retry_in_s: Seconds | None = Field(description="time until the next attempt; null when it was given up")

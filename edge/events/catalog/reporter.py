"""What the reporter says: the state of the site, folded from its events, and whether HQ got it."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, JsonValue, field_serializer

from edge.events.data import EventData
from edge.events.report import Report
from edge.events.values import Count, EventId, Seconds, Sequence, Text, Timestamp

_EVENT_ID = "01KAQFYK00N8TG6ZQ3V5M7W9XA-00000000000000000042"
HttpStatus = Annotated[int, Field(strict=True, ge=100, le=599)]


class SiteReported(EventData):
    """The state of the site, as `GET /api/report` answers it."""

    publishers = ("reporter",)
    subject = "site"
    example: ClassVar[dict[str, JsonValue]] = {
        "from": "2026-11-22T02:22:00.000Z",
        "to": "2026-11-23T02:22:00.000Z",
        "status": "degraded",
        "report": {
            "time": "2026-11-23T02:22:00.000Z",
            "status": "degraded",
            "version": "0.1.0",
            "timezone": "Asia/Jakarta",
            "segment_s": 60,
            "promise_days": 30.0,
            "expected_processes": ["recorder", "retention", "validator", "reporter", "web"],
            "totals": {"total": 2, "recording": 1, "invalid": 0, "offline": 1, "off": 0, "unknown": 0},
            "troubles": [
                {
                    "severity": "degraded",
                    "about": "channel",
                    "subject": "yard",
                    "code": "unreachable",
                    "since": "2026-11-23T02:12:00.000Z",
                }
            ],
            "channels": [
                {
                    "id": "lobby",
                    "name": "Lobby",
                    "since": "2026-11-20T08:00:00.000Z",
                    "recorded_s": 86400.0,
                    "expected_s": 86400.0,
                },
                {
                    "id": "yard",
                    "status": "offline",
                    "reason": "unreachable",
                    "since": "2026-11-23T02:12:00.000Z",
                    "last_segment": "2026-11-23T02:12:00.000Z",
                    "recorded_s": 85800.0,
                    "expected_s": 86400.0,
                    "gaps": {"unreachable": 600.0},
                },
            ],
            "processes": [{"name": "recorder", "since": "2026-11-20T07:59:00.000Z"}],
            "disk": {"state": "ok", "measured": "2026-11-23T02:21:30.000Z", "free_bytes": 1099511627776},
            "events": [{"process": "recorder", "epoch": "01KAQFYK00N8TG6ZQ3V5M7W9XA", "newest": 5091}],
            "newest_event": "2026-11-23T02:21:59.000Z",
        },
    }

    from_: Timestamp = Field(description="start of the 24 hours that the figures of the report cover")
    to: Timestamp = Field(description="their end, and the moment of the report")
    status: Literal["ok", "degraded", "down"] = Field(description="the site in one word, as `GET /health` says it")
    report: Report = Field(description="the report; what stands at its default is not written")

    @field_serializer("report")
    def _without_defaults(self, report: Report) -> dict[str, Any]:
        return report.compact()


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
        "dropped": 0,
    }

    report: EventId = Field(description="id of its `site_reported` event")
    via: Literal["mqtt", "http"] = Field(description="which way it went")
    attempts: Sequence = Field(description="attempts so far")
    http_status: HttpStatus | None = Field(description="HQ's last answer; null when there was none")
    detail: Text = Field(description="what went wrong in words, with what to do")
    retry_in_s: Seconds | None = Field(description="time until the next attempt; null when it was given up")
    dropped: Count = Field(
        default=0, description="older reports given up for newer ones, as too many wait, since that was said last"
    )

"""Every event that Saksi's processes publish. Types are past tense and versioned; changes only add."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.events.catalog.disk import (
    DiskFaulty,
    DiskFull,
    DiskLow,
    DiskMeasured,
    DiskMissing,
    DiskRecovered,
    Stuck,
)
from edge.events.catalog.journal import EventsConflicting, EventsMissing, EventsRecovered
from edge.events.catalog.livestream import LivestreamLost, LivestreamReady
from edge.events.catalog.process import OutboxTruncated, ProcessStarted, ProcessStopped
from edge.events.catalog.recorder import (
    Audio,
    ClockJumped,
    CutReason,
    RecordingStarted,
    RecordingStopped,
    SegmentWritten,
    StopReason,
    Video,
)
from edge.events.catalog.reporter import ReportDelivered, ReportFailed, SiteReported
from edge.events.catalog.retention import (
    CatalogRebuilt,
    DiskPruned,
    FootageProtected,
    FootageUnprotected,
    PrunedRange,
    RetentionRestored,
    RetentionShort,
    SegmentsMissing,
    SegmentsVerified,
)
from edge.events.catalog.validator import ChannelInvalid, ChannelValid, SegmentRejected
from edge.events.data import EventData

EVENTS: dict[str, type[EventData]] = {
    event.event_type: event
    for event in (
        ProcessStarted,
        ProcessStopped,
        OutboxTruncated,
        RecordingStarted,
        SegmentWritten,
        RecordingStopped,
        ClockJumped,
        DiskMeasured,
        DiskPruned,
        DiskLow,
        DiskFull,
        DiskRecovered,
        DiskMissing,
        DiskFaulty,
        RetentionShort,
        RetentionRestored,
        FootageProtected,
        FootageUnprotected,
        SegmentsMissing,
        SegmentsVerified,
        CatalogRebuilt,
        ChannelInvalid,
        ChannelValid,
        SegmentRejected,
        SiteReported,
        ReportDelivered,
        ReportFailed,
        LivestreamReady,
        LivestreamLost,
        EventsMissing,
        EventsRecovered,
        EventsConflicting,
    )
}


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a type or version that this release does not know: kept, not understood."""

    event_type: str
    event_version: int
    data: Mapping[str, Any]


def read(event_type: str, event_version: int, data: Mapping[str, Any]) -> EventData | UnknownEvent:
    """The data of an event as its model; raises EventDataError when a known event breaks its model."""
    event = EVENTS.get(event_type)
    if event is None or event.event_version != event_version:
        return UnknownEvent(event_type, event_version, data)
    return event.read(data)


__all__ = [
    "EVENTS",
    "Audio",
    "CatalogRebuilt",
    "ChannelInvalid",
    "ChannelValid",
    "ClockJumped",
    "CutReason",
    "DiskFaulty",
    "DiskFull",
    "DiskLow",
    "DiskMeasured",
    "DiskMissing",
    "DiskPruned",
    "DiskRecovered",
    "EventsConflicting",
    "EventsMissing",
    "EventsRecovered",
    "FootageProtected",
    "FootageUnprotected",
    "LivestreamLost",
    "LivestreamReady",
    "OutboxTruncated",
    "ProcessStarted",
    "ProcessStopped",
    "PrunedRange",
    "RecordingStarted",
    "RecordingStopped",
    "ReportDelivered",
    "ReportFailed",
    "RetentionRestored",
    "RetentionShort",
    "SegmentRejected",
    "SegmentWritten",
    "SegmentsMissing",
    "SegmentsVerified",
    "SiteReported",
    "StopReason",
    "Stuck",
    "UnknownEvent",
    "Video",
    "read",
]

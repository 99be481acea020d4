"""The report of a site as it travels: what `site_reported` carries, `GET /api/report` answers and HQ builds on.

Knows no projection and no HTTP. What stands at its default is not written: a site of 512 channels fits one payload.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from edge.events.data import Value
from edge.events.values import ChannelId, Count, NotNegative, Number, Seconds, Sequence, Text, Timestamp

ReportStatus = Literal["ok", "degraded", "down"]
LeftOut = Literal[
    "gap_reasons", "details", "links", "live", "last_segments", "names", "figures", "since", "reasons",
    "troubles", "processes", "events", "short",
]  # fmt: skip
Code = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
ProcessName = Annotated[str, Field(min_length=1, max_length=64)]
ChannelName = Annotated[str, Field(min_length=1, max_length=100)]
Link = Annotated[str, Field(max_length=2000)]


class ReportedTotals(Value):
    """Channels by status."""

    total: Count = Field(description="channels of the configuration")
    recording: Count = Field(description="recording a picture with nothing at fault")
    invalid: Count = Field(description="recording, but the picture is at fault")
    offline: Count = Field(description="not recording")
    off: Count = Field(description="switched off in the configuration")
    unknown: Count = Field(description="nothing was heard of them yet")


class ReportedTrouble(Value):
    """One thing that is wrong."""

    severity: Literal["down", "degraded"] = Field(description="`down`: the site does not do its work")
    about: Code = Field(description="kind of thing: `channel`, `process`, `disk`, `events`, `clock`")
    subject: Text = Field(default="", description="channel, process or mount; empty for the site")
    code: Code = Field(description="what is wrong with it")
    since: Timestamp | None = Field(default=None, description="since when, where that is known")


class ReportedLinks(Value):
    """Where a channel can be watched live."""

    rtsp: Link | None = Field(default=None, description="for players")
    webrtc: Link | None = Field(default=None, description="for browsers, in a second")
    hls: Link | None = Field(default=None, description="for browsers, in some seconds")


class ReportedChannel(Value):
    """One channel: how it is now, and the last 24 hours."""

    id: ChannelId = Field(description="channel")
    name: ChannelName | None = Field(default=None, description="name that people read; null where it is the id")
    enabled: bool = Field(default=True, description="whether it is to be recorded")
    status: Literal["recording", "picture_fault", "offline", "off", "unknown"] = Field(
        default="recording", description="how it is now"
    )
    reason: Code | None = Field(default=None, description="why it is offline, or what is wrong with the picture")
    detail: Text | None = Field(default=None, description="the same in the recorder's own words")
    since: Timestamp | None = Field(default=None, description="when the status began, where that was heard")
    last_segment: Timestamp | None = Field(
        default=None, description="end of its newest segment, where it is not recorded now"
    )
    recorded_s: Seconds | None = Field(
        default=None, description="seconds recorded, also what was rejected or deleted by policy since"
    )
    expected_s: Seconds | None = Field(default=None, description="seconds that should have been recorded")
    rejected_s: Seconds = Field(default=0.0, description="of those recorded: judged worthless")
    pruned_s: Seconds = Field(default=0.0, description="of those recorded: deleted by policy, with a receipt")
    invalid_s: Seconds = Field(default=0.0, description="of those recorded: while the picture was at fault")
    gaps: dict[Code, Seconds] = Field(default={}, description="seconds not recorded, by reason")
    lost_packets: Count = Field(default=0, description="RTP packets lost on the way")
    live: Literal["ready", "lost"] | None = Field(default=None, description="whether it can be watched live")
    links: ReportedLinks | None = Field(default=None, description="where, when it can")


class ReportedProcess(Value):
    """One process."""

    name: ProcessName = Field(description="process")
    expected: bool = Field(default=True, description="whether the site is to have it")
    status: Literal["online", "late", "offline", "unknown"] = Field(default="online", description="how it is now")
    since: Timestamp | None = Field(default=None, description="since when, where that is known")
    version: Text | None = Field(default=None, description="its version where it differs from the site's")


class ReportedShort(Value):
    """Recordings that will not reach back as far as promised."""

    channel: ChannelId | None = Field(default=None, description="channel; null for the whole site")
    forecast_days: NotNegative = Field(description="how far back they will reach")
    short_from: Timestamp = Field(description="when that begins to show")


class ReportedDisk(Value):
    """The disk of the recordings, by its newest measure."""

    state: Literal["ok", "low", "full", "missing", "faulty", "unknown"] = Field(description="how it is now")
    since: Timestamp | None = Field(default=None, description="since when, where that is known")
    detail: Text | None = Field(default=None, description="the same in words")
    measured: Timestamp | None = Field(default=None, description="when it was measured; null for never")
    total_bytes: Count | None = Field(default=None, description="size of the file system")
    used_bytes: Count | None = Field(default=None, description="used, by whatever")
    free_bytes: Count | None = Field(default=None, description="free")
    recordings_bytes: Count | None = Field(default=None, description="used by recordings")
    write_rate_bytes_s: NotNegative | None = Field(default=None, description="speed at which recordings grow")
    hours_left: NotNegative | None = Field(default=None, description="until it is full; null when it does not fill")
    smart: Code | None = Field(default=None, description="what the disk says of its own health")
    stuck: Code | None = Field(default=None, description="why nothing more can be deleted, where that is so")
    short: tuple[ReportedShort, ...] = Field(default=(), description="recordings that will fall short of the promise")


class ReportedEvents(Value):
    """How complete the reporter holds the events of one process in one epoch."""

    process: ProcessName = Field(description="process")
    epoch: Annotated[str, Field(max_length=26)] = Field(description="epoch of its outbox, the newest one")
    newest: Count = Field(description="greatest sequence that is known to exist")
    missing: Count = Field(default=0, description="events that did not arrive and are asked for again")
    lost: Count = Field(default=0, description="events that nobody has any longer")


class Report(Value):
    """A site at a moment and over the 24 hours before it."""

    time: Timestamp = Field(description="the moment")
    status: ReportStatus = Field(description="the site in one word, as `GET /health` says it")
    version: Text = Field(description="version of Saksi")
    timezone: Annotated[str, Field(min_length=1, max_length=64)] = Field(description="time zone of its people")
    segment_s: Sequence = Field(description="length of a segment")
    promise_days: Number = Field(description="days of recordings that were promised")
    expected_processes: tuple[ProcessName, ...] = Field(description="processes that the site is to have")
    totals: ReportedTotals = Field(description="channels by status")
    troubles: tuple[ReportedTrouble, ...] = Field(default=(), description="what is wrong, worst first")
    channels: tuple[ReportedChannel, ...] = Field(description="the channels in the order of the configuration")
    processes: tuple[ReportedProcess, ...] = Field(default=(), description="the processes")
    disk: ReportedDisk = Field(description="the disk of the recordings")
    events: tuple[ReportedEvents, ...] = Field(default=(), description="how complete the events are")
    newest_event: Timestamp | None = Field(default=None, description="time of the newest event")
    left_out: tuple[LeftOut, ...] = Field(
        default=(), description="what is not in here because it would not fit; the events have it"
    )

    def compact(self) -> dict[str, Any]:
        """The report as JSON types without what stands at its default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

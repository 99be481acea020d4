"""What can be seen of a site at a moment: plain values that pages, API, health and report are written from.

Times are whole milliseconds of UTC since 1970 (`_ms`). Nothing here holds words for people: codes and numbers only.
The functions that make these values are `site_view`, `channel_view` and `coverage`, all in `edge.state`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ChannelStatus = Literal["recording", "picture_fault", "offline", "off", "unknown"]
ProcessStatus = Literal["online", "late", "offline", "unknown"]
DiskState = Literal["ok", "low", "full", "missing", "faulty", "unknown"]
Health = Literal["ok", "degraded", "down"]
SpanKind = Literal["recorded", "rejected", "gap", "pruned", "future"]
Severity = Literal["down", "degraded"]
About = Literal["channel", "process", "disk", "events", "clock"]


@dataclass(frozen=True, slots=True)
class ChannelSetting:
    """A channel as the configuration has it, in the configuration's order."""

    id: str
    name: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a channel's time, from `start_ms` up to and without `end_ms`; spans of a range leave nothing out.

    `reason` is, for a gap: a StopReason of the catalog, `recorder_down` (it was killed, or the box had no power),
    `stalled` (it runs and says nothing), `dropped` (the disk was too slow), `clock` (the wall clock stepped), `not_yet`
    (before anything was heard of the channel), `missing` (it was recorded, but the file is gone and nobody says by
    whom) or `unexplained`; for rejected: the RejectReason; for pruned: the rule (`space`, `age`, `rejected`, `quota`);
    else None.
    `invalid` is the InvalidReason where the picture was at fault while it was recorded. `growing` marks what the
    segment that is being written holds: recorded, but not yet a finished file.
    """

    kind: SpanKind
    start_ms: int
    end_ms: int
    reason: str | None = None
    invalid: str | None = None
    growing: bool = False


@dataclass(frozen=True, slots=True)
class VideoView:
    """The video of a channel, by its newest event."""

    codec: str
    width: int
    height: int
    fps: float | None
    codec_string: str


@dataclass(frozen=True, slots=True)
class AudioView:
    """The audio of a channel, by its newest event."""

    codec: str
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A finished segment; `path` is relative to the storage root."""

    path: str
    start_ms: int
    end_ms: int
    bytes: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class LivestreamView:
    """Whether a channel can be watched live, since when, and where."""

    ready: bool
    since_ms: int
    rtsp: str | None
    webrtc: str | None
    hls: str | None
    reason: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class ProtectionView:
    """Footage that is kept from deletion, why and by whom."""

    id: str
    start_ms: int
    end_ms: int
    note: str
    by: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel now.

    `reason` is, when offline: a StopReason, `recorder_down`, `stalled` (no segment for three segments' time) or
    `not_yet` (the recorder runs and has said nothing of it); with a picture fault: the InvalidReason; else None.
    `detail` is the event's own words for it, as the recorder said them. `since_ms` is when the status began, None
    where that was never heard. `recorded_s` of `expected_s` seconds of the last 24 hours are recorded (rejected and
    since pruned ones count as recorded, time before the channel's first event is not expected).
    """

    id: str
    name: str
    status: ChannelStatus
    reason: str | None
    detail: str | None
    since_ms: int | None
    video: VideoView | None
    audio: AudioView | None
    url: str | None
    server: str | None
    camera_clock_offset_s: float | None
    bitrate_bits_s: float | None
    last_segment: SegmentView | None
    oldest_ms: int | None
    recorded_s: float
    expected_s: float
    lost_packets_24h: int
    suspect_s_24h: float
    dropped_s_24h: float
    backlog_bytes: int | None
    livestream: LivestreamView | None
    protected: tuple[ProtectionView, ...] = ()


@dataclass(frozen=True, slots=True)
class ProcessView:
    """A process now: online when heard at most 25 s ago, late up to 60 s, then offline; a Will is offline at once.

    `since_ms`: online since it started, late and offline since it was last heard, None for unknown. `stopped` says
    how it ended where it said so itself: `clean` or `failed`, with `detail` in its own words.
    """

    name: str
    expected: bool
    status: ProcessStatus
    since_ms: int | None
    last_heard_ms: int | None
    started_ms: int | None
    version: str | None
    host: str | None
    epoch: str | None
    last_sequence: int | None
    bdseq: int | None
    pid: int | None
    stopped: str | None
    detail: str | None
    metrics: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RetentionView:
    """Recordings that will not reach back as far as promised; `channel` None is the whole site."""

    channel: str | None
    promise_days: float
    forecast_days: float
    short_from_ms: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class PrunedView:
    """The newest receipt for deleted segments."""

    at_ms: int
    rule: str
    segments: int
    bytes: int


@dataclass(frozen=True, slots=True)
class HarmedView:
    """Segments that were read back at random and are damaged: when, how many, and the path of one."""

    at_ms: int
    count: int
    path: str


@dataclass(frozen=True, slots=True)
class DiskView:
    """The disk of the recordings by its newest measure; every figure is None until there was one.

    `since_ms` is when `state` began, None for unknown. `hours_left` is until the disk is full at the present rate,
    None when it does not fill. `oldest_ms` is the start of the oldest segment for each channel, `forecast_days` how far
    back it will reach. `stuck` is why nothing more can be deleted from a disk that is low or full: `protected` (only
    protected footage is left) or `not_ours`. `verified_ms` is when segments were read back last, `harmed` what that
    showed to be damaged when it last did.

    """

    state: DiskState
    since_ms: int | None
    detail: str | None
    mount: str | None
    device: str | None
    measured_ms: int | None
    total_bytes: int | None
    used_bytes: int | None
    free_bytes: int | None
    recordings_bytes: int | None
    unknown_files: int | None
    write_rate_bytes_s: float | None
    hours_left: float | None
    smart: str | None
    oldest_ms: Mapping[str, int]
    short: tuple[RetentionView, ...]
    last_pruned: PrunedView | None
    stuck: str | None = None
    protected_bytes: int | None = None
    serial: str | None = None
    forecast_days: Mapping[str, float] = field(default_factory=dict)
    verified_ms: int | None = None
    harmed: HarmedView | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong, since when, and what a sentence about it needs (`params`).

    | about | subject | code | params |
    |---|---|---|---|
    | channel | channel id | the ChannelView's reason; `unheard` where its status is unknown | name, status, detail |
    | process | process | `offline`, `late`, `unheard`, `failed` (ended by an error) | detail, last_heard_ms |
    | disk | mount or "" | `low`, `full`, `missing`, `faulty`, `failing` (SMART) | detail, stuck, free_bytes,
    total_bytes, hours_left |
    | disk | mount or "" | `harmed` (segments read back are damaged; shown for a week) | count, detail (a path) |
    | disk | channel id or "" | `short` (retention) | name, promise_days, forecast_days, short_from_ms |
    | events | process | `missing` (asked for again), `unanswered` (asked for in vain, often; added by who asks) |
    count; of `unanswered` also said, asked, asked_ms, and now: what it says where that is less, else None |
    | events | process | `lost` (gone for ever), `truncated` (dropped by its outbox), `conflicting` (two events under
    one number); shown for 24 hours | count |
    | events | "" | `flood` (it writes far more than its channels make; added by whoever keeps its events) | events_s,
    usual_s |
    | events | `broker` | `silent` (no expected process is heard, and none said goodbye) | last_heard_ms |
    | clock | recorder | `stepped` (2 s and more; shown for an hour) | step_s |
    """

    severity: Severity
    about: About
    subject: str
    code: str
    since_ms: int | None
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Totals:
    """Channels by status; `invalid` are those with a picture fault, `total` are all of the configuration."""

    total: int
    recording: int
    invalid: int
    offline: int
    off: int
    unknown: int


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site at a moment: troubles worst first, channels with trouble first, then as configured."""

    health: Health
    now_ms: int
    troubles: tuple[Trouble, ...]
    channels: tuple[ChannelView, ...]
    processes: tuple[ProcessView, ...]
    disk: DiskView
    totals: Totals
    newest_event_ms: int | None

"""The documents of the API about how a site is now; times are RFC 3339 in UTC. Knows no request."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from edge.state.hq_link import HqStatus
from edge.state.views import About, ChannelStatus, DiskState, Health, ProcessStatus, Severity
from edge.web.fields import Bytes, Count, Seconds, Time
from edge.web.keeping import DiskDocument, ProtectedDocument


class TroubleDocument(Struct, frozen=True):
    """One thing that is wrong."""

    severity: Annotated[Severity, Meta(description="`down`: nothing is recorded that should; `degraded`: less.")]
    about: Annotated[About, Meta(description="The kind of thing.")]
    subject: Annotated[str, Meta(description="Channel, process or mount; empty for the site.")]
    code: Annotated[str, Meta(description="Stable name of what is wrong.")]
    since: Time | None


class ChannelTotals(Struct, frozen=True):
    """Channels by status."""

    total: Count
    recording: Count
    invalid: Annotated[int, Meta(ge=0, description="Recording, but the picture is at fault.")]
    offline: Count
    off: Annotated[int, Meta(ge=0, description="Disabled by the configuration.")]
    unknown: Annotated[int, Meta(ge=0, description="Nothing was heard of them.")]


class DiskSummary(Struct, frozen=True):
    """The disk of the recordings, in short."""

    state: DiskState
    used_percent: float | None
    hours_left: Annotated[float | None, Meta(description="Until it is full; null when it does not fill.")]


class HealthDocument(Struct, frozen=True):
    """Whether the site does its work, and if not, why."""

    status: Annotated[Health | Literal["starting"], Meta(description="200 for `ok` and `degraded`, else 503.")]
    site: str
    time: Time
    reasons: Annotated[list[TroubleDocument], Meta(description="Worst first.")]
    processes: dict[str, ProcessStatus]
    channels: ChannelTotals | None
    disk: DiskSummary | None
    hq_link: Annotated[
        HqStatus | Literal["none", "unknown"],
        Meta(
            description="`none`: no headquarters is configured; `waiting`: no ack was heard yet; `linked`; `behind`:"
            " many events wait; `silent`: events wait and nothing was acknowledged for a minute; `unknown` while it"
            " starts."
        ),
    ]


class HqLinkDocument(Struct, frozen=True):
    """The way to headquarters, by what it has acknowledged."""

    status: HqStatus
    held: Annotated[int, Meta(ge=0, description="Events of the present epochs that are acknowledged.")]
    newest: Annotated[int, Meta(ge=0, description="How many there are.")]
    last_ack: Annotated[Time | None, Meta(description="When headquarters said so last.")]
    waiting_since: Annotated[Time | None, Meta(description="Since when events wait without an ack.")]


class ProcessHealthDocument(Struct, frozen=True):
    """Whether one process lives."""

    process: str
    status: ProcessStatus
    since: Time | None
    last_heard: Time | None
    time: Time


class VideoDocument(Struct, frozen=True):
    """The video of a channel."""

    codec: str
    width: int
    height: int
    fps: float | None
    codec_string: Annotated[str, Meta(description="As browsers name it, e.g. `avc1.64001F`.")]


class AudioDocument(Struct, frozen=True):
    """The audio of a channel."""

    codec: str
    sample_rate: int
    channels: int


class SegmentDocument(Struct, frozen=True):
    """The newest finished segment."""

    path: Annotated[str, Meta(description="Relative to `storage.root`.")]
    start: Time
    end: Time
    bytes: Bytes
    duration_s: Seconds


class LivestreamDocument(Struct, frozen=True):
    """Whether a channel can be watched live, and where."""

    channel: str
    ready: bool
    since: Time
    rtsp: str | None
    webrtc: str | None
    hls: str | None
    reason: Annotated[str | None, Meta(description="Why it is not ready.")]
    detail: str | None


class ChannelDocument(Struct, frozen=True):
    """A channel now."""

    id: str
    name: str
    status: ChannelStatus
    reason: Annotated[str | None, Meta(description="Why it is offline or its picture at fault.")]
    detail: str | None
    since: Annotated[Time | None, Meta(description="When the status began.")]
    video: VideoDocument | None
    audio: AudioDocument | None
    url: Annotated[str | None, Meta(description="The camera's address, without its password.")]
    server: Annotated[str | None, Meta(description="What the camera calls itself.")]
    camera_clock_offset_s: float | None
    bitrate_bits_s: float | None
    last_segment: SegmentDocument | None
    oldest: Annotated[Time | None, Meta(description="Start of the oldest segment that is kept.")]
    recorded_s: Annotated[float, Meta(description="Seconds recorded of the last 24 hours.")]
    expected_s: Annotated[float, Meta(description="Seconds that should have been.")]
    lost_packets_24h: Count
    suspect_s_24h: float
    dropped_s_24h: float
    backlog_bytes: Annotated[int | None, Meta(description="What the recorder holds and the disk has not taken yet.")]
    livestream: LivestreamDocument | None
    protected: Annotated[list[ProtectedDocument], Meta(description="Kept from deletion; see `/api/protections`.")]


class ProcessDocument(Struct, frozen=True):
    """A process now."""

    name: str
    expected: bool
    status: ProcessStatus
    since: Time | None
    last_heard: Time | None
    started: Time | None
    version: str | None
    host: str | None
    epoch: str | None
    last_sequence: int | None
    bdseq: int | None
    pid: int | None
    stopped: Annotated[str | None, Meta(description="`clean` or `failed`, where it said how it ended.")]
    detail: str | None
    metrics: dict[str, Any]


class SiteDocument(Struct, frozen=True):
    """Everything about a site now."""

    site: str
    timezone: Annotated[str, Meta(description="For people; all times here are UTC.")]
    time: Time
    status: Health
    version: Annotated[int, Meta(description="Grows with every change; see the `state` messages of the stream.")]
    position: Annotated[int, Meta(description="Of the newest event in the journal that is counted in.")]
    newest_event: Time | None
    reasons: list[TroubleDocument]
    totals: ChannelTotals
    channels: list[ChannelDocument]
    processes: list[ProcessDocument]
    disk: DiskDocument
    hq_link: Annotated[HqLinkDocument | None, Meta(description="Null where no headquarters is configured.")]


class ChannelsDocument(Struct, frozen=True):
    """All channels, trouble first."""

    channels: list[ChannelDocument]


class ProcessesDocument(Struct, frozen=True):
    """All processes that are expected or were heard of."""

    processes: list[ProcessDocument]


class LivestreamsDocument(Struct, frozen=True):
    """All channels that can, or could, be watched live."""

    livestreams: list[LivestreamDocument]

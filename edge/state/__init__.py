"""The state of a site, folded from its events. Pure: no file, no clock, no configuration; knows no journal and no page.

`SiteProjection` folds; `site_view`, `channel_view` and `coverage` say what can be seen of it at a moment.
"""

from edge.state.coverage import coverage
from edge.state.fact import Fact, read_fact
from edge.state.projection import SiteProjection, rebuild
from edge.state.site import channel_view, site_view
from edge.state.snapshot import SnapshotError
from edge.state.views import (
    AudioView,
    ChannelSetting,
    ChannelStatus,
    ChannelView,
    DiskState,
    DiskView,
    HarmedView,
    Health,
    LivestreamView,
    ProcessStatus,
    ProcessView,
    ProtectionView,
    PrunedView,
    RetentionView,
    SegmentView,
    SiteView,
    Span,
    SpanKind,
    Totals,
    Trouble,
    VideoView,
)

__all__ = [
    "AudioView",
    "ChannelSetting",
    "ChannelStatus",
    "ChannelView",
    "DiskState",
    "DiskView",
    "Fact",
    "HarmedView",
    "Health",
    "LivestreamView",
    "ProcessStatus",
    "ProcessView",
    "ProtectionView",
    "PrunedView",
    "RetentionView",
    "SegmentView",
    "SiteProjection",
    "SiteView",
    "SnapshotError",
    "Span",
    "SpanKind",
    "Totals",
    "Trouble",
    "VideoView",
    "channel_view",
    "coverage",
    "read_fact",
    "rebuild",
    "site_view",
]

"""A site's settings as headquarters knows them: from its newest report, until then from what was heard. Pure."""

from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo

from edge.events.catalog import SiteReported
from edge.events.envelope import Envelope
from edge.events.errors import EnvelopeError, EventDataError
from edge.state.facts import Keeping, SiteFacts
from edge.state.views import ChannelSetting

SEGMENT_S: Final = 60
"""How long segments usually are."""
MOST_CHANNELS: Final = 512
"""As many as a site may configure: of one that names more, the others have no place on pages."""
MOST_PROCESSES: Final = 100


def heard_facts(site: str, timezone: str, channels: Iterable[str], processes: Iterable[str]) -> SiteFacts:
    """What is taken for a site's settings while no report has come: that which was heard of is what there is."""
    settings = tuple(ChannelSetting(one, one, enabled=True) for one in sorted(channels)[:MOST_CHANNELS])
    return SiteFacts(site, timezone, settings, SEGMENT_S, tuple(sorted(processes)), Keeping(None))


def reported_facts(event: SiteReported, before: SiteFacts) -> SiteFacts:
    """The settings in a report; names that did not fit into it are those of before."""
    report, names = event.report, before.names
    left_out = "names" in report.left_out
    channels = tuple(
        ChannelSetting(one.id, one.name or (names.get(one.id, one.id) if left_out else one.id), one.enabled)
        for one in report.channels[:MOST_CHANNELS]
    )
    keeping = Keeping(report.promise_days)
    zone = report.timezone if known_zone(report.timezone) else before.timezone
    processes = report.expected_processes[:MOST_PROCESSES]
    return SiteFacts(before.site, zone, channels, report.segment_s, processes, keeping)


def known_zone(name: str) -> bool:
    """Whether this machine has a time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def read_report(payload: bytes) -> tuple[tuple[str, int], SiteReported] | None:
    """The report in the bytes of an event and its place among the site's, None where they hold none that can be read.

    Places grow with time; a report that waited somewhere comes after newer ones.
    """
    try:
        envelope = Envelope.parse(payload)
        event = envelope.event()
    except (EnvelopeError, EventDataError):
        return None
    return ((envelope.epoch, envelope.sequence), event) if isinstance(event, SiteReported) else None

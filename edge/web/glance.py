"""What a page would show, as far as telling whether it would show something else now. Pure."""

import msgspec

from edge.state.views import ChannelView, SiteView
from edge.web.live import LiveSite, NotReady


class StateMessage(msgspec.Struct):
    """What the stream says when something is seen differently."""

    version: int
    health: str


def glance(live: LiveSite) -> tuple[object, bytes]:
    """A value that differs when a page would, and the `state` message that says so."""
    version = live.version
    try:
        view = live.view()
    except NotReady:
        return None, msgspec.json.encode(StateMessage(version, "starting"))
    return (live.position, seen(view)), msgspec.json.encode(StateMessage(version, view.health))


def seen(view: SiteView) -> object:
    """What there is to see in a view, without what changes by the second: times heard and counters of processes."""
    return (
        view.health,
        tuple((one.severity, one.about, one.subject, one.code) for one in view.troubles),
        tuple(_channel(one) for one in view.channels),
        tuple((one.name, one.status, one.epoch, one.started_ms) for one in view.processes),
        (view.disk.state, view.disk.measured_ms, view.disk.smart),
    )


def _channel(view: ChannelView) -> object:
    segment = view.last_segment.path if view.last_segment else None
    live = view.livestream.ready if view.livestream else None
    return view.id, view.name, view.status, view.reason, view.since_ms, segment, live

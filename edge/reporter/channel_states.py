"""How each channel is, as retained messages for whoever subscribes late. Pure: views in, topics and payloads out."""

from collections.abc import Sequence

from edge.clock import rfc3339
from edge.events.messages import ChannelState
from edge.events.topics import ChannelStateTopic
from edge.state.views import ChannelView

_RECORDED = ("recording", "picture_fault")


class ChannelStates:
    """The messages of now; one stays the same, byte for byte, until its channel changes."""

    def __init__(self) -> None:
        self._written: dict[str, tuple[object, bytes]] = {}

    def of(self, channels: Sequence[ChannelView], now_ms: int) -> dict[str, bytes]:
        """Topic and payload of every channel."""
        written: dict[str, tuple[object, bytes]] = {}
        for channel in channels:
            key = (channel.status, channel.reason, channel.since_ms)
            before = self._written.get(channel.id)
            written[channel.id] = before if before and before[0] == key else (key, _payload(channel, now_ms))
        self._written = written
        return {str(ChannelStateTopic(channel)): payload for channel, (_, payload) in written.items()}


def _payload(channel: ChannelView, now_ms: int) -> bytes:
    return ChannelState(
        status=channel.status,
        recording=channel.status in _RECORDED,
        reason=channel.reason,
        since=None if channel.since_ms is None else rfc3339(channel.since_ms * 1_000_000),
        time=rfc3339(now_ms * 1_000_000),
    ).to_json()

"""Whether a channel records at a moment, and if not, why and since when. Status and coverage both stand on this."""

from dataclasses import dataclass
from typing import Final, Literal

from edge.state.channels import GOES_ON, ChannelState
from edge.state.newest import Newest, is_newer
from edge.state.processes import process_view
from edge.state.projection import RECORDER, SiteProjection
from edge.state.views import ProcessView

UNHEARD_MS: Final = 60_000
"""A recorder that runs for so long without a word of a channel does not record it."""
STALLED_SEGMENTS: Final = 3
STALLED_MARGIN_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Recording:
    """How it stands with the recording of a channel; `growing` is the time that the segment being written holds."""

    status: Literal["recording", "offline", "unheard"]
    reason: str | None = None
    detail: str | None = None
    since_ms: int | None = None
    growing: tuple[int, int] | None = None


def stalled_after_ms(segment_s: int) -> int:
    """Without a segment for so long a channel does not record, whatever was said before."""
    return STALLED_SEGMENTS * segment_s * 1000 + STALLED_MARGIN_MS


def recording_now(state: SiteProjection, channel: ChannelState | None, now_ms: int, segment_s: int) -> Recording:
    """How it stands with a channel; None for one that nothing was ever heard of."""
    recorder = process_view(
        RECORDER, state.processes.get(RECORDER), state.heard.get(RECORDER), now_ms, expected=True
    )
    said = _newest_said(channel) if channel is not None else None
    if channel is None or said is None:
        return _unheard(recorder, now_ms)
    if said is channel.transition and said.value is not None:
        reason, detail = said.value
        return Recording("offline", reason, detail, _footage_end_ms(channel, said))
    since_ms, base_ms = _recording_since(channel, said)
    folded = state.processes.get(RECORDER)
    limit_ms = base_ms + stalled_after_ms(segment_s)
    if recorder.status == "offline":
        growing = _range(base_ms, min(recorder.last_heard_ms or base_ms, now_ms, limit_ms))
        return Recording("offline", "recorder_down", None, recorder.since_ms, growing)
    if folded is not None and is_newer(folded.started, said):
        quiet = folded.started is not None and now_ms - folded.started.time_ms > UNHEARD_MS
        return Recording("offline", "stalled" if quiet else "recorder_down", None, base_ms)
    if now_ms - max(said.time_ms, base_ms) > stalled_after_ms(segment_s):
        return Recording("offline", "stalled", None, base_ms)
    return Recording("recording", None, None, since_ms, _range(base_ms, min(now_ms, limit_ms)))


def _newest_said(channel: ChannelState) -> Newest | None:
    """The event that tells whether it records: the newest start or stop, or a segment after it that goes on."""
    last = channel.last
    if last is not None and last.value[7] in GOES_ON and is_newer(last, channel.transition):
        return last
    return channel.transition or last


def _recording_since(channel: ChannelState, said: Newest) -> tuple[int, int]:
    """When the recording began, and where the growing segment starts, as far as was said."""
    transition, last = channel.transition, channel.last
    started_ms = transition.time_ms if transition is not None and transition.value is None else None
    if last is not None and is_newer(last, transition):
        return (started_ms if started_ms is not None else last.value[1]), last.value[2]
    began_ms = started_ms if started_ms is not None else said.time_ms
    return began_ms, began_ms


def _unheard(recorder: ProcessView, now_ms: int) -> Recording:
    if recorder.status == "offline":
        return Recording("offline", "recorder_down", None, recorder.since_ms)
    if recorder.started_ms is not None and now_ms - recorder.started_ms >= UNHEARD_MS:
        return Recording("offline", "not_yet", None, recorder.started_ms)
    return Recording("unheard")


def _footage_end_ms(channel: ChannelState, stopped: Newest) -> int:
    """Since when a channel is off: reasons may change while it is, the end of the footage does not."""
    ended_ms: int | None = channel.first_ms if channel.last is None else channel.last.value[2]
    return stopped.time_ms if ended_ms is None else min(ended_ms, stopped.time_ms)


def _range(start_ms: int, end_ms: int) -> tuple[int, int] | None:
    return (start_ms, end_ms) if start_ms < end_ms else None

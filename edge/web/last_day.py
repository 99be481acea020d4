"""The last 24 hours of every channel as a strip, kept as it was drawn until there is news. Knows no request."""

import threading
from collections import OrderedDict
from typing import Final

from markupsafe import Markup

from edge.state.views import ChannelView
from edge.web.live import LiveSite
from edge.web.rendering import rects
from edge.web.strips import bars, stretches
from edge.words.times import Times

DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000


class Strips:
    """The strips of a site, each drawn again when its channel has news, and once a minute as the day moves on."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[str, str], tuple[object, Markup]] = {}

    def of(self, live: LiveSite, channel: ChannelView, times: Times) -> Markup:
        """The strip of a channel."""
        segment = channel.last_segment.path if channel.last_segment else None
        minute = times.now_ms // MINUTE_MS
        news = (channel.status, channel.reason, channel.since_ms, channel.oldest_ms, segment, minute)
        place = (channel.id, times.words.language)
        kept = self._drawn.get(place)
        if kept is not None and kept[0] == news:
            return kept[1]
        from_ms, to_ms = times.now_ms - DAY_MS, times.now_ms
        strip = rects(bars(stretches(live.coverage(channel.id, from_ms, to_ms)), from_ms, to_ms, times))
        self._drawn[place] = news, strip
        return strip


MOST_SITES: Final = 20
"""Headquarters shows a thousand sites; whoever looks, looks at few of them."""
_strips: Final[OrderedDict[LiveSite, Strips]] = OrderedDict()
_mutex: Final = threading.Lock()


def strips_of(live: LiveSite) -> Strips:
    """The strips of a site, for as long as it is among those that were looked at lately."""
    with _mutex:
        found = _strips.setdefault(live, Strips())
        _strips.move_to_end(live)
        if len(_strips) > MOST_SITES:
            _strips.popitem(last=False)
    return found

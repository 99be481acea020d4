"""The recorder's events on their way into the outbox, and formats in the words of events."""

from collections import deque
from typing import Final

import structlog

from edge.bus.outbox import Outbox, OutboxUnavailable
from edge.codec.formats import AudioFormat, VideoFormat
from edge.events.catalog import Audio, Video
from edge.events.data import EventData
from edge.recorder import ledger
from edge.recorder.threads import JobQueue

MOST_UNSAID: Final = 100_000

_log = structlog.get_logger()


class Aside:
    """Says events without waiting for the segments before them; for what must be heard while a disk hangs."""

    def __init__(self, queue: JobQueue, outbox: Outbox) -> None:
        self.queue = queue
        self._announcer = Announcer(outbox)

    def say(self, event: EventData, channel: str | None) -> None:
        """Have an event said soon."""
        self.queue.put(lambda: self._announcer.say(event, channel))


class Announcer:
    """Events of a recorder on their way into the outbox; keeps those that it cannot take now, in order."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._unsaid: deque[tuple[EventData, str | None, ledger.Change | None]] = deque()

    @property
    def waiting(self) -> int:
        """How many events the outbox has not taken yet."""
        return len(self._unsaid)

    def say(self, data: EventData, channel: str | None, state: ledger.Change | None = None) -> None:
        """Put an event into the outbox, behind those that still wait."""
        self._unsaid.append((data, channel, state))
        if len(self._unsaid) > MOST_UNSAID:
            self._unsaid.popleft()
        self.retry()

    def retry(self) -> None:
        """Say what still waits."""
        while self._unsaid:
            data, channel, state = self._unsaid[0]
            try:
                self._outbox.append(data, channel=channel, state=state)
            except OutboxUnavailable as error:
                _log.error("outbox_unavailable", channel=channel, waiting=len(self._unsaid), error=str(error))
                return
            self._unsaid.popleft()


def describe_video(video: VideoFormat) -> Video:
    """The video format as events tell it."""
    return Video(
        codec=video.codec, width=video.width, height=video.height, fps=video.fps, codec_string=video.codec_string
    )


def describe_audio(audio: AudioFormat | None) -> Audio | None:
    """The audio format as events tell it."""
    if audio is None:
        return None
    return Audio(codec=audio.codec, sample_rate=audio.sample_rate, channels=audio.channels)

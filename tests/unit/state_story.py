"""Stories of a site for the tests of its state: real events with real envelopes, read as the fold reads them."""

from datetime import timedelta

from edge.clock import rfc3339, utc
from edge.events.catalog import (
    ChannelInvalid,
    ChannelValid,
    ClockJumped,
    DiskPruned,
    ProcessStarted,
    ProcessStopped,
    PrunedRange,
    RecordingStarted,
    RecordingStopped,
    SegmentRejected,
    SegmentWritten,
    Video,
)
from edge.events.envelope import Envelope
from edge.events.messages import Heartbeat, Will
from edge.recordings.segment import SegmentName
from edge.state import SiteProjection, read_fact

T0 = 1_795_392_000_000
"""2026-11-23T00:00:00Z: times in stories are seconds after this."""
EPOCHS = ("01KAQFYK00N8TG6ZQ3V5M7W9XA", "01KAQFYK00N8TG6ZQ3V5M7W9XB", "01KBQFYK00N8TG6ZQ3V5M7W9XA")
VIDEO = Video(codec="h264", width=1920, height=1080, fps=25.0, codec_string="avc1.64001F")


def at_ms(seconds):
    """A time of a story in milliseconds since 1970."""
    return T0 + round(seconds * 1000)


def text(seconds):
    """A time of a story as events write it."""
    return rfc3339(at_ms(seconds) * 1_000_000)


def name(channel, start):
    """The name of a segment."""
    return SegmentName(channel, at_ms(start))


class Teller:
    """A process that says events, numbered as an outbox does."""

    def __init__(self, process="recorder", epoch=EPOCHS[0]):
        self.process = process
        self.epoch = epoch
        self.sequence = 0
        self.facts = []

    def say(self, data, at, channel=None):
        """Say an event at a time; returns it as a fact."""
        self.sequence += 1
        envelope = Envelope.build(
            data,
            site="jkt-001",
            process=self.process,
            epoch=self.epoch,
            sequence=self.sequence,
            time=utc(T0 * 1_000_000) + timedelta(seconds=at),
            subject=channel,
        )
        fact = read_fact(envelope.to_json())
        self.facts.append(fact)
        return fact

    def up(self, at, bdseq=1):
        """It has started."""
        return self.say(ProcessStarted(version="0.1.0", epoch=self.epoch, bdseq=bdseq, pid=4711, host="nvr"), at)

    def down(self, at, reason="clean", detail=None):
        """It ends."""
        return self.say(ProcessStopped(reason=reason, detail=detail, uptime_s=1.0), at)

    def started(self, at, channel="lobby"):
        """A channel is being recorded."""
        data = RecordingStarted(
            video=VIDEO, audio=None, url="rtsp://h/main", camera_clock_offset_s=-1.25, attempt=1, server="Rtsp/2.0"
        )
        return self.say(data, at, channel)

    def stopped(self, at, reason="timeout", channel="lobby"):
        """A channel is not recorded."""
        return self.say(RecordingStopped(reason=reason, detail=f"it is {reason}", retry_in_s=1.0), at, channel)

    def segment(self, start, end, channel="lobby", reason="rollover", at=None, **more):
        """A segment is on disk."""
        data = SegmentWritten(
            **{
                "path": name(channel, start).path,
                "start": text(start),
                "end": text(end),
                "duration_s": float(end - start),
                "bytes": 30_000_000,
                "sha256": "9f" * 32,
                "video": VIDEO,
                "audio": None,
                "packets": 1500,
                "keyframes": 30,
                "lost_packets": 0,
                "suspect_s": 0.0,
                "gap_before_s": 0.0,
                "reason": reason,
            }
            | more
        )
        return self.say(data, end if at is None else at, channel)

    def segments(self, start, end, channel="lobby", each=60):
        """An unbroken recording."""
        for one in range(start, end, each):
            self.segment(one, min(one + each, end), channel)

    def jumped(self, before, after, at=None):
        """The clock stepped."""
        step = ClockJumped(step_s=float(after - before), wall_before=text(before), wall_after=text(after))
        return self.say(step, after if at is None else at)

    def pruned(self, start, end, at, rule="space", channel="lobby"):
        """Segments were deleted."""
        gone = PrunedRange(channel=channel, from_=text(start), to=text(end), segments=1, bytes=1, oldest_kept=None)
        return self.say(DiskPruned(rule=rule, segments=1, bytes=1, channels=(gone,)), at)

    def rejected(self, start, at, reason="black", channel="lobby"):
        """A segment holds no picture."""
        return self.say(SegmentRejected(path=name(channel, start).path, reason=reason), at, channel)

    def invalid(self, at, since=None, reason="black", channel="lobby"):
        """The picture is at fault."""
        since = text(at if since is None else since)
        data = ChannelInvalid(reason=reason, measured=3.0, threshold=16.0, since=since, segment=None, picture=None)
        return self.say(data, at, channel)

    def valid(self, at, channel="lobby"):
        """The picture is good."""
        return self.say(ChannelValid(was="black", invalid_for_s=1.0), at, channel)


def beat(at, bdseq=1, epoch=EPOCHS[0], last_sequence=1, started=0, metrics=None):
    """A heartbeat said at a time."""
    return Heartbeat(
        epoch=epoch,
        bdseq=bdseq,
        last_sequence=last_sequence,
        started=text(started),
        time=text(at),
        version="0.1.0",
        pid=4711,
        metrics=metrics or {},
    )


def will(bdseq=1, epoch=EPOCHS[0]):
    """A Will."""
    return Will(epoch=epoch, bdseq=bdseq)


def folded(*tellers):
    """The state after all that was said."""
    state = SiteProjection()
    for teller in tellers:
        for fact in teller.facts:
            state.apply(fact)
    return state

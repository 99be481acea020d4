"""What an earlier run left behind becomes whole again and is announced: every file has exactly one `segment_written`.

Looked at are the segments that were noted as growing and the newest two days of the channel's folder. A part is cut
back to its last whole fragment, finished and announced; a finished file that was never announced is announced. A part
without a picture is removed; one whose head cannot be read is set aside under a name that nobody owns, for a person.
"""

from typing import Final

import structlog

from edge.bus.outbox import Outbox
from edge.clock import rfc3339
from edge.codec.ntp import unix_ns_from_ntp
from edge.errors import Mp4Error
from edge.events.catalog import SegmentWritten
from edge.mp4.finish import finish_patches
from edge.mp4.fragment import TIMESCALE_VIDEO
from edge.mp4.reader import Scan, scan
from edge.recorder import ledger
from edge.recorder.announcer import Announcer, describe_audio, describe_video
from edge.recordings.segment import SegmentName
from edge.recordings.store import FinishedSegment, Store

NEWEST_DAYS: Final = 2

_log = structlog.get_logger()


def recover_channel(channel: str, store: Store, outbox: Outbox, announcer: Announcer) -> None:
    """Recover the segments of one channel, oldest first; raises StorageError where the disk is not there."""
    store.check()
    noted = {parsed[0] for path in outbox.read_state(ledger.growing(channel)) if (parsed := SegmentName.parse(path))}
    found = dict(store.names(store.root / channel, NEWEST_DAYS))
    for name in sorted(noted | found.keys()):
        if (store.root / name.part_path).exists():
            _recover_part(name, store, outbox, announcer)
        elif (store.root / name.path).exists():
            if outbox.read_state(ledger.is_unannounced(channel, name.path)):
                _recover_finished(name, store, outbox, announcer)
        else:
            outbox.append_many([], state=ledger.forgotten(name))


def _recover_part(name: SegmentName, store: Store, outbox: Outbox, announcer: Announcer) -> None:
    try:
        with (store.root / name.part_path).open("rb") as file:
            held = scan(file)
    except Mp4Error as error:
        set_aside = store.set_aside(name)
        outbox.append_many([], state=ledger.forgotten(name))
        _log.warning(
            "segment_unreadable", channel=name.channel, path=name.part_path, set_aside=set_aside, error=str(error)
        )
        return
    if not any(fragment.frames for fragment in held.fragments):
        store.discard(name)
        outbox.append_many([], state=ledger.forgotten(name))
        return
    patches = finish_patches(
        held.init, held.fragments, video_duration=held.video_duration, audio_duration=held.audio_duration
    )
    part = store.reopen(name, held.whole_bytes)
    _announce(name, held, part.finish(patches), outbox, announcer)


def _recover_finished(name: SegmentName, store: Store, outbox: Outbox, announcer: Announcer) -> None:
    try:
        with (store.root / name.path).open("rb") as file:
            held = scan(file)
    except Mp4Error as error:
        _log.warning("segment_unreadable", channel=name.channel, path=name.path, error=str(error))
        return
    if held.fragments:
        _announce(name, held, store.measure(name), outbox, announcer)


def _announce(name: SegmentName, held: Scan, finished: FinishedSegment, outbox: Outbox, announcer: Announcer) -> None:
    start_ns = name.start_ms * 1_000_000
    last = held.fragments[-1]
    end_ns = max(unix_ns_from_ntp(last.wall_ntp) + last.duration * 100_000 // 9, start_ns)
    end_ms = outbox.read_state(ledger.end_of(name.channel))
    event = SegmentWritten(
        path=finished.name.path,
        start=rfc3339(start_ns),
        end=rfc3339(end_ns),
        duration_s=held.video_duration / TIMESCALE_VIDEO,
        bytes=finished.bytes,
        sha256=finished.sha256,
        video=describe_video(held.video),
        audio=describe_audio(held.audio),
        packets=sum(fragment.frames for fragment in held.fragments),
        keyframes=sum(fragment.keyframes for fragment in held.fragments),
        lost_packets=0,
        suspect_s=0.0,
        gap_before_s=max(name.start_ms - end_ms, 0) / 1e3 if end_ms is not None else None,
        reason="recovered",
    )
    announcer.say(event, name.channel, ledger.announced(name, end_ns))
    _log.info("segment_recovered", channel=name.channel, path=name.path, duration_s=round(event.duration_s, 1))

"""What an earlier run left behind becomes whole again and is announced: every file has exactly one `segment_written`.

Looked at are the segments that were noted as growing and the newest two days of the channel's folder. A part is cut
back to its last whole fragment, finished and announced; a finished file that was never announced is announced. A part
without a picture is removed; one whose head cannot be read is set aside under a name that nobody owns, for a person.
One file that cannot be read costs no other file and does not keep the channel from recording.
"""

import os
from pathlib import Path
from stat import S_ISREG
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
    parts: set[SegmentName] = set()
    finished: set[SegmentName] = set()
    for name, grows in store.names(store.root / channel, NEWEST_DAYS):
        (parts if grows else finished).add(name)
    parts |= {name for name in noted if store.holds(name.part_path)}
    untold = outbox.read_state(ledger.untold(channel, [name.path for name in finished]))
    finished = {name for name in finished if name.path in untold}
    finished |= {name for name in noted if store.holds(name.path)}
    for name in sorted(noted | parts | finished):
        if name in parts:
            _recover_part(name, store, outbox, announcer)
        if name in finished:
            _recover_finished(name, store, outbox, announcer)
        elif name not in parts:
            _forget(name, outbox)


def _recover_part(name: SegmentName, store: Store, outbox: Outbox, announcer: Announcer) -> None:
    try:
        held = _scan(store.root / name.part_path, os.O_RDWR)
    except Mp4Error as error:
        _set_aside(name, store, outbox, str(error))
        return
    if store.holds(name.path):  # a file system without a journal may keep both names of a rename
        _set_aside(name, store, outbox, "a finished segment of this name is there too")
        return
    if held is None or not any(fragment.frames for fragment in held.fragments):
        store.discard(name)
        _forget(name, outbox)
        return
    patches = finish_patches(
        held.init, held.fragments, video_duration=held.video_duration, audio_duration=held.audio_duration
    )
    part = store.reopen(name, held.whole_bytes)
    try:
        finished = part.finish(patches)
    finally:
        part.close()
    _announce(name, held, finished, outbox, announcer)


def _recover_finished(name: SegmentName, store: Store, outbox: Outbox, announcer: Announcer) -> None:
    try:
        held = _scan(store.root / name.path, os.O_RDONLY)
    except Mp4Error as error:
        _log.warning("segment_unreadable", channel=name.channel, path=name.path, error=str(error))
        return
    if held is not None and held.fragments:
        _announce(name, held, store.measure(name), outbox, announcer)


def _scan(path: Path, flags: int) -> Scan | None:
    """What a file holds, None where it is empty; Mp4Error also where only this file cannot be used.

    A folder, a pipe, a link, another user's file or a bad sector: a file that is ours and whole is none of these.
    """
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            status = os.fstat(file.fileno())
            return None if S_ISREG(status.st_mode) and not status.st_size else scan(file)
    except OSError as error:
        raise Mp4Error(f"the file cannot be read: {error.strerror or error}") from error


def _set_aside(name: SegmentName, store: Store, outbox: Outbox, why: str) -> None:
    path = store.set_aside(name)
    _forget(name, outbox)
    _log.warning("segment_unreadable", channel=name.channel, path=name.part_path, set_aside=path, error=why)


def _forget(name: SegmentName, outbox: Outbox) -> None:
    outbox.append_many([], state=ledger.forgotten(name))


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

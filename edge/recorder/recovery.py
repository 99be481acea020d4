"""What an earlier run left behind becomes whole again and is announced: every file has exactly one `segment_written`.

Looked at are the segments that were noted as growing and the newest two days of the channel's folder. A part is cut
back to its last whole fragment, finished and announced; a finished file that was never announced is announced. A part
without a picture is removed; one whose head cannot be read is set aside under a name that nobody owns, for a person.
One file that cannot be read costs no other file and does not keep the channel from recording.
"""

import os
from pathlib import Path
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
    parts, finished = set(), set()
    for name, grows in store.names(store.root / channel, NEWEST_DAYS):
        (parts if grows else finished).add(name)
    parts |= {name for name in noted if store.holds(name.part_path)}
    untold = outbox.read_state(ledger.untold(channel, [name.path for name in finished]))
    finished = {name for name in finished if name.path in untold}
    finished |= {name for name in noted if store.holds(name.path)}
    for name in sorted(noted | parts | finished):
        if name in parts:
            _recover_part(name, store, outbox, announcer)
        elif name in finished:
            _recover_finished(name, store, outbox, announcer)
        else:
            outbox.append_many([], state=ledger.forgotten(name))


def _recover_part(name: SegmentName, store: Store, outbox: Outbox, announcer: Announcer) -> None:
    try:
        if store.holds(name.path):  # a file system without a journal may keep both names of a rename
            raise Mp4Error("a finished segment of this name is there too")
        held = _scan(store.root / name.part_path, os.O_RDWR)
    except Mp4Error as error:
        set_aside = store.set_aside(name)
        _log.warning(
            "segment_unreadable", channel=name.channel, path=name.part_path, set_aside=set_aside, error=str(error)
        )
        return _forget(name, outbox)
    if held is None or not any(fragment.frames for fragment in held.fragments):
        store.discard(name)
        return _forget(name, outbox)
    patches = finish_patches(
        held.init, held.fragments, video_duration=held.video_duration, audio_duration=held.audio_duration
    )
    part = store.reopen(name, held.whole_bytes)
    try:
        finished = part.finish(patches)
    finally:
        part.close()
    _announce(name, held, finished, outbox, announcer)

"""Finishing a segment: an index (`sidx`) into the reserved room and the durations, so that players seek at once.

A crash at any moment leaves a valid file: the room is a `free` box before and a `sidx` and a `free` box after.
"""

from collections.abc import Sequence
from itertools import pairwise
from struct import Struct

from edge.mp4.fragment import AUDIO_TRACK_ID, TIMESCALE_VIDEO, VIDEO_TRACK_ID, FragmentEntry
from edge.mp4.head import InitSegment

_SIDX = Struct(">I4sIIIQQ2xH")  # size, type, version, track, timescale, start, first offset, entries
_ENTRY = Struct(">III")  # size, duration, stream access point
_FREE = Struct(">I4s")
_VERSION_1 = 1 << 24
_STARTS_WITH_SAP = 1 << 31 | 1 << 28  # type 1: decodable from its first sample
_MOST_BYTES, _MOST_TICKS, _MOST_ENTRIES = (1 << 31) - 1, (1 << 32) - 1, (1 << 16) - 1
_LATEST = (1 << 64) - 1


def room_bytes(index_entries: int) -> int:
    """The room that an index of so many entries and the header of a `free` box behind it take."""
    return _SIDX.size + _ENTRY.size * min(index_entries, _MOST_ENTRIES) + _FREE.size


def finish_patches(
    init: InitSegment, fragments: Sequence[FragmentEntry], *, video_duration: int, audio_duration: int
) -> list[tuple[int, bytes]]:
    """What to write where (file offset, bytes). `fragments` lie without holes; durations are ticks of each track."""
    patches = _durations(init, video_duration, audio_duration)
    index = _index(init, fragments)
    if index:
        patches.append((init.index_offset, index))
    return patches


def _durations(init: InitSegment, video_duration: int, audio_duration: int) -> list[tuple[int, bytes]]:
    seconds = {VIDEO_TRACK_ID: (video_duration, TIMESCALE_VIDEO)}
    if init.audio_timescale:
        seconds[AUDIO_TRACK_ID] = (audio_duration, init.audio_timescale)
    patches = []
    for field in init.durations:
        ticks = max(
            duration * field.timescale // timescale
            for track_id, (duration, timescale) in seconds.items()
            if field.track_id in {None, track_id}
        )
        patches.append((field.offset, min(ticks, _LATEST).to_bytes(8, "big")))
    return patches


def _index(init: InitSegment, fragments: Sequence[FragmentEntry]) -> bytes:
    """`sidx` and `free` that fill the room; nothing where the numbers do not fit, which players can do without."""
    room = init.index_bytes - _SIDX.size - _FREE.size
    groups = _merge(_from_keyframes(fragments), room // _ENTRY.size)
    if not groups:
        return b""
    rows = [_row(group, following) for group, following in pairwise([*groups, []])]
    if any(size > _MOST_BYTES or not 0 <= duration <= _MOST_TICKS for size, duration, _ in rows):
        return b""
    if fragments[0].base_time > _LATEST:
        return b""
    sidx_bytes = _SIDX.size + _ENTRY.size * len(rows)
    first_offset = fragments[0].offset - init.index_offset - sidx_bytes
    head = _SIDX.pack(
        *(sidx_bytes, b"sidx", _VERSION_1, VIDEO_TRACK_ID, TIMESCALE_VIDEO),
        *(fragments[0].base_time, first_offset, len(rows)),
    )
    rest = init.index_bytes - sidx_bytes
    return b"".join((head, *(_ENTRY.pack(*row) for row in rows), _FREE.pack(rest, b"free"), bytes(rest - _FREE.size)))


def _from_keyframes(fragments: Sequence[FragmentEntry]) -> list[list[FragmentEntry]]:
    """Groups that begin with a keyframe, as that is where a player can go; only the first may lack one."""
    groups: list[list[FragmentEntry]] = []
    for fragment in fragments:
        if fragment.starts_with_sync or not groups:
            groups.append([])
        groups[-1].append(fragment)
    return groups


def _merge(groups: list[list[FragmentEntry]], most: int) -> list[list[FragmentEntry]]:
    """Neighbours put together evenly until there are at most `most`; none if there is room for none."""
    if most < 1:
        return []
    if len(groups) <= most:
        return groups
    cuts = [len(groups) * index // most for index in range(most + 1)]
    return [[entry for group in groups[start:end] for entry in group] for start, end in pairwise(cuts)]


def _row(group: list[FragmentEntry], following: list[FragmentEntry]) -> tuple[int, int, int]:
    """Bytes, ticks and access point of one entry, which reaches to the beginning of the next."""
    first, last = group[0], group[-1]
    size = last.offset + last.size - first.offset
    end = following[0].base_time if following else last.base_time + last.duration
    return size, end - first.base_time, _STARTS_WITH_SAP if first.starts_with_sync else 0

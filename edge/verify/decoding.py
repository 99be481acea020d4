"""Says whether a decoder makes as many pictures of a segment as it holds."""

from collections.abc import Sequence
from io import FileIO
from itertools import islice
from typing import BinaryIO, Final, cast

from edge.decoding.counting import TIMEOUT_S, Counts, count
from edge.decoding.process import COMMAND, NoPicture
from edge.errors import Mp4Error, SaksiError
from edge.mp4.reader import scan
from edge.verify.samples import pictures

MOST_PICTURES: Final = 3_000
"""Two minutes at 25 pictures a second: of a longer segment the beginning is decoded."""
LEAST_SHARE: Final = 0.9
"""Of the pictures: some cameras send a few, at the beginning or after a loss, that no decoder can show."""


class Undecodable(SaksiError):  # noqa: N818 - named for the state
    """The pictures of a segment cannot be shown; says why."""


def decode(file: FileIO, *, command: Sequence[str] = COMMAND, timeout_s: float = TIMEOUT_S) -> int:
    """How many pictures a decoder makes of a segment; raises Undecodable if they are too few, OSError of the file."""
    try:
        found = scan(cast("BinaryIO", file))
    except Mp4Error as error:
        raise Undecodable(f"it is no recording: {error}") from error
    wanted = islice(pictures(file, found), MOST_PICTURES)
    try:
        counts = count(found.video.codec, wanted, command=command, timeout_s=timeout_s)
    except NoPicture as error:
        raise Undecodable(str(error)) from error
    return _judge(counts)


def _judge(counts: Counts) -> int:
    sent, decoded = counts.sent, counts.decoded
    if not sent:
        raise Undecodable("it holds no picture")
    if decoded < sent * LEAST_SHARE:
        words = f", {counts.refused} were refused" if counts.refused else ""
        raise Undecodable(f"of {sent} pictures only {decoded} can be decoded{words}")
    if counts.damaged > sent * (1 - LEAST_SHARE):
        raise Undecodable(f"of {sent} pictures {counts.damaged} are damaged")
    return decoded

"""The pictures that the validator keeps, for browsers: of every fault, and of how a channel looks when it is well.

Only names that it writes are looked for, and below its folder no link is followed. Knows nothing of verdicts.
"""

import os
import stat
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from edge.recordings.picture import PICTURES, REFERENCE, PictureName
from edge.web.asked import known_channel
from edge.web.live import LiveSite
from edge.web.problem import ProblemError, problem_responses

MOST_BYTES: Final = 4 << 20
"""A picture of 640 pixels width has a fiftieth of that: what is larger is none."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEVER_ANOTHER: Final = "private, max-age=86400, immutable"
_ASK_AGAIN: Final = "private, no-cache"


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture on the disk: when it was written, and how large it is."""

    written_ms: int
    size_bytes: int


class KeptPictures:
    """The pictures below the state folder of a site; blocking. A disk that cannot be read has none."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / PICTURES

    def evidence(self, name: PictureName) -> KeptPicture | None:
        """What there is of a fault's picture."""
        return self._seen(name.path)

    def reference(self, channel: str) -> KeptPicture | None:
        """What there is of a channel's reference picture; `channel` is of the configuration."""
        return self._seen(f"{channel}/{REFERENCE}")

    def read_evidence(self, name: PictureName) -> tuple[KeptPicture, bytes] | None:
        """A fault's picture."""
        return self._read(name.path)

    def read_reference(self, channel: str) -> tuple[KeptPicture, bytes] | None:
        """A channel's reference picture; `channel` is of the configuration."""
        return self._read(f"{channel}/{REFERENCE}")

    def _seen(self, path: str) -> KeptPicture | None:
        try:
            descriptor = self._opened(path)
        except OSError:
            return None
        try:
            return _picture(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    def _read(self, path: str) -> tuple[KeptPicture, bytes] | None:
        try:
            with os.fdopen(self._opened(path), "rb") as file:
                found = _picture(os.fstat(file.fileno()))
                return None if found is None else (found, file.read(found.size_bytes))
        except OSError:
            return None

    def _opened(self, path: str) -> int:
        """A descriptor of what lies at a path, reached folder by folder; raises OSError where one is a link."""
        *folders, file = path.split("/")
        at = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for folder in folders:
                inner = os.open(folder, _FOLDER, dir_fd=at)
                os.close(at)
                at = inner
            return os.open(file, _FILE, dir_fd=at)
        finally:
            os.close(at)


def _picture(found: os.stat_result) -> KeptPicture | None:
    if not stat.S_ISREG(found.st_mode) or not 0 < found.st_size <= MOST_BYTES:
        return None
    return KeptPicture(found.st_mtime_ns // 1_000_000, found.st_size)


@get(
    "/channels/{channel_id:str}/evidence/{name:str}",
    media_type="image/jpeg",
    summary="The picture that showed a fault of a channel",
    responses=problem_responses(401, 404),
    sync_to_thread=True,
)
def evidence_picture(
    request: Request[Any, Any, Any],
    live: NamedDependency[LiveSite],
    kept: NamedDependency[KeptPictures],
    channel_id: FromPath[str],
    name: FromPath[str],
) -> Response[bytes]:
    """Serve what was kept with a `channel_invalid`: the last part of the path that the event names."""
    wanted = PictureName.of_file(name)
    found = None
    if wanted is not None and wanted.channel == known_channel(live, channel_id):
        found = kept.read_evidence(wanted)
    return _answer(request, found, cache=_NEVER_ANOTHER)


@get(
    "/channels/{channel_id:str}/reference.jpg",
    media_type="image/jpeg",
    summary="How a channel looks when it is well",
    responses=problem_responses(401, 404),
    sync_to_thread=True,
)
def reference_picture(
    request: Request[Any, Any, Any],
    live: NamedDependency[LiveSite],
    kept: NamedDependency[KeptPictures],
    channel_id: FromPath[str],
) -> Response[bytes]:
    """Serve the picture that the validator keeps anew every few hours while nothing is wrong."""
    found = kept.read_reference(known_channel(live, channel_id))
    return _answer(request, found, cache=_ASK_AGAIN)


def _answer(
    request: Request[Any, Any, Any], found: tuple[KeptPicture, bytes] | None, *, cache: str
) -> Response[bytes]:
    if found is None:
        raise ProblemError(404, "no_picture", "no such picture is kept; the oldest are let go to make room")
    picture, jpeg = found
    etag = f'"{picture.written_ms}-{picture.size_bytes}"'
    headers = {
        "etag": etag,
        "last-modified": formatdate(picture.written_ms / 1000, usegmt=True),
        "cache-control": cache,
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(jpeg, headers=headers, media_type="image/jpeg")


routes: list[HTTPRouteHandler] = [evidence_picture, reference_picture]

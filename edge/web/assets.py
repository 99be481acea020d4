"""Stylesheets and scripts: read once from the package, served from memory under an address that changes with them."""

import hashlib
import mimetypes
from pathlib import Path
from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from edge.web.problem import ProblemError

STATIC_FOLDER: Final = Path(__file__).parent / "static"
_FOREVER: Final = "public, max-age=31536000, immutable"


class Assets:
    """The static files. One digest stands for all of them, so that modules find each other by relative addresses."""

    def __init__(self, folder: Path = STATIC_FOLDER) -> None:
        files = sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []
        self._files = {path.name: path.read_bytes() for path in files}
        whole = hashlib.sha256()
        for name, data in self._files.items():
            whole.update(name.encode() + b"\0" + data)
        self.digest = whole.hexdigest()[:16]

    def url(self, name: str) -> str:
        """Where a file is; KeyError for one that is not there, as that is a mistake of ours."""
        if name not in self._files:
            raise KeyError(f"edge/web/static holds no {name}")
        return f"/static/{self.digest}/{name}"

    def read(self, name: str) -> bytes | None:
        """The bytes of a file."""
        return self._files.get(name)


@get(
    "/static/{digest:str}/{name:str}",
    opt={"open": True, "exclude_from_auth": True, "exclude_from_csrf": True},
    include_in_schema=False,
    sync_to_thread=False,
)
def static_file(assets: NamedDependency[Assets], digest: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A stylesheet or script."""
    data = assets.read(name)
    if data is None:
        raise ProblemError(404, "not_found", "there is no such file; load the page again")
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    cache = _FOREVER if digest == assets.digest else "no-cache"  # a page of before an update gets what there is
    return Response(data, media_type=media_type, headers={"cache-control": cache})

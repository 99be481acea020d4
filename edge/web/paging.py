"""Where a page of events lies among the others. Pure."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from edge.journal.arrival import Entry


class Place:
    """A page of events, newest first, at a path: the addresses of its neighbours, None where there is none.

    `more` says that the journal holds more in the direction that was read in, which is `forward` for what is newer;
    `turned` that this is not the page that one begins at.
    """

    def __init__(
        self, path: str, query: Mapping[str, str], entries: Sequence[Entry], *, more: bool, forward: bool, turned: bool
    ) -> None:
        self._path = path
        self._query = query
        self.turned = turned
        first, last = (entries[0].position, entries[-1].position) if entries else (0, 0)
        self.newest = self._address() if turned else None
        self.newer = self._address(after=first) if entries and (more if forward else turned) else None
        self.older = self._address(before=last) if entries and (more or forward) else None

    def _address(self, **place: int) -> str:
        query = urlencode({**self._query, **place})
        return f"{self._path}?{query}" if query else self._path

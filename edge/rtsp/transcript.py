"""The last requests and answers of a connection, for diagnosis: heads only, bounded, and without secrets."""

import re
from collections import deque
from typing import Final

from edge.config.redaction import MASK, mask
from edge.rtsp.messages import Response

MOST_ENTRIES: Final = 32
MOST_ENTRY_CHARACTERS: Final = 2048

_SECRET_HEADER = re.compile(r"(?im)^((?:proxy-)?authorization[ \t]*:[ \t]*\w*)[^\r\n]*")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\n]")


class Transcript:
    """Keeps what went over one connection last; what it keeps has no password in it from the start."""

    def __init__(self, most_entries: int = MOST_ENTRIES) -> None:
        self._entries: deque[str] = deque(maxlen=most_entries)

    def sent(self, data: bytes) -> None:
        """Keep a request of ours."""
        self._keep(">", data.decode("latin-1"))

    def received(self, response: Response) -> None:
        """Keep the head of an answer."""
        lines = [f"RTSP/1.0 {response.status} {response.reason}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if response.body:
            lines.append(f"({len(response.body)} bytes of body)")
        self._keep("<", "\n".join(lines))

    def text(self) -> str:
        """Everything kept, oldest first; `>` marks our lines, `<` the camera's."""
        return "\n".join(self._entries)

    def _keep(self, mark: str, head: str) -> None:
        plain = _UNPRINTABLE.sub("", head[:MOST_ENTRY_CHARACTERS].replace("\r", ""))
        masked = mask(_SECRET_HEADER.sub(rf"\1 {MASK}", plain)).strip()
        self._entries.append("\n".join(f"{mark} {line}" for line in masked.split("\n")))

"""How a camera is kept sending: with which request and how often. Sends nothing itself."""

import re
from typing import Final

from edge.rtsp.messages import Headers

USUAL_TIMEOUT_S: Final = 60.0

_TIMEOUT = re.compile(r"(?i)\btimeout\s*=\s*\"?(\d{1,6})")
_SHARE_OF_TIMEOUT: Final = 0.45
_LEAST_S: Final = 5.0
_MOST_S: Final = 25.0


class Keepalive:
    """Never SET_PARAMETER: Tapo advertises it, answers 400 and drops the session."""

    def __init__(self) -> None:
        self._timeout_s: float | None = None
        self._public: set[str] = set()
        self._refused: str | None = None

    @property
    def interval_s(self) -> float:
        """Well within the shortest timeout that the camera named."""
        timeout_s = self._timeout_s or USUAL_TIMEOUT_S
        return min(max(_SHARE_OF_TIMEOUT * timeout_s, _LEAST_S), _MOST_S)

    @property
    def method(self) -> str:
        """GET_PARAMETER where it is public, else OPTIONS; the other one once the camera refused the first."""
        preferred, other = "OPTIONS", "GET_PARAMETER"
        if "GET_PARAMETER" in self._public:
            preferred, other = other, preferred
        return other if self._refused == preferred else preferred

    def learn(self, headers: Headers) -> None:
        """Take from any answer what it says of methods and timeout; GW names a different timeout in each."""
        for value in headers.get_all("Public"):
            self._public.update(re.findall(r"[A-Z_]+", value.upper()))
        found = _TIMEOUT.search(headers.get("Session") or "")
        timeout_s = float(found[1]) if found else 0.0
        if timeout_s:
            self._timeout_s = min(timeout_s, self._timeout_s or timeout_s)

    def refused(self, method: str) -> None:
        """Switch the method, once: a camera that refuses both is left in peace with the second."""
        if self._refused is None:
            self._refused = method

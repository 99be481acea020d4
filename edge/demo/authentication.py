"""Checks who asks, as a camera does: Digest with MD5 or SHA-256 (RFC 2069 to 7616), or Basic; no state, no socket."""

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Literal

Scheme = Literal["md5", "sha-256", "basic"]
_REALM = "simulated camera"
_ALGORITHMS = {"md5": "MD5", "sha-256": "SHA-256"}
_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^,\s]+))')


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a camera lets in, and how it asks; `qop` False is the older form that many cameras still use."""

    user: str
    password: str = field(repr=False)
    schemes: tuple[Scheme, ...] = ("md5",)
    qop: bool = False

    def challenges(self, nonce: str, *, stale: bool = False) -> list[tuple[str, str]]:
        """Return the headers of a 401."""
        return [("WWW-Authenticate", self._challenge(scheme, nonce, stale)) for scheme in self.schemes]

    def accepts(self, authorization: str, method: str, url: str, nonce: str) -> bool:
        """Whether an `Authorization` header is right for this request; `uri` in it must be the request's own URL."""
        kind, _, rest = authorization.partition(" ")
        if kind.lower() == "basic":
            expected = b64encode(f"{self.user}:{self.password}".encode()).decode()
            return "basic" in self.schemes and rest.strip() == expected
        given = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
        scheme = given.get("algorithm", "MD5").lower()
        if kind.lower() != "digest" or scheme not in self.schemes or scheme not in _ALGORITHMS:
            return False
        same = (given.get("username"), given.get("realm"), given.get("uri")) == (self.user, _REALM, url)
        return same and given.get("response") == self._response(scheme, given, method, nonce)

    def _challenge(self, scheme: Scheme, nonce: str, stale: bool) -> str:
        if scheme == "basic":
            return f'Basic realm="{_REALM}"'
        challenge = f'Digest realm="{_REALM}", nonce="{nonce}", algorithm={_ALGORITHMS[scheme]}'
        return challenge + (', qop="auth"' if self.qop else "") + (", stale=TRUE" if stale else "")

    def _response(self, scheme: str, given: dict[str, str], method: str, nonce: str) -> str:
        def digest(text: str) -> str:
            return hashlib.new(_ALGORITHMS[scheme].replace("-", ""), text.encode()).hexdigest()

        who = digest(f"{self.user}:{_REALM}:{self.password}")
        what = digest(f"{method}:{given['uri']}")
        if "qop" in given:
            return digest(f"{who}:{nonce}:{given.get('nc')}:{given.get('cnonce')}:{given['qop']}:{what}")
        return digest(f"{who}:{nonce}:{what}")


def nonce_of(authorization: str) -> str | None:
    """Return the nonce that an `Authorization` header was made with."""
    found = re.search(r'nonce="([^"]*)"', authorization)
    return found and found.group(1)

"""Proves to a camera who we are: Basic (RFC 7617) and Digest (RFC 7616, and RFC 2069 for cameras without qop).

The one place that holds a password; neither its values nor its errors show one.
"""

import hashlib
import re
import secrets
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Self

from edge.rtsp.url import RtspUrl

_PARAMETER = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^,\s"]*))')
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?=[\s,]|$)")
_LONGEST_VALUE: Final = 4096
_ALGORITHMS: Final = {"sha-256": "sha256", "sha-256-sess": "sha256", "md5": "md5", "md5-sess": "md5"}
_PREFERENCE: Final = tuple(_ALGORITHMS)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way in that a camera offers; parameter values are as they were written, escapes included."""

    scheme: str
    params: dict[str, str] = field(default_factory=dict)
    quoted: frozenset[str] = frozenset()

    @property
    def algorithm(self) -> str:
        """The Digest algorithm, lower case."""
        return self.params.get("algorithm", "MD5").lower()

    @property
    def nonce(self) -> str:
        """The word of the camera that an answer is made with."""
        return self.params.get("nonce", "")

    @property
    def stale(self) -> bool:
        """Whether the camera says that only the nonce was too old."""
        return self.params.get("stale", "").lower() == "true"


class Verdict(Enum):
    """What a 401 means."""

    SIGN = auto()
    """Ask again, signed."""
    REFUSED = auto()
    """The user name or the password is wrong."""
    NO_CREDENTIALS = auto()
    """The camera wants a user name and a password, and there are none."""
    UNKNOWN_SCHEME = auto()
    """The camera offers no way in that is known here."""


class Authenticator:
    """Signs the requests to one host; kept over reconnects, so that a camera that closes after its 401 lets us in."""

    def __init__(
        self,
        user: str | None,
        password: str,
        *,
        prefer_basic: bool = False,
        cnonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self.user = user
        self.prefer_basic = prefer_basic
        self._password = password
        self._cnonce = cnonce
        self._challenge: Challenge | None = None
        self._nonce_count = 0

    @classmethod
    def for_url(cls, url: RtspUrl, *, prefer_basic: bool = False) -> Self:
        """Sign with the user and password of an address; `prefer_basic` is for cameras whose Digest is broken."""
        return cls(url.user, url.password, prefer_basic=prefer_basic)

    @property
    def in_the_clear(self) -> bool:
        """Whether the camera takes nothing better than the bare password (Basic)."""
        return self._challenge is not None and self._challenge.scheme == "basic"

    def challenged(self, values: Sequence[str], *, signed_with: str | None, tries: int) -> Verdict:
        """Take the `WWW-Authenticate` values of a 401 to a request that was signed `tries` times.

        `signed_with` is the nonce that the refused request was signed with ("" for Basic), None if it was not signed.
        A new nonce earns one more try, since Hikvision sends one in each 401 and Axis after 150 s; more of them lock
        the account.
        """
        if self.user is None:
            return Verdict.NO_CREDENTIALS
        challenge = _best(parse_challenges(values), prefer_basic=self.prefer_basic)
        if challenge is None:
            return Verdict.UNKNOWN_SCHEME
        if signed_with is not None and (tries > 1 or not (challenge.stale or challenge.nonce != signed_with)):
            self._challenge = None
            return Verdict.REFUSED
        if self._challenge is None or challenge.nonce != self._challenge.nonce:
            self._nonce_count = 0
        self._challenge = challenge
        return Verdict.SIGN

    def sign(self, method: str, uri: str) -> tuple[str, str] | None:
        """The `Authorization` value and the nonce in it for a request; None before the camera asked for one.

        `uri` is the very string of the request line.
        """
        challenge = self._challenge
        if challenge is None or self.user is None:
            return None
        if challenge.scheme == "basic":
            return "Basic " + b64encode(_wire(f"{self.user}:{self._password}").encode("latin-1")).decode(), ""
        return self._digest(challenge, method, uri), challenge.nonce

    def _digest(self, challenge: Challenge, method: str, uri: str) -> str:
        realm = challenge.params.get("realm", "")
        session = challenge.algorithm.endswith("-sess")
        with_qop = "auth" in re.split(r"[\s,]+", challenge.params.get("qop", "").lower())
        cnonce = self._cnonce() if with_qop or session else ""
        self._nonce_count += 1
        nonce_count = f"{self._nonce_count:08x}"
        secret = self._hash(f"{_wire(self.user or '')}:{realm}:{_wire(self._password)}")
        if session:
            secret = self._hash(f"{secret}:{challenge.nonce}:{cnonce}")
        middle = f":{nonce_count}:{cnonce}:auth" if with_qop else ""
        response = self._hash(f"{secret}:{challenge.nonce}{middle}:" + self._hash(f"{method}:{uri}"))
        user = re.sub(r'(["\\])', r"\\\1", _wire(self.user or ""))
        parts = [f'username="{user}", realm="{realm}", nonce="{challenge.nonce}", uri="{uri}", response="{response}"']
        if "algorithm" in challenge.params:
            written = challenge.params["algorithm"]
            parts.append(f'algorithm="{written}"' if "algorithm" in challenge.quoted else f"algorithm={written}")
        if "opaque" in challenge.params:
            parts.append(f'opaque="{challenge.params["opaque"]}"')
        if with_qop:
            parts.append(f'qop=auth, nc={nonce_count}, cnonce="{cnonce}"')
        elif session:
            parts.append(f'cnonce="{cnonce}"')
        return "Digest " + ", ".join(parts)

    def _hash(self, text: str) -> str:
        assert self._challenge is not None
        name = _ALGORITHMS[self._challenge.algorithm]
        return hashlib.new(name, text.encode("latin-1"), usedforsecurity=False).hexdigest()

    def __repr__(self) -> str:
        return f"Authenticator(user={self.user!r})"


def _wire(text: str) -> str:
    """The UTF-8 bytes of a text as the Latin-1 text that headers are written from."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def parse_challenges(values: Sequence[str]) -> list[Challenge]:
    """Every challenge in the `WWW-Authenticate` values; several may share one line."""
    found: list[Challenge] = []
    for whole in values:
        value = whole[:_LONGEST_VALUE]
        place = 0
        while place < len(value):
            if parameter := _PARAMETER.match(value, place):
                if found:
                    found[-1] = _with(found[-1], parameter)
                place = parameter.end()
            elif scheme := _SCHEME.match(value, place):
                found.append(Challenge(scheme[0].lower()))
                place = scheme.end()
            else:
                place += 1
    return found


def _with(challenge: Challenge, parameter: re.Match[str]) -> Challenge:
    name = parameter[1].lower()
    if name in challenge.params:
        return challenge
    is_quoted = parameter[2] is not None
    text = parameter[2] if is_quoted else parameter[3]
    quoted = challenge.quoted | {name} if is_quoted else challenge.quoted
    return Challenge(challenge.scheme, {**challenge.params, name: text}, quoted)


def _best(challenges: Sequence[Challenge], *, prefer_basic: bool) -> Challenge | None:
    """SHA-256 before MD5, and the bare password only where nothing else is offered or the configuration wants it."""
    basic = next((challenge for challenge in challenges if challenge.scheme == "basic"), None)
    if basic and (prefer_basic or all(challenge.scheme != "digest" for challenge in challenges)):
        return basic
    digests = [
        challenge
        for challenge in challenges
        if challenge.scheme == "digest" and challenge.algorithm in _ALGORITHMS and challenge.nonce
    ]
    return min(digests, key=lambda challenge: _PREFERENCE.index(challenge.algorithm), default=None)

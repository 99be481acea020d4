"""Addresses on the wire: the URL that a camera is asked for, and the URLs that its description gives for each track.

Control URLs are joined as strings: that is what cameras mean, whatever RFC 3986 says.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Self
from urllib.parse import unquote

from edge.config.redaction import MASK, mask
from edge.rtsp.messages import Headers

Scheme = Literal["rtsp", "rtsps"]
DEFAULT_PORTS: Final[dict[str, int]] = {"rtsp": 554, "rtsps": 322}

_HOST = r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<name>[A-Za-z0-9._~!$&*+,;=()%-]+))"
_AFTER_SCHEME = r"(?:(?P<user_info>{user_info})@)?" + _HOST + r"(?::(?P<port>\d{{1,5}}))?(?P<path>[/?].*)?"
_READINGS = (
    re.compile(_AFTER_SCHEME.format(user_info="[^/?]*"), re.DOTALL),
    re.compile(_AFTER_SCHEME.format(user_info="[^/]*"), re.DOTALL),
    re.compile(_AFTER_SCHEME.format(user_info=".*"), re.DOTALL),
)
_ABSOLUTE = re.compile(r"(?i)(?:rtsps?://)+[^/?]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSAFE = re.compile(r"[\x00-\x20\x22\x7f]|[^\x00-\xff]")


@dataclass(frozen=True, slots=True)
class RtspUrl:
    """The address of one stream; `repr` and `str` never show the password.

    `path` is everything after host and port as it goes on the wire, query included; user and password are decoded.
    """

    scheme: Scheme
    host: str
    port: int
    path: str
    user: str | None = None
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address; ValueError without any part of it in its words if it is none.

        User and password are what stands before the last `@` of the authority; a `/` or `?` in a password that was
        not percent-encoded is understood where nothing else makes sense.
        """
        scheme, _, rest = text.strip().partition("://")
        if scheme.lower() not in DEFAULT_PORTS:
            raise ValueError("an address of a camera begins with rtsp:// or rtsps://")
        found = next(filter(None, (reading.fullmatch(rest) for reading in _READINGS)), None)
        if found is None:
            raise ValueError("an address of a camera names a host: rtsp://user:password@HOST:port/path")
        kind: Scheme = "rtsps" if scheme.lower() == "rtsps" else "rtsp"
        port = int(found["port"] or DEFAULT_PORTS[kind])
        if not 1 <= port <= 65535:
            raise ValueError("the port of a camera's address is from 1 to 65535")
        user, _, password = (found["user_info"] or "").partition(":")
        if _CONTROL.search(unquote(user)):
            raise ValueError("a user name holds no control characters")
        return cls(
            kind,
            found["v6"] or found["name"],
            port,
            wire_path(_without_srtp(found["path"] or "/")),
            unquote(user) if found["user_info"] is not None else None,
            unquote(password),
        )

    @property
    def origin(self) -> str:
        """Scheme, host and port, e.g. `rtsp://10.0.0.11:8554`; a port that goes without saying is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}")

    @property
    def request(self) -> str:
        """The URL that goes into requests: without user and password."""
        return self.origin + self.path

    @property
    def redacted(self) -> str:
        """The URL for people and logs: `rtsp://user:***@host/path`."""
        user_info = "" if self.user is None else f"{self.user}:{MASK}@"
        return self.origin.replace("://", f"://{user_info}", 1) + mask(self.path)

    def redirected(self, location: str) -> Self:
        """The address that a redirect leads to; user and password go along to the same host only.

        ValueError if it is none, or leads from rtsps to rtsp, where the password and the picture would be open.
        """
        target = type(self).parse(self.origin + location if location.startswith("/") else location)
        if self.scheme == "rtsps" and target.scheme == "rtsp":
            raise ValueError("it leads from rtsps to rtsp, which is not encrypted")
        if target.host.lower() == self.host.lower():
            return replace(target, user=self.user, password=self.password)
        return target

    def __str__(self) -> str:
        return self.redacted

    def __repr__(self) -> str:
        return f"RtspUrl({self.redacted!r})"


def base_url(headers: Headers, url: RtspUrl) -> str:
    """The URL that relative controls are appended to: Content-Base, else Content-Location, else the request's."""
    for name in ("Content-Base", "Content-Location"):
        text = headers.get(name)
        if not text:
            continue
        if text.startswith("/"):
            return url.origin + wire_path(text)
        try:
            return url.origin + RtspUrl.parse(text).path
        except ValueError:
            continue  # Anjvision leaves the scheme out; others write rtsp://rtsp:// or IPv6 without brackets
    return url.request


def control_url(base: str, control: str, url: RtspUrl) -> str:
    """The URL of a track, or of the session: `control` appended to `base`, or on the connected host if it is absolute.

    Cameras behind NAT or with a fixed configuration name localhost or an inner address: only path and query count.
    """
    if control in ("", "*"):
        return base
    absolute = _ABSOLUTE.match(control)
    if absolute:
        return url.origin + wire_path(control[absolute.end() :] or "/")
    if control.startswith("/") and base.endswith("/"):
        control = control[1:]  # Verint S1816e answers 404 to a doubled slash
    joint = "" if base.endswith("/") or control[0] in "/?" else "/"
    return base + joint + wire_path(control)


def aggregate_url(base: str, session_control: str, url: RtspUrl) -> str:
    """The URL of the whole session: the base, unless the description names an absolute one."""
    return control_url(base, session_control if _ABSOLUTE.match(session_control) else "*", url)


def wire_path(text: str) -> str:
    """A path that cannot break the request line: blanks, control characters, quotes and non-Latin-1 percent-encoded."""

    def encoded(found: re.Match[str]) -> str:
        return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))

    return _UNSAFE.sub(encoded, text)


def _without_srtp(path: str) -> str:
    """UniFi's shared URLs ask for SRTP, which over TLS adds nothing and here is not spoken."""
    location, question, query = path.partition("?")
    parts = query.split("&") if question else []
    kept = [part for part in parts if part.partition("=")[0].lower() != "enablesrtp"]
    if len(kept) == len(parts):
        return path
    return location + ("?" + "&".join(kept) if kept else "")

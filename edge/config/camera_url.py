"""The address of a camera: what it may be, and how it is shown without its password. Opens no connection."""

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from edge.config.redaction import MASK, mask

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9]+)?\]")
_HOST_AND_PORT = re.compile(rf"(?P<host>{_HOST.pattern})(?::(?P<port>[0-9]{{1,5}}))?")
_IP = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[.*\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_AMBIGUOUS = (
    "it cannot be told where the password ends and the host begins; write @ in the password as %40 and / as %2F"
)


@dataclass(frozen=True, slots=True)
class CameraUrl:
    """A valid `rtsp://` or `rtsps://` address; `str()` and `repr()` never show the password, `reveal()` does.

    `username` and `password` are decoded; `path` is all that follows host and port, query included, as it was written.
    """

    scheme: str
    host: str
    port: int
    path: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> "CameraUrl":
        """Read an address; raises ValueError with a rule that quotes no part of it.

        Leniency: user and password may be percent-encoded or hold `@`, `#`, `?`, `:` as they are; the last `@` before
        the path ends them. A `/` in the password is taken as such where no other reading is possible. An `@` in the
        path is believed only after an IP address: after a name it may be the end of a password that holds a `/`.
        """
        scheme, separator, rest = text.partition("://")
        scheme = scheme.lower()
        if not separator or scheme not in DEFAULT_PORTS:
            raise ValueError("must begin with rtsp:// or rtsps://")
        if _CONTROL.search(text) or not _is_unicode(text):
            raise ValueError("must not hold line breaks or control characters")
        user_info, address, path = _split(rest)
        host, port = _host_and_port(address, DEFAULT_PORTS[scheme])
        if re.search(r"\s", path):
            raise ValueError("must not hold a space in the path; write it as %20")
        username, password = _credentials(user_info)
        return cls(scheme, host, port, path, username, password)

    def reveal(self) -> str:
        """Return the whole address, password included and percent-encoded, for the code that logs in with it."""
        return self._text(None if self.password is None else quote(self.password, safe=""), self.path)

    @property
    def redacted(self) -> str:
        """The address for people, logs and events: `rtsp://user:***@host/path`."""
        return self._text(None if self.password is None else MASK, mask(self.path))

    def _text(self, password: str | None, path: str) -> str:
        user_info = ""
        if self.username is not None:
            user_info = quote(self.username, safe="") + ("" if password is None else f":{password}") + "@"
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{user_info}{host}{port}{path}"

    def __str__(self) -> str:
        return self.redacted

    def __repr__(self) -> str:
        return f"CameraUrl({self.redacted!r})"


def _split(rest: str) -> tuple[str | None, str, str]:
    """Split what follows `://` into user info, host with port, and path with query."""
    authority, slash, tail = rest.partition("/")
    path = slash + tail
    user_info, at, address = authority.rpartition("@")
    if not at and "?" in address:
        address, _, query = address.partition("?")
        path = f"?{query}{path}"
    whole = _HOST_AND_PORT.fullmatch(address)
    if whole and ("@" not in path or _IP.fullmatch(whole["host"])):
        return (user_info if at else None), address, path
    if "@" not in path:
        raise ValueError(_host_rule(address))
    if whole or rest.count("@") > 1:
        raise ValueError(_AMBIGUOUS)
    user_info, _, after = rest.rpartition("@")
    address, slash, tail = after.partition("/")
    if not _HOST_AND_PORT.fullmatch(address):
        raise ValueError(_AMBIGUOUS)
    return user_info, address, slash + tail


def _host_rule(address: str) -> str:
    if not address or address.startswith(":"):
        return "must name a host: rtsp://user:password@HOST/path"
    host, _, port = address.rpartition(":")
    if _HOST.fullmatch(host) and not port.isdigit():
        return "must have a port from 1 to 65535 after the host, or none"
    return "must have a host name or address made of letters, digits, dots and hyphens ([...] around IPv6)"


def _host_and_port(address: str, default_port: int) -> tuple[str, int]:
    found = _HOST_AND_PORT.fullmatch(address)
    if not found:
        raise ValueError(_host_rule(address))
    port = int(found["port"]) if found["port"] else default_port
    if not 1 <= port <= 65535:
        raise ValueError("must have a port from 1 to 65535 after the host, or none")
    return found["host"].strip("[]"), port


def _credentials(user_info: str | None) -> tuple[str | None, str | None]:
    if user_info is None:
        return None, None
    username, colon, password = user_info.partition(":")
    username, password = unquote(username), unquote(password)
    # A line break in a password would put a header of its own into the request that carries it.
    if _CONTROL.search(username + password):
        raise ValueError("must not hold line breaks or control characters in user name or password")
    return username, (password if colon else None)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)

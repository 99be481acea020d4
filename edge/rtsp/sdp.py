"""What a camera says it sends (SDP), read as leniently as cameras write it; knows no RTSP and no RTP.

Only `m=` and `a=` lines count; broken and unknown lines are passed over.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

VIDEO_ENCODINGS: Final = frozenset({"H264", "H265"})
AUDIO_ENCODINGS: Final = frozenset({"MPEG4-GENERIC", "PCMA", "PCMU"})
STATIC_PAYLOADS: Final = {
    0: ("PCMU", 8000, 1),
    3: ("GSM", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    14: ("MPA", 90_000, 1),
    26: ("JPEG", 90_000, 1),
    32: ("MPV", 90_000, 1),
    33: ("MP2T", 90_000, 1),
}
"""Payload types that need no rtpmap (RFC 3551): encoding, clock rate, channels."""
MOST_MEDIA: Final = 64

_DIRECTIONS: Final = frozenset({"recvonly", "sendonly", "sendrecv", "inactive"})
_RTPMAP = re.compile(r"(\d{1,3})\s+([^\s/]+)(?:\s*/\s*(\d{1,9}))?(?:\s*/\s*(\d{1,2}))?")
_FMTP = re.compile(r"(\d{1,3})(?:\s+(.*))?")
_VIDEO_CLOCK: Final = 90_000


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One stream that a camera offers.

    `encoding` is upper case, `fmtp` keys are lower case; `clock_rate` 0 and `payload_type` -1 mean "not said".
    """

    kind: str
    payload_type: int = -1
    encoding: str = ""
    clock_rate: int = 0
    channels: int = 1
    fmtp: dict[str, str] = field(default_factory=dict)
    control: str = ""
    direction: str = ""
    protocol: str = "RTP/AVP"

    @property
    def encrypted(self) -> bool:
        """Whether it comes as SRTP only."""
        return "SAVP" in self.protocol.upper()


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """All that a camera offers under one URL; `tool` names the software that wrote it."""

    control: str = ""
    tool: str = ""
    media: tuple[MediaDescription, ...] = ()


@dataclass(slots=True)
class _Section:
    """The attributes of the session, or of one `m=` line."""

    media_line: str = ""
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def first(self, name: str) -> str:
        """The first value of an attribute that says something."""
        return next((value for key, value in self.attributes if key == name and value), "")

    def direction(self) -> str:
        return next((key for key, _ in self.attributes if key in _DIRECTIONS), "")

    def all(self, name: str, pattern: re.Pattern[str]) -> dict[int, re.Match[str]]:
        """Readable attributes by payload type; the first one wins."""
        found: dict[int, re.Match[str]] = {}
        for key, value in self.attributes:
            if key == name and (match := pattern.match(value)):
                found.setdefault(int(match[1]), match)
        return found


def parse_sdp(body: bytes) -> SessionDescription:
    """Read a description; one without usable lines has no media. Never raises."""
    session, *sections = _sections(body.decode("latin-1"))
    readings = [_payload_types(section) for section in sections]
    media = []
    for section, own in zip(sections, readings, strict=True):
        # A camera wrote fmtp:96 under its audio; the other media's own payload types stay their own.
        strangers = [
            other
            for other, theirs in zip(sections, readings, strict=True)
            if other is not section and not set(own) & set(theirs)
        ]
        media.append(_media(section, own, [*strangers, session], session.direction()))
    return SessionDescription(session.first("control"), session.first("tool"), tuple(media))


def _sections(text: str) -> list[_Section]:
    sections = [_Section()]
    for raw in text.splitlines():
        kind, _, value = raw.strip(" \t\r\n\x00").partition("=")
        if kind == "m" and len(sections) <= MOST_MEDIA:
            sections.append(_Section(value.strip()))
        elif kind == "a":
            name, _, rest = value.partition(":")
            sections[-1].attributes.append((name.strip().lower(), rest.strip()))
    return sections


def _payload_types(section: _Section) -> list[int]:
    """The payload types of an `m=` line, or those of its rtpmap lines where it names none."""
    words = section.media_line.split()[3:]
    named = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) <= 3]
    return named or list(section.all("rtpmap", _RTPMAP))


def _media(
    section: _Section, payload_types: Sequence[int], others: Sequence[_Section], session_direction: str
) -> MediaDescription:
    kind, _, protocol = [*section.media_line.split(), "", "", ""][:3]
    candidates = [_described(kind.lower(), number, section, others) for number in payload_types]
    supported = VIDEO_ENCODINGS | AUDIO_ENCODINGS
    chosen = next((one for one in candidates if one.encoding in supported), None)
    chosen = chosen or next(iter(candidates), MediaDescription(kind.lower()))
    return MediaDescription(
        chosen.kind,
        chosen.payload_type,
        chosen.encoding,
        chosen.clock_rate,
        chosen.channels,
        chosen.fmtp,
        section.first("control"),
        section.direction() or session_direction,
        protocol or "RTP/AVP",
    )


def _described(kind: str, number: int, section: _Section, others: Sequence[_Section]) -> MediaDescription:
    """One payload type of a media, by its own attributes first, then by those that stand elsewhere."""
    rtpmap = section.all("rtpmap", _RTPMAP).get(number)
    if rtpmap is None and number not in STATIC_PAYLOADS:
        rtpmap = _elsewhere(others, "rtpmap", _RTPMAP, number)
    fmtp = section.all("fmtp", _FMTP).get(number) or _elsewhere(others, "fmtp", _FMTP, number)
    if rtpmap:
        encoding, clock_rate, channels = rtpmap[2].upper(), int(rtpmap[3] or 0), int(rtpmap[4] or 1)
    else:
        encoding, clock_rate, channels = STATIC_PAYLOADS.get(number, ("", 0, 1))
    encoding = {"HEVC": "H265", "AVC": "H264"}.get(encoding, encoding)
    if encoding in VIDEO_ENCODINGS:
        clock_rate = _VIDEO_CLOCK
    return MediaDescription(kind, number, encoding, clock_rate, channels, _fmtp_values(fmtp))


def _elsewhere(sections: Sequence[_Section], name: str, pattern: re.Pattern[str], number: int) -> re.Match[str] | None:
    found = (section.all(name, pattern).get(number) for section in sections)
    return next((match for match in found if match), None)


def _fmtp_values(fmtp: re.Match[str] | None) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in ((fmtp[2] if fmtp else "") or "").split(";"):
        key, _, value = part.partition("=")
        if key.strip():
            values.setdefault(key.strip().lower(), value.strip().strip('"'))
    return values

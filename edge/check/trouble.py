"""What is wrong with a camera in a word, and what to do about it: one table. Pure.

The sentence that says what is wrong comes from who noticed it (see edge.rtsp); its advice is replaced by the table's.
"""

import re
import socket
import ssl
from dataclasses import dataclass
from typing import Final, Literal

from edge.errors import (
    AuthFailed,
    CameraError,
    CameraTimeout,
    NotFound,
    RtspProtocolError,
    StopReason,
    StreamEnded,
    Unreachable,
    Unsupported,
)

Kind = Literal[
    "unreachable", "refused", "unknown_host", "wrong_password", "no_password", "forbidden", "not_tried", "no_such_path",
    "no_video", "codec", "no_tcp", "busy", "no_answer", "hung_up", "silent", "stalled", "no_keyframe", "unreadable",
    "not_rtsp", "tls_certificate", "tls", "not_given",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Advice:
    """What is wrong in a word or two, and the next step as a sentence."""

    word: str
    do: str


ADVICE: Final[dict[Kind, Advice]] = {
    "unreachable": Advice(
        "nothing answers", "Check the camera's power and network, and the address in the channel's url."
    ),
    "refused": Advice("port closed", "Check the port in the channel's url, and switch RTSP on in the camera."),
    "unknown_host": Advice("unknown host", "Check the host in the channel's url, or write the camera's address there."),
    "wrong_password": Advice(
        "wrong password",
        "Correct user and password in the channel's url; do not try often, many cameras lock a user for half an hour.",
    ),
    "no_password": Advice("password wanted", "Write a user and a password into the channel's url."),
    "forbidden": Advice("not allowed", "Give the user of the channel's url the right to see live video."),
    "not_tried": Advice(
        "not tried", "Correct the password of that channel first; every wrong try brings the lock of the user nearer."
    ),
    "no_such_path": Advice("no such path", "Check the path in the channel's url against the camera's manual."),
    "no_video": Advice("no video", "Check the path in the channel's url, and that the camera's video is switched on."),
    "codec": Advice("wrong codec", "Set H.264 or H.265, without SRTP, in the camera's video settings."),
    "no_tcp": Advice("no TCP", "Allow RTP over RTSP (TCP) in the camera's network settings."),
    "busy": Advice("too many viewers", "Close other players and recorders of this camera, or raise its limit."),
    "no_answer": Advice("no answer", "Restart the camera; if that does not help, check the port in the channel's url."),
    "hung_up": Advice("hangs up", "Check the port in the channel's url; if it is the camera's RTSP port, restart it."),
    "silent": Advice("sends nothing", "Restart the camera; if this stays so, set TCP in its streaming settings."),
    "stalled": Advice("stopped sending", "Check the network to the camera and its load, then restart it."),
    "no_keyframe": Advice("no keyframe", "Set an I-frame interval of 1 or 2 s in the camera's video settings."),
    "unreadable": Advice(
        "unreadable video", "Switch smart codecs (H.264+, H.265+) off in the camera, then restart it."
    ),
    "not_rtsp": Advice("not RTSP", "Check the port in the channel's url: something else answers there (RTSP is 554)."),
    "tls_certificate": Advice(
        "certificate", "If this certificate is the camera's own, put its SHA-256 into the channel's tls.fingerprint."
    ),
    "tls": Advice("TLS fails", "Use rtsp://, the camera's port for rtsps, or tls.legacy for an old camera."),
    "not_given": Advice("refused", "Restart the camera; if this stays so, look at its own log."),
}

# The answer of the camera is more exact than the error that it became.
_BY_STATUS: Final[dict[int, Kind]] = {403: "forbidden", 453: "busy", 461: "no_tcp", 503: "busy"}
# How edge.rtsp begins its advice; what stands before is what is wrong.
_ADVICE_BEGINS = re.compile(
    r"[:;] (?=(?:check|put|write|set|allow|give|close|use|restart|switch)\b)|, and wait before|; if that is meant"
)


@dataclass(frozen=True, slots=True)
class Situation:
    """How far a probe had come when it failed; `status` is the camera's last answer, 0 for none."""

    status: int = 0
    opened: bool = False
    pictures: int = 0
    has_user: bool = False
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a channel cannot be recorded: `word` in short, `what` and `do` as sentences, `reason` as events code it."""

    kind: Kind
    word: str
    what: str
    do: str
    reason: StopReason


def trouble(kind: Kind, what: str, reason: StopReason) -> Trouble:
    """A trouble with the advice of its kind."""
    return Trouble(kind, ADVICE[kind].word, what, ADVICE[kind].do, reason)


def explain(error: CameraError, situation: Situation) -> Trouble:
    """The trouble that an error means."""
    return trouble(kind_of(error, situation), _what(str(error)), error.reason)


def kind_of(error: CameraError, situation: Situation) -> Kind:
    """Which row of the table an error belongs to."""
    if situation.opened:
        return _kind_while_playing(error, situation)
    by_status = _BY_STATUS.get(situation.status)
    if by_status is not None:
        return by_status
    match error:
        case Unreachable():
            return _kind_unreachable(error)
        case AuthFailed():
            return "wrong_password" if situation.has_user else "no_password"
        case NotFound():
            return "no_such_path"
        case CameraTimeout():
            return "no_answer"
        case StreamEnded():
            return "hung_up"
        case Unsupported():
            return "no_video" if str(error).startswith("no video") else "codec"
        case RtspProtocolError():
            return "not_rtsp"
    return _kind_tls(error.__cause__) if situation.tls and not situation.status else "not_given"


def _kind_while_playing(error: CameraError, situation: Situation) -> Kind:
    if isinstance(error, RtspProtocolError):
        return "not_rtsp"
    return "stalled" if situation.pictures else "silent"


def _kind_unreachable(error: CameraError) -> Kind:
    if "refuses the connection" in str(error):
        return "refused"
    return "unknown_host" if isinstance(error.__cause__, socket.gaierror | UnicodeError) else "unreachable"


def _kind_tls(cause: BaseException | None) -> Kind:
    """A certificate that has another fingerprint than the configured one fails without a cause."""
    return "tls_certificate" if cause is None or isinstance(cause, ssl.SSLCertVerificationError) else "tls"


def _what(sentence: str) -> str:
    return _ADVICE_BEGINS.split(sentence, maxsplit=1)[0]

"""RTSP requests and responses as bytes, and the session description; no socket."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge.demo.clips import AudioClip, Clip
from edge.demo.packets import AUDIO_PAYLOAD_TYPES

_REASONS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 453: "Not Enough Bandwidth",
    454: "Session Not Found", 455: "Method Not Valid in This State", 461: "Unsupported Transport",
    501: "Not Implemented", 503: "Service Unavailable",
}  # fmt: skip
_HEAD_END = b"\r\n\r\n"
_MAX_HEAD_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Request:
    """A request; header names are lower case."""

    method: str
    url: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        """The URL's path without its host, query and outer slashes."""
        _, _, rest = self.url.partition("://")
        return rest.partition("/")[2].partition("?")[0].strip("/")


def parse_request(buffer: bytearray) -> Request | None:
    """Take the request at the start of `buffer` out of it; None if it is not complete, ValueError if it is none."""
    end = buffer.find(_HEAD_END)
    if end < 0:
        if len(buffer) > _MAX_HEAD_BYTES:
            raise ValueError("a request without an end")
        return None
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    words = first.split()
    if len(words) != 3 or not words[2].startswith("RTSP/"):
        raise ValueError(f"not an RTSP request: {first[:80]!r}")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    whole = end + len(_HEAD_END) + int(headers.get("content-length", "0"))
    if len(buffer) < whole:
        return None
    del buffer[:whole]
    return Request(words[0], words[1], headers)


def response(request: Request, status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    """Return the answer to a request."""
    lines = [f"RTSP/1.0 {status} {_REASONS[status]}", f"CSeq: {request.headers.get('cseq', '0')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + _HEAD_END + body


def describe(clip: Clip, *, video: bool = True, sprop: bool = True) -> bytes:
    """Return the session description; without the video or without its parameter sets where a fault wants that."""
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", f"s={clip.spec.name}", "t=0 0", "a=control:*", "a=range:npt=now-"]
    if video:
        lines += _describe_video(clip, sprop)
    if clip.audio:
        lines += _describe_audio(clip.audio)
    return ("\r\n".join(lines) + "\r\n").encode()


def _describe_video(clip: Clip, sprop: bool) -> list[str]:
    spec = clip.spec
    sets = [b64encode(nal).decode() for nal in clip.parameter_sets]
    if spec.codec == "h264":
        encoding = "H264"
        sps = clip.parameter_sets[0]
        fmtp = f"packetization-mode=1;profile-level-id={sps[1:4].hex().upper()}"
        fmtp += f";sprop-parameter-sets={','.join(sets)}" if sprop else ""
    else:
        encoding = "H265"
        vps, sps_, pps = sets
        fmtp = f"sprop-vps={vps};sprop-sps={sps_};sprop-pps={pps}" if sprop else ""
    return [
        "m=video 0 RTP/AVP 96",
        f"a=rtpmap:96 {encoding}/90000",
        *([f"a=fmtp:96 {fmtp}"] if fmtp else []),
        f"a=framerate:{spec.fps}",
        "a=control:trackID=0",
    ]


def _describe_audio(audio: AudioClip) -> list[str]:
    payload_type = AUDIO_PAYLOAD_TYPES[audio.codec]
    lines = [f"m=audio 0 RTP/AVP {payload_type}"]
    if audio.codec == "aac":
        lines.append(f"a=rtpmap:{payload_type} MPEG4-GENERIC/{audio.sample_rate}/1")
        lines.append(
            f"a=fmtp:{payload_type} streamtype=5;profile-level-id=1;mode=AAC-hbr;"
            f"sizelength=13;indexlength=3;indexdeltalength=3;config={audio.config.hex().upper()}"
        )
    else:
        lines.append(f"a=rtpmap:{payload_type} {audio.codec.upper()}/{audio.sample_rate}")
    return [*lines, "a=control:trackID=1"]

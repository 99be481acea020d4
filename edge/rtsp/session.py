"""The conversation with a camera up to PLAY and on to TEARDOWN, sans-IO: answers in, requests out.

Knows no socket and no clock. One request is outstanding at a time, so an answer belongs to it whatever CSeq it carries
(Tapo, Foscam and others err there).
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from edge.errors import StreamError
from edge.rtsp.auth import Authenticator, Verdict
from edge.rtsp.keepalive import Keepalive
from edge.rtsp.messages import Headers, Request, Response, write_request, write_response
from edge.rtsp.refusals import denial, refusal, status_line
from edge.rtsp.sdp import MediaDescription, SessionDescription, parse_sdp
from edge.rtsp.selection import Selection, select
from edge.rtsp.steps import Binding, Step
from edge.rtsp.transport import answered_channel, asked_transport, names_udp
from edge.rtsp.url import RtspUrl, aggregate_url, base_url, control_url

MOST_REDIRECTS: Final = 5
MOST_NOTES: Final = 20
PLAY_RANGE: Final = ("Range", "npt=0.000-")


class Phase(Enum):
    """What was asked last."""

    IDLE = auto()
    OPTIONS = auto()
    DESCRIBE = auto()
    SETUP_VIDEO = auto()
    SETUP_AUDIO = auto()
    PLAY = auto()
    PLAYING = auto()
    LEAVING = auto()
    OVER = auto()


@dataclass(frozen=True, slots=True)
class _Asked:
    """The outstanding request; `nonce` is the one that it was signed with, `signings` how often it was sent signed."""

    method: str
    url: str
    fields: tuple[tuple[str, str], ...]
    cseq: int
    nonce: str | None
    signings: int


class Session:
    """One conversation on one connection; `redirects` were followed before it."""

    def __init__(self, url: RtspUrl, authenticator: Authenticator, *, audio: bool, redirects: int = 0) -> None:
        self.url = url
        self.phase = Phase.IDLE
        self.description = SessionDescription()
        self.notes: list[str] = []
        self.redirects = redirects
        self._authenticator = authenticator
        self._audio = audio
        self._selection: Selection | None = None
        self._keepalive = Keepalive()
        self._asked: _Asked | None = None
        self._cseq = 0
        self._answered_cseq: int | None = None
        self._echoes_cseq = False
        self._session_id = ""
        self._latest_session_id = ""
        self._base = ""
        self._play_url = ""
        self._play_fields: tuple[tuple[str, str], ...] = (PLAY_RANGE,)
        self._video_channel = 0
        self._setups = 0

    @property
    def asked_method(self) -> str:
        """The request that waits for its answer, "" if none does."""
        return self._asked.method if self._asked else ""

    @property
    def keepalive_interval_s(self) -> float:
        """How often `keepalive()` is to be sent."""
        return self._keepalive.interval_s

    def start(self) -> bytes:
        """The first request."""
        self.phase = Phase.OPTIONS
        return self._ask("OPTIONS", self.url.request)

    def keepalive(self) -> bytes | None:
        """The request that keeps the camera sending; None when it does not play."""
        if self.phase is not Phase.PLAYING:
            return None
        return self._ask(self._keepalive.method, self._play_url)

    def teardown(self) -> bytes:
        """The request that ends the session; empty if there is none."""
        if not self._setups or self.phase in {Phase.LEAVING, Phase.OVER}:
            return b""
        self.phase = Phase.LEAVING
        return self._ask("TEARDOWN", self._play_url)

    def answer(self, request: Request) -> bytes:
        """The answer to a request of the camera: yes to OPTIONS, no to everything else."""
        cseq = (request.headers.get("CSeq") or "0")[:32]
        if request.method == "OPTIONS":
            return write_response(200, "OK", cseq, [("Public", "OPTIONS")])
        return write_response(501, "Not Implemented", cseq)

    def receive(self, response: Response) -> Step:
        """Take an answer; raises a CameraError when this camera will not play this way."""
        asked = self._asked
        if asked is None or response.status < 200 or self._is_doubled(response, asked):
            return Step()
        self._asked = None
        self._answered_cseq = response.cseq
        self._echoes_cseq = response.cseq == asked.cseq
        if not self._echoes_cseq:
            self._note("the camera does not echo CSeq; its answers are matched by their order")
        self._keepalive.learn(response.headers)
        if response.status == 401:
            return self._unauthorized(asked, response)
        if 300 <= response.status < 400 and self.phase not in {Phase.PLAYING, Phase.LEAVING, Phase.OVER}:
            return self._redirected(response)
        return self._proceed(asked, response)

    def _proceed(self, asked: _Asked, response: Response) -> Step:
        match self.phase:
            case Phase.OPTIONS:
                return self._describe()
            case Phase.DESCRIBE:
                return self._described(response)
            case Phase.SETUP_VIDEO:
                return self._video_set_up(response)
            case Phase.SETUP_AUDIO:
                return self._audio_set_up(response)
            case Phase.PLAY:
                return self._played(response)
            case Phase.PLAYING:
                if response.status >= 400:
                    self._keepalive.refused(asked.method)
                return Step()
            case _:
                self.phase = Phase.OVER
                return Step(over=True)

    def _is_doubled(self, response: Response, asked: _Asked) -> bool:
        """Whether this is a second good answer to the request before, from a camera that counts well."""
        return (
            self._echoes_cseq
            and response.status < 400
            and response.cseq == self._answered_cseq
            and response.cseq != asked.cseq
        )

    def _unauthorized(self, asked: _Asked, response: Response) -> Step:
        offers = response.headers.get_all("WWW-Authenticate")
        verdict = self._authenticator.challenged(offers, signed_with=asked.nonce, tries=asked.signings)
        if self.phase is Phase.OPTIONS:
            return self._describe()  # Amcrest refuses OPTIONS to everybody; DESCRIBE decides, at the cost of one try
        if verdict is Verdict.SIGN:
            return Step(send=self._ask(asked.method, asked.url, asked.fields, signings=asked.signings))
        if self.phase is Phase.PLAYING:
            return Step()
        if self.phase is Phase.LEAVING:
            self.phase = Phase.OVER
            return Step(over=True)
        raise denial(verdict, self._authenticator)

    def _redirected(self, response: Response) -> Step:
        if self.redirects >= MOST_REDIRECTS:
            raise StreamError(
                f"the camera redirects more than {MOST_REDIRECTS} times: put the last address into the url"
            )
        try:
            target = self.url.redirected(response.headers.get("Location") or "")
        except ValueError as error:
            raise StreamError(f"the camera redirects ({status_line(response)}) to no usable address: {error}") from None
        self._asked = None
        self.phase = Phase.OVER
        return Step(redirect=target)

    def _describe(self) -> Step:
        self.phase = Phase.DESCRIBE
        return Step(send=self._ask("DESCRIBE", self.url.request, (("Accept", "application/sdp"),)))

    def _described(self, response: Response) -> Step:
        if response.status >= 300:
            raise refusal("DESCRIBE", response)
        if self._authenticator.in_the_clear and self.url.scheme == "rtsp":
            self._note("the camera is given the password in the clear (Basic); prefer Digest or rtsps")
        self.description = parse_sdp(response.body)
        self._selection = select(self.description, audio=self._audio)
        for note in self._selection.notes:
            self._note(note)
        self._base = base_url(response.headers, self.url)
        self._play_url = aggregate_url(self._base, self.description.control, self.url)
        self.phase = Phase.SETUP_VIDEO
        return Step(send=self._set_up(self._selection.video, 0))

    def _set_up(self, media: MediaDescription, channel: int) -> bytes:
        self._setups += 1
        return self._ask(
            "SETUP", control_url(self._base, media.control, self.url), (("Transport", asked_transport(channel)),)
        )

    def _video_set_up(self, response: Response) -> Step:
        assert self._selection is not None
        if response.status >= 300:
            raise refusal("SETUP", response)
        self._keep_session(response.headers)
        transport = response.headers.get("Transport")
        if names_udp(transport):
            self._note("the camera answered with UDP ports although TCP was asked for")
        self._video_channel = answered_channel(transport, 0)
        binding = Binding(self._selection.video, self._video_channel)
        if self._selection.audio is None:
            return Step(send=self._play(), bind=binding)
        self.phase = Phase.SETUP_AUDIO
        return Step(send=self._set_up(self._selection.audio, self._audio_channel()), bind=binding)

    def _audio_channel(self) -> int:
        """A pair of channels beside the video's: some cameras refuse a pair that is taken."""
        return 4 if self._video_channel in {1, 2, 3} else 2

    def _audio_set_up(self, response: Response) -> Step:
        assert self._selection is not None
        assert self._selection.audio is not None
        if response.status >= 300:
            self._note(f"audio is not recorded: its SETUP was answered with {status_line(response)}")
            return Step(send=self._play())
        self._keep_session(response.headers)
        channel = answered_channel(response.headers.get("Transport"), self._audio_channel())
        if abs(channel - self._video_channel) < 2:
            self._note("audio is not recorded: the camera gives it the channel of the video")
            return Step(send=self._play())
        return Step(send=self._play(), bind=Binding(self._selection.audio, channel, self._selection.audio_format))

    def _keep_session(self, headers: Headers) -> None:
        """Keep the first session id (XiongMai gives another one for each track), and the latest for a second chance."""
        self._latest_session_id = (headers.get("Session") or "").partition(";")[0].strip()
        self._session_id = self._session_id or self._latest_session_id

    def _play(self) -> bytes:
        self.phase = Phase.PLAY
        return self._ask("PLAY", self._play_url, self._play_fields)

    def _played(self, response: Response) -> Step:
        if response.status < 300:
            self.phase = Phase.PLAYING
            return Step(playing=True)
        if not self._can_play_otherwise(response.status):
            raise refusal("PLAY", response)
        return Step(send=self._play())

    def _can_play_otherwise(self, status: int) -> bool:
        """Change what this camera may have stumbled over; False when nothing is left to try."""
        if status == 454 and self._latest_session_id not in {"", self._session_id}:
            self._session_id = self._latest_session_id
            return True
        if status < 400 or status in {403, 453, 454, 461, 503}:
            return False
        other_url = self._play_url != self.url.request
        if self._play_fields and not (status in {404, 405} and other_url):
            self._play_fields = ()  # 457, or 400 for a Range that it does not know
            return True
        if other_url:
            self._play_url = self.url.request  # PTZOptics: the base with its slash is refused
        return other_url

    def _ask(self, method: str, url: str, fields: tuple[tuple[str, str], ...] = (), *, signings: int = 0) -> bytes:
        """Bytes of a request, signed if the camera wants that; it is the outstanding one from now on."""
        self._cseq += 1
        signed = self._authenticator.sign(method, url)
        proof = [("Authorization", signed[0])] if signed else []
        session = [("Session", self._session_id)] if self._session_id else []
        nonce = signed[1] if signed else None
        self._asked = _Asked(method, url, fields, self._cseq, nonce, signings + bool(signed))
        return write_request(method, url, self._cseq, [*proof, *session, *fields])

    def _note(self, text: str) -> None:
        if text not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(text)

"""Plays the written dialogues of tests/data/dialogues against the signalling; their README says what the lines mean."""

from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import CameraError
from edge.rtsp.auth import Authenticator
from edge.rtsp.formats import sprop_sets
from edge.rtsp.messages import Response, parse_message
from edge.rtsp.session import Session
from edge.rtsp.steps import Step
from edge.rtsp.transcript import Transcript
from edge.rtsp.url import RtspUrl

FOLDER = Path(__file__).parents[1] / "data" / "dialogues"


def parse_response(data: bytes) -> Response:
    parsed = parse_message(bytearray(data), 0, len(data))
    assert parsed is not None, f"not whole: {data!r}"
    message, end = parsed
    assert end == len(data)
    assert isinstance(message, Response)
    return message


@dataclass
class Player:
    """One dialogue in progress: our last request, and what the session said of the last answer."""

    url: RtspUrl = field(default_factory=lambda: RtspUrl.parse("rtsp://nowhere/"))
    line_end: str = "\r\n"
    pending: bytes = b""
    request: list[str] = field(default_factory=list)
    step: Step = field(default_factory=Step)
    bindings: dict[str, str] = field(default_factory=dict)
    sets: int = -1
    error: CameraError | None = None
    session: Session | None = None
    transcript: Transcript = field(default_factory=Transcript)

    def begin(self, url: str) -> None:
        self.url = RtspUrl.parse(url)
        self.session = Session(self.url, Authenticator.for_url(self.url), audio=True)
        self.pending = self.session.start()

    def take_request(self, expected: list[str]) -> None:
        assert self.pending, f"nothing was sent, expected {expected[0]}"
        self.transcript.sent(self.pending)
        self.request = self.pending.decode("latin-1").split("\r\n")
        assert self.request[-2:] == ["", ""]
        assert self.request[0] == expected[0]
        assert self.request[1].startswith("CSeq: ")
        for line in expected[1:]:
            if line.startswith("!"):
                assert not any(header.startswith(line[1:] + ":") for header in self.request), line
            else:
                assert any(header.startswith(line) for header in self.request), (line, self.request)
        self.pending = b""

    def take_answer(self, lines: list[str]) -> None:
        assert self.session is not None
        head, separator, body = "\n".join(lines).partition("\n\n")
        text = body.replace("\n", self.line_end) + self.line_end if separator else ""
        cseq = int(self.request[1].removeprefix("CSeq: "))
        for name, value in {"cseq": cseq, "previous": cseq - 1, "blank": " ", "tab": "\t"}.items():
            head, text = head.replace(f"{{{name}}}", str(value)), text.replace(f"{{{name}}}", str(value))
        head = head.replace("{length}", str(len(text)))
        data = (head.replace("\n", self.line_end) + 2 * self.line_end + text).encode("latin-1")
        response = parse_response(data)
        self.transcript.received(response)
        try:
            self.step = self.session.receive(response)
        except CameraError as error:
            self.error = error
            return
        self.pending = self.step.send or self.pending
        if binding := self.step.bind:
            if binding.audio_format is None:
                self.bindings["video"] = str(binding.channel)
                self.sets = len(sprop_sets(binding.media))
            else:
                self.bindings["audio"] = f"{binding.channel}:{binding.audio_format.codec}"

    def act(self, action: str) -> None:
        assert self.session is not None
        self.pending = (self.session.keepalive() if action == "keepalive" else self.session.teardown()) or b""

    def check(self, kind: str, text: str) -> None:
        assert self.session is not None
        assert self.error is None or kind == "error", self.error
        match kind:
            case "playing":
                assert self.step.playing
                assert self.bindings == dict(word.split("=") for word in text.split())
            case "keepalive":
                assert self.session.keepalive_interval_s == float(text.removeprefix("every "))
            case "sets":
                assert self.sets == int(text)
            case "note":
                assert any(text in note for note in self.session.notes), self.session.notes
            case "redirect":
                assert self.step.redirect is not None
                assert self.step.redirect.redacted == text
                assert self.step.redirect.password == self.url.password
            case "error":
                name, _, words = text.partition(" ")
                assert type(self.error).__name__ == name, self.error
                assert words in str(self.error)
                self.error = None
            case "over":
                assert self.step.over
            case _:
                raise AssertionError(f"unknown expectation {kind!r}")


def play(path: Path) -> Player:
    """Play one file; raises AssertionError where the session does something else."""
    player = Player()
    mark, block = "", list[str]()
    for line in [*path.read_text().splitlines(), "#"]:
        if block and line[:1] != mark:
            (player.take_request if mark == ">" else player.take_answer)(block)
            block = []
        mark, rest = line[:1], line[2:] if line[1:2] == " " else line[1:]
        if mark in {">", "<"}:
            block.append(rest)
        elif line.startswith("url "):
            player.begin(line[4:])
        elif line == "ends LF":
            player.line_end = "\n"
        elif mark == "*":
            player.act(rest)
        elif mark == "=":
            player.check(*rest.partition(" ")[::2])
        else:
            assert mark in {"#", "~"}, line
    assert player.error is None, player.error
    return player

"""The table from what went wrong with a camera to what a technician does about it."""

import re
import socket
import ssl
from typing import get_args

import pytest

from edge.check.trouble import ADVICE, Kind, Situation, explain
from edge.errors import (
    AuthFailed,
    CameraError,
    CameraTimeout,
    NotFound,
    RtspProtocolError,
    StreamEnded,
    StreamError,
    Unreachable,
    Unsupported,
)

PLAYING = Situation(status=200, opened=True)


def test_every_kind_of_trouble_has_a_word_and_a_sentence_of_advice():
    """No kind is without a next step, and each fits its place."""
    assert set(ADVICE) == set(get_args(Kind))
    for advice in ADVICE.values():
        assert len(advice.word) <= 16, "the column of the table"
        assert re.fullmatch(r"[A-Z].*\.", advice.do)


def with_cause(error: CameraError, cause: BaseException) -> CameraError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "situation", "kind"),
    [
        (Unreachable("10.0.0.1:554 does not answer: check it"), Situation(), "unreachable"),
        (Unreachable("10.0.0.1:554 refuses the connection: check it"), Situation(), "refused"),
        (with_cause(Unreachable("not known"), socket.gaierror()), Situation(), "unknown_host"),
        (AuthFailed("no"), Situation(401, has_user=True), "wrong_password"),
        (AuthFailed("no"), Situation(401), "no_password"),
        (AuthFailed("no"), Situation(403, has_user=True), "forbidden"),
        (NotFound("no"), Situation(404), "no_such_path"),
        (StreamError("no"), Situation(453), "busy"),
        (StreamError("no"), Situation(503), "busy"),
        (StreamError("no"), Situation(500), "not_given"),
        (Unsupported("no"), Situation(461), "no_tcp"),
        (Unsupported("no video: none"), Situation(200), "no_video"),
        (Unsupported("the camera offers its video only as AV1"), Situation(200), "codec"),
        (CameraTimeout("no"), Situation(200), "no_answer"),
        (StreamEnded("no"), Situation(), "hung_up"),
        (RtspProtocolError("no"), Situation(), "not_rtsp"),
        (RtspProtocolError("no"), PLAYING, "not_rtsp"),
        (CameraTimeout("no"), PLAYING, "silent"),
        (CameraTimeout("no"), Situation(200, opened=True, pictures=3), "stalled"),
        (StreamEnded("no"), Situation(200, opened=True, pictures=3), "stalled"),
        (with_cause(StreamError("no"), ssl.SSLCertVerificationError()), Situation(tls=True), "tls_certificate"),
        (StreamError("another certificate"), Situation(tls=True), "tls_certificate"),
        (with_cause(StreamError("no"), ssl.SSLError()), Situation(tls=True), "tls"),
        (StreamError("no"), Situation(500, tls=True), "not_given"),
    ],
)
def test_error_belongs_to_one_row_of_the_table(error, situation, kind):
    """The camera's answer and how far the probe had come decide where the error alone does not."""
    found = explain(error, situation)
    assert (found.kind, found.word, found.do, found.reason) == (kind, ADVICE[kind].word, ADVICE[kind].do, error.reason)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("the camera has no such path (404 Not Found): check the path", "the camera has no such path (404 Not Found)"),
        (
            "it does not give the stream: PLAY was answered with 500",
            "it does not give the stream: PLAY was answered with 500",
        ),
        ("it shows another one; its SHA-256 is ab: write that into it", "it shows another one; its SHA-256 is ab"),
        ("only as Motion JPEG; set H.264 or H.265", "only as Motion JPEG"),
    ],
)
def test_advice_of_the_client_gives_way_to_the_table(said, what):
    """What is wrong is told in the client's words, what to do in the table's, and neither twice."""
    assert explain(StreamError(said), Situation()).what == what

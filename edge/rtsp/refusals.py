"""What a camera's refusal means to a technician: from status codes and 401 verdicts to errors with a next step."""

from typing import Final

from edge.config.redaction import mask
from edge.errors import AuthFailed, CameraError, NotFound, StreamEnded, StreamError, Unsupported
from edge.rtsp.auth import Authenticator, Verdict
from edge.rtsp.messages import Response

BUSY_WAIT_S: Final = 30.0

_LONGEST_REASON: Final = 60


def refusal(method: str, response: Response) -> CameraError:
    """The error of a request that was answered with a status other than success, redirect or 401."""
    status, answer = response.status, f"{method} was answered with {status_line(response)}"
    if status == 403:
        return AuthFailed(f"the camera forbids this stream ({answer}): give the user the right to see live video")
    if status in (404, 410):
        return NotFound(f"the camera has no such path ({answer}): check the path in the channel's url")
    if status == 454:
        return StreamEnded(f"the camera has forgotten the session ({answer})")
    if status == 461:
        return Unsupported(f"the camera refuses RTSP over TCP ({answer}): allow RTP over RTSP in the camera's settings")
    if status in (453, 503):
        busy = StreamError(
            f"the camera has no room for one more viewer ({answer}): close other players or recorders of this camera"
        )
        busy.retry_after_s = BUSY_WAIT_S
        return busy
    return StreamError(f"the camera does not give the stream: {answer}")


def denial(verdict: Verdict, authenticator: Authenticator) -> AuthFailed:
    """The error of a 401 that cannot be answered."""
    if verdict is Verdict.NO_CREDENTIALS:
        return AuthFailed("the camera wants a user name and a password: write them into the channel's url")
    if verdict is Verdict.UNKNOWN_SCHEME:
        return AuthFailed(
            "the camera offers no way to log in that is known (Digest with SHA-256 or MD5, or Basic): "
            "set Digest in the camera's RTSP settings"
        )
    return AuthFailed(
        f"the camera refuses the password of user {authenticator.user!r}: check both in the channel's url, and wait "
        "before trying by hand, as many cameras lock the user for half an hour after a few tries"
    )


def status_line(response: Response) -> str:
    """Status and reason as the camera wrote them, made safe to print."""
    reason = "".join(character for character in response.reason if character.isprintable())
    return mask(f"{response.status} {reason[:_LONGEST_REASON]}".strip())

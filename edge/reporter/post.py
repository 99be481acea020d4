"""One attempt to post a report, and what its outcome means. Knows HTTP and TLS, no queue and no event.

| what came | means |
|---|---|
| 2xx | delivered |
| 400, 409, 413, 415, 422 and other 4xx | refused: HQ will never take this report, those behind it may go on |
| 401, 403, 404, 405, 407, 421 | retry: the way there is wrong (token, address, proxy), not the report |
| 408, 425, 429, 5xx | retry, after `Retry-After` where that is said |
| 1xx, 3xx | retry: a redirect is not followed, the token would go to somebody else |
| no answer, another certificate | retry |
"""

import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal

import httpx

from edge.config.reporting import ReporterHttpConfig
from edge.errors import ConfigError
from edge.events.values import redact

Verdict = Literal["delivered", "refused", "retry"]

CONNECT_S: Final = 5.0
SILENCE_S: Final = 15.0
WHOLE_S: Final = 30.0
MOST_RETRY_AFTER_S: Final = 600.0
_MOST_ANSWER_BYTES: Final = 65_536
_WAY: Final = {
    401: "HQ does not know the token; see reporter.http.token_file, and the site's file in HQ's reports.tokens_dir",
    403: "the token is not this site's; see reporter.http.token_file",
    404: "HQ takes no reports at this address; see reporter.http.url, and reports.tokens_dir in hq.yaml",
    405: "HQ takes no reports at this address; see reporter.http.url",
    407: "a proxy on the way wants a login; reports go without one",
    421: "the address belongs to another server; see reporter.http.url",
}
_REFUSED: Final = {
    400: "HQ cannot read the report",
    409: "HQ holds another report under the same number: two machines run with a copy of the same state_dir",
    413: "the report is too large for HQ, or for a proxy before it",
    415: "HQ does not take this kind of document",
    422: "the report is not one of this site; see the site's name in reporter.http.url",
}
_LATER: Final = {408, 425, 429}
_TOKEN: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt; `reason` is short and the same for the same trouble, `detail` is for people."""

    verdict: Verdict
    http_status: int | None
    reason: str
    detail: str
    retry_after_s: float = 0.0


def judged(status: int, headers: Mapping[str, str]) -> Outcome:
    """What an answer means."""
    name = f"{status} {_phrase(status)}".strip()
    if 200 <= status < 300:
        return Outcome("delivered", status, name, f"HQ answers {name}")
    if status in _WAY:
        return Outcome("retry", status, name, f"HQ answers {name}: {_WAY[status]}", _retry_after_s(headers))
    if 400 <= status < 500 and status not in _LATER:
        why = _REFUSED.get(status, "HQ does not take this report")
        return Outcome("refused", status, name, f"HQ answers {name}: {why}; it is set aside")
    if 300 <= status < 400:
        detail = f"HQ answers {name}: redirects are not followed; write the new address in reporter.http.url"
        return Outcome("retry", status, name, detail)
    detail = f"HQ answers {name}; the report is kept and sent again"
    return Outcome("retry", status, name, detail, _retry_after_s(headers))


class Poster:
    """Posts to one address over a connection that is kept; for one thread."""

    def __init__(self, config: ReporterHttpConfig, agent: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._agent = agent
        self._monotonic = monotonic
        self._client: httpx.Client | None = None

    def post(self, payload: bytes, key: str) -> Outcome:
        """Make one attempt, which takes at most about `WHOLE_S`; never raises for what the network does."""
        try:
            return self._post(payload, key)
        except ConfigError as error:
            return Outcome("retry", None, "configuration", str(error))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self.close()  # a connection that failed is not used again, and certificates are read anew
            return Outcome("retry", None, type(error).__name__, _words(error, self._config.url))

    def close(self) -> None:
        """Let the connection go; harmless when repeated."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _post(self, payload: bytes, key: str) -> Outcome:
        headers = {
            "content-type": "application/cloudevents+json",
            "idempotency-key": key,
            "user-agent": self._agent,
        }
        token = self._config.token()
        if token is not None and not _TOKEN.fullmatch(token):
            where = f'reporter.http.token_file "{self._config.token_file}"'
            raise ConfigError(f"{where}: must hold a token of ASCII letters, digits and signs, without spaces")
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        client = self._connected_client()
        ends = self._monotonic() + WHOLE_S
        with client.stream("POST", self._config.url, content=payload, headers=headers) as response:
            read = 0
            for piece in response.iter_raw():  # to the end, or the connection could not be used again
                read += len(piece)
                if read > _MOST_ANSWER_BYTES or self._monotonic() > ends:
                    self.close()
                    break
            return judged(response.status_code, response.headers)

    def _connected_client(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(
                verify=_context(self._config),
                timeout=httpx.Timeout(SILENCE_S, connect=CONNECT_S),
                follow_redirects=False,
                trust_env=False,  # a proxy or a .netrc of whoever started the process is not configuration
                limits=httpx.Limits(max_connections=1),
            )
        return self._client


def _context(config: ReporterHttpConfig) -> ssl.SSLContext:
    """Whom to trust: a private authority where one is configured, else those of the machine. Raises ConfigError."""
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
    except (OSError, ssl.SSLError) as error:
        words = error.strerror or "it is no certificate"
        raise ConfigError(f'reporter.http.ca_file "{config.ca_file}" cannot be used ({words})') from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """What `Retry-After` asks for in seconds, 0 for a date or nonsense: the back-off has a say anyway."""
    text = headers.get("retry-after", "").strip()
    return min(float(text), MOST_RETRY_AFTER_S) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0


def _words(error: Exception, url: str) -> str:
    """What went wrong on the way, in words."""
    where = redact(url)
    if isinstance(error, httpx.ConnectTimeout):
        return f"{where} does not answer; see to the network and to HQ"
    if isinstance(error, httpx.TimeoutException):
        return f"{where} took the report and did not answer in time"
    if isinstance(error, httpx.LocalProtocolError):  # its text quotes headers, and so may hold the token
        return f"the report cannot be sent to {where} as HTTP; see to reporter.http"
    text = redact(str(error)) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return f"{where} shows a certificate that is not trusted ({text}); see reporter.http.ca_file"
    return f"{where} cannot be reached ({text}); the report is kept and sent again"

"""Carries a session over a connection: sends what it asks, hands it the answers, and watches how long they take."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from edge.errors import CameraError, CameraTimeout, RtspProtocolError, StreamEnded
from edge.rtsp.connection import Connection
from edge.rtsp.messages import Request, Response
from edge.rtsp.session import Session
from edge.rtsp.steps import Binding, Step
from edge.rtsp.transcript import Transcript

TEARDOWN_TIMEOUT_S: Final = 2.0
BODY_PAUSE_S: Final = 2.0
"""A description without length is taken as whole after so long a silence."""


class Dialogue:
    """One session on one connection; `ended` fails with the reason when nothing more will come."""

    def __init__(
        self,
        session: Session,
        connection: Connection,
        transcript: Transcript,
        *,
        bind: Callable[[Binding], None],
        request_timeout_s: float,
    ) -> None:
        self.session = session
        self.connection = connection
        self.last_status = 0
        self._transcript = transcript
        self._bind = bind
        self._request_timeout_s = request_timeout_s
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Step] = loop.create_future()
        self._outcome: asyncio.Future[Step] = loop.create_future()
        self._over = asyncio.Event()
        self._deadline: asyncio.TimerHandle | None = None
        self._body_pause: asyncio.TimerHandle | None = None

    async def converse(self) -> Step:
        """Ask until the camera plays or sends us elsewhere; raises the CameraError that ended it otherwise."""
        if not self.connection.is_open:
            raise StreamEnded("the camera closed the connection at once")
        self._ask(self.session.start())
        await asyncio.wait([self._outcome, self.ended], return_when=asyncio.FIRST_COMPLETED)
        self._cancel_timers()
        return self._outcome.result() if self._outcome.done() else self.ended.result()

    def take(self, message: Response | Request) -> None:
        """Handle one message of the camera."""
        if isinstance(message, Request):
            self.connection.send(self.session.answer(message))
            return
        self._transcript.received(message)
        self.last_status = message.status
        try:
            step = self.session.receive(message)
        except CameraError as error:
            self.fail(error)
            return
        if step.bind:
            self._bind(step.bind)
        if step.over:
            self._over.set()
        if (step.playing or step.redirect) and not self._outcome.done():
            self._outcome.set_result(step)
        if step.send:
            self._ask(step.send)

    def read(self) -> None:
        """Something came: if it is a description without length, it ends when the camera falls silent."""
        if self.session.asked_method == "DESCRIBE" and not self._outcome.done() and not self.ended.done():
            if self._body_pause is not None:
                self._body_pause.cancel()
            self._body_pause = asyncio.get_running_loop().call_later(BODY_PAUSE_S, self.connection.end_body)

    def fail(self, error: Exception) -> None:
        """Note why nothing more will come; the first reason counts."""
        self._over.set()
        if not self.ended.done():
            self.ended.set_exception(error)

    def keep_alive(self) -> None:
        """Send the request that keeps the camera sending."""
        self._send(self.session.keepalive() or b"")

    async def leave(self) -> None:
        """Say goodbye as far as the camera listens, and let go of the connection."""
        self._cancel_timers()
        farewell = self.session.teardown()
        try:
            if farewell and self.connection.is_open:
                self._over.clear()
                self.connection.read_freely()
                self._send(farewell)
                with suppress(TimeoutError):
                    async with asyncio.timeout(TEARDOWN_TIMEOUT_S):
                        await self._over.wait()
        finally:
            self.connection.abort()
            self.fail(CameraTimeout("the connection was closed on our side"))
            self.ended.exception()

    def _ask(self, request: bytes) -> None:
        """Send a request whose answer is waited for."""
        self._cancel_timers()
        self._send(request)
        if not self._outcome.done():
            self._deadline = asyncio.get_running_loop().call_later(self._request_timeout_s, self._expired)

    def _send(self, request: bytes) -> None:
        if request:
            self._transcript.sent(request)
            self.connection.send(request)

    def _expired(self) -> None:
        method, waited = self.session.asked_method, f"{self._request_timeout_s:g} s"
        if self.connection.demultiplexer.garbage_bytes and not self.last_status:
            self.fail(RtspProtocolError("what answers does not speak RTSP: check the port in the channel's url"))
        else:
            self.fail(CameraTimeout(f"the camera did not answer {method} within {waited}: restart it if this stays so"))

    def _cancel_timers(self) -> None:
        for timer in (self._deadline, self._body_pause):
            if timer is not None:
                timer.cancel()

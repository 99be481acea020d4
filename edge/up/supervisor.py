"""Keeps programs running: one that dies is started again, at once at first, later and later when it keeps dying."""

import asyncio
import ctypes
import os
import pwd
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from edge.retry import Backoff

STOP_S: Final = 6.0
"""A process of Saksi stops within five seconds by itself."""
LOOK_S: Final = 5.0
READY_S: Final = 30.0
STABLE_S: Final = 3.0
"""A life of this length was no failed start: the next one begins at once again."""
_ASKED: Final = 3
"""So often a program is told to stop: Mosquitto 2.0 forgets a SIGTERM that comes before its main loop begins."""
_STDIN: Final = 0
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Program:
    """A command to keep running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    reloads: bool = False
    """SIGHUP of the supervisor is passed on."""
    user: str | None = None
    """Who it runs as; None as the supervisor does."""
    ready_port: int | None = None
    """The next program is started when this loopback port answers, or has not for READY_S."""
    before: Callable[[int], None] | None = None
    """Called before each life with how many lives before it, one after the other, ended within STABLE_S."""
    ailing: Callable[[int], str | None] | None = None
    """Asked every LOOK_S with the number of its process: why it must be ended and started again, None if not."""


class Supervisor:
    """Runs programs until told to stop; they are started in order and stopped in reverse."""

    def __init__(self, programs: Sequence[Program], backoff: Backoff | None = None) -> None:
        self._programs = programs
        self._backoff = backoff or Backoff(stable_s=STABLE_S)
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Run all programs until SIGINT or SIGTERM; returns when none is left."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up if os.isatty(_STDIN) else self._reload)
        keepers = []
        for program in self._programs:
            keepers.append(asyncio.create_task(self._keep(program)))
            if program.ready_port is not None:
                await self._ready(program.ready_port)
        await self._stopping.wait()
        for program in reversed(self._programs):
            await self._stop(program.name)
        await asyncio.gather(*keepers)

    async def _ready(self, port: int) -> None:
        deadline_s = time.monotonic() + READY_S
        while not self._stopping.is_set() and time.monotonic() < deadline_s:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await self._pause(0.05)
                continue
            writer.close()
            return

    async def _keep(self, program: Program) -> None:
        backoff = self._backoff
        short_lives = 0
        while not self._stopping.is_set():
            if program.before is not None:
                await asyncio.to_thread(program.before, short_lives)
            started_s = time.monotonic()
            status = await self._live(program)
            lived_s = time.monotonic() - started_s
            if self._stopping.is_set():
                return
            backoff = backoff.died(lived_s)
            short_lives = short_lives + 1 if lived_s < STABLE_S else 0
            _log.warning(
                "process_died",
                program=program.name,
                status=_words(status),
                lived_s=round(lived_s, 1),
                again_in_s=backoff.delay_s,
            )
            await self._pause(backoff.delay_s)

    async def _live(self, program: Program) -> int | None:
        """One life of a program; None where it could not even be started."""
        try:
            process = await asyncio.create_subprocess_exec(
                *program.command,
                env={**os.environ, **program.environment},
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the others in order
                preexec_fn=_die_with_parent,
                **_run_as(program.user),
            )
        except OSError as error:
            _log.error("process_not_started", program=program.name, error=error.strerror)
            return None
        self._running[program.name] = process
        if self._stopping.is_set():
            process.terminate()
        looking = asyncio.create_task(self._look_after(program, process.pid))
        status = await process.wait()
        looking.cancel()
        del self._running[program.name]
        return status

    async def _look_after(self, program: Program, pid: int) -> None:
        """End a process that says of itself, or of which is seen, that it must be started again."""
        while program.ailing is not None:
            await asyncio.sleep(LOOK_S)
            reason = await asyncio.to_thread(program.ailing, pid)
            if reason is not None:
                _log.error("process_ended", program=program.name, reason=reason)
                await self._stop(program.name)
                return

    async def _stop(self, name: str) -> None:
        process = self._running.get(name)
        if process is None:
            return
        for _ in range(_ASKED):
            if process.returncode is not None:
                return
            process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_S / _ASKED)
                return
        _log.error("process_killed", program=name, after_s=STOP_S)
        process.kill()
        await process.wait()

    def _hung_up(self) -> None:
        """On a terminal SIGHUP also says that its window was closed, and then the terminal is none any more."""
        if os.isatty(_STDIN):
            self._reload()
        else:
            self._stopping.set()

    def _reload(self) -> None:
        for program in self._programs:
            process = self._running.get(program.name)
            if program.reloads and process is not None:
                process.send_signal(signal.SIGHUP)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def _die_with_parent() -> None:
    """In the child: have the kernel send SIGTERM when the supervisor is gone, however it went."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _run_as(user: str | None) -> dict[str, Any]:
    """The user is changed before `_die_with_parent`: the kernel forgets that wish when a process changes its user."""
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _words(status: int | None) -> str:
    if status is None:
        return "could not be started"
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"

"""Signals and dying threads as flags that a body looks at; whoever does not stop in time is ended. Knows no process."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import structlog

_STOP_S: Final = 5.0

_log = structlog.get_logger()


class Signals:
    """Flags that signals and failing threads set, nothing more."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.stop_callbacks: list[Callable[[], None]] = []
        self.reload_callbacks: list[Callable[[], None]] = []
        self.failure: BaseException | None = None
        self._asked = False
        self._over = threading.Event()

    def request_stop(self) -> None:
        """Tell the body to end."""
        if not self.stop.is_set():
            self.stop.set()
            for callback in self.stop_callbacks:
                callback()

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Take SIGTERM, SIGINT, SIGHUP and the death of threads while in the block."""
        in_main = threading.current_thread() is threading.main_thread()
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        thread_hook, threading.excepthook = threading.excepthook, self._thread_died
        if in_main:
            signal.signal(signal.SIGTERM, self._stop_asked)
            signal.signal(signal.SIGINT, self._stop_asked)
            signal.signal(signal.SIGHUP, self._reload_asked)
        try:
            yield
        finally:
            self._over.set()
            threading.excepthook = thread_hook
            if in_main:
                for number, handler in before.items():
                    signal.signal(number, handler)

    # A handler runs between two steps of the main thread, which may hold the very lock that the work would take
    # (threading.Event has one): so handlers only start a thread.

    def _stop_asked(self, _number: int, _frame: FrameType | None) -> None:
        if not self._asked:
            self._asked = True
            threading.Thread(target=self._stop_in_time, name="stop", daemon=True).start()

    def _reload_asked(self, _number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=self._reload, name="reload", daemon=True).start()

    def _stop_in_time(self) -> None:
        self.request_stop()
        if not self._over.wait(_STOP_S):
            _give_up()

    def _reload(self) -> None:
        for callback in self.reload_callbacks:
            callback()

    def _thread_died(self, died: threading.ExceptHookArgs) -> None:
        if died.exc_value is not None and not isinstance(died.exc_value, SystemExit):
            self.failure = self.failure or died.exc_value
            self.request_stop()


def _give_up() -> None:
    """End a process whose body does not stop: what it said is on the disk, and its supervisor waits."""
    _log.critical("stop_took_too_long", after_s=_STOP_S, next="ended the hard way; the next start recovers the rest")
    os._exit(1)

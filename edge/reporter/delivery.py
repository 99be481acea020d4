"""Brings waiting reports to HQ over HTTP, one after the other, and says what became of each. Knows no report's content.

- In order: the next goes when HQ has taken or refused the one before it. A refused one is set aside.
- A report is posted with its event's id as the key until HQ has answered; whether the answer is lost or this process
  killed, the same key comes again and HQ takes it once.
- While HQ is away, attempts come further and further apart, spread at random, so that a thousand sites do not come
  back in the same second.
- `report_failed` is said at the first failure, when the reason changes and when a report is given up; not each time.
"""

import threading
from typing import Final

import structlog
from pydantic import JsonValue
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_result,
    sleep_using_event,
    stop_when_event_set,
    wait_random_exponential,
)

from edge.bus.outbox import Outbox, OutboxUnavailable
from edge.clock import Clock
from edge.events.catalog import ReportDelivered, ReportFailed
from edge.reporter import waiting
from edge.reporter.post import Outcome, Poster
from edge.reporter.waiting import WaitingReport

MOST_WAIT_S: Final = 60.0
_LEAST_WAIT_S: Final = 0.5
_DROPS_EVERY_S: Final = 3600.0
_DISK_RETRY_S: Final = 5.0
_NOTHING: Final = Outcome("delivered", None, "nothing", "")

_log = structlog.get_logger()


class Delivery:
    """One thread that posts what waits."""

    def __init__(self, outbox: Outbox, poster: Poster, clock: Clock, *, most_wait_s: float = MOST_WAIT_S) -> None:
        self._outbox = outbox
        self._poster = poster
        self._clock = clock
        self._wait = wait_random_exponential(multiplier=1, max=most_wait_s, min=min(_LEAST_WAIT_S, most_wait_s))
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._failing: Outcome | None = None  # since the last success, and already said
        self._drops_said_ns: int | None = None
        self._report: WaitingReport | None = None
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self) -> None:
        """Begin with what waits from before."""
        self._thread.start()

    def wake(self) -> None:
        """There is a new report."""
        self._wake.set()

    def stop(self, timeout_s: float = 1.0) -> None:
        """End; an attempt that hangs is left to its time-out, and made again by the next run."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def metrics(self) -> dict[str, JsonValue]:
        """For the heartbeat: reports that wait, are dead or were dropped, and what is in their way."""
        failing = self._failing
        try:
            counted: dict[str, JsonValue] = dict(waiting.counts(self._outbox))
        except OutboxUnavailable as error:
            counted = {"error": str(error)}
        return counted | {"failing": None if failing is None else failing.detail}

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                if self._deliver() is None:
                    self._wake.wait()
            except OutboxUnavailable as error:
                _log.error("reports_not_delivered", error=str(error), next="tried again until the disk takes it")
                self._stop.wait(_DISK_RETRY_S)
        self._poster.close()

    def _deliver(self) -> Outcome | None:
        """Post the oldest report until it is settled; None when there is none."""
        if waiting.oldest(self._outbox) is None:
            return None
        retrying = Retrying(
            retry=retry_if_result(lambda outcome: outcome.verdict == "retry"),
            wait=self._wait_s,
            stop=stop_when_event_set(self._stop),
            sleep=sleep_using_event(self._stop),
            before_sleep=self._failed,
            retry_error_callback=lambda _: _NOTHING,
        )
        outcome: Outcome = retrying(self._attempt)
        return outcome

    def _attempt(self) -> Outcome:
        """One attempt with what is the oldest now: while HQ was away it may have been dropped for newer ones."""
        report = self._report = waiting.oldest(self._outbox)
        if report is None or self._stop.is_set():
            return _NOTHING
        now_ms = self._clock.wall_ns() // 1_000_000
        self._outbox.append_many([], state=waiting.tried(report.sequence, now_ms))
        outcome = self._poster.post(report.payload, report.event_id)
        if outcome.verdict != "retry":
            self._settle(report, outcome, now_ms)
        return outcome

    def _settle(self, report: WaitingReport, outcome: Outcome, now_ms: int) -> None:
        attempts = report.attempts + 1
        if outcome.verdict == "delivered":
            took_ms = max(0, self._clock.wall_ns() // 1_000_000 - (report.first_ms or now_ms))
            said = ReportDelivered(
                report=report.event_id,
                via="http",
                attempts=attempts,
                http_status=outcome.http_status,
                took_s=took_ms / 1000,
            )
            self._outbox.append(said, state=waiting.delivered(report.sequence))
            if self._failing is not None:
                self._say_drops(report, outcome)
                _log.info("reports_delivered_again", after=self._failing.reason)
        else:
            done = waiting.set_aside(report.sequence, outcome.http_status, outcome.detail, now_ms)
            self._outbox.append(_failure(report, attempts, outcome, retry_in_s=None), state=done)
            _log.error("report_refused", report=report.event_id, reason=outcome.reason, next=outcome.detail)
        self._failing = None

    def _wait_s(self, state: RetryCallState) -> float:
        outcome = None if state.outcome is None else state.outcome.result()
        return max(self._wait(state), 0.0 if outcome is None else outcome.retry_after_s)

    def _failed(self, state: RetryCallState) -> None:
        """Say a failure before waiting, where it is news."""
        report = self._report
        if state.outcome is None or report is None:
            return
        outcome: Outcome = state.outcome.result()
        wait_s = state.upcoming_sleep
        if self._failing is None or self._failing.reason != outcome.reason:
            self._outbox.append(_failure(report, report.attempts + 1, outcome, retry_in_s=wait_s))
            _log.warning("report_failed", reason=outcome.reason, detail=outcome.detail, retry_in_s=round(wait_s, 1))
        self._failing = outcome
        now_ns = self._clock.monotonic_ns()
        if self._drops_said_ns is None or now_ns - self._drops_said_ns >= _DROPS_EVERY_S * 1e9:
            self._say_drops(report, outcome)

    def _say_drops(self, report: WaitingReport, outcome: Outcome) -> None:
        """Say how many reports were dropped for newer ones: now and then while HQ is away, and when it is back."""
        dropped = waiting.unsaid_drops(self._outbox)
        if dropped:
            said = _failure(report, report.attempts + 1, outcome, retry_in_s=None, dropped=dropped)
            self._outbox.append(said, state=waiting.drops_said(dropped))
            self._drops_said_ns = self._clock.monotonic_ns()


def _failure(
    report: WaitingReport, attempts: int, outcome: Outcome, *, retry_in_s: float | None, dropped: int = 0
) -> ReportFailed:
    detail = outcome.detail
    if dropped:
        detail = f"{dropped} older reports were dropped for newer ones, their content is in the events; {detail}"
    return ReportFailed(
        report=report.event_id,
        via="http",
        attempts=attempts,
        http_status=outcome.http_status,
        detail=detail,
        retry_in_s=retry_in_s,
        dropped=dropped,
    )

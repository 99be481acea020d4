"""The reporter process: takes in the site's events, says reports, keeps states retained, posts to HQ, stops in order.

A look once a second decides whether a report is due. The report becomes an event; in the same transaction it is put
among those that wait to be posted. Whatever is killed when: the event is there with its place in the queue, or neither.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from edge import process
from edge.bus.address import BrokerAddress
from edge.bus.broker import PahoBroker
from edge.bus.connection import Change, Message
from edge.bus.outbox import OutboxUnavailable
from edge.bus.subscriber import Subscriber
from edge.config import Config, load
from edge.errors import ConfigError
from edge.journal.errors import JournalUnavailable
from edge.journal.ingest import Ingest
from edge.journal.scope import Scope
from edge.journal.store import Journal
from edge.journal.voice import Silence
from edge.process import Context
from edge.reporter import home_assistant, retained, waiting
from edge.reporter.channel_states import ChannelStates
from edge.reporter.delivery import Delivery
from edge.reporter.memory import Memory, open_journal
from edge.reporter.post import Poster
from edge.reporter.retained import Retained
from edge.reporter.schedule import Reported, is_due
from edge.state.views import SiteView
from edge.state.worsening import conditions
from edge.web.live import LiveSite
from edge.web.reporting import VERSION, report_facts, report_now
from edge.web.settings import site_facts

NAME: Final = "reporter"
STATE_SCHEMA: Final = waiting.STATE_SCHEMA + retained.STATE_SCHEMA
FIRST_S: Final = 5.0
"""So long what the broker kept, and what happens at a start, may take to come before the first report."""
_DAY_FRESH_MS: Final = 60_000
_LOOK_S: Final = 1.0
_HEAR_S: Final = 3.0
_AWAY_S: Final = 3.0
_STOP_S: Final = 0.5

_log = structlog.get_logger()


def run(config_path: Path) -> int:
    """Report on a site until told to stop; returns the exit status. Raises ConfigError."""
    config = load(config_path)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it says a line a request; what is news we say ourselves
    return process.run(
        NAME, config, lambda context: Reporter(context, config_path).run(), state_schema=STATE_SCHEMA
    )


class Reporter:
    """The process's loop and what it wires."""

    def __init__(self, context: Context[Config], config_path: Path) -> None:
        config = context.config
        self._context = context
        self._config = config
        self._config_path = config_path
        self._facts = site_facts(config)
        self._live = LiveSite(
            self._facts.channels,
            self._facts.expected_processes,
            segment_s=self._facts.segment_s,
            clock=context.clock,
            own_process=NAME,
            day_fresh_ms=_DAY_FRESH_MS,
        )
        self._broker = PahoBroker(
            BrokerAddress.of(config.broker, NAME), f"{config.site}-reporter-journal", clock=context.clock
        )
        self._retained = Retained(context.outbox, self._broker.publish)
        self._states = ChannelStates()
        self._last: Reported | None = None
        self._unavailable = False
        self._heard_ns = context.clock.monotonic_ns()
        self._delivery: Delivery | None = None

    def run(self) -> None:
        """Work until told to stop; raises JournalDamaged and the like, after which the next start mends things."""
        context = self._context
        context.on_reload(self._reload)
        journal = open_journal(self._config.state_dir / "report-journal.db", context.clock, context.stop)
        if journal is None:
            return
        try:
            self._delivery = self._new_delivery()
            memory = Memory(journal, self._live, context.clock)
            if memory.recall(context.stop):
                self._serve(journal, memory)
        finally:
            journal.close()

    def _serve(self, journal: Journal, memory: Memory) -> None:
        ingest = self._ingest(journal)
        topics = list(ingest.topics)
        if self._config.reporter.home_assistant is not None:
            topics.append(home_assistant.birth_topic(self._config.reporter.home_assistant.prefix))

        def connected(change: Change) -> None:
            ingest.connected(change)
            self._retained.forget()

        def commit(messages: Sequence[Message]) -> None:
            ingest.commit(self._without_births(messages))

        subscriber = Subscriber(self._broker, topics, commit, connected=connected)
        subscriber.start()
        if self._delivery is not None:
            self._delivery.start()
        try:
            self._live.wait_heard(_HEAR_S)
            self._live.show()
            started_ns = self._context.clock.monotonic_ns()
            while not self._context.stop.wait(_LOOK_S):
                self._tick(ingest, memory)
                if self._context.clock.monotonic_ns() - started_ns >= FIRST_S * 1e9:
                    self._look(journal)
        finally:
            if self._delivery is not None:
                self._delivery.stop(_STOP_S)
            subscriber.stop(_STOP_S)

    def _ingest(self, journal: Journal) -> Ingest:
        live = self._live
        ingest = Ingest(
            journal,
            Scope.local(self._config.site),
            Silence(self._config.site, NAME),  # the site's web says what is missing
            self._context.clock,
            fold=live.fold,
            hear=lambda _site, name, message, at_ms: live.hear(name, message, at_ms),
            publish=self._broker.publish,
        )
        self._context.add_metric("journal", lambda: dict(ingest.metrics()))
        return ingest

    def _tick(self, ingest: Ingest, memory: Memory) -> None:
        now_ns = self._context.clock.monotonic_ns()
        self._heard_ns = now_ns if self._broker.connected else self._heard_ns
        self._live.set_trouble("broker_away", holds=now_ns - self._heard_ns > _AWAY_S * 1e9)
        try:
            ingest.tick()
            memory.tick()
        except JournalUnavailable as error:
            _log.warning("journal_unavailable", error=str(error), next="tried again in a second")

    def _look(self, journal: Journal) -> None:
        """Retain what changed, and report where that is due."""
        view = self._live.view()
        try:
            self._retained.hold(self._wanted(view))
            self._report_if_due(view, journal)
        except (OutboxUnavailable, JournalUnavailable) as error:
            if not self._unavailable:
                _log.error("not_reported", error=str(error), next="tried again until the disk takes it")
            self._unavailable = True
        else:
            self._unavailable = False

    def _wanted(self, view: SiteView) -> dict[str, bytes]:
        wanted = self._states.of(view.channels, view.now_ms)
        settings = self._config.reporter.home_assistant
        if settings is not None:
            wanted |= home_assistant.discovery(settings.prefix, self._facts, view.disk, VERSION)
        return wanted

    def _report_if_due(self, view: SiteView, journal: Journal) -> None:
        now_ns, now = self._context.clock.monotonic_ns(), conditions(view)
        if not is_due(self._last, now_ns, now, every_s=self._config.reporter.every_s):
            return
        said = report_now(self._live, journal.completeness(self._config.site), report_facts(self._facts))
        self._context.outbox.append(said, state=None if self._delivery is None else waiting.add_newest())
        self._last = Reported(now_ns, now)
        if self._delivery is not None:
            self._delivery.wake()

    def _without_births(self, messages: Sequence[Message]) -> Sequence[Message]:
        """What is for the journal; that Home Assistant has started is taken note of."""
        settings = self._config.reporter.home_assistant
        if settings is None:
            return messages
        birth = home_assistant.birth_topic(settings.prefix)
        if any(one.topic == birth and one.payload == home_assistant.BIRTH for one in messages):
            self._retained.forget()
        return [one for one in messages if one.topic != birth]

    def _new_delivery(self) -> Delivery | None:
        http = self._config.reporter.http
        if http is None:
            with suppress(OutboxUnavailable):  # a full disk: the next start lets them go
                self._context.outbox.append_many([], state=waiting.clear)
            return None
        delivery = Delivery(self._context.outbox, Poster(http, f"saksi/{VERSION}"), self._context.clock)
        self._context.add_metric("reports", delivery.metrics)
        return delivery

    def _reload(self) -> None:
        """Take the channels and the time zone of the configuration as it is now, and how often to report."""
        before = self._config
        try:
            config = load(self._config_path)
        except ConfigError as error:
            _log.error("configuration_not_reloaded", error=str(error), next="everything goes on as before")
            return
        reporter = before.reporter.model_copy(update={"every_s": config.reporter.every_s})
        taken = {"channels": config.channels, "timezone": config.timezone, "retention": config.retention}
        self._config = before.model_copy(update=taken | {"reporter": reporter})
        if config.reporter != reporter:
            _log.warning("restart_needed", next="reporter.http and home_assistant take effect with a restart")
        self._facts = site_facts(self._config)
        self._live.configure(self._facts.channels)
        _log.info("configuration_reloaded", channels=len(config.channels))

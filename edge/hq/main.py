"""The process `edge hq`: opens port and journal, brings all sites up to date, takes in events, and stops in order.

The port is opened first and answers `starting` (503); then the journal; then every site's state, from snapshots and the
events behind them; then the broker hands over what it kept. What is committed is folded before the next batch is taken.
"""

import gc
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from edge import process
from edge.bus.address import BrokerAddress
from edge.bus.broker import PahoBroker
from edge.bus.connection import Broker, Message
from edge.bus.subscriber import Subscriber
from edge.clock import Clock, SystemClock
from edge.config import HqConfig, load_hq
from edge.errors import ConfigError
from edge.hq.app import HqApp
from edge.hq.condition import Condition
from edge.hq.fleet import Fleet
from edge.hq.loading import load
from edge.hq.reports import ReportDesk
from edge.hq.shared import SharedTables
from edge.hq.sharing import Sharing
from edge.hq.snapshots import Snapshots
from edge.hq.state import HqState
from edge.journal.batch import Appended
from edge.journal.errors import JournalUnavailable
from edge.journal.ingest import Ingest
from edge.journal.scope import Scope, partition_of
from edge.journal.store import Journal
from edge.process import Context
from edge.web.accounts import Accounts
from edge.web.committing import Committer
from edge.web.server import WebServer, listen

RECEIVE_MAXIMUM: Final = 1_000
GATHER_S: Final = 0.05
"""A thousand sites send as many messages a second: a commit for each would cost as much again as the rest."""
_TICK_S: Final = 1.0
_LOOK_S: Final = 0.5
_RETRY_S: Final = 2.0
_AWAY_S: Final = 3.0
_HEAR_S: Final = 0.1
_RETIRE_S: Final = 60.0
_STOP_S: Final = 0.5
_FINISH_NS: Final = 1_000_000_000
_RELOADED: Final[dict[str, Any]] = {"web": {"users": True, "tokens": True}}

_log = structlog.get_logger()


def run(config_path: Path) -> int:
    """Serve headquarters until told to stop; returns the exit status. Raises ConfigError."""
    config = load_hq(config_path)
    clock = SystemClock()
    app = new_app(config, clock)
    server = WebServer(app.asgi, listen(config.web.bind, config.web.port), before_stop=app.close)
    return process.run(
        config.process, config, lambda context: Hq(context, app, server, config_path).run(), clock=clock, at_hq=True
    )


def new_app(config: HqConfig, clock: Clock) -> HqApp:
    """Headquarters of which nothing is known yet."""
    share = config.partition

    def owns(site: str) -> bool:
        # What this process and the others say of sites is of no site's partition: each hears all of it.
        return site == config.site or partition_of(site, share.of) == share.number

    def take() -> Callable[[Sequence[Message]], Appended] | None:
        return None if hq.ingest is None else hq.ingest.take

    desk = ReportDesk(take, owns, config.reports.tokens_dir, clock)
    hq = HqState(config.site, Fleet(config.site, owns, config.timezone, clock, desk.newest_ms), Condition(clock))
    return HqApp(config, hq, desk, Sharing(), clock)


class Hq:
    """The parts of the process that are not HTTP."""

    def __init__(self, context: Context[HqConfig], app: HqApp, server: WebServer, config_path: Path) -> None:
        self._context = context
        self._config = app.config
        self._app = app
        self._hq = app.hq
        self._server = server
        self._config_path = config_path

    def run(self) -> None:
        """Work until told to stop; raises JournalDamaged and the like, after which the next start mends things."""
        self._context.on_reload(self._reload)
        self._server.start()
        web = self._config.web
        _log.info("listening", address=f"http://{web.bind}:{self._server.port}/", auth=web.auth)
        try:
            journal = self._open_journal()
            if journal is None:
                return
            try:
                self._serve(journal)
            finally:
                self._server.stop()
                journal.close()
        finally:
            self._server.stop()

    def _serve(self, journal: Journal) -> None:
        if not self._bring_up_to_date(journal):
            return
        config, clock = self._config, self._context.clock
        address = BrokerAddress.of(config.broker, config.process)
        client_id = f"{config.site}-{config.process}-journal"
        broker = PahoBroker(address, client_id, clock=clock, receive_maximum=RECEIVE_MAXIMUM)
        ingest = self._ingest(journal, broker)
        committer = Committer(ingest, self._hq.condition.set)
        subscriber = Subscriber(
            broker, ingest.topics, committer, connected=ingest.connected, gather_s=GATHER_S
        )
        snapshots = Snapshots(self._hq.fleet, journal, clock)
        snapshots.begin()
        threads = [
            threading.Thread(target=self._tick, args=(journal, ingest, broker, snapshots), name="tick", daemon=True),
            threading.Thread(target=self._look, args=(broker,), name="look", daemon=True),
        ]
        if config.partition.of > 1:
            threads.append(threading.Thread(target=self._share, name="share", daemon=True))
        subscriber.start()
        for thread in threads:
            thread.start()
        # Not for ever at once: CPython does not run a signal's handler when the signal comes just as the main thread
        # begins to wait for a lock, but only after that.
        while not self._context.stop.wait(_LOOK_S):
            pass
        self._app.close()
        subscriber.stop(_STOP_S)
        for thread in threads:
            thread.join(_STOP_S)
        snapshots.finish(_FINISH_NS)

    def _open_journal(self) -> Journal | None:
        """The journal; waits for a database that takes nothing, None when told to stop meanwhile."""
        said = False
        while not self._context.stop.is_set():
            try:
                number = self._config.partition.number
                return Journal.open(self._config.database_url(), clock=self._context.clock, partition=number)
            except JournalUnavailable as error:
                if not said:
                    _log.error("journal_unavailable", error=str(error), next="tried again until the database takes it")
                    said = True
                self._context.stop.wait(_RETRY_S)
        return None

    def _bring_up_to_date(self, journal: Journal) -> bool:
        """Load all sites; False when told to stop meanwhile."""
        clock, fleet = self._context.clock, self._hq.fleet
        started_ns = clock.monotonic_ns()
        fleet.opened(journal)
        events = load(fleet, journal, self._context.stop)
        if events is None:
            return False
        gc.freeze()  # what was read lives long: nothing to look through at every collection
        gc.set_threshold(50_000, 20, 50)  # nor so often: with the state of 1,000 sites it doubled the cost of an event
        took_s = (clock.monotonic_ns() - started_ns) / 1e9
        _log.info("state_ready", sites=len(fleet.sites()), events=events, took_s=round(took_s, 3))
        return True

    def _ingest(self, journal: Journal, broker: Broker) -> Ingest:
        fleet = self._hq.fleet
        ingest = Ingest(
            journal,
            Scope.fleet(self._config.site, fleet.owns),
            self._context.outbox,
            self._context.clock,
            fold=fleet.fold,
            hear=fleet.hear,
            publish=broker.publish,
            bridged=fleet.bridged,
        )
        self._hq.ingest = ingest
        self._context.add_metric("journal", lambda: dict(ingest.metrics()))
        self._context.add_metric("sites", lambda: len(fleet.sites()))
        return ingest

    def _tick(self, journal: Journal, ingest: Ingest, broker: Broker, snapshots: Snapshots) -> None:
        """See to gaps, acks, snapshots and what may retire."""
        clock = self._context.clock
        heard_ns = retire_ns = clock.monotonic_ns()
        keep_ms = self._config.keep_days * 86_400_000
        while not self._context.stop.wait(_TICK_S):
            now_ns = clock.monotonic_ns()
            heard_ns = now_ns if broker.connected else heard_ns
            self._hq.condition.set("broker_away", holds=now_ns - heard_ns > _AWAY_S * 1e9)
            try:
                ingest.tick()
                self._hq.fleet.set_unanswered(ingest.unanswered())
                self._hq.fleet.set_fast(ingest.fast())
                snapshots.tick()
                if now_ns >= retire_ns:
                    gone = journal.retire(self._hq.condition.now_ms() - keep_ms)
                    retire_ns = now_ns + round((_TICK_S if gone else _RETIRE_S) * 1e9)
            except JournalUnavailable as error:
                _log.warning("journal_unavailable", error=str(error), next="tried again in a second")

    def _look(self, broker: Broker) -> None:
        """Keep the lines of the fleet up to date; the first time when the broker has handed over who lives."""
        for _ in range(round(_AWAY_S / _HEAR_S)):
            if broker.connected or self._context.stop.wait(_HEAR_S):
                break
        while True:
            self._app.summaries.refresh()
            self._hq.condition.set("starting", holds=False)
            if self._context.stop.wait(_TICK_S):
                return

    def _share(self) -> None:
        """Tell the other processes of our sites, and hear of theirs."""
        config, share = self._config, self._config.partition
        tables = SharedTables.open(config.database_url(), share.number, share.of, config.public_url)
        self._app.sharing.run(tables, self._app.summaries.own, self._context.clock, self._context.stop)

    def _reload(self) -> None:
        """Take the accounts and tokens of the configuration as it is now."""
        before = self._config
        try:
            config = load_hq(self._config_path)
            web = before.web.model_copy(update={"users": config.web.users, "tokens": config.web.tokens})
            accounts = Accounts(web)
        except ConfigError as error:
            _log.error("configuration_not_reloaded", error=str(error), next="everything goes on as before")
            return
        self._app.door.accounts = accounts
        if config.model_dump(exclude=_RELOADED) != before.model_dump(exclude=_RELOADED):
            _log.warning("restart_needed", next="other settings take effect when edge hq is restarted")
        self._config = before.model_copy(update={"web": web})
        _log.info("configuration_reloaded")

"""The web process: opens port and journal, brings the state up to date, takes in events, and stops in order.

Steps of the start: the port is opened first and answers `starting` (503); then the journal; then the state, from the
newest snapshot and the events after it; then the broker hands over what it kept, and once it said which processes live
the site is shown. What is committed is folded before the next batch is taken, so that state and journal never differ by
more than the batch in hand.
"""

import gc
import threading
from pathlib import Path
from typing import Any, Final

import structlog

from edge import process
from edge.bus.asking import Asking
from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.connection import Broker
from edge.bus.subscriber import Subscriber
from edge.clock import Clock, SystemClock
from edge.config import Config, load
from edge.errors import ConfigError
from edge.journal.errors import JournalUnavailable
from edge.journal.ingest import Ingest
from edge.journal.scope import Scope
from edge.journal.store import Journal
from edge.process import Context
from edge.state import SiteProjection
from edge.state.hq_link import HqLink
from edge.web import hq_watch
from edge.web.accounts import Accounts
from edge.web.app import WebApp, create_app
from edge.web.committing import Committer
from edge.web.frame import Frame
from edge.web.kept_pictures import KeptPictures
from edge.web.live import LiveSite
from edge.web.pictures import Pictures
from edge.web.recall import recall
from edge.web.server import WebServer, listen
from edge.web.settings import EXPECTED_PROCESSES, site_facts
from edge.web.site import Site

SNAPSHOT: Final = "site"
SNAPSHOT_ENTRIES: Final = 20_000
SNAPSHOT_S: Final = 600.0
STOP_SNAPSHOT_ENTRIES: Final = 1_000
JOURNAL_DAYS: Final = 400  # as far back as the state reaches
_TICK_S: Final = 1.0
_LOOK_S: Final = 0.5
_RETRY_S: Final = 2.0
_AWAY_S: Final = 3.0
_HEAR_S: Final = 0.1
_RETIRE_S: Final = 3600.0
_STOP_S: Final = 0.5
_RELOADED: Final[dict[str, Any]] = {"channels": True, "timezone": True, "web": {"users": True, "tokens": True}}

_log = structlog.get_logger()


def run(config_path: Path) -> int:
    """Serve the site of a configuration until told to stop; returns the exit status. Raises ConfigError."""
    config = load(config_path)
    clock = SystemClock()
    app = create_app(new_site(config, clock), config)
    server = WebServer(app.asgi, listen(config.web.bind, config.web.port), before_stop=app.feed.close)
    return process.run("web", config, lambda context: Web(context, app, server, config_path).run(), clock=clock)


def new_site(config: Config, clock: Clock) -> Site:
    """A site of which nothing is known yet."""
    facts = site_facts(config, EXPECTED_PROCESSES)
    live = LiveSite(facts.channels, facts.expected_processes, segment_s=facts.segment_s, clock=clock)
    frame = Frame(config.site, config.zone)
    site = Site(facts, frame, live, clock, Pictures(config.storage.root, clock), KeptPictures(config.state_dir))
    site.hq = None if config.hq is None else HqLink()
    return site


class Web:
    """The parts of the process that are not HTTP."""

    def __init__(self, context: Context[Config], app: WebApp, server: WebServer, config_path: Path) -> None:
        self._context = context
        self._app = app
        self._config = app.config
        self._site = app.site
        self._server = server
        self._config_path = config_path
        self._snapshot_position = 0
        self._snapshot_ns = 0

    def run(self) -> None:
        """Work until told to stop; raises JournalDamaged and the like, after which the next start mends things."""
        self._context.on_reload(self._reload)
        self._server.start()
        config = self._config
        _log.info("listening", address=f"http://{config.web.bind}:{self._server.port}/", auth=config.web.auth)
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
        self._site.journal = journal
        if not self._bring_up_to_date(journal):
            return
        broker = self._broker()
        self._site.asking = asking = Asking(broker)
        ingest = self._ingest(journal, broker)
        committer = Committer(ingest, self._site.live.set_trouble)
        subscriber = Subscriber(broker, ingest.topics, committer, connected=ingest.connected)
        ticker = threading.Thread(target=self._tick, args=(journal, ingest, broker), name="tick", daemon=True)
        subscriber.start()
        ticker.start()
        self._show_when_heard()
        # Not for ever at once: CPython does not run a signal's handler when the signal comes just as the main thread
        # begins to wait for a lock, but only after that.
        while not self._context.stop.wait(_LOOK_S):
            pass
        self._app.feed.close()
        asking.close()
        subscriber.stop(_STOP_S)
        ticker.join(_STOP_S)
        self._save_snapshot(journal, least=STOP_SNAPSHOT_ENTRIES)

    def _open_journal(self) -> Journal | None:
        """The journal; waits for a disk that takes nothing, None when told to stop meanwhile."""
        url = f"sqlite:///{self._config.state_dir / 'journal.db'}"
        said = False
        while not self._context.stop.is_set():
            try:
                return Journal.open(url, clock=self._context.clock)
            except JournalUnavailable as error:
                if not said:
                    _log.error("journal_unavailable", error=str(error), next="tried again until the disk takes it")
                    said = True
                self._context.stop.wait(_RETRY_S)
        return None

    def _bring_up_to_date(self, journal: Journal) -> bool:
        """Rebuild the state; False when told to stop meanwhile."""
        started_ns = self._context.clock.monotonic_ns()
        state, position, begun_at = recall(journal, SNAPSHOT, self._context.stop)
        if self._context.stop.is_set():
            return False
        self._snapshot_position, self._snapshot_ns = begun_at, self._context.clock.monotonic_ns()
        self._site.live.load(state, position)
        gc.freeze()  # what was read lives long: nothing to look through at every collection
        took_s = (self._context.clock.monotonic_ns() - started_ns) / 1e9
        _log.info("state_ready", position=position, snapshot=begun_at, took_s=round(took_s, 3))
        return True

    def _show_when_heard(self) -> None:
        """Answer as soon as the broker said which processes live, or does not say: until then all seem dead."""
        for _ in range(round(_AWAY_S / _HEAR_S)):
            if self._site.live.wait_heard(_HEAR_S) or self._context.stop.is_set():
                break
        self._site.live.show()

    def _broker(self) -> PahoBroker:
        config = self._config
        address = BrokerAddress(config.broker.host, config.broker.port, *config.broker.login("web"))
        return PahoBroker(address, f"{config.site}-web-journal", clock=self._context.clock)

    def _ingest(self, journal: Journal, broker: Broker) -> Ingest:
        live = self._site.live
        ingest = Ingest(
            journal,
            Scope.local(self._config.site),
            self._context.outbox,
            self._context.clock,
            fold=live.fold,
            hear=lambda _site, process, message, at_ms: live.hear(process, message, at_ms),
            publish=broker.publish,
            acked=None if self._site.hq is None else hq_watch.follow(self._site.hq, live),
        )
        self._site.ingest = ingest
        self._context.add_metric("journal", lambda: dict(ingest.metrics()))
        return ingest

    def _tick(self, journal: Journal, ingest: Ingest, broker: Broker) -> None:
        clock = self._context.clock
        heard_ns = retired_ns = clock.monotonic_ns()
        while not self._context.stop.wait(_TICK_S):
            now_ns = clock.monotonic_ns()
            heard_ns = now_ns if broker.connected else heard_ns
            self._site.live.set_trouble("broker_away", holds=now_ns - heard_ns > _AWAY_S * 1e9)
            hq_watch.look(self._site)
            try:
                ingest.tick()
                self._site.live.set_unanswered(ingest.unanswered())
                self._site.live.set_pace(ingest.fast().get(self._config.site, 0.0))
                self._save_snapshot(journal, least=SNAPSHOT_ENTRIES)
                if now_ns - retired_ns > _RETIRE_S * 1e9:
                    retired_ns = now_ns
                    journal.retire(self._site.live.now_ms() - JOURNAL_DAYS * 86_400_000)
            except JournalUnavailable as error:
                _log.warning("journal_unavailable", error=str(error), next="tried again in a second")

    def _save_snapshot(self, journal: Journal, *, least: int) -> None:
        """Keep the state when so much is new, or when something is and the last snapshot is old."""
        live, now_ns = self._site.live, self._context.clock.monotonic_ns()
        new = live.position - self._snapshot_position
        old = now_ns - self._snapshot_ns > SNAPSHOT_S * 1e9
        if new < least and not (new and old):
            return
        position, data = live.dump()
        try:
            journal.save_snapshot(SNAPSHOT, SiteProjection.VERSION, position, data)
        except JournalUnavailable as error:
            _log.warning("snapshot_not_saved", error=str(error), next="the next start takes longer")
        self._snapshot_position, self._snapshot_ns = position, now_ns

    def _reload(self) -> None:
        """Take the channels, accounts and tokens of the configuration as it is now."""
        site, before = self._site, self._config
        try:
            config = load(self._config_path)
            web = before.web.model_copy(update={"users": config.web.users, "tokens": config.web.tokens})
            accounts = Accounts(web)
        except ConfigError as error:
            _log.error("configuration_not_reloaded", error=str(error), next="everything goes on as before")
            return
        self._app.door.accounts = accounts
        if config.model_dump(exclude=_RELOADED) != before.model_dump(exclude=_RELOADED):
            _log.warning("restart_needed", next="other settings take effect when edge web is restarted")
        taken = {"channels": config.channels, "timezone": config.timezone, "web": web}
        self._config = before.model_copy(update=taken)
        site.facts = site_facts(self._config, EXPECTED_PROCESSES)
        site.frame = Frame(config.site, self._config.zone)
        site.live.configure(site.facts.channels)
        _log.info("configuration_reloaded", channels=len(config.channels))

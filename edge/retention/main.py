"""The retention process: wires the keeper of the disk to the broker, looks once a second, reloads, stops."""

import errno
from pathlib import Path
from typing import Final

import structlog
from pydantic import JsonValue

from edge import process
from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.subscriber import Subscriber
from edge.config import Config, load
from edge.errors import ConfigError
from edge.process import Context
from edge.recordings.segment import MARK_FILE, SegmentName
from edge.retention import promise, protection, receipts, watch
from edge.retention.desk import Desk
from edge.retention.device import HealthWatch
from edge.retention.feed import TOPICS, Feed
from edge.retention.keeper import Keeper
from edge.retention.reserve import Reserve
from edge.retention.sampling import Sampling

LOOK_S: Final = 1.0
_SOON_S: Final = 0.02
_STOP_S: Final = 1.0
STATE_SCHEMA: Final = receipts.STATE_SCHEMA + protection.STATE_SCHEMA + promise.STATE_SCHEMA + watch.STATE_SCHEMA

_log = structlog.get_logger()


def run(config_path: Path) -> int:
    """Keep the disk of a site until told to stop; returns the exit status."""
    config = load(config_path)
    Reserve(config.state_dir).release_if_full()  # or the outbox could not be opened, and nothing would ever make room
    return process.run("retention", config, lambda context: _body(context, config_path), state_schema=STATE_SCHEMA)


def _body(context: Context[Config], config_path: Path) -> None:
    config, clock = context.config, context.clock
    keeper = Keeper(context.outbox, config, clock, HealthWatch(context.stop), context.changed)
    sampling = Sampling.of(config_path, keeper.voice, clock)
    settings = config.broker
    address = BrokerAddress(settings.host, settings.port, *settings.login("retention"))
    broker = PahoBroker(address, f"{config.site}-retention-catalog", clock=clock)

    def exists(name: SegmentName) -> bool:
        if (config.storage.root / name.path).is_file():
            return True
        if not (config.storage.root / MARK_FILE).is_file():
            raise FileNotFoundError(errno.ENOENT, "the disk of the recordings is not there")
        return False

    feed = Feed(config.site, lambda: keeper.index.catalog, exists, keeper.doubted, keeper.harmed)
    desk = Desk(keeper.protections, lambda: keeper.index.catalog, config, clock, broker)
    subscriber = Subscriber(broker, TOPICS, feed.commit, connected=feed.connected)

    def reload() -> None:
        try:
            fresh = load(config_path)
        except ConfigError as error:
            _log.error("configuration_not_reloaded", error=str(error), next="retention goes on as before")
            return
        keeper.reload(fresh)
        desk.reload(fresh)
        _log.info("configuration_reloaded")

    context.on_reload(reload)
    context.add_metric("disk", lambda: _metric(keeper))
    subscriber.start()
    desk.start()
    try:
        while not context.stop.is_set():
            keeper.look()
            sampling.look()
            context.stop.wait(LOOK_S if keeper.idle else _SOON_S)
    finally:
        desk.stop(_STOP_S)
        subscriber.stop(_STOP_S)
        sampling.close()
        keeper.close()


def _metric(keeper: Keeper) -> JsonValue:
    return {"state": keeper.watch.state, "doubted_folders": keeper.index.doubted_folders}

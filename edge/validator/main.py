"""The validator process: wires looks, the recorder's words and the outbox together, reloads, stops."""

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from edge import process
from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.subscriber import Subscriber
from edge.config import Config, load
from edge.errors import ConfigError
from edge.process import Context
from edge.validator import ledger
from edge.validator.feed import TOPICS
from edge.validator.site import SiteValidator

FIRST_LOOK_S: Final = 3.0
"""So long what the broker kept may take to come, before pictures are looked at that are newer."""
_TICK_S: Final = 1.0
_STOP_S: Final = 1.0

_log = structlog.get_logger()


def run(config_path: Path) -> int:
    """Judge the pictures of a site until told to stop; returns the exit status. Raises ConfigError."""
    config = load(config_path)
    return process.run(
        "validator",
        config,
        lambda context: asyncio.run(_Validator(context, config_path).run()),
        state_schema=ledger.STATE_SCHEMA,
    )


class _Validator:
    """The process's loop around a site."""

    def __init__(self, context: Context[Config], config_path: Path) -> None:
        self._context = context
        self._config_path = config_path

    async def run(self) -> None:
        """Look until told to stop."""
        loop = asyncio.get_running_loop()
        context = self._context
        stopped, reload = asyncio.Event(), asyncio.Event()
        context.on_stop(_setter(loop, stopped))
        context.on_reload(_setter(loop, reload))
        site = SiteValidator(context.config, context.outbox, context.clock)
        subscriber = self._subscriber(site, loop)
        context.add_metric("validation", site.metrics)
        gc.freeze()  # what lives from here on lives long: nothing to look through at every collection
        site.begin(FIRST_LOOK_S)
        subscriber.start()
        try:
            while not stopped.is_set():
                if reload.is_set():
                    reload.clear()
                    self._reload(site)
                site.tick()
                if not await site.look_if_due():
                    await _wait(stopped, min(site.until_due_s(), _TICK_S))
        finally:
            # On another thread: the batch in hand wants this loop.
            await asyncio.to_thread(subscriber.stop, _STOP_S)
            await site.close()

    def _subscriber(self, site: SiteValidator, loop: asyncio.AbstractEventLoop) -> Subscriber:
        config: Config = self._context.config
        settings = config.broker
        address = BrokerAddress(settings.host, settings.port, *settings.login("validator"))
        broker = PahoBroker(address, f"{config.site}-validator-segments", clock=self._context.clock)
        return Subscriber(broker, TOPICS, lambda messages: site.commit(messages, loop))

    def _reload(self, site: SiteValidator) -> None:
        try:
            config = load(self._config_path)
        except ConfigError as error:
            _log.error("configuration_not_reloaded", error=str(error), next="everything goes on as before")
            return
        site.reload(config)
        _log.info("configuration_reloaded")


def _setter(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> Callable[[], None]:
    """Set an event of the loop from another thread; when the loop has ended there is nothing left to tell."""

    def set_event() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(event.set)

    return set_event


async def _wait(event: asyncio.Event, most_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), most_s)
    except TimeoutError:
        return

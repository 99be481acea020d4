"""The way of a log record, our own or a library's: through one chain that hides secrets, to stderr and syslog."""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from edge.config import LogConfig, is_secret_key, mask
from edge.config.redaction import MASK
from edge.logs.syslog import SyslogHandler

_MOST_DEPTH = 6


def configure(config: LogConfig, process: str, *, stream: TextIO | None = None) -> Callable[[], None]:
    """Send all records of this process to `stream` (stderr) and to syslog; returns what flushes and closes them.

    May be called again: the last set-up holds.
    """
    stream = stream or sys.stderr
    as_text = config.format == "text" or (config.format == "auto" and stream.isatty())
    handlers: list[logging.Handler] = [logging.StreamHandler(stream)]
    handlers[0].setFormatter(_formatter(_text(colors=stream.isatty()) if as_text else _json(), process))
    if config.syslog:
        syslog = SyslogHandler(config.syslog, process)
        syslog.setFormatter(_formatter(_json(), process))
        handlers.append(syslog)
    root = logging.getLogger()
    before, root.handlers = root.handlers, handlers
    root.setLevel(config.level.upper())
    # A terminal that went away must not make every record print a traceback of its own.
    logging.raiseExceptions = False
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )

    def close() -> None:
        if root.handlers is handlers:
            root.handlers = before
        for handler in handlers:
            handler.close()

    return close


def hide_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Mask credentials in every text of a record, and every value under a key that is named like a secret."""
    return {key: MASK if is_secret_key(key) else _hidden(value) for key, value in event.items()}


def _hidden(value: object, depth: int = 0) -> object:
    if isinstance(value, str):
        return mask(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping) and depth < _MOST_DEPTH:
        return {
            str(key): MASK if is_secret_key(str(key)) else _hidden(inner, depth + 1) for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset) and depth < _MOST_DEPTH:
        return [_hidden(inner, depth + 1) for inner in value]
    return mask(str(value))


def _formatter(render: Processor, process: str) -> logging.Formatter:
    def add_process(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            add_process,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            hide_secrets,
            render,
        ],
    )


def _text(*, colors: bool) -> Processor:
    # The default formatter of tracebacks shows local variables, passwords among them.
    return structlog.dev.ConsoleRenderer(
        colors=colors, timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )


def _json() -> Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False)

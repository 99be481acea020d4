"""`edge protect`, `edge unprotect`, `edge protected`: ask the retention process over the broker, say its answer."""

import getpass
import json as json_text
import os
import secrets
import sys
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO
from zoneinfo import ZoneInfo

from edge import logs
from edge.bus.asking import Asking
from edge.bus.broker import BrokerAddress, PahoBroker
from edge.bus.connection import Change
from edge.clock import SystemClock
from edge.config import OPERATOR_USER, Config, load
from edge.errors import ConfigError, NoAnswer
from edge.events.errors import EventError
from edge.events.messages import ProtectCommand, Protection, ProtectReply
from edge.events.ulid import ulid
from edge.events.values import parse_timestamp, timestamp

ANSWER_S: Final = 10.0
REFUSED: Final = 1


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked, in the words of ProtectCommand; None for what it does not need."""

    action: str
    protection: str | None = None
    channel: str | None = None
    from_: str | None = None
    to: str | None = None
    note: str | None = None
    by: str | None = None
    after: str | None = None


def protect(config_path: Path, channel: str, start: str, end: str, note: str, out: TextIO) -> int:
    """Keep footage from deletion; `start` and `end` are local times of the site unless they say their offset."""
    config = load(config_path)
    from_, to = read_time(start, config.zone), read_time(end, config.zone)
    if to <= from_:
        raise ConfigError(f"FROM {start} is not before TO {end}")
    if not note.strip():
        raise ConfigError("--note is empty: say why the footage is kept, for whoever finds it in a year")
    reply = ask(config, Wish("protect", channel=channel, from_=from_, to=to, note=note, by=_who()))
    if reply.status == "done":
        for one in reply.protections:
            out.write(f"protected {one.protection}: {_words(one, config.zone)}\n")
            if not one.segments:
                out.write("nothing is recorded there yet: look whether channel and times are right\n")
    return _status(reply, out)


def unprotect(config_path: Path, protection: str, out: TextIO) -> int:
    """Let footage be deleted again."""
    config = load(config_path)
    reply = ask(config, Wish("unprotect", protection=protection.upper(), by=_who()))
    if reply.status == "done":
        out.writelines(f"no longer protected: {_words(one, config.zone)}\n" for one in reply.protections)
    return _status(reply, out)


def protected(config_path: Path, channel: str | None, out: TextIO, *, json: bool = False) -> int:
    """List what is kept from deletion."""
    config = load(config_path)
    after: str | None = None
    found: list[Protection] = []
    while True:
        reply = ask(config, Wish("list", channel=channel, after=after))
        found += reply.protections
        if reply.status != "done" or not reply.more or not reply.protections:
            break
        after = reply.protections[-1].protection
    if json:
        out.write(json_text.dumps([one.document() for one in found], indent=2, ensure_ascii=False) + "\n")
    elif reply.status == "done":
        out.writelines(f"{one.protection}  {_words(one, config.zone)}\n" for one in found)
        if not found:
            out.write("nothing is protected\n")
    return _status(reply, out)


def ask(config: Config, wish: Wish, *, answer_s: float = ANSWER_S) -> ProtectReply:
    """Send one command and wait for its reply; raises NoAnswer, and ConfigError for what cannot be asked."""
    command = _command(wish)
    settings = config.broker
    user, password = settings.login(OPERATOR_USER)
    password()  # what cannot be read is said here, and not waited for
    address = BrokerAddress(settings.host, settings.port, user, password)
    name = f"{config.site}-protect-{secrets.token_hex(4)}"
    broker = PahoBroker(address, name, clock=SystemClock(), durable=False, reconnect_s=(1, 2))
    asking = Asking(broker)
    connected = threading.Event()

    def changed(change: Change) -> None:
        if change.connected:
            connected.set()

    broker.add_listener(changed)
    quiet = config.log.model_copy(update={"level": "error", "format": "text", "syslog": None})
    close_logs = logs.configure(quiet, "protect", stream=sys.stderr)  # what is printed is the answer and nothing else
    broker.start()
    try:
        if connected.wait(answer_s):
            return asking.ask(command, answer_s=answer_s)
    except NoAnswer as error:
        raise NoAnswer(f"{error} It may still carry this out: look with edge protected") from error
    finally:
        broker.stop(1.0)
        close_logs()
    raise NoAnswer(f"the broker at {settings.host}:{settings.port} does not answer: is the site running?")


def _command(wish: Wish) -> ProtectCommand:
    transaction = ulid(SystemClock().wall_ns(), os.urandom(10))
    fields = {"transaction": transaction, "action": wish.action, "protection": wish.protection}
    fields |= {"channel": wish.channel, "from": wish.from_, "to": wish.to, "note": wish.note, "by": wish.by}
    try:
        return ProtectCommand.read(fields | {"after": wish.after})
    except EventError as error:
        raise ConfigError(str(error)) from error


def read_time(text: str, zone: ZoneInfo) -> str:
    """A time that a person wrote, as the wire has it; raises ConfigError."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        example = "2026-11-20T08:00 (local time of the site) or 2026-11-20T01:00:00Z"
        raise ConfigError(f"{text!r} is not a time; write it as {example}") from None
    return timestamp(time if time.tzinfo is not None else time.replace(tzinfo=zone))


def _words(one: Protection, zone: ZoneInfo) -> str:
    start, end = (f"{parse_timestamp(time).astimezone(zone):%Y-%m-%d %H:%M:%S}" for time in (one.from_, one.to))
    held = f"{one.segments} segments, {one.bytes / 1e6:.1f} MB"
    return f"{one.channel} from {start} to {end} ({held}), by {one.by}: {one.note}"


def _status(reply: ProtectReply, out: TextIO) -> int:
    if reply.status == "done":
        return 0
    out.write(f"{reply.status}: {reply.detail}\n")
    return REFUSED


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"

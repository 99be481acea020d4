"""Keeping footage from deletion: who may, what retention is asked, and what its answer means. Knows no page."""

import os
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from edge.errors import NoAnswer
from edge.events.errors import EventError
from edge.events.messages import ProtectCommand, Protection, ProtectReply
from edge.events.ulid import ulid
from edge.web.accounts import Visitor
from edge.web.problem import ProblemError
from edge.web.site import Site
from edge.web.written import time_text

ANSWER_S: Final = 6.0
MOST_WAITING: Final = 8
NO_LOGIN: Final = "somebody without a login"
_AGAIN: Final = {"retry-after": "5"}
_LIST: Final = "/api/protections lists those that there are"
_REFUSED: Final = {"protect": (422, "refused"), "unprotect": (404, "no_such_protection"), "list": (422, "refused")}


def admin_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard for what only an admin may do; raises ProblemError."""
    if not may_protect(connection.scope.get("user")):
        raise ProblemError(
            403, "admin_only", "this is for the role admin: ask an admin, or use an account or token of that role"
        )


def may_protect(visitor: Visitor | None) -> bool:
    """Whether somebody may protect footage and let it go."""
    return visitor is not None and visitor.role == "admin"


def protect(site: Site, visitor: Visitor, channel: str, from_ms: int, to_ms: int, note: str) -> Protection:
    """Keep a stretch of a channel; raises ProblemError."""
    if to_ms <= from_ms:
        raise ProblemError(400, "bad_range", "to: must be later than from")
    if not note.strip():
        raise ProblemError(400, "no_note", "note: say why the footage is kept, for whoever finds it in a year")
    stretch = {"channel": channel, "from": time_text(from_ms), "to": time_text(to_ms), "note": note}
    return _one(_ask(site, "protect", **stretch, by=visitor.name or NO_LOGIN))


def unprotect(site: Site, visitor: Visitor, protection: str) -> Protection:
    """Let footage be deleted again; raises ProblemError."""
    return _one(_ask(site, "unprotect", protection=protection.upper(), by=visitor.name or NO_LOGIN))


def protections(site: Site, channel: str | None) -> list[Protection]:
    """What is kept, of a channel or all, the oldest protection first; raises ProblemError."""
    found: list[Protection] = []
    while True:
        after = found[-1].protection if found else None
        reply = _ask(site, "list", channel=channel, after=after)
        found += reply.protections
        if not reply.more or not reply.protections:
            return found


def _one(reply: ProtectReply) -> Protection:
    if not reply.protections:
        raise ProblemError(504, "no_answer", "retention did it, and does not say what; look at /api/protections")
    return reply.protections[0]


def _ask(site: Site, action: str, **fields: str | None) -> ProtectReply:
    """The reply when it was done; raises ProblemError for everything else."""
    transaction = ulid(site.clock.wall_ns(), os.urandom(10))
    try:
        command = ProtectCommand.read({"transaction": transaction, "action": action, **fields})
    except EventError as error:
        if fields.get("protection"):
            raise ProblemError(404, "no_such_protection", f"there is no such protection ({_LIST})") from error
        raise ProblemError(400, "bad_request", str(error)) from error
    reply = _sent(site, command)
    if reply.status == "failed":
        raise ProblemError(503, "not_written", reply.detail or "it could not be written down; ask again", _AGAIN)
    if reply.status == "refused":
        status, code = _REFUSED[action]
        words = f"there is no such protection ({_LIST})" if status == 404 else reply.detail or "retention refuses it"
        raise ProblemError(status, code, words)
    return reply


def _sent(site: Site, command: ProtectCommand) -> ProtectReply:
    asking = site.asking
    if asking is None or not asking.connected:
        words = "the broker does not answer, so nobody can be asked: start Mosquitto, then try again"
        raise ProblemError(503, "broker_away", words, _AGAIN)
    if asking.waiting >= MOST_WAITING:
        words = "too many wait for retention already: see whether it runs, then try again"
        raise ProblemError(503, "busy", words, _AGAIN)
    try:
        return asking.ask(command, answer_s=ANSWER_S)
    except NoAnswer as error:
        words = f"{error} Start it, and before you try again look at /api/protections: it may still carry this out"
        raise ProblemError(504, "no_answer", words, _AGAIN) from error

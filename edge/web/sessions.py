"""Who is logged in, over restarts: kept in memory, and in small files so that an update logs nobody out.

A session ends 12 hours after its last use, and 30 days after the login whatever happens. A disk that takes nothing
costs only that a restart logs people out.
"""

import contextlib
import hashlib
import secrets
from collections import OrderedDict
from typing import Final

import msgspec
import structlog
from litestar.stores.base import Store

from edge.clock import Clock

LONGEST_S: Final = 30 * 86_400
IDLE_S: Final = 12 * 3600
_SAVE_EVERY_S: Final = 600
_MOST_SESSIONS: Final = 10_000

_log = structlog.get_logger()


class Session(msgspec.Struct):
    """One login: of whom, with which password (its mark), since when, and when last used; seconds of the wall clock."""

    name: str
    mark: str
    started_s: int
    used_s: int
    saved_s: int


class Sessions:
    """The sessions of this site; for one event loop."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    async def begin(self, name: str, mark: str) -> str:
        """A new session; returns the secret for the cookie."""
        secret = secrets.token_urlsafe(32)
        now_s = self._now_s()
        session = Session(name, mark, now_s, now_s, now_s)
        self._keep(_key(secret), session)
        await self._save(_key(secret), session)
        return secret

    async def find(self, secret: str) -> Session | None:
        """The session of a cookie, None where it is over or never was; finding it counts as use."""
        key = _key(secret)
        session = self._sessions.get(key) or await self._load(key)
        now_s = self._now_s()
        if session is None or now_s - session.started_s > LONGEST_S or now_s - session.used_s > IDLE_S:
            self._sessions.pop(key, None)
            return None
        session.used_s = now_s
        self._keep(key, session)
        if now_s - session.saved_s >= _SAVE_EVERY_S:
            session.saved_s = now_s
            await self._save(key, session)
        return session

    async def end(self, secret: str) -> None:
        """Forget a session."""
        key = _key(secret)
        self._sessions.pop(key, None)
        with contextlib.suppress(OSError):
            await self._store.delete(key)

    def _keep(self, key: str, session: Session) -> None:
        self._sessions[key] = session
        self._sessions.move_to_end(key)
        while len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)

    async def _load(self, key: str) -> Session | None:
        try:
            data = await self._store.get(key)
            return None if data is None else msgspec.json.decode(data, type=Session)
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("session_unreadable", error=str(error))
            return None

    async def _save(self, key: str, session: Session) -> None:
        try:
            await self._store.set(key, msgspec.json.encode(session), expires_in=LONGEST_S)
        except OSError as error:
            _log.warning("session_not_saved", error=str(error))

    def _now_s(self) -> int:
        return self._clock.wall_ns() // 1_000_000_000


def _key(secret: str) -> str:
    """What the store knows a session by: who reads the files cannot make a cookie of them."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()

"""Who may look: the people and programs of the configuration. Verifies, and keeps no session and no cookie."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError

from edge.config.serving import Role, WebConfig

MOST_PASSWORD_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks; `name` is None where nobody has to log in."""

    name: str | None
    role: Role


ANYBODY: Final = Visitor(None, "admin")


@dataclass(frozen=True, slots=True)
class _User:
    visitor: Visitor
    password_hash: str
    mark: str  # changes with the password


class Accounts:
    """The accounts of `web`; raises ConfigError where a token cannot be read."""

    def __init__(self, config: WebConfig) -> None:
        self.required = config.auth == "required"
        self._users = {
            name: _user(name, user.role, user.password_hash.get_secret_value()) for name, user in config.users.items()
        }
        self._tokens = [
            (_digest(token.token(name)), Visitor(name, token.role)) for name, token in config.tokens.items()
        ]
        self._decoy = _decoy([user.password_hash for user in self._users.values()])

    @property
    def has_users(self) -> bool:
        """Whether anybody can log in."""
        return bool(self._users)

    def by_password(self, name: str, password: str) -> Visitor | None:
        """Who logs in, None for a wrong name or password; takes the time and memory of one Argon2 hash for either."""
        user = self._users.get(name)
        right = _verify(user.password_hash if user else self._decoy, password)
        return user.visitor if user and right else None

    def by_token(self, token: str) -> Visitor | None:
        """The program that sends this token."""
        digest = _digest(token)
        found = None
        for known, visitor in self._tokens:
            if hmac.compare_digest(known, digest):
                found = visitor
        return found

    def by_name(self, name: str, mark: str) -> Visitor | None:
        """The user of a session, None where the account or its password is not the one of then."""
        user = self._users.get(name)
        return user.visitor if user and hmac.compare_digest(user.mark, mark) else None

    def mark(self, name: str) -> str:
        """What a session of this user carries, so that it ends when the password is changed."""
        return self._users[name].mark


def _user(name: str, role: Role, password_hash: str) -> _User:
    mark = hashlib.sha256(f"session {password_hash}".encode()).hexdigest()[:16]
    return _User(Visitor(name, role), password_hash, mark)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _decoy(hashes: list[str]) -> str:
    """A hash that costs as much as the users' and belongs to nobody."""
    for password_hash in hashes:
        try:
            return PasswordHasher.from_parameters(extract_parameters(password_hash)).hash(secrets.token_hex())
        except (InvalidHashError, Argon2Error):
            continue
    return ""


def _verify(password_hash: str, password: str) -> bool:
    if len(password.encode(errors="replace")) > MOST_PASSWORD_BYTES:
        return False
    try:
        return PasswordHasher().verify(password_hash, password.encode(errors="replace"))
    except (InvalidHashError, Argon2Error):
        return False

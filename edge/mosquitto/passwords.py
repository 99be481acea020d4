"""Mosquitto's password file: one user a line, `name:$7$iterations$salt$hash`, as mosquitto_passwd writes it.

The passwords are random and 256 bits long, so that the number of iterations, Mosquitto's own, protects nothing here.
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from typing import Final

_ITERATIONS: Final = 101
_SALT_BYTES: Final = 12  # Mosquitto 2.0 reads this length and no other


def new_password() -> str:
    """A password that nobody has to type."""
    return secrets.token_urlsafe(32)


def password_file(passwords: Mapping[str, str], before: str = "") -> str:
    """The text of a password file; users that only `before` names, and hashes in it that still fit, are kept."""
    lines = dict(line.split(":", 1) for line in before.splitlines() if ":" in line)
    for name, password in passwords.items():
        if not _fits(password, lines.get(name, "")):
            lines[name] = _hashed(password, os.urandom(_SALT_BYTES))
    return "".join(f"{name}:{line}\n" for name, line in lines.items())


def _fits(password: str, line: str) -> bool:
    parts = line.split("$")
    if parts[:3] != ["", "7", str(_ITERATIONS)] or len(parts) != 5:
        return False
    try:
        salt = base64.b64decode(parts[3], validate=True)
    except ValueError:
        return False
    return hmac.compare_digest(_hashed(password, salt), line)


def _hashed(password: str, salt: bytes) -> str:
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"

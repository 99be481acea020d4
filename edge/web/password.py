"""`edge password`: the line for `edge.yaml` that lets somebody log in. Writes no file."""

import getpass
import sys
from collections.abc import Callable
from typing import Final, TextIO

from argon2 import PasswordHasher

from edge.errors import ConfigError
from edge.web.accounts import MOST_PASSWORD_BYTES

LEAST_CHARACTERS: Final = 8


def run(out: TextIO, source: TextIO | None = None, ask: Callable[[str], str] = getpass.getpass) -> int:
    """Ask for a password twice, or read one line where nobody types, and print its hash; raises ConfigError."""
    source = source or sys.stdin
    password = _typed(ask) if source.isatty() else source.readline().rstrip("\r\n")
    if len(password) < LEAST_CHARACTERS:
        raise ConfigError(f"the password: must have at least {LEAST_CHARACTERS} characters; a sentence is easy to keep")
    if len(password.encode(errors="replace")) > MOST_PASSWORD_BYTES:
        raise ConfigError(f"the password: must be at most {MOST_PASSWORD_BYTES} bytes")
    out.write(f'password_hash: "{PasswordHasher().hash(password)}"\n')
    return 0


def _typed(ask: Callable[[str], str]) -> str:
    first = ask("Password: ")
    if first != ask("The same again: "):
        raise ConfigError("the passwords: must be the same both times; nothing was written, try again")
    return first

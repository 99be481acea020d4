"""Reads the secret that a `*_file` key points to. Keeps no copy and never quotes what it read."""

from pathlib import Path

from edge.errors import ConfigError

_MOST_BYTES = 4096


def read_secret(path: Path, key: str) -> str:
    """Return the secret without its trailing line break; raises ConfigError that names key and path."""
    where = f'{key} "{path}"'
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{where}: cannot be read ({error.strerror}); create it and let the user that runs edge read it"
        ) from error
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{where}: holds more than {_MOST_BYTES} bytes; a secret is one line of text")
    try:
        secret = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:  # its text quotes the secret, so it is not chained
        raise ConfigError(f"{where}: is not UTF-8 text; write the secret as one line of text") from None
    if not secret or not secret.isprintable():
        raise ConfigError(f"{where}: must hold the secret as one line of text")
    return secret

"""The committed files of mosquitto/ with the values of one machine in place of their own. Pure but for reading them."""

import re
from collections.abc import Mapping
from pathlib import Path

import edge
from edge.errors import ConfigError

_USER = re.compile(r"^user (\S+)$", re.MULTILINE)
_BLANK = re.compile(r"@([A-Z_]+)@")


def templates_folder(given: Path | None = None) -> Path:
    """Where the files of mosquitto/ lie: the given folder, else the one beside the package, else here."""
    beside = Path(edge.__file__).parents[1] / "mosquitto"
    folder = given or (beside if beside.is_dir() else Path("mosquitto"))
    if not (folder / "mosquitto.conf").is_file():
        raise ConfigError(f"{folder} holds no mosquitto.conf; name the project's folder mosquitto with --templates")
    return folder


def read_template(path: Path) -> str:
    """The text of one of them; raises ConfigError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}); take it from the project again") from error


def with_lines(text: str, path: Path, lines: Mapping[str, str]) -> str:
    """Put other lines in place of those that match, of which there must be exactly one each; raises ConfigError.

    A template that lacks one of them would listen elsewhere, or let in whoever comes.
    """
    for pattern, line in lines.items():
        text, found = re.subn(f"(?m)^{pattern}$", line.replace("\\", r"\\"), text)
        if found != 1:
            shown = re.sub(r"\\d\+", "PORT", pattern).replace("\\", "").replace(" .*", "")
            raise ConfigError(f"{path} must hold one line '{shown}', not {found}; take it from the project again")
    return text


def with_blanks(text: str, path: Path, values: Mapping[str, str]) -> str:
    """Fill in what stands between @ signs; raises ConfigError for a blank that has no value."""

    def value(blank: re.Match[str]) -> str:
        if blank[1] not in values:
            raise ConfigError(f"{path} wants @{blank[1]}@, which is not known; take it from the project again")
        return values[blank[1]]

    return _BLANK.sub(value, text)


def users_of(acl: str) -> list[str]:
    """The users that an access list names, in its order."""
    return _USER.findall(acl)

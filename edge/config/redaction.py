"""Hides credentials in any text before a person or a log sees it. Knows patterns, not settings."""

import re

MASK = "***"

# Greedy up to the last @ of the word: cameras are set up with passwords that hold @, / and #.
_USER_INFO = re.compile(r"(//[^\s/:@]*):\S*@")
_PARAMETER = re.compile(r"(?i)((?:password|passwd|pwd|token|secret)=)[^&\s]+")
_HEADER = re.compile(r"(?i)(authorization\s*[:=]\s*)[^\r\n]+")
_SECRET_KEY = re.compile(r"(?i)passw(?:or)?d|pwd|token|secret|authorization")


def mask(text: str) -> str:
    """Put `***` for passwords in URLs, in parameters such as `password=` and in Authorization headers."""
    if "@" in text:
        text = _USER_INFO.sub(rf"\1:{MASK}@", text)
    if "=" in text:
        text = _PARAMETER.sub(rf"\1{MASK}", text)
    return _HEADER.sub(rf"\1{MASK}", text)


def is_secret_key(key: str) -> bool:
    """Say whether the value under this key is a secret by its name alone; `*_file` keys hold a path, which is none."""
    return bool(_SECRET_KEY.search(key)) and not key.endswith("_file")

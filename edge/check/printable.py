"""Makes words of cameras and of the network safe for a terminal. Knows nothing of what they say."""

_REPLACEMENT = "\ufffd"


def printable(text: str) -> str:
    """The text on one line, without characters that a terminal acts on (escape sequences, bidirectional controls)."""
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else _REPLACEMENT

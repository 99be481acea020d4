"""Sizes, rates and durations in the words of people. Pure."""

from typing import Final

from edge.words.language import Language

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400

_SIZES: Final = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_UNITS: Final[dict[Language, dict[str, str]]] = {
    "en": {"s": "s", "min": "min", "h": "h", "days": "days", "day": "day", "years": "years", "bytes": "bytes"},
    "id": {"s": "dtk", "min": "mnt", "h": "jam", "days": "hari", "day": "hari", "years": "tahun", "bytes": "byte"},
}


def number_words(value: float, digits: int, language: Language = "en") -> str:
    """A number with so many digits behind the mark that the language has there."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if language == "id" else text


def whole_words(value: int, language: Language = "en") -> str:
    """A whole number with its thousands marked: `48,211`."""
    text = f"{value:,}"
    return text.replace(",", ".") if language == "id" else text


def size_words(size_bytes: float, language: Language = "en") -> str:
    """Bytes as `30.2 MB`."""
    for scale, unit in _SIZES:
        if size_bytes >= scale * 0.99995:
            return f"{number_words(size_bytes / scale, 1, language)} {unit}"
    return f"{size_bytes:.0f} {_UNITS[language]['bytes']}"


def rate_words(bits_s: float, language: Language = "en") -> str:
    """Bits a second as `4.1 Mb/s`; more digits where it is little."""
    return f"{number_words(bits_s / 1e6, 1 if bits_s >= 1e6 else 2, language)} Mb/s"


def duration_words(seconds: float, language: Language = "en") -> str:
    """Seconds as `0.5 s`, `42 s`, `2 min`, `1 h 12 min` or `3 days 4 h`."""
    unit = _UNITS[language]
    if seconds < 10:
        return f"{number_words(seconds, 1, language)} {unit['s']}"
    if round(seconds) < 2 * MINUTE_S:
        return f"{seconds:.0f} {unit['s']}"
    minutes = round(seconds / MINUTE_S)
    if minutes < 60:
        return f"{minutes} {unit['min']}"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} {unit['h']} {minutes} {unit['min']}" if minutes else f"{hours} {unit['h']}"
    days, hours = divmod(round(seconds / HOUR_S), 24)
    return f"{days} {unit['days']} {hours} {unit['h']}" if hours else f"{days} {unit['days']}"


def span_words(seconds: float, language: Language = "en") -> str:
    """How long something has lasted, in one unit: `42 s`, `12 min`, `5 h`, `3 days`; rounded down, as ages are."""
    unit = _UNITS[language]
    if seconds < MINUTE_S:
        return f"{max(0, int(seconds))} {unit['s']}"
    if seconds < HOUR_S:
        return f"{int(seconds // MINUTE_S)} {unit['min']}"
    if seconds < 2 * DAY_S:
        return f"{int(seconds // HOUR_S)} {unit['h']}"
    return f"{int(seconds // DAY_S)} {unit['days']}"


def days_words(days: float, language: Language = "en") -> str:
    """Days as `9.4 days`; years where they are many."""
    unit = _UNITS[language]
    if days >= 730:
        return f"{days / 365.25:.0f} {unit['years']}"
    if days >= 100:
        return f"{days:.0f} {unit['days']}"
    shown = f"{round(days, 1):g}"
    return f"{shown.replace('.', ',') if language == 'id' else shown} {unit['day' if shown == '1' else 'days']}"

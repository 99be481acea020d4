"""Which languages there are, and which one a reader gets. Pure."""

from typing import Final, Literal

Language = Literal["en", "id"]

LANGUAGES: Final[dict[Language, str]] = {"en": "English", "id": "Bahasa Indonesia"}
DEFAULT: Final[Language] = "en"


def known(name: str | None) -> Language | None:
    """The language of a tag as `id` or `id-ID`, None for one that nobody has translated."""
    main = (name or "").strip().lower().replace("_", "-").partition("-")[0]
    if main == "in":  # what Android and Java long called Indonesian
        return "id"
    return next((language for language in LANGUAGES if language == main), None)


def choose(asked: str | None, kept: str | None, accepted: str | None) -> Language:
    """The language of a page: what was asked for, else what was kept, else what the browser likes best."""
    return known(asked) or known(kept) or _best(accepted or "") or DEFAULT


def _best(accepted: str) -> Language | None:
    """The best of an `Accept-Language` header; what cannot be read counts as not there."""
    wishes: list[tuple[float, int, Language]] = []
    for place, wish in enumerate(accepted.split(",")[:20]):
        tag, _, parameter = wish.partition(";")
        language = known(tag)
        weight = _weight(parameter)
        if language and weight > 0:
            wishes.append((-weight, place, language))
    return min(wishes)[2] if wishes else None


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0

"""The catalog of words: one text for every key and language, with places to fill in. Pure."""

from dataclasses import dataclass
from typing import Final

from edge.words import (
    english_events,
    english_fleet,
    english_pages,
    english_site,
    indonesian_events,
    indonesian_fleet,
    indonesian_pages,
    indonesian_site,
)
from edge.words.language import Language
from edge.words.quantities import (
    days_words,
    duration_words,
    number_words,
    rate_words,
    size_words,
    span_words,
    whole_words,
)

TEXTS: Final[dict[Language, dict[str, str]]] = {
    "en": {**english_events.EVENTS, **english_site.SITE, **english_pages.PAGES, **english_fleet.FLEET},
    "id": {**indonesian_events.EVENTS, **indonesian_site.SITE, **indonesian_pages.PAGES, **indonesian_fleet.FLEET},
}

NAMED: Final = 3
"""So many names stand in a sentence, the others are counted."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language. What is filled in is never read as a pattern itself."""

    language: Language

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of a key; KeyError for one that the catalog lacks."""
        return TEXTS[self.language][key].format_map(values)

    def count(self, key: str, count: int, /, **values: object) -> str:
        """The text of `key.one` or `key.many`, by number."""
        return self(f"{key}.{'one' if count == 1 else 'many'}", count=count, **values)

    def of_code(self, group: str, code: str) -> str:
        """The words for a code, or the code itself in plain letters where a newer release made it."""
        return TEXTS[self.language].get(f"{group}.{code}", code.replace("_", " "))

    def has(self, key: str) -> bool:
        """Whether the catalog holds a key."""
        return key in TEXTS[self.language]

    def listed(self, names: list[str]) -> str:
        """Names as `A, B and C`."""
        return names[0] if len(names) == 1 else self("list", most=", ".join(names[:-1]), last=names[-1])

    def some(self, names: list[str]) -> str:
        """The first few names, the others counted: `A, B and 12 more`."""
        if len(names) <= NAMED:
            return self.listed(names)
        return self("more", most=", ".join(names[: NAMED - 1]), count=len(names) - NAMED + 1)

    def number(self, value: float, digits: int = 0) -> str:
        """A number with so many digits behind the mark."""
        return number_words(value, digits, self.language)

    def whole(self, value: int) -> str:
        """A whole number with its thousands marked: `48,211`."""
        return whole_words(value, self.language)

    def figure(self, value: float) -> str:
        """A number with as many digits as it has: `25`, `12.5`."""
        return f"{value:g}".replace(".", ",") if self.language == "id" else f"{value:g}"

    def size(self, size_bytes: float) -> str:
        """Bytes as `30.2 MB`."""
        return size_words(size_bytes, self.language)

    def rate(self, bits_s: float) -> str:
        """Bits a second as `4.1 Mb/s`."""
        return rate_words(bits_s, self.language)

    def duration(self, seconds: float) -> str:
        """Seconds as `1 h 12 min`."""
        return duration_words(seconds, self.language)

    def span(self, seconds: float) -> str:
        """How long something has lasted, in one unit, rounded down."""
        return span_words(seconds, self.language)

    def days(self, days: float) -> str:
        """Days as `9.4 days`."""
        return days_words(days, self.language)


ENGLISH: Final = Words("en")

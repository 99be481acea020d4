"""Which sites a reader wants to see: found by name, by what failed there, in pages. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from edge.state.fleet import USUAL_LEVELS, Level, SiteSummary

PAGE: Final = 100
TROUBLE: Final = "trouble"
INCOMPLETE: Final = "incomplete"
WELL: Final = "none"
STATES: Final[tuple[str, ...]] = (TROUBLE, INCOMPLETE, *USUAL_LEVELS)
"""What `state` may be: one of the faults, or one of the two that several faults fall under."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for: a part of a name, a state ("" for all), and the page of the result, from 1 on."""

    name: str = ""
    state: str = ""
    page: int = 1

    def address(self, page: int) -> str:
        """Another page of the same, as the query of an address."""
        query = {"q": self.name, "state": self.state, "page": str(page) if page > 1 else ""}
        return "?" + urlencode({name: value for name, value in query.items() if value})


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sites of one page, and where they lie: the `first` of `found` that match; pages beside it, None for none."""

    sites: Sequence[SiteSummary]
    first: int
    found: int
    previous: int | None
    next: int | None


def choose(sites: Sequence[SiteSummary], wanted: Selection) -> Chosen:
    """The sites that are asked for, in the order that they come in; a page beyond the last is the last."""
    name = wanted.name.casefold().strip()
    found = [
        one
        for one in sites
        if (not name or name in one.site or name in one.name.casefold()) and has_state(one, wanted.state)
    ]
    pages = max(1, -(-len(found) // PAGE))
    page = min(wanted.page, pages)
    begin = (page - 1) * PAGE
    return Chosen(
        sites=found[begin : begin + PAGE],
        first=begin + 1 if found else 0,
        found=len(found),
        previous=page - 1 if page > 1 else None,
        next=page + 1 if page < pages else None,
    )


def has_state(one: SiteSummary, state: str) -> bool:
    """Whether a site is in a state."""
    match state:
        case "":
            return True
        case "trouble":
            return one.level in {"down", "degraded"}
        case "incomplete":
            return bool(one.events.missing or one.events.lost)
    return one.diagnosis.fault == state


def worst_levels(sites: Sequence[SiteSummary]) -> dict[str, Level]:
    """How bad it is at the worst site of each fault."""
    found: dict[str, Level] = {}
    for one in sorted(sites, key=lambda one: one.weight, reverse=True):
        found[one.diagnosis.fault] = one.level
    return found


def counts(sites: Sequence[SiteSummary]) -> dict[str, int]:
    """How many sites are in each state that any is in, in the order of STATES."""
    faults = Counter(str(one.diagnosis.fault) for one in sites)
    faults[TROUBLE] = sum(has_state(one, TROUBLE) for one in sites)
    faults[INCOMPLETE] = sum(has_state(one, INCOMPLETE) for one in sites)
    return {state: faults[state] for state in STATES if faults[state]}

"""How headquarters folds a site: what the site says of itself, and what headquarters says of the site's events. Pure.

A site's own `web` says which events its own journal lacks. That is not what headquarters lacks, which its own process
says, under its own name: so of missing events only that word counts here.
"""

from typing import Final

from edge.state import Fact, SiteProjection
from edge.web.live import Apply

LEDGER: Final = frozenset({"events_missing", "events_recovered", "events_conflicting"})
"""What is said about events of others."""


def fold_for(site: str) -> Apply:
    """The fold of one site; what is not the site's own word is headquarters'."""

    def fold(state: SiteProjection, said_by: str, fact: Fact) -> None:
        if said_by != site:
            state.apply_about(fact)
        elif fact.event_type in LEDGER:
            state.notice(fact)
        else:
            state.apply(fact)

    return fold


def concerned_site(source: str) -> str:
    """The site of a source as events name it, `/jkt-001/recorder`."""
    return source.removeprefix("/").partition("/")[0]


def concerned(fact: Fact) -> str | None:
    """The site that a word of headquarters' own is about, None for one that is about none."""
    return concerned_site(fact.data["source"]) if fact.event_type in LEDGER else None

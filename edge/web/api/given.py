"""What handlers are given, as types of their parameters, and what the OpenAPI document says of all of them alike."""

from typing import Any, Final

from litestar.di import NamedDependency

from edge.web.feed import Feed
from edge.web.live import LiveSite
from edge.web.problem import problem_responses
from edge.web.site import Site
from edge.web.site_journal import SiteJournal

GivenSite = NamedDependency[Site]
GivenLive = NamedDependency[LiveSite]
GivenJournal = NamedDependency[SiteJournal]
GivenFeed = NamedDependency[Feed]

READ_ONLY: Final[dict[str, Any]] = {"exclude_from_csrf": True}
REFUSALS: Final = problem_responses(401, 503)
ASKED_REFUSALS: Final = problem_responses(400, 401, 404, 503)

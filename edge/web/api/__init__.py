"""The API for programs: the same that the pages show, as JSON."""

from typing import Final

from edge.web.api import channels, events, protections, report, site

routes: Final = [*site.routes, *report.routes, *channels.routes, *events.routes]
local_routes: Final = protections.routes
"""What only the site itself can answer: retention is asked."""

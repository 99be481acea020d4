"""The API for programs: the same that the pages show, as JSON."""

from typing import Final

from edge.web.api import channels, events, protections, site

routes: Final = [*site.routes, *channels.routes, *events.routes, *protections.routes]

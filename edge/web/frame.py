"""What is around a page: whose page it is, its time zone, and where its links begin. Knows no request."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of a page: `name` is shown in its header, `base` and `api_base` stand before its links.

    `is_site`: the page is one of a site. `in_fleet`: it is served at headquarters, where `/` is the fleet.
    """

    name: str
    zone: ZoneInfo
    base: str = ""
    api_base: str = "/api"
    is_site: bool = True
    in_fleet: bool = False

    @property
    def home(self) -> str:
        """The page that all others of this frame are below."""
        return self.base or "/"

    @classmethod
    def of_site(cls, site: str, zone: ZoneInfo) -> "Frame":
        """The frame of a site's pages at headquarters."""
        return cls(site, zone, base=f"/sites/{site}", api_base=f"/api/sites/{site}", in_fleet=True)

    @classmethod
    def of_hq(cls, name: str, zone: ZoneInfo) -> "Frame":
        """The frame of headquarters' pages about no site in particular."""
        return cls(name, zone, is_site=False, in_fleet=True)

"""The other processes of headquarters, where several share the sites: which has a site, and where its pages are."""

from collections.abc import Mapping
from http import HTTPStatus

from litestar.exceptions import HTTPException

from edge.hq.sharing import Sharing
from edge.journal.scope import partition_of


class ElsewhereError(HTTPException):
    """What was asked for is at another address of ours."""

    def __init__(self, address: str) -> None:
        super().__init__(detail=f"this is at {address}", status_code=HTTPStatus.SEE_OTHER)
        self.headers = {"location": address}


class Elsewhere:
    """Where the sites of other processes are."""

    def __init__(self, of: int, sharing: Sharing) -> None:
        self._of = of
        self._sharing = sharing

    def addresses(self) -> Mapping[int, str]:
        """The addresses of the other processes, as far as they are known."""
        return self._sharing.addresses()

    def address_of(self, site: str) -> str | None:
        """Where the process of a site is, None where that is not known."""
        return self._sharing.addresses().get(partition_of(site, self._of))

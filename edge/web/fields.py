"""Fields that many documents of the API have; times are RFC 3339 in UTC."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

if TYPE_CHECKING:
    Time = str  # RFC 3339, UTC, with milliseconds
else:
    Time = datetime  # the OpenAPI document calls only this type a date-time; msgspec writes what it is given
Seconds = Annotated[float, Meta(description="Seconds.")]
Bytes = Annotated[int, Meta(description="Bytes.")]
Count = Annotated[int, Meta(ge=0)]

"""The base of every event's data: frozen, strict when it is built, tolerant when it is read."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from edge.events.errors import EventDataError

PROCESSES = ("recorder", "retention", "validator", "reporter", "livestream", "web", "hq")

Subject = Literal["channel", "site", "either"]


def _wire_name(name: str) -> str:
    """`from_` is `from` in JSON: Python keeps the word for itself."""
    return name.removesuffix("_")


def problems(error: ValidationError) -> str:
    """What a validation found, as `field: rule` for each field, without the values."""
    return "; ".join(
        f"{'.'.join(str(step) for step in found['loc']) or 'as a whole'}: {found['msg']}"
        for found in error.errors(include_url=False, include_input=False)
    )


class Value(BaseModel):
    """Frozen fields; a misspelt or unknown argument fails, an unknown key that is read does not."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        alias_generator=_wire_name,
        populate_by_name=True,
    )

    def document(self) -> dict[str, Any]:
        """The value as JSON types, fields in the order of the model."""
        return self.model_dump(mode="json", by_alias=True)


class EventData(Value):
    """The `data` of one type of event; the docstring of a subclass is its line in the documentation."""

    event_type: ClassVar[str]
    event_version: ClassVar[int] = 1
    publishers: ClassVar[tuple[str, ...]]
    subject: ClassVar[Subject]
    example: ClassVar[dict[str, JsonValue]]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Name the type after the class: `SegmentWritten` is `segment_written`."""
        super().__pydantic_init_subclass__(**kwargs)
        cls.event_type = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """The event in the `data` of an envelope, without what a newer publisher added; raises EventDataError."""
        try:
            return cls.model_validate(data, extra="ignore", by_alias=True, by_name=False)
        except ValidationError as error:
            raise EventDataError(f"{cls.event_type}: {problems(error)}") from error

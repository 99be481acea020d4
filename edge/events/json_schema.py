"""JSON Schema (2020-12) of every event, in its envelope, and of every other message. Generated from the models.

The schemas tolerate fields that they do not name: a newer publisher may add some.
"""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from edge.events.data import EventData, Value
from edge.events.envelope import SEQUENCE_DIGITS
from edge.events.examples import example
from edge.events.messages import Message
from edge.events.payload import decode
from edge.events.values import (
    CHANNEL_PATTERN,
    EVENT_ID_PATTERN,
    SITE_PATTERN,
    TIMESTAMP_PATTERN,
    ULID_PATTERN,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """Pydantic's schemas without a title a field, which would only repeat its name."""

    def generate(self, schema: Any, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        document: dict[str, Any] = super().generate(schema, mode)
        for model in (document, *document.get("$defs", {}).values()):
            model.pop("additionalProperties", None)
        return document

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def model_schema(model: type[Value]) -> dict[str, Any]:
    """The schema of a model, its parts in `$defs`."""
    return model.model_json_schema(schema_generator=_Generator)


def event_file(event: type[EventData]) -> str:
    """Name of the file that holds the schema of an event."""
    return f"{event.event_type}.v{event.event_version}.schema.json"


def message_file(message: type[Message]) -> str:
    """Name of the file that holds the schema of a message."""
    return f"{message.name}.schema.json"


def event_schema(event: type[EventData]) -> dict[str, Any]:
    """The schema of an event in its envelope."""
    data = model_schema(event)
    parts = data.pop("$defs", {})
    attributes = _attributes(event)
    return {
        "$schema": DIALECT,
        "$id": f"urn:saksi:{event.event_type}.v{event.event_version}",
        "title": event.event_type,
        "description": event.__doc__,
        "type": "object",
        "properties": attributes | {"data": {"$ref": f"#/$defs/{event.__name__}"}},
        "required": [name for name in attributes if name != "subject" or event.subject == "channel"] + ["data"],
        "$defs": {event.__name__: data} | parts,
        "examples": [decode(example(event).to_json())],
    }


def message_schema(message: type[Message]) -> dict[str, Any]:
    """The schema of a message that is not an event."""
    schema = model_schema(message)
    said = [name for name, rule in schema["properties"].items() if "const" in rule]  # a default for who builds it
    schema["required"] = [*said, *schema["required"]]
    head = {"$schema": DIALECT, "$id": f"urn:saksi:{message.name}", "title": message.name}
    return head | {key: value for key, value in schema.items() if key != "title"} | {"examples": [message.example]}


def _attributes(event: type[EventData]) -> dict[str, Any]:
    publishers = event.publishers
    source = f"{SITE_PATTERN.removeprefix('^').removesuffix('$')}/({'|'.join(publishers)})"
    subject: Any = {"type": "string", "pattern": CHANNEL_PATTERN, "description": "channel that the event is about"}
    return {
        "specversion": {"const": "1.0", "description": "version of CloudEvents"},
        "type": {"const": f"cctv.{event.event_type}.v{event.event_version}", "description": "type and version"},
        "source": {"type": "string", "pattern": f"^/{source}$", "description": "site and process"},
        "id": {"type": "string", "pattern": EVENT_ID_PATTERN, "description": "epoch and sequence"},
        "sequence": {
            "type": "string",
            "pattern": f"^[0-9]{{{SEQUENCE_DIGITS}}}$",
            "description": "number of the event, contiguous in source and epoch",
        },
        "epoch": {"type": "string", "pattern": ULID_PATTERN, "description": "the outbox that gave the sequence"},
        "time": {
            "type": "string",
            "format": "date-time",
            "pattern": TIMESTAMP_PATTERN,
            "description": "when it was said, UTC",
        },
        "subject": subject if event.subject != "site" else False,
        "partitionkey": {"type": "string", "pattern": SITE_PATTERN, "description": "site"},
    }

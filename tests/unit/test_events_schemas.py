import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from edge.events.catalog import EVENTS, SegmentWritten
from edge.events.examples import example, topic
from edge.events.json_schema import event_file, event_schema, message_file, message_schema
from edge.events.markdown import events_markdown
from edge.events.messages import MESSAGES
from edge.events.schemas import check, generate, write
from edge.events.topics import TOPICS, ChannelStateTopic, EventTopic, StateTopic, parse

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "schemas"
EVERY_EVENT = pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
EVERY_MESSAGE = pytest.mark.parametrize("message", MESSAGES, ids=[message.name for message in MESSAGES])
GENERATED = generate()
ASYNCAPI = yaml.safe_load(GENERATED["asyncapi.yaml"])


def test_committed_schemas_are_in_step_with_the_models():
    """`edge schemas` has been run since the models changed."""
    assert check(FOLDER) == []


def test_committed_page_is_in_step_with_the_models():
    """docs/events.md has been generated since the models changed."""
    assert events_markdown() == (ROOT / "docs" / "events.md").read_text(encoding="utf-8")


def test_generating_twice_gives_the_same():
    """The files depend on the models alone."""
    assert generate() == generate()


def test_stale_missing_and_left_over_files_are_named_and_brought_in_step(tmp_path):
    """Each way of being out of step is found; the schema of the configuration is left alone."""
    assert sorted(generate()) == write(tmp_path)
    (tmp_path / "segment_written.v1.schema.json").write_text("{}")
    (tmp_path / "asyncapi.yaml").unlink()
    (tmp_path / "door_opened.v1.schema.json").write_text("{}")
    (tmp_path / "config.schema.json").write_text("{}")
    stale = ["asyncapi.yaml", "door_opened.v1.schema.json", "segment_written.v1.schema.json"]
    assert stale == check(tmp_path)
    assert stale == write(tmp_path)
    assert check(tmp_path) == []
    assert (tmp_path / "config.schema.json").read_text() == "{}"


@EVERY_EVENT
def test_example_of_event_obeys_its_schema(event):
    """The schema is valid itself, and the example is what it describes."""
    schema = json.loads(GENERATED[event_file(event)])
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(example(event).to_json()))
    assert [json.loads(example(event).to_json())] == schema["examples"]


@EVERY_MESSAGE
def test_example_of_message_obeys_its_schema(message):
    """The same for the messages that are not events."""
    schema = json.loads(GENERATED[message_file(message)])
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(message.example)


def test_schema_tolerates_what_is_added_later():
    """A reader that validates with today's schema accepts tomorrow's fields, in every part."""
    document = json.loads(example(SegmentWritten).to_json())
    document["recordedtime"] = document["data"]["added"] = document["data"]["video"]["added"] = 1
    Draft202012Validator(event_schema(SegmentWritten)).validate(document)


BREACHES = {
    "type of another event": lambda event: event.update(type="cctv.clock_jumped.v1"),
    "source of another process": lambda event: event.update(source="/jkt-001/web"),
    "short sequence": lambda event: event.update(sequence="1"),
    "time without milliseconds": lambda event: event.update(time="2026-11-23T02:22:00Z"),
    "no channel": lambda event: event.pop("subject"),
    "no data": lambda event: event.pop("data"),
    "start in another format": lambda event: event["data"].update(start="yesterday"),
    "path out of the root": lambda event: event["data"].update(path="../x"),
    "negative duration": lambda event: event["data"].update(duration_s=-1),
    "video of an unknown codec": lambda event: event["data"]["video"].update(codec="mjpeg"),
    "no hash": lambda event: event["data"].pop("sha256"),
}


@pytest.mark.parametrize("breach", BREACHES.values(), ids=BREACHES)
def test_schema_refuses_what_the_models_refuse(breach):
    """The bounds of the models stand in the schemas."""
    document = json.loads(example(SegmentWritten).to_json())
    breach(document)
    assert list(Draft202012Validator(event_schema(SegmentWritten)).iter_errors(document))


def test_event_of_the_site_must_not_name_a_channel():
    """`subject` is absent, not empty."""
    document = json.loads(example(EVENTS["clock_jumped"]).to_json()) | {"subject": "lobby"}
    assert list(Draft202012Validator(event_schema(EVENTS["clock_jumped"])).iter_errors(document))


@EVERY_MESSAGE
def test_status_is_required_where_there_is_one(message):
    """What tells a heartbeat from a Will is not optional for who reads."""
    assert ("status" in message.example) == ("status" in message_schema(message)["required"])


def references(node):
    """Every `$ref` under a node of the description."""
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref")
        yield from (found for value in node.values() for found in references(value))
    if isinstance(node, list):
        yield from (found for value in node for found in references(value))


def test_every_reference_of_the_asyncapi_description_resolves():
    """References lead to a part of the description or to a generated schema."""
    for reference in references(ASYNCAPI):
        if reference.startswith("./"):
            assert reference.removeprefix("./") in GENERATED
            continue
        node = ASYNCAPI
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
        assert node


def test_every_event_and_message_is_in_the_asyncapi_description():
    """Each has a message, and each event a channel at the site and an operation that says it."""
    assert {*EVENTS, *(message.name for message in MESSAGES)} == set(ASYNCAPI["components"]["messages"])
    assert set(EVENTS) <= set(ASYNCAPI["channels"])
    assert {f"say_{name}" for name in EVENTS} <= set(ASYNCAPI["operations"])
    assert set(EVENTS) == set(ASYNCAPI["channels"]["hq_event"]["messages"])


@pytest.mark.parametrize("name", ASYNCAPI["channels"])
def test_address_of_the_asyncapi_description_is_a_topic(name):
    """Filled in with what its parameters allow, every address is one of our topics."""
    channel = ASYNCAPI["channels"][name]
    parameters = channel.get("parameters", {})
    assert set(parameters) == set(re.findall(r"{(\w+)}", channel["address"]))
    address = channel["address"]
    for parameter, rule in parameters.items():
        address = address.replace(f"{{{parameter}}}", rule.get("enum", rule.get("examples"))[0])
    described = parse(address)
    assert name.startswith("hq_") == (described.site is not None)
    if name in EVENTS:
        assert described == topic(example(EVENTS[name]))


@pytest.mark.parametrize("name", ASYNCAPI["operations"])
def test_operation_of_the_asyncapi_description_has_the_qos_and_retain_of_its_topic(name):
    """QoS and retain are those of the topic types."""
    operation = ASYNCAPI["operations"][name]
    kind = operation["channel"]["$ref"].rpartition("/")[2].removeprefix("hq_")
    expected = ({one.kind: one for one in TOPICS} | {"channel_state": ChannelStateTopic}).get(kind, EventTopic)
    assert (expected.qos, expected.retain) == (
        operation["bindings"]["mqtt"]["qos"],
        operation["bindings"]["mqtt"]["retain"],
    )


def test_page_names_every_kind_of_topic_as_it_is_spelt():
    """The table of topics in docs/events.md says what the topic types do."""
    page = events_markdown()
    for kind in TOPICS:
        rows = re.findall(rf"^\| {kind.kind} \| `(.+?)` \| `(.+?)` \| (\d) \| (yes|no) \|$", page, re.MULTILINE)
        tail = "<channel>" if kind is ChannelStateTopic else kind.tail or ">"
        [row] = [row for row in rows if row[0].endswith(tail) and ("<channel>" in row[0]) <= (kind is not StateTopic)]
        address = re.sub("<.+?>", "a", row[0])
        assert isinstance(parse(address), kind)
        assert row[1].startswith(f"{kind.hq_root}/<site>/{kind.kind}/")
        assert (str(kind.qos), "yes" if kind.retain else "no") == row[2:]


@EVERY_EVENT
def test_page_names_every_field(event):
    """Each event has its section, and each field its row."""
    section = events_markdown().split(f"\n### {event.event_type}\n")[1].split("\n### ")[0]
    assert event.__doc__ in section
    assert example(event).to_json().decode() in section
    for name in event.example:
        assert f"| `{name}` | " in section

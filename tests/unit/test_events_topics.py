from dataclasses import FrozenInstanceError

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.events.errors import TopicError
from edge.events.topics import (
    ANY,
    TOPICS,
    AckTopic,
    ChannelStateTopic,
    CommandTopic,
    EventTopic,
    ProtectReplyTopic,
    ProtectTopic,
    ReplyTopic,
    StateTopic,
    parse,
)

SPELLINGS = {
    "event/recorder/segment_written/lobby": EventTopic("recorder", "segment_written", "lobby"),
    "event/recorder/clock_jumped/_": EventTopic("recorder", "clock_jumped"),
    "cctv/jkt-001/event/recorder/segment_written/lobby": EventTopic("recorder", "segment_written", "lobby", "jkt-001"),
    "cctv/event/event/web/events_missing/_": EventTopic("web", "events_missing", site="event"),
    "state/recorder": StateTopic("recorder"),
    "cctv/jkt-001/state/recorder": StateTopic("recorder", "jkt-001"),
    "state/reporter/lobby": ChannelStateTopic("lobby"),
    "cctv/jkt-001/state/reporter/lobby": ChannelStateTopic("lobby", "jkt-001"),
    "command/recorder/replay": CommandTopic("recorder"),
    "hq/jkt-001/command/recorder/replay": CommandTopic("recorder", "jkt-001"),
    "ack/recorder": AckTopic("recorder"),
    "hq/jkt-001/ack/recorder": AckTopic("recorder", "jkt-001"),
    "reply/recorder/replay": ReplyTopic("recorder"),
    "cctv/jkt-001/reply/recorder/replay": ReplyTopic("recorder", "jkt-001"),
    "command/retention/protect": ProtectTopic("retention"),
    "hq/jkt-001/command/retention/protect": ProtectTopic("retention", "jkt-001"),
    "reply/retention/protect": ProtectReplyTopic("retention"),
}


@pytest.mark.parametrize(("text", "topic"), SPELLINGS.items())
def test_topic_is_written_and_parsed(text, topic):
    """The table of the design, both ways, by kind and without knowing the kind."""
    assert text == str(topic)
    assert topic == parse(text)
    assert topic == type(topic).parse(text)


NOT_TOPICS = [
    *("", "/", "event", "event/", "event/recorder", "event/recorder/x", "event/recorder/x/y/z", "/event/recorder/x/_"),
    *(
        "event/recorder/x/",
        "event//x/_",
        "event/Recorder/x/_",
        "event/recorder/x/+",
        "event/recorder/#",
        "event/re corder/x/_",
    ),
    *(
        "state",
        "state/",
        "state/a/b",
        "state/reporter/_",
        "state/reporter/lobby/x",
        "command/recorder",
        "command/recorder/reboot",
        "ack/recorder/x",
        "reply/recorder",
    ),
    *(
        "cctv/jkt-001",
        "cctv/jkt-001/event",
        "cctv/JKT/state/recorder",
        "cctv/a_b/state/recorder",
        "cctv//state/recorder",
    ),
    *("hq/jkt-001/event/recorder/x/_", "hq/jkt-001/state/recorder", "cctv/jkt-001/ack/recorder"),
    *(
        "$SYS/broker/uptime",
        "evt/recorder/x/_",
        "event/recorder/x/_\n",
        "state/recorder\n",
        "state/" + "a" * 65,
        "hq",
        "cctv",
    ),
]


@pytest.mark.parametrize("text", NOT_TOPICS)
def test_other_string_is_refused(text):
    """A string that is not one of the topics is refused in words."""
    with pytest.raises(TopicError, match=r"topic|does not match"):
        parse(text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60) | st.lists(st.sampled_from(["cctv", "hq", "event", "state", "a", "_", ""])).map("/".join))
def test_any_string_parses_to_a_topic_that_writes_it_or_is_refused(text):
    """Parsing is the inverse of writing, and raises nothing else."""
    try:
        topic = parse(text)
    except TopicError:
        return
    assert text == str(topic)


WRONG_LEVELS = {
    "wildcard process": lambda: EventTopic("+", "x"),
    "slash in type": lambda: EventTopic("recorder", "a/b"),
    "channel that means none": lambda: EventTopic("recorder", "x", "_"),
    "empty channel": lambda: EventTopic("recorder", "x", ""),
    "site in capitals": lambda: StateTopic("recorder", "JKT"),
    "any site": lambda: StateTopic("recorder", ANY),
    "empty process": lambda: AckTopic(""),
    "filter of a bad process": lambda: StateTopic.filter("#"),
    "filter of a bad type": lambda: EventTopic.filter(event_type="#"),
    "filter of a bad channel": lambda: EventTopic.filter(channel="a b"),
    "filter of a bad site": lambda: CommandTopic.filter(site="#"),
}


@pytest.mark.parametrize("build", WRONG_LEVELS.values(), ids=WRONG_LEVELS)
def test_invalid_topic_or_filter_cannot_be_built(build):
    """What is no level of a topic is refused where it enters."""
    with pytest.raises(TopicError, match="does not match"):
        build()


def test_topic_of_one_kind_is_refused_by_another():
    """Each kind parses its own."""
    with pytest.raises(TopicError, match="is not state/<process>"):
        StateTopic.parse("ack/recorder")


def test_topics_of_different_kinds_are_different():
    """The same process on two kinds of topic is not the same topic, nor a channel that is called like one."""
    assert StateTopic("recorder") != AckTopic("recorder")
    assert len({topic("recorder") for topic in TOPICS if topic is not EventTopic}) == 7


def test_topic_cannot_be_changed():
    """Topics are values."""
    with pytest.raises(FrozenInstanceError):
        StateTopic("recorder").process = "web"


FILTERS = {
    "event/+/+/+": EventTopic.filter(),
    "event/recorder/+/+": EventTopic.filter("recorder"),
    "event/+/channel_invalid/+": EventTopic.filter(event_type="channel_invalid"),
    "event/recorder/segment_written/lobby": EventTopic.filter("recorder", "segment_written", "lobby"),
    "event/+/+/_": EventTopic.filter(channel="_"),
    "cctv/+/event/+/+/+": EventTopic.filter(site=ANY),
    "cctv/jkt-001/event/+/+/+": EventTopic.filter(site="jkt-001"),
    "state/+": StateTopic.filter(),
    "cctv/+/state/+": StateTopic.filter(site=ANY),
    "state/reporter/+": ChannelStateTopic.filter(),
    "cctv/+/state/reporter/lobby": ChannelStateTopic.filter("lobby", site=ANY),
    "command/recorder/replay": CommandTopic.filter("recorder"),
    "hq/+/ack/+": AckTopic.filter(site=ANY),
    "cctv/+/reply/+/replay": ReplyTopic.filter(site=ANY),
}


@pytest.mark.parametrize(("expected", "actual"), FILTERS.items())
def test_filter_is_spelt_with_wildcards_for_what_is_open(expected, actual):
    """What is not named matches any level."""
    assert expected == actual


def test_only_states_and_acks_are_retained():
    """Retained is what says how things are; events are not."""
    assert {StateTopic, ChannelStateTopic, AckTopic} == {topic for topic in TOPICS if topic.retain}
    assert {1} == {topic.qos for topic in TOPICS}

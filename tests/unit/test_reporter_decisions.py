"""What the reporter decides without any I/O: when to report, what an answer means, what is retained, what Home Assistant gets."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from state_story import at_ms, text
from test_state_report import a_day_with_a_gap

from edge.events.messages import ChannelState
from edge.reporter.channel_states import ChannelStates
from edge.reporter.home_assistant import birth_topic, discovery
from edge.reporter.post import MOST_RETRY_AFTER_S, judged
from edge.reporter.schedule import LEAST_S, Reported, is_due
from edge.state import ChannelSetting, site_view
from edge.state.facts import Keeping, SiteFacts

LOBBY = ChannelSetting("lobby", "Lobby", True)
YARD = ChannelSetting("yard", "Yard", True)
ATTIC = ChannelSetting("attic", "Attic", False)
FACTS = SiteFacts("jkt-001", "Asia/Jakarta", (LOBBY, YARD, ATTIC), 60, ("recorder", "web"), Keeping(30.0))
WRONG = {("channel", "lobby"): 2}


def view(now=3600):
    """A site of which the lobby records and the yard does not."""
    return site_view(a_day_with_a_gap(), FACTS.channels, FACTS.expected_processes, at_ms(now), segment_s=60)


@pytest.mark.parametrize(
    ("last", "after_s", "now", "due"),
    [
        pytest.param(None, 0, {}, True, id="first"),
        pytest.param({}, 59.9, {}, False, id="well-and-too-soon"),
        pytest.param({}, 60, {}, True, id="interval-is-over"),
        pytest.param({}, LEAST_S, WRONG, True, id="worse"),
        pytest.param({}, LEAST_S - 0.1, WRONG, False, id="worse-just-after-a-report"),
        pytest.param(WRONG, 59.9, WRONG, False, id="as-bad-as-reported"),
        pytest.param(WRONG, 59.9, {}, False, id="better"),
    ],
)
def test_report_is_due_at_the_interval_and_when_it_got_worse(last, after_s, now, due):
    """Each case of the decision."""
    reported = None if last is None else Reported(0, last)
    assert is_due(reported, round(after_s * 1e9), now, every_s=60) is due


STATUSES = {
    **dict.fromkeys((200, 201, 202, 204), "delivered"),
    **dict.fromkeys((400, 402, 406, 409, 410, 411, 413, 414, 415, 422, 451), "refused"),
    **dict.fromkeys((100, 301, 302, 303, 307, 308, 401, 403, 404, 405, 407, 408, 421, 425, 429), "retry"),
    **dict.fromkeys((500, 501, 502, 503, 504, 507, 599), "retry"),
}


@pytest.mark.parametrize(("status", "verdict"), STATUSES.items())
def test_answer_means_that_hq_has_the_report_will_never_or_not_yet(status, verdict):
    """Only what is about the report itself sets it aside; every verdict has words."""
    outcome = judged(status, {})
    assert (outcome.verdict, outcome.http_status) == (verdict, status)
    assert str(status) in outcome.reason
    assert str(status) in outcome.detail


@given(st.text(max_size=40))
def test_any_retry_after_is_a_bounded_time(said):
    """What a server, or whoever stands before it, writes there never stops the reports for long."""
    outcome = judged(503, {"retry-after": said})
    assert 0 <= outcome.retry_after_s <= MOST_RETRY_AFTER_S


def test_retry_after_is_read_in_seconds():
    """The form that machines send."""
    assert judged(429, {"retry-after": "30"}).retry_after_s == 30


def test_states_of_channels_say_status_reason_and_since():
    """One message a channel, on its own topic."""
    states = ChannelStates().of(view().channels, at_ms(3600))
    said = {topic: ChannelState.parse(payload) for topic, payload in states.items()}
    assert set(said) == {"state/reporter/lobby", "state/reporter/yard", "state/reporter/attic"}
    yard = said["state/reporter/yard"]
    assert (yard.status, yard.recording, yard.reason, yard.since) == ("offline", False, "unreachable", text(3000))
    assert said["state/reporter/lobby"].recording
    assert said["state/reporter/attic"].status == "off"


def test_state_that_did_not_change_stays_the_same_bytes():
    """Nobody is told twice: its time is when it was first said."""
    states = ChannelStates()
    before = states.of(view(3600).channels, at_ms(3600))
    assert states.of(view(3660).channels, at_ms(3660)) == before
    assert states.of(view(3660).channels[:1], at_ms(3660)).keys() < before.keys()


def test_home_assistant_gets_every_channel_process_and_the_disk_as_one_device():
    """The documents name topics that exist, ids that are unique, and who tells whether they are available."""
    messages = discovery("homeassistant", FACTS, view().disk, "0.1.0")
    configs = {topic: json.loads(body) for topic, body in messages.items() if topic.endswith("/config")}
    node = "homeassistant/binary_sensor/saksi_jkt-001"
    assert set(configs) == {
        *(f"{node}/{kind}_{channel.id}/config" for channel in FACTS.channels for kind in ("channel", "problem")),
        *(f"{node}/process_{name}/config" for name in FACTS.expected_processes),
        f"{node}/disk/config",
    }
    assert len({one["unique_id"] for one in configs.values()}) == len(configs)
    assert {one["device"]["identifiers"][0] for one in configs.values()} == {"saksi_jkt-001"}
    lobby = configs[f"{node}/channel_lobby/config"]
    assert (lobby["name"], lobby["state_topic"], lobby["device_class"]) == ("Lobby", "state/reporter/lobby", "running")
    assert lobby["availability"] == [{"topic": "state/reporter", "value_template": "{{ value_json.status }}"}]
    recorder = configs[f"{node}/process_recorder/config"]
    assert (recorder["state_topic"], recorder["payload_on"], recorder["payload_off"]) == (
        "state/recorder", "online", "offline",
    )  # fmt: skip
    assert "availability" not in recorder
    disk = configs[f"{node}/disk/config"]
    assert messages[disk["state_topic"]] == b"OFF"


def test_home_assistant_topics_hold_only_what_it_takes():
    """It ignores a discovery topic with any other letter."""
    import re

    for topic in discovery("a/b", FACTS, view().disk, "0.1.0"):
        assert re.fullmatch(r"a/b/binary_sensor/[a-zA-Z0-9_-]+/[a-zA-Z0-9_-]+/(config|state)", topic), topic
    assert birth_topic("a/b") == "a/b/status"

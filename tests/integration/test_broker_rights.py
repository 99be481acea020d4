"""Who may say and hear what at a site's broker: the committed access list, held to by the real Mosquitto."""

import shutil

import pytest
from acceptance_support import until
from hq_brokers import Site
from mqtt_client import ACCEPTED, Client

from edge.mosquitto.passwords import password_file
from edge.up.site import PROCESSES

USERS = sorted({*PROCESSES, "reporter", "livestream", "operator", "debug"})
SPEAKERS = [user for user in USERS if user not in {"operator", "debug"}]
DENIED = "Not authorized"
KINDS = ("event/{}/thing_happened/_", "state/{}", "reply/{}/replay")
FOREIGN = ("cctv/jkt-001/event/recorder/x/_", "hq/jkt-001/ack/recorder", "elsewhere", "$SYS/broker/uptime", "$CONTROL/dynamic-security/v1")
# What a user writes beside event, state and reply of its own name; `X` is any process.
ALSO_WRITES = {
    "web": {"command/X/replay", "command/X/protect"},
    "reporter": {"command/X/replay", "state/reporter/lobby", "homeassistant/binary_sensor/a/config"},
    "operator": {"command/X/protect"},
}
# What a user hears beside command and ack of its own name.
ALSO_HEARS = {
    "retention": ("event/recorder/", "event/validator/"),
    "validator": ("event/recorder/",),
    "web": ("event/", "state/", "reply/", "ack/"),
    "reporter": ("event/", "state/", "reply/", "ack/", "homeassistant/status"),
    "operator": ("reply/recorder/protect", "reply/web/protect"),
    "debug": ("",),
}
ALL = [
    *(kind.format(process) for kind in KINDS for process in SPEAKERS),
    *(f"{kind}/{process}/{tail}" for kind in ("command", "reply") for process in ("recorder", "web") for tail in ("replay", "protect")),
    *(f"ack/{process}" for process in SPEAKERS),
    *("state/reporter/lobby", "homeassistant/binary_sensor/a/config", "homeassistant/status", "elsewhere"),
    *FOREIGN[:2],
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site's broker as `edge bridge-config` and `edge up` write it, with one user more who may say everything."""
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    broker = Site(tmp_path_factory.mktemp("site"), "jkt-001")
    with (broker.folder / "acl").open("a") as acl, (broker.folder / "passwords").open("a") as passwords:
        acl.write("\nuser tester\ntopic readwrite #\n")
        passwords.write(password_file({"tester": "tester"}))
    broker.start()
    yield broker
    broker.stop()


def client(site: Site, user: str) -> Client:
    password = "tester" if user == "tester" else site.password(user)
    return Client(site.port, user=user, password=password)


def may_write(user: str) -> set[str]:
    """The topics of ALL that a user is meant to write."""
    own = {kind.format(user) for kind in KINDS} | {f"reply/{user}/protect"} if user in SPEAKERS else set()
    more = {one.replace("X", process) for one in ALSO_WRITES.get(user, ()) for process in SPEAKERS}
    return own | more


def may_hear(user: str) -> set[str]:
    """The topics of ALL that a user is meant to hear."""
    own = (f"command/{user}/", f"ack/{user}") if user in SPEAKERS else ()
    return {topic for topic in ALL if topic.startswith((*own, *ALSO_HEARS.get(user, ())))}


@pytest.mark.parametrize("user", USERS)
def test_user_writes_what_is_its_own_and_nothing_else(site, user):
    """Each topic there is, and some that nobody may have: the broker takes the user's own and refuses all others."""
    with client(site, user) as writer:
        assert writer.answer == ACCEPTED
        answers = {topic: writer.publish(topic) for topic in {*ALL, *FOREIGN, *may_write(user)}}
    assert {topic for topic, answer in answers.items() if answer == ACCEPTED} == may_write(user)
    assert {answer for answer in answers.values() if answer != ACCEPTED} == {DENIED}


@pytest.mark.parametrize("user", USERS)
def test_user_hears_what_is_meant_for_it_and_nothing_else(site, user):
    """A subscription to everything is granted; what comes is what the access list gives."""
    with client(site, user) as reader, client(site, "tester") as speaker:
        reader.subscribe("#", f"$share/group-{user}/#")
        for topic in ALL:
            assert speaker.publish(topic, user.encode()) == ACCEPTED
        assert speaker.publish("ack/recorder", b"last") == ACCEPTED
        expected = may_hear(user)
        until(lambda: {topic for topic, payload, _ in reader.received if payload == user.encode()} >= expected, 30)
        with client(site, "tester") as marker:  # what was delivered before this handshake has been sent by now
            marker.subscribe("nothing")
        assert {topic for topic, payload, _ in reader.received if payload == user.encode()} == expected


def test_messages_that_are_refused_reach_nobody(site):
    """MQTT 3.1.1 would call them delivered: what counts is that nobody heard them."""
    with client(site, "debug") as reader, client(site, "web") as forger:
        reader.subscribe("#")
        assert forger.publish("event/recorder/segment_written/lobby", b"forged") == DENIED
        assert forger.publish("event/web/events_missing/_", b"own") == ACCEPTED
        until(lambda: any(payload == b"own" for _, payload, _ in reader.received), 30)
        assert not any(payload == b"forged" for _, payload, _ in reader.received)


def test_will_in_the_name_of_another_process_is_not_published(site):
    """Or one process could have another declared dead."""
    with client(site, "debug") as reader:
        reader.subscribe("state/#")
        for topic, payload in (("state/recorder", b"forged"), ("state/web", b"own")):
            dying = Client(site.port, user="web", password=site.password("web"), will=(topic, payload)).connect()
            dying.vanish()
        until(lambda: any(payload == b"own" for _, payload, _ in reader.received), 60)
        assert not any(payload == b"forged" for _, payload, _ in reader.received)


@pytest.mark.parametrize(
    ("user", "password"),
    [(None, None), ("nobody", "x"), ("recorder", "wrong"), ("recorder", None), ("bridge", ""), ("bridge", None), ("bridge", "bridge")],
)
def test_whoever_has_no_password_of_a_user_is_refused(site, user, password):
    """Also the bridge's name: it has rights, and no password that would let anybody in."""
    with Client(site.port, user=user, password=password) as intruder:
        assert intruder.answer in {DENIED, "Bad user name or password"}


def test_oversized_message_ends_its_senders_connection_and_nothing_else(site):
    """The limit is that of the events, with room for the topic; the other processes do not notice."""
    with client(site, "web") as reader, client(site, "recorder") as writer:
        reader.subscribe("event/#")
        assert writer.publish("event/recorder/site_reported/_", b"x" * 65_536) == ACCEPTED
        assert writer.publish("event/recorder/site_reported/_", b"x" * 80_000) == "lost"
        with client(site, "recorder") as again:
            assert again.publish("event/recorder/segment_written/lobby", b"after") == ACCEPTED
        until(lambda: [len(payload) for _, payload, _ in reader.received] == [65_536, 5], 30)

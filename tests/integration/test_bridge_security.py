"""What a site can not do to headquarters and to other sites, tried against real Mosquittos over TLS.

The attacker has everything of site-a: its certificate and key, and a client of its own in place of the bridge.
"""

import shutil
import ssl

import pytest
from acceptance_support import until
from free_ports import free_port
from hq_brokers import Hq, Keys, Site
from mqtt_client import ACCEPTED, Client

DENIED = "Not authorized"
pytestmark = pytest.mark.skipif(shutil.which("mosquitto") is None, reason="mosquitto is not installed")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """An authority, HQ's certificate for 127.0.0.1, and those of two sites."""
    return Keys(tmp_path_factory.mktemp("keys") / "keys", ["site-a", "site-b"])


@pytest.fixture(scope="module")
def hq(tmp_path_factory, keys):
    """HQ's broker, which lives through all these attacks."""
    broker = Hq(tmp_path_factory.mktemp("hq"), keys)
    broker.start()
    pid = broker.pid
    yield broker
    assert broker.running
    assert broker.pid == pid
    broker.stop()


@pytest.fixture
def start(tmp_path):
    """Start brokers that end with the test."""
    brokers = []

    def start_broker(broker):
        brokers.append(broker)
        broker.start()
        return broker

    yield start_broker
    for broker in brokers:
        broker.stop()


@pytest.fixture
def programs(hq):
    """HQ's own program, which hears all sites and may command them."""
    with Client(hq.programs_port, name="hq-hq-journal", user="hq_programs", password=hq.password("hq_programs")) as client:
        assert client.answer == ACCEPTED
        client.subscribe("cctv/#")
        yield client


def site_client(hq: Hq, keys: Keys, site: str = "site-a", **options) -> Client:
    """A client of the attacker's own, with the certificate of a site."""
    return Client(hq.sites_port, keys=keys.files(site), **options)


def topics(client: Client) -> list[str]:
    return [topic for topic, _, _ in client.received]


def test_site_cannot_speak_as_another_nor_as_headquarters(hq, keys, programs):
    """Not an event, not a state, not an answer, not a command, not a word of the broker's own."""
    with site_client(hq, keys) as attacker:
        for topic in (
            *("cctv/site-b/event/recorder/segment_written/lobby", "cctv/site-b/state/bridge", "cctv/site-b/reply/recorder/replay"),
            *("cctv/hq/event/hq/events_missing/_", "hq/site-b/command/recorder/replay", "hq/site-a/ack/recorder"),
            *("$SYS/broker/uptime", "$CONTROL/dynamic-security/v1", "cctv/site-a", "cctv/site-a/command/x", "elsewhere"),
        ):
            assert attacker.publish(topic, b"forged") == DENIED, topic
            assert attacker.publish(topic, b"forged", retain=True) == DENIED, topic
        assert attacker.publish("cctv/site-a/event/recorder/segment_written/lobby", b"own") == ACCEPTED
    until(lambda: ("cctv/site-a/event/recorder/segment_written/lobby", b"own", False) in programs.received)
    assert not any(payload == b"forged" for _, payload, _ in programs.received)


def test_site_whose_bridge_was_turned_to_another_tree_is_heard_by_nobody(hq, keys, programs, start, tmp_path):
    """The bridge of a broken-into box, with site-b's prefix: HQ's broker drops it all, and the bridge goes on."""
    site = Site(tmp_path, "site-a", keys, hq_port=hq.sites_port)
    site.bridge.write_text(site.bridge.read_text().replace('topic event/# out 1 "" cctv/site-a/', 'topic event/# out 1 "" cctv/site-b/'))
    start(site)
    with Client(site.port, user="recorder", password=site.password("recorder")) as recorder:
        until(lambda: ("cctv/site-a/state/bridge", b"1", False) in programs.received, 30, site.log)
        for number in range(3):
            assert recorder.publish(f"event/recorder/x/{number}") == ACCEPTED  # its own broker cannot know
        assert recorder.publish("reply/recorder/replay", b"after") == ACCEPTED
    until(lambda: any(payload == b"after" for _, payload, _ in programs.received), 30, site.log)
    assert "cctv/site-b" not in " ".join(topics(programs))


def test_site_cannot_read_what_is_meant_for_another(hq, keys, programs):
    """Every subscription is granted, and says nothing: what counts is what comes, new, retained or shared."""
    assert programs.publish("hq/site-b/ack/recorder", b"b-retained", retain=True) == ACCEPTED
    assert programs.publish("hq/site-a/ack/recorder", b"a-retained", retain=True) == ACCEPTED
    filters = ["#", "hq/#", "hq/site-b/#", "hq/+/ack/+", "cctv/#", "cctv/site-b/#", "$SYS/#", "$share/x/hq/site-b/#"]
    with site_client(hq, keys) as attacker, site_client(hq, keys, "site-b") as other:
        assert all("Granted" in reason for reason in attacker.subscribe(*filters))
        other.subscribe("hq/site-b/#")
        assert programs.publish("hq/site-b/command/recorder/replay", b"for b") == ACCEPTED
        assert other.publish("cctv/site-b/event/recorder/x/_", b"of b") == ACCEPTED
        assert programs.publish("hq/site-a/command/recorder/replay", b"for a") == ACCEPTED
        until(lambda: any(payload == b"for a" for _, payload, _ in attacker.received))
        until(lambda: any(payload == b"for b" for _, payload, _ in other.received))
        until(lambda: any(payload == b"of b" for _, payload, _ in programs.received))
        assert {payload for _, payload, _ in attacker.received} == {b"a-retained", b"for a"}


def test_site_cannot_take_over_a_client_id(hq, keys, programs):
    """Whatever id it claims, it has the one that its certificate proves: neither HQ nor another site is thrown out."""
    with site_client(hq, keys, "site-b", name="site-b") as other:
        for name in ("hq-hq-journal", "site-b", "hq_programs", ""):
            with site_client(hq, keys, name=name) as attacker:
                assert attacker.answer == ACCEPTED
                assert attacker.publish("cctv/site-b/event/x/y/_") == DENIED
        assert other.publish("cctv/site-b/event/recorder/x/_", b"still here") == ACCEPTED
        until(lambda: any(payload == b"still here" for _, payload, _ in programs.received))
        assert not other.lost.is_set()
        assert not programs.lost.is_set()
    assert hq.log().count("as hq-hq-journal (") == hq.log().count("as hq-hq-journal (p5, c1, k30, u'hq_programs')")


def test_site_cannot_take_another_name_by_a_password(hq, keys, programs):
    """At its own door the certificate is the name; at HQ's a certificate is nothing."""
    password = hq.password("hq_programs")
    with site_client(hq, keys, user="hq_programs", password=password) as attacker:
        assert attacker.publish("hq/site-b/command/recorder/replay", b"forged") == DENIED
    with Client(hq.programs_port, user="site-a", password="") as attacker:
        assert attacker.answer == DENIED
    with Client(hq.programs_port) as attacker:
        assert attacker.answer == DENIED


def test_will_of_a_site_is_published_in_its_own_tree_alone(hq, keys, programs):
    """Or it could declare another site dead."""
    for topic, payload in (("cctv/site-b/state/bridge", b"forged"), ("cctv/site-a/state/bridge", b"own")):
        site_client(hq, keys, will=(topic, payload)).connect().vanish()
    until(lambda: any(payload == b"own" for _, payload, _ in programs.received), 60)
    assert not any(payload == b"forged" for _, payload, _ in programs.received)


def test_certificate_that_headquarters_did_not_sign_for_a_client_does_not_get_in(hq, keys, tmp_path):
    """None at all, one of another authority, one of itself, and HQ's own, which is good for being a server alone."""
    own = keys.files("site-a")
    foreign = Keys(tmp_path / "foreign", ["site-a"]).files("site-a")
    server = {name: keys.folder / "hq" / file for name, file in (("cert_file", "hq.crt"), ("key_file", "hq.key"))}
    for files in ({"ca_file": own["ca_file"]}, foreign | {"ca_file": own["ca_file"]}, server | {"ca_file": own["ca_file"]}):
        client = Client(hq.sites_port, keys=files)
        try:
            with client:
                assert client.answer is None
        except (ssl.SSLError, ConnectionError):
            pass


def test_bridge_gives_nothing_to_one_who_is_not_headquarters(keys, start, tmp_path):
    """A stolen site's certificate at HQ's address, and a right certificate at a wrong name: nothing is said to either."""
    (tmp_path / "thief").mkdir()
    thief = Hq(tmp_path / "thief", keys)
    thief.change({"certfile": keys.files("site-b")["cert_file"], "keyfile": keys.files("site-b")["key_file"]})
    named = Keys(tmp_path / "named", ["site-a"], hosts=["hq.example"])
    other_name = Hq(tmp_path / "other", named) if (tmp_path / "other").mkdir() is None else None
    for broker, site_keys in ((thief, keys), (other_name, named)):
        start(broker)
        folder = tmp_path / f"site-{broker.folder.name}"
        folder.mkdir()
        site = start(Site(folder, "site-a", site_keys, hq_port=broker.sites_port))
        until(lambda site=site: "certificate verify failed" in site.log() or "host name" in site.log(), 30, site.log)
        assert "as site-a" not in broker.log()


def test_oversized_message_is_left_out_and_the_bridge_goes_on(hq, keys, programs, start, tmp_path):
    """A box whose own limit was taken away sends what HQ does not take: what comes after it arrives."""
    site = Site(tmp_path, "site-a", keys, hq_port=hq.sites_port)
    site.change({"max_packet_size": 1_000_000})
    start(site)
    with Client(site.port, user="recorder", password=site.password("recorder")) as recorder:
        until(lambda: ("cctv/site-a/state/bridge", b"1", False) in programs.received, 30, site.log)
        for number, size in enumerate((10, 65_536, 200_000, 20)):
            assert recorder.publish(f"event/recorder/x/{number}", b"x" * size) == ACCEPTED
    until(lambda: "cctv/site-a/event/recorder/x/3" in topics(programs), 30, site.log)
    arrived = [len(payload) for topic, payload, _ in programs.received if topic.startswith("cctv/site-a/event/recorder/x/")]
    assert arrived == [10, 65_536, 20]
    assert site.log().count("Connecting bridge (step 1)") == 1


def test_heartbeats_of_a_cut_do_not_fill_the_queue_and_the_newest_arrives(keys, start, tmp_path):
    """While HQ is away events wait and heartbeats do not; afterwards HQ has all events and the newest state at once."""
    for name in ("hq", "a"):
        (tmp_path / name).mkdir()
    hq = Hq(tmp_path / "hq", keys)
    site = Site(tmp_path / "a", "site-a", keys, hq_port=hq.sites_port)
    site.change({"max_queued_messages": 50})
    start(site)
    with Client(site.port, user="recorder", password=site.password("recorder")) as recorder:
        for number in range(100):
            assert recorder.publish("state/recorder", b"%d" % number, retain=True) == ACCEPTED
        for number in range(50):
            assert recorder.publish(f"event/recorder/x/{number}") == ACCEPTED
        start(hq)
        with Client(hq.programs_port, user="hq_debug", password=hq.password("hq_debug")) as reader:
            reader.subscribe("cctv/site-a/state/#")
            until(lambda: ("cctv/site-a/state/recorder", b"99", True) in reader.received or ("cctv/site-a/state/recorder", b"99", False) in reader.received, 30, site.log)
            assert {payload for topic, payload, _ in reader.received if topic == "cctv/site-a/state/recorder"} == {b"99"}


def test_headquarters_learns_that_a_site_is_gone_from_its_will(hq, keys, programs, start, tmp_path):
    """state/bridge is 1 while the bridge is there and 0 after a kill -9 of the site's broker; late comers see it too."""
    site = start(Site(tmp_path, "site-a", keys, hq_port=hq.sites_port))
    until(lambda: ("cctv/site-a/state/bridge", b"1", False) in programs.received, 30, site.log)
    site.kill()
    until(lambda: ("cctv/site-a/state/bridge", b"0", False) in programs.received, 30)
    with Client(hq.programs_port, user="hq_debug", password=hq.password("hq_debug")) as late:
        late.subscribe("cctv/+/state/bridge")
        until(lambda: ("cctv/site-a/state/bridge", b"0", True) in late.received)


def test_site_cannot_fill_the_memory_of_headquarters_with_messages(keys, start, tmp_path):
    """HQ's program is away and a site sends without end: the queue's limit holds, and what comes later is dropped."""
    hq = Hq(tmp_path, keys)
    hq.change({"max_queued_bytes": 8 * 2**20})
    start(hq)
    login = {"name": "hq-hq-journal", "user": "hq_programs", "password": hq.password("hq_programs")}
    with Client(hq.programs_port, durable=True, **login) as program:
        program.subscribe("cctv/#")
    before_bytes, sent = hq.rss_bytes(), 2_000
    with site_client(hq, keys) as attacker:
        attacker.burst("cctv/site-a/event/x/y/{}", b"x" * 60_000, sent)
        until(lambda: attacker.answered() >= sent or attacker.lost.is_set(), 90)
    grown_bytes = hq.rss_bytes() - before_bytes
    print(f"{sent * 60_000 / 2**20:.0f} MiB sent, memory grew by {grown_bytes / 2**20:.1f} MiB")
    assert grown_bytes < 32 * 2**20
    with Client(hq.programs_port, durable=True, **login) as program:  # what was kept is handed over, and the broker works
        until(lambda: len(program.received) >= 100, 60)


def test_site_cannot_fill_the_memory_of_headquarters_with_retained_topics(keys, start, tmp_path):
    """Nothing but the broker's own memory limit stops topics without end; it holds, and others are still heard."""
    hq = Hq(tmp_path, keys)
    hq.change({"memory_limit": 24 * 2**20})
    start(hq)
    with site_client(hq, keys) as attacker:
        attacker.burst("cctv/site-a/state/{}", b"x" * 60_000, 2_000, retain=True)
        until(lambda: attacker.answered() >= 2_000 or attacker.lost.is_set(), 90)
    print(f"120 MiB retained, memory is {hq.rss_bytes() / 2**20:.1f} MiB; {hq.log()[-300:]}")
    assert hq.rss_bytes() < 64 * 2**20
    with site_client(hq, keys, "site-b") as other:
        assert other.publish("cctv/site-b/event/recorder/x/_", b"x" * 300) == ACCEPTED


def test_site_that_lost_its_box_is_shut_out_by_its_name_while_the_broker_runs(keys, start, tmp_path):
    """`topic deny #` in acl.local goes before the pattern of all sites; SIGHUP is enough."""
    hq = start(Hq(tmp_path, keys))
    with (tmp_path / "acl").open("a") as acl:
        acl.write("\nuser site-a\ntopic deny #\n")
    hq.reload()

    def refused() -> bool:
        with site_client(hq, keys) as thief:
            return thief.publish("cctv/site-a/event/recorder/x/_") == DENIED

    until(refused, 30, hq.log)
    with site_client(hq, keys, "site-b") as other:
        assert other.publish("cctv/site-b/event/recorder/x/_") == ACCEPTED


def test_packet_that_claims_to_be_huge_costs_headquarters_nothing(hq, keys):
    """The length stands in the first bytes of a packet; no memory is taken for what is over the limit."""
    before_bytes = hq.rss_bytes()
    with site_client(hq, keys) as attacker:
        assert attacker.publish("cctv/site-a/event/x/y/_", b"x" * 50_000_000) == "lost"
    assert hq.rss_bytes() - before_bytes < 16 * 2**20


def test_ports_of_headquarters_programs_listen_on_loopback_alone(hq):
    """A site never reaches the door that opens with a password."""
    (_, sites_port), lines = hq.ports, hq.configuration.read_text().splitlines()
    assert f"listener {hq.programs_port} 127.0.0.1" in lines
    assert f"listener {sites_port}" in lines
    assert sorted(hq.listening()) == sorted(hq.ports)
    assert free_port() not in hq.ports

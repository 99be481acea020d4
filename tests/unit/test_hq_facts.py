"""What headquarters takes for a site's settings, and how it folds what is said of missing events."""

import json
from pathlib import Path
from threading import Event

import pytest
from journal_events import EPOCH, arrival
from web_site import recording, segment

from edge.clock import ManualClock
from edge.config import parse_hq
from edge.errors import ConfigError
from edge.events.catalog import EventsMissing, EventsRecovered, SiteReported
from edge.events.envelope import Envelope
from edge.events.messages import Heartbeat
from edge.hq import fleet as fleet_module
from edge.hq import loading
from edge.hq.facts import MOST_CHANNELS, heard_facts, reported_facts
from edge.hq.fleet import Fleet
from edge.hq.loading import load
from edge.hq.main import new_app
from edge.hq.snapshots import EVERY_NS, Snapshots
from edge.journal.gaps import Unanswered
from edge.journal.positions import Source
from edge.journal.scope import partition_of
from edge.journal.store import Journal

NOW_NS = 1_795_399_200_000_000_000
REPORT = SiteReported.read(dict(SiteReported.example))
SITE = "jkt-001"


@pytest.fixture
def clock():
    return ManualClock(NOW_NS)


@pytest.fixture
def journal(tmp_path, clock):
    opened = Journal.open(f"sqlite:///{tmp_path / 'journal.db'}", clock=clock)
    yield opened
    opened.close()


def new_fleet(clock, owns=lambda _: True, reported=lambda _: None) -> Fleet:
    return Fleet("hq", owns, "Asia/Jakarta", clock, reported)


def said(fleet, journal, *arrivals):
    """Events as the ingest hands them on."""
    entries = journal.append(list(arrivals)).entries
    fleet.fold([entry for entry in entries if entry.understood])


def missing(first, last, how="hole", site=SITE):
    return EventsMissing.model_validate(
        {"source": f"/{site}/recorder", "epoch": EPOCH, "from": first, "to": last, "how": how}
    )


def loss_codes(fleet, site=SITE):
    return [one.code for one in fleet.find(site).live.view().troubles if one.about == "events" and one.subject == "recorder"]


def test_settings_are_what_was_heard_until_a_report_comes(clock, journal):
    """Channels and processes in the order of the alphabet."""
    fleet = new_fleet(clock)
    fleet.opened(journal)
    said(fleet, journal, arrival(1, recording("lobby")[0], channel="lobby"), arrival(2, recording("gate")[0], channel="gate"))
    watched = fleet.find(SITE)
    assert [one.id for one in watched.web.facts.channels] == ["gate", "lobby"]
    assert watched.web.facts.expected_processes == ("recorder",)
    assert not watched.known
    said(fleet, journal, arrival(1, REPORT, process="reporter"))
    assert watched.known
    assert [one.id for one in watched.web.facts.channels] == [one.id for one in REPORT.report.channels]
    assert watched.web.facts.timezone == REPORT.report.timezone
    assert watched.live.settings == watched.web.facts.channels


def test_what_is_asked_for_in_vain_is_said_of_its_site_and_taken_back(clock, journal):
    """Of that site alone; one that this process does not know is left out."""
    fleet = new_fleet(clock)
    fleet.opened(journal)
    said(fleet, journal, arrival(1, recording("lobby")[0], channel="lobby"), arrival(1, site="sby-002"))
    said(fleet, journal, arrival(1, missing(2, 9), process="hq", site="hq"))
    clock.step_wall(86_400)
    found = [Unanswered(Source(site, "recorder", EPOCH), 10**15, 10**15 - 1, 8, 0) for site in (SITE, "elsewhere")]
    fleet.set_unanswered(found)
    assert (loss_codes(fleet), loss_codes(fleet, "sby-002")) == (["unanswered"], [])
    fleet.set_unanswered([])
    assert loss_codes(fleet) == ["missing"]


def test_a_site_that_writes_far_too_much_is_said_to_and_taken_back(clock, journal):
    """Of that site alone, since it was seen first; the figure follows."""
    fleet = new_fleet(clock)
    fleet.opened(journal)
    said(fleet, journal, arrival(1, recording("lobby")[0], channel="lobby"), arrival(1, site="sby-002"))
    for events_s in (4_987.0, 5_032.0):
        fleet.set_fast({SITE: events_s, "elsewhere": 90.0})
        clock.advance(10)
    (flood,) = [one for one in fleet.find(SITE).live.view().troubles if one.code == "flood"]
    assert (flood.params, flood.since_ms) == ({"events_s": 5_000.0, "usual_s": 1 / 60}, clock.wall_ns() // 10**6 - 20_000)
    assert loss_codes(fleet, "sby-002") == []
    fleet.set_fast({})
    assert loss_codes(fleet) == []


def test_a_site_that_makes_up_channels_gets_no_more_than_can_be_on_its_page(clock, journal):
    """By what it says of them, and by its report."""
    fleet = new_fleet(clock)
    fleet.opened(journal)
    for first in range(0, 700, 100):
        said(fleet, journal, *(arrival(n + 1, recording(f"c{n}")[0], channel=f"c{n}") for n in range(first, first + 100)))
    watched = fleet.find(SITE)
    assert len(watched.web.facts.channels) == MOST_CHANNELS
    report = REPORT.report
    many = [report.channels[0].model_copy(update={"id": f"d{n}", "name": None}) for n in range(700)]
    processes = tuple(f"p{n}" for n in range(700))
    larger = report.model_copy(update={"channels": tuple(many), "expected_processes": processes})
    facts = reported_facts(REPORT.model_copy(update={"report": larger}), watched.web.facts)
    assert (len(facts.channels), len(facts.expected_processes)) == (MOST_CHANNELS, 100)


def test_report_that_waited_somewhere_does_not_undo_a_newer_one(clock, journal):
    """One that HTTP brought is newer than those that the bridge brings when it is back."""
    fleet = new_fleet(clock)
    fleet.opened(journal)
    older = REPORT.model_copy(update={"report": REPORT.report.model_copy(update={"timezone": "Asia/Tokyo"})})
    said(fleet, journal, arrival(9, REPORT, process="reporter"))
    said(fleet, journal, arrival(2, older, process="reporter"), arrival(1, older, process="reporter"))
    assert fleet.find(SITE).web.facts.timezone == REPORT.report.timezone
    said(fleet, journal, arrival(11, REPORT, process="reporter"), arrival(10, older, process="reporter"))
    assert fleet.find(SITE).web.facts.timezone == REPORT.report.timezone


def test_names_that_did_not_fit_into_a_report_are_those_of_before():
    """A site of 512 channels leaves them out."""
    before = reported_facts(REPORT, heard_facts(SITE, "UTC", (), ()))
    nameless = [one.model_copy(update={"name": None}) for one in REPORT.report.channels]
    shorter = REPORT.report.model_copy(update={"channels": tuple(nameless), "left_out": ("names",)})
    after = reported_facts(REPORT.model_copy(update={"report": shorter}), before)
    assert after.names == before.names


def test_time_zone_that_this_machine_lacks_changes_nothing():
    """Pages of the site have headquarters' zone then."""
    strange = REPORT.report.model_copy(update={"timezone": "Mars/Olympus"})
    assert reported_facts(REPORT.model_copy(update={"report": strange}), heard_facts(SITE, "UTC", (), ())).timezone == "UTC"


def test_losses_are_those_that_headquarters_says(clock, journal):
    """The site's own journal may lack what headquarters holds, and the other way round."""
    fleet = new_fleet(clock)
    fleet.opened(journal)
    said(fleet, journal, arrival(1, missing(5, 9, "gone"), process="web"))
    assert loss_codes(fleet) == []
    said(fleet, journal, arrival(1, missing(2, 3, "gone"), process="hq", site="hq"))
    assert loss_codes(fleet) == ["lost"]
    recovered = EventsRecovered.model_validate(
        {"source": f"/{SITE}/recorder", "epoch": EPOCH, "from": 2, "to": 3, "how": "late"}
    )
    said(fleet, journal, arrival(2, recovered, process="web"))
    assert loss_codes(fleet) == ["lost"]
    said(fleet, journal, arrival(2, recovered, process="hq", site="hq"))
    assert loss_codes(fleet) == []
    assert "hq" not in [one.name for one in fleet.find(SITE).live.view().processes]


def test_restart_gives_the_state_of_before(clock, journal):
    """From snapshots and what came after them, losses and settings included."""
    fleet = new_fleet(clock)
    fleet.opened(journal)
    snapshots = Snapshots(fleet, journal, clock)
    snapshots.begin()
    start_ms = NOW_NS // 1_000_000 - 3_600_000
    said(fleet, journal, arrival(1, recording("lobby")[0], channel="lobby"), *(
        arrival(2 + minute, segment("lobby", start_ms + minute * 60_000)[0], channel="lobby") for minute in range(20)
    ))  # fmt: skip
    said(fleet, journal, arrival(1, missing(40, 41, "gone"), process="hq", site="hq"))
    snapshots.tick()
    clock.advance(EVERY_NS / 1e9)
    snapshots.tick()
    assert journal.newest_snapshot(f"site:{SITE}", 1) is not None
    said(fleet, journal, arrival(22, segment("lobby", start_ms + 20 * 60_000)[0], channel="lobby"), arrival(1, REPORT, process="reporter"))
    again = new_fleet(clock)
    again.opened(journal)
    assert load(again, journal, Event()) is not None
    assert again.find(SITE).live.dump()[1] == fleet.find(SITE).live.dump()[1]
    assert again.find(SITE).web.facts == fleet.find(SITE).web.facts
    assert again.find(SITE).live.view() == fleet.find(SITE).live.view()
    assert [one.site for one in again.sites()] == [SITE]


def test_site_whose_snapshot_is_old_is_read_alone(clock, journal, monkeypatch):
    """The events of the others are not read past for its sake; what is said about it is found too."""
    monkeypatch.setattr(loading, "PASS_ROWS", 5)
    fleet = new_fleet(clock)
    fleet.opened(journal)
    others = ["sby-002", "mdn-003"]
    start_ms = NOW_NS // 1_000_000 - 3_600_000
    said(fleet, journal, arrival(1, recording("lobby")[0], channel="lobby"))
    Snapshots(fleet, journal, clock).tick()
    said(fleet, journal, arrival(2, segment("lobby", start_ms)[0], channel="lobby"), arrival(1, missing(40, 41, "gone"), process="hq", site="hq"))
    for other in others:
        said(fleet, journal, *(arrival(number, segment("gate", start_ms + number * 60_000)[0], channel="gate", site=other) for number in range(1, 9)))
    for other in others:
        journal.save_snapshot(f"site:{other}", 1, journal.newest_position(), fleet.find(other).live.dump()[1])
    read = []
    monkeypatch.setattr(journal, "site_rows", lambda after: read.append(after) or iter(()))
    again = new_fleet(clock)
    again.opened(journal)
    assert load(again, journal, Event()) == 2  # of the site, and of headquarters itself
    assert read == [journal.newest_position()]
    for site in (SITE, *others):
        assert again.find(site).live.dump()[1] == fleet.find(site).live.dump()[1]


def test_silent_sites_are_kept_anew_so_that_old_events_can_go(clock, journal):
    """What an old snapshot lacks would be kept for ever."""
    fleet = new_fleet(clock)
    fleet.opened(journal)
    said(fleet, journal, arrival(1, recording("lobby")[0], channel="lobby"))
    snapshots = Snapshots(fleet, journal, clock)
    snapshots.finish(10**9)
    said(fleet, journal, arrival(1, recording("gate")[0], channel="gate", site="sby-002"))
    for _ in range(2):
        clock.advance(3700)
        snapshots.tick()
    assert journal.newest_snapshot(f"site:{SITE}", 1).position == journal.newest_position()


def test_sites_of_others_are_not_begun(clock, journal):
    """A process folds only its own partition; nonsense is no site; a flood of names stops somewhere."""
    fleet = new_fleet(clock, owns=lambda site: partition_of(site, 2) == 1)
    fleet.opened(journal)
    names = [f"site-{number}" for number in range(20)]
    for name in [*names, "No Site", "../etc", ""]:
        fleet.begin(name)
    assert {one.site for one in fleet.sites()} == {name for name in names if partition_of(name, 2) == 1}


def test_number_of_sites_is_bounded(clock, monkeypatch):
    """Names without end must not fill the memory."""
    monkeypatch.setattr(fleet_module, "MOST_SITES", 3)
    fleet = new_fleet(clock)
    assert [fleet.begin(f"site-{number}") is not None for number in range(5)] == [True, True, True, False, False]
    assert len(fleet.sites()) == 3


def test_site_that_only_beats_is_seen(clock):
    """Its heartbeat is the first that is heard of it."""
    fleet = new_fleet(clock, reported=lambda _: 77)
    beat = Heartbeat.read(dict(Heartbeat.example))
    fleet.hear(SITE, "recorder", beat, NOW_NS // 1_000_000)
    fleet.bridged(SITE, True, 0)
    watched = fleet.find(SITE)
    assert watched.web.facts.expected_processes == ("recorder",)
    assert (watched.link.bridge_up, watched.link.reported_ms) == (True, 77)


def test_every_process_of_a_shared_headquarters_hears_what_the_others_say(clock, tmp_path):
    """The name of headquarters itself falls to no partition."""
    text = "database: 'postgresql+psycopg://saksi@db/saksi'\npartition: {number: 2, of: 3}\nstate_dir: state"
    config = parse_hq(text, file="hq.yaml", folder=tmp_path, environ={})
    owns = new_app(config, clock).hq.fleet.owns
    assert owns("hq")
    assert [owns(f"site-{number}") for number in range(9)] == [partition_of(f"site-{number}", 3) == 2 for number in range(9)]
    assert config.process == "hq-2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("partition: {number: 1, of: 2}", "partition: of must be 1 with SQLite"),
        ("partition: {number: 3, of: 2}", 'partition.of "2": must be at least partition.number'),
        ("database: mysql://db/saksi", "must be sqlite:////PATH or postgresql+psycopg://USER@HOST/NAME"),
        ("database: 'postgresql+psycopg://saksi:secret@db/saksi'", "must hold no password"),
        ("broker: {tls: {ca_file: ca, cert_file: crt}}", "broker.tls.key_file: must stand together with cert_file"),
        ("databse: x", 'unknown key; did you mean "database"?'),
        ("", "is empty; copy deploy/hq.example.yaml"),
        ("- x", "must hold keys such as broker at its top"),
    ],
)
def test_wrong_settings_of_headquarters_are_told_in_words(text, words):
    """One line each, as for a site, and no secret in it."""
    with pytest.raises(ConfigError) as told:
        parse_hq(text, file="hq.yaml", folder=Path("/etc"), environ={})
    assert words in str(told.value)
    assert str(told.value).startswith("hq.yaml")
    assert "secret" not in str(told.value)


def test_password_of_the_database_comes_from_its_file(tmp_path):
    """Whatever characters it holds."""
    (tmp_path / "password").write_text("a/b@c\n")
    for url, whole in (("saksi@db:5/saksi", "saksi:a%2Fb%40c@db:5/saksi"), ("db/saksi", ":a%2Fb%40c@db/saksi")):
        text = f"database: 'postgresql+psycopg://{url}'\ndatabase_password_file: password"
        config = parse_hq(text, file="hq.yaml", folder=tmp_path, environ={})
        assert config.database_url() == f"postgresql+psycopg://{whole}"
        assert "a/b" not in json.dumps(config.model_dump(mode="json"))


def test_event_of_headquarters_is_read_as_about_its_site(clock, journal):
    """An envelope of its own, whose source says the site."""
    fleet = new_fleet(clock)
    payload = Envelope.parse(arrival(1, missing(1, 1), process="hq", site="hq").payload)
    assert fleet.about("hq", payload.to_json()) == SITE
    assert fleet.about(SITE, payload.to_json()) is None
    assert fleet.about("hq", arrival(1, process="hq", site="hq").payload) is None

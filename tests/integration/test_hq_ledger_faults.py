"""One fault after the other between two sites and headquarters: each time its journal ends equal to their outboxes."""

import time

import pytest
from acceptance_support import until
from hq_lab import hq_lab
from lab_ledger import cursor, outbox
from lab_links import Weather

MANY = 1000
"""More events than a kernel holds for a connection: what the killed broker had sent still comes when the link is back."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Two sites and headquarters, each on its host; what a killed broker had not sent on is forgotten."""
    with hq_lab(tmp_path_factory.mktemp("lab"), seed=6, rate=10, site_broker={"autosave_interval": 1800}) as made:
        until(lambda: not made.behind(), 60, made.explain)
        yield made


@pytest.fixture
def site(lab):
    """The site that has the trouble."""
    return lab.sites["jkt-001"]


@pytest.fixture
def other(lab):
    """The site that has none."""
    return lab.sites["sby-002"]


def held_of(lab, site) -> int:
    """How many events of a site headquarters has."""
    return sum(settled for (name, *_), (settled, _) in lab.progress().items() if name == site.name)


def test_events_of_two_sites_are_held_and_acked(lab) -> None:
    """The acks come back over the bridges, so that outboxes can let go of what headquarters has."""
    held = lab.prove()
    assert {key.site for key in held.events} == {"hq", *lab.sites}
    for site in lab.sites.values():
        for path in site.outbox_paths():
            until(lambda path=path: cursor(path)[1] >= len(outbox(path)) - 1, 60, lab.explain)


def test_a_link_that_is_cut_delays_its_own_site_alone(lab, site, other) -> None:
    """What was told meanwhile comes when the link is back."""
    for away_s in (0.3, 4):
        site.link.cut()
        before = held_of(lab, other)
        time.sleep(away_s)
        until(lambda before=before: held_of(lab, other) > before, 30, lab.explain)
        site.link.mend()
        time.sleep(1)
    lab.prove()


def test_a_link_that_swallows_everything_is_given_up_and_dialled_again(lab, site, other) -> None:
    """Nobody is told that the connection is dead: both ends find out by themselves."""
    site.link.blackhole()
    before = held_of(lab, other)
    time.sleep(9)
    assert held_of(lab, other) > before
    assert lab.behind()
    lab.prove()


def test_a_link_that_delays_loses_and_throttles_loses_no_event(lab, site) -> None:
    """Packets are lost, late and out of order; one bulk of events goes over it all the same."""
    site.link.slow(Weather(delay_s=0.15, jitter_s=0.05, loss=0.03, bytes_a_second=40_000))
    site.tell_all("append 200")
    time.sleep(4)
    lab.prove()


def test_a_site_broker_killed_with_a_backlog_costs_no_event(lab, site) -> None:
    """It had said "accepted" to all of it, and forgets it: headquarters finds the holes and asks."""
    site.link.cut()
    accepted = {path: cursor(path)[0] for path in site.outbox_paths()}
    site.tell_all(f"append {MANY}")
    until(lambda: all(cursor(path)[0] >= before + MANY for path, before in accepted.items()), 60, lab.explain)
    site.broker.kill()
    site.broker.start()
    held = lab.prove()
    told = [said for said in held.said("events_missing", "hq") if said["source"].startswith("/jkt-001/")]
    assert told  # not of all: one request also brings what follows and is not overdue yet
    assert not held.lost


def test_headquarters_broker_killed_twice_costs_no_event(lab) -> None:
    """With what it had accepted from the sites and not handed on."""
    for _ in range(2):
        lab.kill_and_start(lab.brokers[0], away_s=0.5)
        time.sleep(1)
    lab.prove()


def test_headquarters_process_killed_at_any_moment_holds_every_event_once(lab) -> None:
    """Also right after it listens again, while what had waited comes in."""
    for after_s in (0.0, 0.7):
        lab.set_rate(100)
        time.sleep(1)
        lab.kill_and_start(lab.hq)
        time.sleep(after_s)
    lab.prove()


def test_processes_of_a_site_killed_go_on_with_the_next_number(lab, site) -> None:
    """Their outboxes stay, so their epochs do."""
    epochs = {key[:3] for path in site.outbox_paths() for key in outbox(path)}
    for process in site.processes.values():
        lab.kill_and_start(process)
        time.sleep(0.5)
    lab.prove()
    assert {key[:3] for path in site.outbox_paths() for key in outbox(path)} == epochs


def test_a_deleted_outbox_has_its_undelivered_events_named_as_lost(lab, site) -> None:
    """They lay in the outbox and in the memory of the site's broker, and both are gone: nobody can bring them."""
    lab.prove()
    before = cursor(site.outbox_path("recorder"))[0]
    site.link.cut()
    site.processes["recorder"].tell(f"append {MANY}")
    until(lambda: cursor(site.outbox_path("recorder"))[0] >= before + MANY, 60, lab.explain)
    site.processes["recorder"].stop()
    ended = lab.delete_outbox(site, "recorder")
    site.broker.kill()
    held = lab.prove()
    gone = {key.sequence for key in lab.buried if key not in held.events}
    assert len(gone) >= MANY / 4
    assert held.lost == {ended: gone}
    said = [one for one in held.said("events_missing", "hq") if one["how"] == "gone"]
    assert {number for one in said for number in range(one["from"], one["to"] + 1)} == gone
    assert {(one["source"], one["epoch"]) for one in said} == {("/jkt-001/recorder", ended[2])}


def test_a_wrong_access_list_at_headquarters_costs_no_event(lab) -> None:
    """It denies the events and says so to the bridges, which throw them away."""
    path = lab.brokers[0].folder / "acl"
    right = path.read_text()
    rule = "pattern write cctv/%u/event/#\n"
    assert rule in right
    path.write_text(right.replace(rule, ""))
    lab.brokers[0].reload()
    time.sleep(3)
    before = {key: settled for key, (settled, _) in lab.progress().items() if key[0] != "hq"}
    time.sleep(1)
    assert before == {key: settled for key, (settled, _) in lab.progress().items() if key[0] != "hq"}
    path.write_text(right)
    lab.brokers[0].reload()
    lab.prove()


def test_clocks_that_step_reorder_and_lose_nothing(lab, site) -> None:
    """An hour back and two forward, at a process that goes on telling."""
    for step_s in (-3600, 7200):
        site.processes["retention"].tell(f"clock {step_s}")
        time.sleep(1)
    lab.prove()
    site.processes["retention"].tell("clock -3600")


def test_headquarters_broker_reloaded_and_stopped_in_order_loses_nothing(lab) -> None:
    """What is done to it on an ordinary day."""
    lab.brokers[0].reload()
    assert lab.hq.stop() == 0
    lab.brokers[0].stop()
    time.sleep(1)
    lab.prove()

"""The fleet's page and its API over HTTP, over sites that are made up: empty, deaf, shared out, asked wrongly."""

import json

import httpx
import jsonschema
import pytest
from acceptance_support import until
from fleet_site import MINUTE_MS, STORIES, MadeUpFleet, running_fleet

from edge.hq.fleet_page import Partition
from edge.state.fleet import Refusals


def serve(tmp_path, fleet, **options):
    return running_fleet(tmp_path, fleet, **options)


def get(running, path="/", **headers):
    return httpx.get(running.url + path, trust_env=False, timeout=30, headers={"accept": "text/html", **headers})


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One site of every story, and one that is well."""
    fleet = MadeUpFleet(ahead_ms=3_600_000)
    for story in (*STORIES, "unheard"):
        fleet.add(f"site-{story.replace('_', '-')}", story=story)
    fleet.beat_all()
    with running_fleet(tmp_path_factory.mktemp("fleet"), fleet) as running:
        yield running


def test_every_story_is_diagnosed(running):
    """What happened to each site is what the fleet says of it."""
    told = {
        "well": "none", "link": "link", "provider": "link", "box": "box", "broker": "broker", "stopped": "stopped",
        "recorder": "process", "validator": "process", "offline": "camera", "offline_all": "camera", "black": "camera",
        "full": "disk", "missing": "none", "lost": "none", "flood": "events", "unheard": "unheard",
    }  # fmt: skip
    found = {one["site"]: one["fault"] for one in get(running, "/api/sites").json()["sites"]}
    assert found == {f"site-{story.replace('_', '-')}": fault for story, fault in told.items()}


def test_site_that_writes_far_too_much_is_told_in_its_line(running):
    """With how much that is and what is usual."""
    said = "This site has written 5,000 events a second since "
    assert said in get(running, "/?q=site-flood").text
    assert "0.07 is usual for its channels" in get(running, "/?q=site-flood").text


def test_answers_keep_the_schema_that_is_published(running):
    """Every field of every site, checked against the OpenAPI document."""
    document = get(running, "/schema/openapi.json").json()
    answer = document["paths"]["/api/sites"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    schema = {**answer, "components": document["components"]}
    for query in ("", "?state=trouble", "?q=nowhere", "?page=9"):
        jsonschema.validate(get(running, f"/api/sites{query}").json(), schema)


@pytest.mark.parametrize("query", ["state=nonsense", "page=0", "page=x", "q=" + "a" * 101])
@pytest.mark.parametrize("path", ["/api/sites", "/"])
def test_what_cannot_be_asked_is_refused_with_words(running, path, query):
    """4xx, and which of the parameters."""
    answer = get(running, f"{path}?{query}", accept="application/json")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(query.partition("=")[0])


def test_stream_tells_when_something_is_seen_differently(running):
    """And how many sites are well."""
    with httpx.stream("GET", f"{running.url}/api/fleet/stream", timeout=30, trust_env=False) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        first = next(json.loads(line[6:]) for line in lines if line.startswith("data: "))
        assert first["sites"] == len(running.fleet.held)
        running.fleet.add("site-new", channels=1)
        second = next(json.loads(line[6:]) for line in lines if line.startswith("data: "))
        assert (second["sites"], second["well"]) == (first["sites"] + 1, first["well"] + 1)
    del running.summaries._lines["site-new"], running.fleet.held["site-new"]


def test_fleet_without_sites_says_how_one_comes_in(tmp_path):
    """And has nothing to filter."""
    with serve(tmp_path, MadeUpFleet()) as running:
        page = get(running).text
        assert "No site has been heard yet." in page
        assert 'id="filter"' not in page
        assert get(running, "/api/sites").json()["sites"] == []


def test_what_has_no_place_in_a_list_is_counted(tmp_path):
    """Of refused messages the sites with most, of lost events the first twenty, and how many more there are."""
    fleet = MadeUpFleet(ahead_ms=300_000)
    for number in range(23):
        fleet.add(f"site-{number:02d}", story="lost", channels=1)
    fleet.refusals = Refusals(tuple((f"bad-{number:02d}", 9) for number in range(14)), ())
    fleet.beat_all()
    with serve(tmp_path, fleet) as running:
        text = get(running).text
    assert "bad-09: 9, 4 more" in text
    assert '<a href="/?state=incomplete">3 more</a>' in text


def test_hq_that_hears_nobody_blames_itself(tmp_path):
    """The sites are shown as they were, and none of them is called down."""
    fleet = MadeUpFleet()
    fleet.add("jkt-001", channels=1)
    with serve(tmp_path, fleet) as running:
        fleet.deaf_since_ms = fleet.now_ms() - 5 * MINUTE_MS
        until(lambda: "own broker has been away since" in get(running).text)
        found = until(lambda: (one := get(running, "/api/sites").json()["sites"][0])["fault"] == "unseen" and one)
        assert found["status"] == "waiting"


def test_part_of_a_fleet_says_so_and_leads_to_the_others(tmp_path):
    """Where several processes share the sites."""
    share = Partition(2, 3, {1: "https://hq1.example", 3: "https://hq3.example"})
    with serve(tmp_path, MadeUpFleet(), partition=share) as running:
        page = get(running).text
        assert "3 processes share the sites; this page comes from number 2." in page
        assert page.index("https://hq1.example") < page.index("https://hq3.example")

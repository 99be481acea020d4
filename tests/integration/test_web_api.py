"""The API of a site over HTTP: the real application and journal, without a broker."""

import json
import time
from itertools import pairwise

import httpx
import pytest
from acceptance_support import until
from web_site import NAME, RunningSite, recording, running_site, segment, started, stopped

from edge.events.catalog import SiteReported


@pytest.fixture
def site(tmp_path):
    """A site of four channels of which three record."""
    with running_site(tmp_path) as site:
        site.say((started(), None))
        site.beat_all()
        now_ms = site.now_ms()
        start_ms = (now_ms // 60_000 - 10) * 60_000
        site.say(*(recording(f"cam{number}") for number in range(4)), at_ms=start_ms)
        for number in range(4):
            site.say(*(segment(f"cam{number}", start_ms + minute * 60_000) for minute in range(10)))
        site.say(stopped("cam3"))
        yield site


def get(site: RunningSite, path: str, **options) -> httpx.Response:
    with site.client() as client:
        return client.get(path, **options)


def test_site_document_tells_the_whole_state(site):
    """What is recorded and what is not stands in one document."""
    document = get(site, "/api/site").json()
    assert document["site"] == "jkt-001"
    assert document["status"] == "degraded"
    assert [
        (one["about"], one["subject"], one["code"]) for one in document["reasons"]
    ] == [("channel", "cam3", "unreachable")]
    assert document["totals"] == {"total": 4, "recording": 3, "invalid": 0, "offline": 1, "off": 0, "unknown": 0}
    assert [one["id"] for one in document["channels"]] == ["cam3", "cam0", "cam1", "cam2"]
    assert document["channels"][1]["name"] == NAME
    assert site.live.position == document["position"]


def test_report_is_the_document_that_headquarters_gets(site):
    """Every channel in the order of the configuration, in the model of `site_reported`."""
    answer = get(site, "/api/report")
    assert answer.headers["content-type"] == "application/json"
    said = SiteReported.read(answer.json())
    assert [one.id for one in said.report.channels] == [f"cam{number}" for number in range(4)]
    assert [one.status for one in said.report.channels] == ["recording"] * 3 + ["offline"]
    assert (said.status, said.report.timezone, said.report.left_out) == ("degraded", "Asia/Jakarta", ())
    assert {one.process: one.missing for one in said.report.events} == {"recorder": 0}


def test_channel_and_its_parts_are_found_and_others_are_not(site):
    """A channel of the configuration has its address; any other is a problem that names the list."""
    assert get(site, "/api/channels/cam0").json()["status"] == "recording"
    answer = get(site, "/api/channels/cam9")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "/api/channels lists" in answer.json()["detail"]


def test_coverage_accounts_for_every_moment(site):
    """The spans of a range follow each other without a hole, and their seconds add up."""
    document = get(site, "/api/channels/cam1/coverage").json()
    spans = document["spans"]
    assert document["from"] == spans[0]["start"]
    assert document["to"] == spans[-1]["end"]
    assert all(one["end"] == other["start"] for one, other in pairwise(spans))
    assert pytest.approx(sum(document["totals_s"].values()), abs=0.01) == 86_400
    assert 600 <= document["totals_s"]["recorded"] < 700


@pytest.mark.parametrize(
    ("query", "words"),
    [
        pytest.param("from=yesterday", "from: must be a time as 2026-11-23T02:22:00Z", id="no-time"),
        pytest.param("to=2026-02-30T00:00:00Z", "to: must be a time", id="no-such-day"),
        pytest.param("from=1970-01-01T00:00:00Z", "between the years 2000 and 2100", id="long-ago"),
        pytest.param("from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "must be later than from", id="empty"),
        pytest.param("from=2025-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "at most 62 days", id="too-long"),
    ],
)
def test_wrong_ranges_are_refused_with_the_rule(site, query, words):
    """A range that cannot be is answered with what would be right."""
    answer = get(site, f"/api/channels/cam1/coverage?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert words in answer.json()["detail"]


def test_times_may_have_any_offset_and_an_unescaped_plus(site):
    """`+07:00` in an address arrives as a space, and is understood."""
    query = "from=2026-11-23T09:00:00+07:00&to=2026-11-23T03:00:00Z"
    document = get(site, f"/api/channels/cam1/coverage?{query}").json()
    assert (document["from"], document["to"]) == ("2026-11-23T02:00:00.000Z", "2026-11-23T03:00:00.000Z")


def test_recordings_come_in_pages_with_their_hashes(site):
    """Following `next` gives every segment once, oldest first."""
    path, found = "/api/channels/cam1/recordings?limit=3", []
    while path:
        page = get(site, path).json()
        found += page["recordings"]
        path = page["next"]
    starts = [one["start"] for one in found]
    assert len(found) == 10
    assert sorted(set(starts)) == starts
    assert {"recorded"} == {one["state"] for one in found}
    assert all(len(one["sha256"]) == 64 for one in found)


def test_events_come_newest_first_or_follow_a_position(site):
    """Without `after` the newest come first, with it the oldest after it."""
    newest = get(site, "/api/events?limit=2").json()
    assert [site.live.position, site.live.position - 1] == [one["position"] for one in newest["events"]]
    following = get(site, "/api/events?after=3&limit=2").json()
    assert [one["position"] for one in following["events"]] == [4, 5]
    assert following["next"] == "/api/events?after=5&limit=2"
    assert get(site, f"/api/events?after={site.live.position}").json() == {"events": [], "next": None}


def test_events_are_found_by_type_and_channel(site):
    """Filters are repeatable and hold for every page."""
    path, found = "/api/events?type=segment_written&type=recording_stopped&channel=cam3&limit=4", []
    while path:
        page = get(site, path).json()
        found += page["events"]
        path = page["next"]
    assert [one["event"]["type"].split(".")[1] for one in found] == ["recording_stopped"] + 10 * ["segment_written"]
    assert {"cam3"} == {one["event"]["subject"] for one in found}


def test_event_is_passed_on_as_it_came(site):
    """The envelope in a page is the one in the journal, byte for byte."""
    (entry,) = site.app.site.journal.entries(limit=1, newest_first=True)
    assert entry.payload in get(site, "/api/events?limit=1").content


def test_completeness_names_what_is_missing(site):
    """A hole in the numbers of a process is said with its bounds."""
    site.sequences["recorder"] += 3
    last = site.sequences["recorder"]
    site.say(stopped("cam2"))
    (source,) = get(site, "/api/completeness").json()["sources"]
    assert ("/jkt-001/recorder", last - 3) == (source["source"], source["contiguous_to"])
    assert [[last - 2, last]] == source["missing"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("/api/events?limit=0", "limit", id="limit-too-small"),
        pytest.param("/api/events?limit=1001", "limit", id="limit-too-large"),
        pytest.param("/api/events?limit=many", "limit", id="limit-is-no-number"),
        pytest.param("/api/events?type=A%20B", "type", id="type-that-cannot-be"),
        pytest.param("/api/events?channel=%00", "channel", id="channel-that-cannot-be"),
        pytest.param("/api/events/stream?type=A%20B", "type", id="type-of-stream-that-cannot-be"),
        pytest.param("/api/events/stream?after=x", "after", id="position-of-stream-that-is-no-number"),
        pytest.param("/api/events?after=-1", "after", id="negative-position"),
        pytest.param("/api/events?after=99999999999999999999", "after", id="position-beyond-64-bits"),
    ],
)
def test_wrong_queries_are_problems_that_name_the_parameter(site, path, words):
    """A query that cannot be is 400, and says which parameter is wrong."""
    answer = get(site, path)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(words)


def test_health_is_open_and_says_what_is_wrong(site):
    """Whoever watches the site from outside sees status and reasons without logging in."""
    document = get(site, "/health").json()
    assert document["status"] == "degraded"
    assert document["processes"]["recorder"] == "online"
    assert document["reasons"][0]["code"] == "unreachable"
    assert get(site, "/health/recorder").status_code == 200
    assert get(site, "/health/web").status_code == 200
    assert get(site, "/health/nobody").status_code == 404


def test_metrics_are_read_by_the_parser_of_prometheus(site):
    """What is scraped parses, and names every channel."""
    from prometheus_client.parser import text_string_to_metric_families

    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(get(site, "/metrics").text)
        for sample in family.samples
    }
    assert found["saksi_channel_status", "cam0", "recording"] == 1
    assert found["saksi_channel_status", "cam3", "offline"] == 1
    assert found["saksi_process_online", "recorder"] == 1


def test_head_is_answered_without_a_body(site):
    """HEAD gives the headers of GET for pages, API and the endless stream."""
    with site.client() as client:
        for path in ("/health", "/api/site", "/api/events/stream"):
            answer = client.head(path)
            assert (answer.status_code, answer.content) == (200, b"")


def test_answers_carry_their_protection(site):
    """No answer may be framed, sniffed or kept by a cache, and none runs foreign script."""
    headers = get(site, "/api/site").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert tuple(
        headers[name] for name in ("x-content-type-options", "referrer-policy", "cache-control")
    ) == ("nosniff", "same-origin", "no-store")


def test_foreign_host_name_is_refused_where_nobody_logs_in(site):
    """A page of another site cannot read this one through a name of its own (DNS rebinding)."""
    assert get(site, "/api/site", headers={"host": "evil.example"}).status_code == 421
    assert get(site, "/health", headers={"host": "evil.example:80"}).status_code == 421
    assert get(site, "/health", headers={"host": "LOCALHOST"}).status_code == 200
    assert get(site, "/health", headers={"host": "[::1]:8080"}).status_code == 200


def test_site_that_starts_says_so(tmp_path):
    """Before the events are read, health is 503 and everything else says when to ask again."""
    with running_site(tmp_path, ready=False) as site:
        health, document = get(site, "/health"), get(site, "/api/site")
        assert (health.status_code, health.json()["status"]) == (503, "starting")
        assert (document.status_code, document.headers["retry-after"]) == (503, "2")
        assert document.json()["type"].endswith(":starting")
        assert get(site, "/api/events").status_code == 503
        assert get(site, "/api/events/stream").status_code == 503
        assert "saksi_ready 0.0" in get(site, "/metrics").text
        site.ready(tmp_path / "state")
        assert get(site, "/api/site").status_code == 200


def quickly(site, path: str) -> httpx.Response | None:
    """The answer, None where it took two seconds."""
    began_s = time.perf_counter()
    answer = get(site, path, headers={"accept": "text/html"})
    assert answer.status_code == 200
    return answer if time.perf_counter() - began_s < 2 else None


def test_ten_thousand_events_and_markup_in_names_leave_pages_quick_and_safe(tmp_path):
    """A long history costs a page nothing, and a name is never markup."""
    with running_site(tmp_path) as site:
        now_ms = site.now_ms()
        events = [recording("cam0"), stopped("cam0")]
        for _ in range(10):
            site.say(*(500 * events), at_ms=now_ms - 60_000)
        for path in ("/", "/events", "/channels/cam0", "/api/events?limit=1000", "/api/site"):
            answer = until(lambda path=path: quickly(site, path))
            if answer.headers["content-type"].startswith("text/html"):
                assert "<script>alert" not in answer.text


def test_page_of_errors_is_for_people_and_problems_are_for_programs(site):
    """A browser gets a page, a program problem+json, at the same address."""
    page = get(site, "/nowhere", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["content-type"].startswith("text/html")) == (404, True)
    problem = get(site, "/nowhere")
    assert (problem.status_code, problem.headers["content-type"]) == (404, "application/problem+json")


def test_openapi_document_holds_every_address_of_the_api(site):
    """What is documented is what there is."""
    document = get(site, "/schema/openapi.json").json()
    assert {
        "/health", "/health/{process}", "/metrics", "/api/site", "/api/channels", "/api/channels/{channel_id}",
        "/api/channels/{channel_id}/coverage", "/api/channels/{channel_id}/recordings", "/api/processes", "/api/disk",
        "/api/livestreams", "/api/events", "/api/events/stream", "/api/completeness", "/api/report",
    } <= set(document["paths"])  # fmt: skip
    assert "https://" not in json.dumps(document)
    assert "/api/events/stream" in get(site, "/schema").text

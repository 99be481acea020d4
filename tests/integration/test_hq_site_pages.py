"""A site's pages as headquarters serves them over HTTP: links that lead somewhere, filters that say what they filter."""

import re

import pytest
from hq_running import running_hq
from web_site import recording, segment, started

from edge.events.catalog import RecordingStopped, SiteReported

STOPPED = RecordingStopped.read(RecordingStopped.example)


@pytest.fixture(scope="module")
def hq(tmp_path_factory):
    """A site that reported its channels, and speaks of one that is none of them."""
    with running_hq(tmp_path_factory.mktemp("hq")) as hq:
        start_ms = hq.now_ms() // 60_000 * 60_000
        hq.say("jkt-001", (SiteReported.read(SiteReported.example), None), process="reporter")
        hq.say("jkt-001", (started(), None), recording("lobby"), segment("lobby", start_ms - 60_000), (STOPPED, "taken-out"))
        hq.beat("jkt-001", "recorder")
        hq.refresh()
        yield hq


def page(hq, path, **headers):
    with hq.client(headers={"accept": "text/html", **headers}) as client:
        return client.get(path)


def links(text):
    return re.findall(r'<a [^>]*href="(/[^"]*)"', text)


@pytest.mark.parametrize("path", ["/sites/jkt-001", "/sites/jkt-001/events?type=all", "/sites/jkt-001/channels/lobby", "/"])
def test_every_link_leads_somewhere(hq, path):
    """Also where events speak of a channel that is not configured any more: it is named, with no page to lead to."""
    text = page(hq, path).text
    assert links(text)
    assert [link for link in links(text) if page(hq, link.replace("&amp;", "&")).status_code != 200] == []
    assert ("taken-out" in text) == (path.endswith(("jkt-001", "all")))


@pytest.mark.parametrize("query", ["channel=taken-out", "type=made_up"])
def test_filter_for_what_is_not_known_shows_itself(hq, query):
    """Not `All channels` over a list of one."""
    text = page(hq, f"/sites/jkt-001/events?{query}").text
    assert f"<option selected>{query.partition('=')[2]}</option>" in text
    assert len(re.findall(r"<option[^>]* selected", text)) == (2 if query.startswith("channel") else 1)


def test_day_before_the_first_recording_is_not_called_whole(hq):
    """Nothing of it is known."""
    text = page(hq, "/sites/jkt-001/channels/lobby?day=2020-01-01").text
    assert "This day was before the first recording." in text
    assert "Nothing is missing" not in text


def test_login_names_the_file_of_headquarters(tmp_path):
    """Whoever looks for `edge.yaml` there finds none."""
    with running_hq(tmp_path, web="tokens: {scraper: {token_file: token, role: viewer}}") as hq:
        text = page(hq, "/login").text
    assert "hq.yaml names no users" in text
    assert "edge.yaml" not in text

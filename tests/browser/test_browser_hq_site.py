"""The pages of a site as headquarters shows them, in a browser: whole without pictures, live, and among themselves."""

import pytest
from hq_running import running_hq
from playwright.sync_api import expect
from watched_page import overflow
from web_site import recording, segment, started, stopped

from edge.events.catalog import EventsMissing

SEEN_MS = 30_000


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Headquarters with two sites of four channels."""
    with running_hq(tmp_path_factory.mktemp("hq")) as hq:
        start_ms = hq.now_ms() // 60_000 * 60_000
        for name in ("jkt-001", "sby-002"):
            hq.say(name, (started(), None), *(recording(f"cam{number}") for number in range(4)))
            hq.say(name, *(segment(f"cam{number}", start_ms - 60_000 * left) for number in range(4) for left in range(60, 0, -1)))
            hq.beat(name, "recorder", "retention", "web")
        hq.refresh()
        yield hq


@pytest.mark.parametrize("width", [360, 1280, 3840])
@pytest.mark.parametrize("path", ["/sites/jkt-001", "/sites/jkt-001/channels/cam1", "/sites/jkt-001/events"])
def test_page_fits_and_has_no_empty_places(watch, path, width):
    """No picture, none that is missing, nothing to fill in that headquarters cannot do."""
    page = watch.open(path, viewport={"width": width, "height": 900})
    assert overflow(page) == 0
    expect(page.locator("#page img")).to_have_count(0)
    expect(page.locator("form[method=post]")).to_have_count(0)


def test_links_stay_with_the_site(site, watch):
    """From the fleet to a site, a channel and its events, and back."""
    page = watch.open("/")
    page.click("a[href='/sites/jkt-001']")
    page.click("#tile-cam2 a")
    expect(page.locator("h1")).to_have_text("cam2")
    page.click("#events h2 a")
    assert page.url == f"{site.url}/sites/jkt-001/events?channel=cam2"
    page.click("nav >> text=All sites")
    expect(page.locator("#sites tbody tr")).to_have_count(2)


def test_page_follows_its_site_and_tells_what_is_lost(site, watch):
    """A camera that goes, and events that nobody has any longer, are seen without loading the page again."""
    page = watch.open("/sites/jkt-001")
    other = watch.open("/sites/sby-002")
    expect(page.locator("#sentence")).not_to_contain_text("offline")
    site.say("jkt-001", stopped("cam3"))
    expect(page.locator("#tile-cam3")).to_have_class("tile offline", timeout=SEEN_MS)
    lost = EventsMissing.model_validate(
        {"source": "/jkt-001/recorder", "epoch": "01KAQFYK00N8TG6ZQ3V5M7W9XA", "from": 900, "to": 904, "how": "gone"}
    )
    site.say("hq", (lost, None), process="hq")
    expect(page.locator("#others")).to_contain_text("5 events of recorder are lost for ever", timeout=SEEN_MS)
    expect(other.locator("#page")).not_to_contain_text("lost for ever")

"""The page of `edge demo` in a browser: four channels, a camera that fails and comes back, and all that must not break."""

import re
import shutil
import time
from itertools import pairwise

import pytest
from acceptance_support import until
from playwright.sync_api import expect
from watched_page import broken_pictures, overflow, running_demo

pytestmark = pytest.mark.alone  # the demo looks for the ports that everybody knows

CHANNELS = {"lobby": "Lobby", "gate": "Gate", "warehouse": "Warehouse", "parking": "Parking"}
SEEN_S = 30
BACK_S = 60
WELL = "All is well: all 4 channels are recording."


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The demo, once all four cameras are recorded."""
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    with running_demo(tmp_path_factory.mktemp("demo") / "demo") as demo:
        until(lambda: demo.health()["status"] == "ok", 60, demo.command.said)
        yield demo


def left_ms(deadline_s: float) -> float:
    return max(1.0, 1000 * (deadline_s - time.monotonic()))


def all_well(page, within_s: float = BACK_S) -> None:
    expect(page.locator("li.tile.recording")).to_have_count(4, timeout=1000 * within_s)
    expect(page.locator("#sentence")).to_contain_text(WELL, timeout=1000 * within_s)


def test_page_shows_four_channels_recording_with_their_pictures(site, watch):
    """One sentence, four tiles with pictures, disk, processes and events, all from this host alone."""
    page = watch.open()
    all_well(page)
    for channel, name in CHANNELS.items():
        tile = page.locator(f"#tile-{channel}")
        expect(tile).to_contain_text(name)
        expect(tile.locator("img")).to_be_visible()
        until(lambda channel=channel: page.evaluate(f"document.querySelector('#tile-{channel} img').naturalWidth") == 640)
    assert broken_pictures(page) == []
    for process in ("recorder", "web"):
        expect(page.locator(f"#process-{process}")).to_contain_text("online")
    expect(page.locator("#events li").first).to_be_visible()
    assert page.title() == "demo-001: well"
    assert site.get("/health").status_code == 200


def test_camera_switched_off_is_seen_everywhere_within_15_s_and_comes_back_by_itself(site, watch):
    """Tile, sentence, health, list of events and channel page say it without a reload; then all is well again."""
    page, channel = watch.open("/"), watch.open("/channels/lobby")
    all_well(page)
    for each in (page, channel):
        each.evaluate("window.stayed = true")
    began_s = time.monotonic()
    site.fault("lobby", "refuse")
    try:
        deadline_s = began_s + SEEN_S
        expect(page.locator("#tile-lobby")).to_have_class(re.compile(r"\boffline\b"), timeout=left_ms(deadline_s))
        took_s = time.monotonic() - began_s
        expect(page.locator("#sentence")).to_contain_text("Lobby", timeout=left_ms(deadline_s))
        expect(page.locator("#sentence")).to_contain_text("3 of 4 channels are recording", timeout=left_ms(deadline_s))
        first = page.locator("#tiles > li").first  # trouble sorts first
        expect(first).to_have_attribute("id", "tile-lobby", timeout=left_ms(deadline_s))
        expect(page.locator("#events li a", has_text="Lobby").first).to_be_visible(timeout=left_ms(deadline_s))
        expect(channel.locator("#named")).to_have_class(re.compile(r"\boffline\b"), timeout=left_ms(deadline_s))
        health = until(lambda: (found := site.health())["status"] == "degraded" and found, SEEN_S)
        assert (health["channels"]["recording"], health["channels"]["offline"]) == (3, 1)
        events = site.get("/api/events", params={"channel": "lobby", "type": "recording_stopped"}).json()
        assert events["events"]
        assert time.monotonic() < deadline_s
        assert "needs attention" in page.title()
        log = watch.open("/events?channel=lobby")
        expect(log.locator("#log tbody tr.day + tr")).to_contain_text("Lobby")
    finally:
        mended_s = time.monotonic()
        site.fault("lobby", "clear")
    all_well(page)
    expect(channel.locator("#named")).to_have_class(re.compile(r"\brecording\b"), timeout=1000 * BACK_S)
    expect(channel.locator("#not-recorded tbody tr")).to_have_count(1, timeout=1000 * BACK_S)
    until(lambda: site.health()["status"] == "ok")
    assert page.evaluate("window.stayed")
    assert channel.evaluate("window.stayed")
    print(f"offline on the page after {took_s:.1f} s, all well {time.monotonic() - mended_s:.1f} s after it was mended")


def test_page_without_script_is_whole(site, watch):
    """Everything is read, followed, filtered and translated without a line of script; the page loads itself again."""
    page = watch.open(java_script_enabled=False)
    expect(page.locator("#sentence")).to_contain_text(WELL)
    expect(page.locator("li.tile.recording")).to_have_count(4)
    assert page.locator("noscript").count() == 1
    assert 'http-equiv="refresh"' in page.content()
    page.locator("#tile-gate a").click()
    expect(page.locator("h1")).to_contain_text("Gate")
    expect(page.locator("#facts")).to_contain_text("H.264")
    expect(page.locator("#line")).to_be_visible()
    page.locator("#events h2 a").click()
    expect(page).to_have_url(re.compile(r"/events\?channel=gate$"))
    page.locator("select[name=type]").select_option("recording_started")
    page.locator("#filter button").click()
    expect(page.locator("#log")).to_contain_text("Gate")
    page.locator("a[hreflang=id]").click()
    expect(page.locator("html")).to_have_attribute("lang", "id")
    page.locator("header a.brand").click()
    expect(page.locator("html")).to_have_attribute("lang", "id")
    expect(page.locator("#sentence")).not_to_contain_text("All is well")


def test_pictures_are_renewed_while_somebody_looks(site, watch):
    """Each about every 10 s, one after the other, never blank; the page's own changes leave them alone."""
    page = watch.open()
    all_well(page)
    asked = []
    page.on("request", lambda request: asked.append((time.monotonic(), request.url)) if "snapshot" in request.url else None)
    page.evaluate("""() => {
        window.blank = 0;
        const look = new MutationObserver((all) => all.forEach(({target}) => { window.blank += !target.naturalWidth; }));
        for (const one of document.querySelectorAll(".picture img")) look.observe(one, {attributes: true});
    }""")

    def times_of(channel) -> list[float]:
        return [at_s for at_s, url in asked if f"/channels/{channel}/" in url]

    def renewed_in_turn() -> bool:
        page.wait_for_timeout(200)  # its requests are told of meanwhile
        counts = [len(times_of(channel)) for channel in CHANNELS]
        return min(counts) >= 1 and max(counts) >= 2

    until(renewed_in_turn, 90)
    until(lambda: page.evaluate("[...document.querySelectorAll('.picture img')].every((one) => one.src.startsWith('blob:'))"))
    assert page.evaluate("window.blank") == 0
    for channel in CHANNELS:
        assert all(later - earlier > 5 for earlier, later in pairwise(times_of(channel)))
    assert broken_pictures(page) == []


def test_footage_is_protected_and_let_go_without_script(site, watch):
    """The form of a channel's page, the line of its day, and the list, for whoever may."""
    page = watch.open("/channels/warehouse", java_script_enabled=False)
    page.locator("#protect summary").click()
    page.locator("input[name=start]").fill("00:00:01")
    page.locator("input[name=end]").fill("00:00:00")
    page.locator("input[name=note]").fill("pallet <b>broken</b>")
    page.locator("form.protect button").click()
    expect(page).to_have_url(re.compile(r"/channels/warehouse\?day=[-0-9]+(&problem=empty)?#protected$"))
    expect(page.locator("#protected li")).to_contain_text("pallet <b>broken</b>")
    expect(page.locator("svg.kept rect")).to_have_count(1)
    other = watch.open("/channels/warehouse")
    expect(other.locator("#protected li")).to_have_count(1)
    other.evaluate("window.stayed = true")
    page.locator("#protected li summary").click()
    page.locator("#protected li button").click()
    expect(page.locator("#protected li")).to_have_count(0)
    expect(other.locator("#protected li")).to_have_count(0)
    assert other.evaluate("window.stayed")


def test_what_the_reader_holds_stays_while_the_page_changes(site, watch):
    """An element in focus keeps it, and is the same element, when events come in and the list moves on."""
    page = watch.open()
    all_well(page)
    link = page.locator("#events h2 a")
    link.focus()
    page.evaluate("window.held = document.activeElement")
    newest = page.locator("#events li").first.get_attribute("id")
    site.fault("gate", "drop")
    expect(page.locator("#events li").first).not_to_have_attribute("id", newest, timeout=1000 * SEEN_S)
    assert page.evaluate("document.activeElement === window.held && window.held.isConnected")
    all_well(page)


def test_page_goes_on_by_itself_after_the_web_process_was_killed(site, watch):
    """kill -9: the supervisor starts it again, the page finds it, and shows what happened since, without a reload."""
    watch.expected = lambda complaint: not complaint.startswith(("script", "another host"))
    page = watch.open()
    all_well(page)
    page.evaluate("window.stayed = true")
    victim = site.command.child("web")
    victim.kill()
    site.fault("parking", "refuse")
    try:
        expect(page.locator("#tile-parking")).to_have_class(re.compile(r"\boffline\b"), timeout=1000 * BACK_S)
        assert site.command.child("web").pid != victim.pid
        assert page.evaluate("window.stayed")
        expect(page.locator("#away")).to_be_hidden()
    finally:
        site.fault("parking", "clear")
    all_well(page)


def test_page_says_that_it_is_old_while_the_site_does_not_answer(site, watch):
    """A page that cannot be refreshed says so in words, and takes it back."""
    watch.expected = lambda complaint: "ERR_FAILED" in complaint
    page = watch.open()
    all_well(page)
    page.route(f"{site.url}/", lambda route: route.abort())
    site.fault("warehouse", "drop")
    expect(page.locator("#away")).to_be_visible(timeout=1000 * BACK_S)
    page.unroute(f"{site.url}/")
    expect(page.locator("#away")).to_be_hidden(timeout=1000 * BACK_S)
    all_well(page)


@pytest.mark.parametrize("path", ["/", "/channels/lobby", "/events", "/nothing/here"])
def test_nothing_sticks_out_on_a_phone_or_a_wall(path, site, watch):
    """At 320, 360, 1280 and 3840 pixels, in both languages, nothing is wider than the window."""
    watch.expected = lambda complaint: "404" in complaint
    for language in ("en", "id"):
        page = watch.open(f"{path}?lang={language}")
        for width in (320, 360, 1280, 3840):
            page.set_viewport_size({"width": width, "height": 900})
            assert overflow(page) == 0, (width, language)
        page.context.close()


def test_light_and_dark_are_both_readable(site, watch):
    """The page follows the system: dark letters on light ground, and the reverse."""
    brightness = "getComputedStyle(document.body).{}.match(/[0-9.]+/g).slice(0, 3).reduce((sum, one) => sum + +one, 0) / 3"
    for scheme, is_dark in (("light", False), ("dark", True)):
        page = watch.open(color_scheme=scheme)
        ground, letters = (page.evaluate(brightness.format(name)) for name in ("backgroundColor", "color"))
        assert (ground < letters) is is_dark
        assert abs(ground - letters) > 150

"""HQ's page of a thousand sites in a browser: found and filtered quickly, live, whole without script, and harmless."""

import re
import time

import httpx
import pytest
from acceptance_support import until
from fleet_site import EPOCH, NASTY, MadeUpFleet, running_fleet, thousand
from playwright.sync_api import expect
from watched_page import overflow

from edge.events.messages import Will

SITES = 1000
NASTY_SITE = "zzz-nasty"
SEEN_MS = 30_000
AHEAD_MS = 3_600_000
LOOSE_S = 2.0
"""Asserted loosely, as whoever builds this may be busy; what was measured is printed."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A fleet with troubles of every kind, and one site whose names hold a script."""
    fleet = MadeUpFleet(ahead_ms=AHEAD_MS)
    thousand(fleet, SITES - 1)
    fleet.add(NASTY_SITE, NASTY, story="black", names=("Gate", NASTY))
    fleet.beat_all()
    with running_fleet(tmp_path_factory.mktemp("fleet"), fleet) as running:
        yield running


def test_fleet_is_seen_at_a_glance(site, watch):
    """One sentence, the counts, every site as a shape, and a hundred lines with trouble first."""
    page = watch.open()
    expect(page.locator("#sentence")).to_contain_text("have not been heard since")
    expect(page.locator("#sentence")).to_contain_text(re.compile(r"\d+ of 1,000 sites are well\."))
    expect(page.locator("#sites tbody tr")).to_have_count(100)
    expect(page.locator("#mosaic a")).to_have_count(SITES)
    levels = page.locator("#sites tbody tr").evaluate_all("all => all.map((one) => one.className)")
    order = {"down": 0, "degraded": 1, "waiting": 2, "ok": 3}
    assert levels == sorted(levels, key=order.__getitem__)
    assert levels[0] == "down"
    assert levels[-1] == "ok"
    expect(page.locator("#site-zzz-nasty .now")).to_contain_text("black since")
    expect(page.locator("#pages")).to_contain_text("1 to 100 of 1,000")
    expect(page.locator("#refused li")).to_have_count(3)
    expect(page.locator("#lost")).to_contain_text("5 of recorder")
    assert page.title() == "hq: sites down"


def test_events_are_told_in_words(site, watch):
    """All of them, some missing, some lost for ever, or none known since."""
    page = watch.open("/?state=incomplete")
    told = page.locator("#sites td.events").all_inner_texts()
    assert any(re.fullmatch(r"12 of [\d,]+ events missing, asked for again", one) for one in told)
    assert any(re.search(r"lost for ever: 5 of recorder and 2 of web", one) for one in told)
    away = watch.open("/?state=link").locator("#sites td.events").all_inner_texts()
    assert all(re.fullmatch(r"[\d,]+ events until \d\d:\d\d; later ones not known", one) for one in away)
    well = watch.open("/?state=none").locator("#sites td.events").all_inner_texts()
    assert all(re.fullmatch(r"all [\d,]+ events, newest \d+ (s|min|h) ago", one) for one in well)


def test_names_that_hold_a_script_are_only_words(site, watch):
    """In the line, the mosaic, the sentence and the filter, of a site and of a channel."""
    page = watch.open("/?q=alert(1)")
    page.on("dialog", lambda dialog: watch.complaints.append(f"dialog: {dialog.message}"))
    expect(page.locator(f"#site-{NASTY_SITE} th a")).to_have_text(NASTY)
    expect(page.locator(f"#site-{NASTY_SITE} .now")).to_contain_text(NASTY)
    expect(page.locator("#sites tbody tr")).to_have_count(1)
    assert page.locator("body script").count() == 0
    page.goto("/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert page.locator("body script").count() == 0
    expect(page.locator("input[name=q]")).to_have_value('"><script>alert(1)</script>')


def test_sites_are_found_and_filtered_without_script(site, watch):
    """A form and links, and an address that can be kept."""
    page = watch.open(java_script_enabled=False)
    page.locator("input[name=q]").fill("Bandung 1")
    page.locator("#filter button").click()
    expect(page).to_have_url(re.compile(r"/\?q=Bandung\+1&state=$"))
    expect(page.locator("#sites tbody tr")).to_have_count(12)  # 1, 10 to 19, 100
    page.locator("select[name=state]").select_option("none")
    page.locator("#filter button").click()
    expect(page.locator("#sites tbody tr").first).to_be_visible()
    page.locator("#glance a", has_text="link or power").click()
    expect(page).to_have_url(re.compile(r"/\?state=link$"))
    expect(page.locator("#sites tbody tr.down").first).to_be_visible()
    page.goto("/?page=2")
    expect(page.locator("#pages")).to_contain_text("101 to 200 of 1,000")
    page.locator("#pages a[rel=next]").click()
    expect(page.locator("#pages")).to_contain_text("201 to 300 of 1,000")
    page.goto("/?q=nowhere")
    expect(page.locator(".nothing")).to_contain_text("No site is like that.")
    page.locator(".nothing a").click()
    expect(page.locator("#sites tbody tr")).to_have_count(100)
    page.locator("a[hreflang=id]").click()
    expect(page.locator("#sentence")).to_contain_text("tidak terdengar sejak")


def test_site_that_goes_is_seen_without_a_reload_and_what_the_reader_holds_stays(site, watch):
    """The stream says that something is different, and the page puts it in place."""
    page = watch.open("/?q=dps-0")
    page.evaluate("window.stayed = true")
    search = page.locator("input[name=q]")
    search.focus()
    victim = site.fleet.held["dps-033"]
    expect(page.locator("#site-dps-033")).to_have_class("ok")
    victim.silent.add("validator")
    victim.live.hear("validator", Will(epoch=EPOCH, bdseq=1), site.fleet.now_ms())
    try:
        expect(page.locator("#site-dps-033")).to_have_class("degraded", timeout=SEEN_MS)
        expect(page.locator("#sites tbody tr").first).not_to_have_class("ok")
        assert page.evaluate("window.stayed && document.activeElement.name === 'q'")
    finally:
        victim.silent.clear()
        victim.beat(site.fleet.now_ms() + 2 * AHEAD_MS)
    expect(page.locator("#site-dps-033")).to_have_class("ok", timeout=2 * SEEN_MS)
    assert page.evaluate("window.stayed")


@pytest.mark.parametrize("path", ["/", "/?state=link", "/?q=zzz", "/?q=nowhere"])
def test_fleet_sticks_out_of_no_window(path, site, watch):
    """At 320, 360, 1280 and 3840 pixels, in both languages."""
    for language in ("en", "id"):
        page = watch.open(f"{path}{'&' if '?' in path else '?'}lang={language}")
        for width in (320, 360, 768, 1280, 3840):
            page.set_viewport_size({"width": width, "height": 900})
            assert overflow(page) == 0, (width, language)
        page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fleet_is_readable_in_light_and_dark(scheme, site, watch):
    """Words on their ground, and shapes for each level."""
    page = watch.open(color_scheme=scheme)
    brightness = "getComputedStyle(document.body).{}.match(/[0-9.]+/g).slice(0, 3).reduce((sum, one) => sum + +one, 0) / 3"
    ground, letters = (page.evaluate(brightness.format(name)) for name in ("backgroundColor", "color"))
    assert (ground < letters) is (scheme == "dark")
    for level in ("down", "degraded", "ok"):
        expect(page.locator(f"#sites tr.{level} th .mark").first).to_be_visible()


def test_filter_and_search_are_quick_with_a_thousand_sites(site):
    """What the server takes for a page, while it follows the fleet; 300 ms are promised."""
    paths = ["/", "/?q=jkt", "/?state=trouble", "/?q=Bandung&state=none", "/?page=7", "/api/sites", "/api/sites?state=link"]
    took_s = []
    with httpx.Client(base_url=site.url, trust_env=False, timeout=30) as client:
        for number in range(210):
            begun_s = time.perf_counter()
            assert client.get(paths[number % len(paths)]).status_code == 200
            took_s.append(time.perf_counter() - begun_s)
    took_s.sort()
    p50, p99 = took_s[len(took_s) // 2], took_s[int(len(took_s) * 0.99)]
    print(f"{SITES} sites, {len(took_s)} requests: p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms")
    assert p99 < LOOSE_S


def test_browser_draws_the_fleet_quickly(site, watch):
    """From asking to drawn, with the mosaic and a hundred lines."""
    page = watch.open()
    until(lambda: page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") > 0)
    took = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    print(f"loaded in {took:.0f} ms")
    assert took < 1000 * 5

"""A browser a module: a test of another folder must find no event loop of Playwright's running."""

import pytest
from playwright.sync_api import expect
from watched_page import CHROMIUM, Watch, chromium

expect.set_options(timeout=30_000)  # Playwright itself waits for 5 s, which a loaded machine may need


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with chromium() as launched:
        yield launched


@pytest.fixture
def watch(browser, site):
    """Opens pages of the module's site; the test fails on anything that the browser complains about."""
    watch = Watch(browser, site.url)
    yield watch
    assert watch.close() == []

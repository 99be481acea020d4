"""A real browser on the pages of a real site, and everything that it complains about."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from acceptance_support import BROKER_CONFIGURATION, EDGE, Command, environment, until
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from edge.demo.clips import default_cache_dir
from edge.up.demo import BROKER_PORT, CONTROL_PORT, RTSP_PORT, WEB_PORT

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--no-proxy-server", "--force-color-profile=srgb",
]  # fmt: skip
STARTED_S = 60


@dataclass
class RunningSite:
    """A site that was started by a command, and where its page is."""

    command: Command
    folder: Path
    url: str

    def fault(self, channel: str, name: str) -> None:
        """Break a camera of the demo, or mend it with 'clear'."""
        command = [*EDGE, "demo", "fault", "--folder", str(self.folder), channel, name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment())
        assert json.loads(done.stdout) == {"ok": True}

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask the site as a program does."""
        return httpx.get(self.url + path, trust_env=False, timeout=30, **options)

    def health(self) -> dict[str, Any]:
        """What `/health` answers; nothing while the process is away."""
        try:
            return self.get("/health").json()
        except httpx.TransportError:
            return {"status": "away"}


def page_address(command: Command) -> str:
    """The address of the page as the command printed it, without the slash at its end."""
    pattern = re.compile(r"^\s*page\s+(http://\S+)/$", re.MULTILINE)
    return until(lambda: pattern.search(command.said()), STARTED_S, command.said)[1]


@contextmanager
def running(folder: Path, *words: object) -> Iterator[RunningSite]:
    """A site started with `edge WORDS --broker ...`, until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    command = Command([*EDGE, *words, "--broker", BROKER_CONFIGURATION], folder, env=environment())
    try:
        site = RunningSite(command, folder, page_address(command))
        until(lambda: site.health()["status"] in {"ok", "degraded", "down"}, STARTED_S, command.said)
        yield site
    finally:
        command.end()


@contextmanager
def running_demo(folder: Path) -> Iterator[RunningSite]:
    """`edge demo` with four cameras, on ports that no other demo takes; their clips are kept between runs."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = default_cache_dir()
    clips.mkdir(parents=True, exist_ok=True)
    (folder / "clips").symlink_to(clips)
    with ExitStack() as taken:
        for port in (BROKER_PORT, RTSP_PORT, CONTROL_PORT, WEB_PORT):
            occupied = taken.enter_context(closing(socket.socket()))
            with suppress(OSError):  # taken by another already
                occupied.bind(("127.0.0.1", port))
                occupied.listen()
        with running(folder, "demo", "--folder", folder) as site:
            yield site


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """Opens pages, and keeps what the browser finds wrong with them: scripts, policies, requests, other hosts."""

    browser: Browser
    url: str
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)
    expected: Callable[[str], object] = field(default=lambda _: False)

    def open(self, path: str = "/", **options: Any) -> Page:
        """A page in a context of its own: another reader with other cookies."""
        context = self.browser.new_context(base_url=self.url, **{"locale": "en-GB", **options})
        context.set_default_timeout(60_000)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", lambda request: self._asked(request.url))
        page.on("response", lambda response: self._answered(response.status, response.url))
        page.goto(path)
        return page

    def close(self) -> list[str]:
        """Close all pages; returns the complaints that were not expected."""
        for context in self.contexts:
            context.close()
        return [complaint for complaint in self.complaints if not self.expected(complaint)]

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(f"{kind}: {text}")

    def _asked(self, url: str) -> None:
        if not url.startswith(("data:", self.url + "/", f"blob:{self.url}/")):
            self.complaints.append(f"another host: {url}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 400:
            self.complaints.append(f"{status}: {urlsplit(url).path}")


def overflow(page: Page) -> int:
    """How many pixels of the page stick out to the right."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def wait_for_pictures(page: Page) -> None:
    """Until all pictures are there or known not to be, also those that are loaded when they are scrolled to."""
    page.evaluate("for (const one of document.images) one.loading = 'eager'")
    until(lambda: page.evaluate("[...document.images].every((one) => one.complete)"), said=page.content)


def broken_pictures(page: Page) -> list[str]:
    """The pictures that cannot be shown, once all have been waited for."""
    wait_for_pictures(page)
    return page.evaluate(
        "[...document.images].filter((one) => !one.naturalWidth).map((one) => one.getAttribute('src'))"
    )

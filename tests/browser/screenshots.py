"""Takes the pictures of docs/img/ from a real demo: `python tests/browser/screenshots.py`, in about three minutes.

The demo runs for a while with a camera off now and then, so that the pages have something to show; then one camera stays
off, and every page is taken at the width of a phone, a desk and a wall, light and dark. The fleet's page is taken from a
thousand sites that are made up; `--fleet` takes it alone.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from acceptance_support import REPOSITORY, until
from fleet_site import MadeUpFleet, running_fleet, thousand
from watched_page import RunningSite, Watch, chromium, running_demo, wait_for_pictures

PHONE, DESK, WALL = (360, 740), (1280, 800), (3840, 2160)
PAGES = {
    "site": ("/", (PHONE, DESK, WALL)),
    "channel": ("/channels/lobby", (PHONE, DESK)),
    "events": ("/events", (PHONE, DESK)),
    "fleet": ("/", (PHONE, DESK, WALL)),
}


def live(site: RunningSite, seconds: float) -> None:
    """Let time pass, with two short faults in it."""
    until(lambda: site.health()["status"] == "ok", 60, site.command.said)
    for channel, share in (("gate", 0.4), ("lobby", 0.5)):
        time.sleep(share * seconds)
        site.fault(channel, "refuse")
        time.sleep(6)
        site.fault(channel, "clear")
    until(lambda: site.health()["status"] == "ok", 60, site.command.said)
    time.sleep(0.1 * seconds)


def take(watch: Watch, folder: Path, name: str) -> None:
    """One page in its sizes, light and dark; of the log only what fits the window."""
    path, sizes = PAGES[name]
    for width, height in sizes:
        for scheme in ("light", "dark"):
            page = watch.open(path, viewport={"width": width, "height": height}, color_scheme=scheme)
            wait_for_pictures(page)
            whole = name not in {"events", "fleet"} and (width, height) != WALL
            page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=whole)
            page.context.close()


def take_fleet(folder: Path) -> list[str]:
    """The fleet of a thousand sites; returns the browser's complaints."""
    fleet = MadeUpFleet()
    thousand(fleet)
    with tempfile.TemporaryDirectory() as state, running_fleet(Path(state), fleet) as running, chromium() as browser:
        watch = Watch(browser, running.url)
        take(watch, folder, "fleet")
        return watch.close()


def take_site(folder: Path, seconds: float) -> list[str]:
    """The pages of the demo; returns the browser's complaints."""
    with tempfile.TemporaryDirectory() as state, running_demo(Path(state) / "demo") as site, chromium() as browser:
        live(site, seconds)
        watch = Watch(browser, site.url)
        site.fault("warehouse", "refuse")
        until(lambda: site.health()["status"] == "degraded", 30, site.command.said)
        for name in ("site", "channel", "events"):
            take(watch, folder, name)
        return watch.close()


def main() -> None:
    """Run demo and fleet, take the pictures, say where they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=130, help="how long the demo runs before (%(default)s)")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "docs" / "img")
    parser.add_argument("--fleet", action="store_true", help="take the fleet's page alone")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    complaints = [] if arguments.fleet else take_site(arguments.folder, arguments.seconds)
    complaints += take_fleet(arguments.folder)
    print(f"{len(list(arguments.folder.glob('*.png')))} pictures in {arguments.folder}", *complaints, sep="\n")


if __name__ == "__main__":
    main()

"""Takes the pictures of docs/img/ from a real demo: `python tests/browser/screenshots.py`, in about three minutes.

The demo runs for a while with a camera off now and then, so that the pages have something to show; then one camera stays
off, and every page is taken at the width of a phone, a desk and a wall, light and dark.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from acceptance_support import REPOSITORY, until
from watched_page import RunningSite, Watch, chromium, running_demo, wait_for_pictures

PHONE, DESK, WALL = (360, 740), (1280, 800), (3840, 2160)
PAGES = {
    "site": ("/", (PHONE, DESK, WALL)),
    "channel": ("/channels/lobby", (PHONE, DESK)),
    "events": ("/events", (PHONE, DESK)),
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
            whole = name != "events" and (width, height) != WALL
            page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=whole)
            page.context.close()


def main() -> None:
    """Run the demo, take the pictures, say where they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=130, help="how long the demo runs before (%(default)s)")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "docs" / "img")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder) / "demo") as site, chromium() as browser:
        live(site, arguments.seconds)
        watch = Watch(browser, site.url)
        site.fault("warehouse", "refuse")
        until(lambda: site.health()["status"] == "degraded", 30, site.command.said)
        for name in PAGES:
            take(watch, arguments.folder, name)
        complaints = watch.close()
    print(f"{len(list(arguments.folder.glob('*.png')))} pictures in {arguments.folder}", *complaints, sep="\n")


if __name__ == "__main__":
    main()

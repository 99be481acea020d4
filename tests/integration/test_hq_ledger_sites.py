"""Real recorders and journals of sites below headquarters, and the same proof where no namespaces can be made."""

import sys
import time
from pathlib import Path

from acceptance_support import until
from demo_cameras import running_cameras
from free_ports import free_port
from hq_lab import Lab, hq_lab
from lab_hosts import Program
from lab_ledger import journal

from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec

CAMERA = CameraSpec("gate", ClipSpec("gate", width=160, height=96, fps=10, seconds=2, bitrate=100_000))


def with_programs(lab: Lab, url: str) -> None:
    """Give the first site the real recorder, on a simulated camera, and the real web process with its journal."""
    site = lab.sites["jkt-001"]
    root = site.folder / "segments"
    root.mkdir()
    site.configure(
        storage={"root": str(root), "segment_s": 2},
        channels=[{"id": "gate", "url": url}],
        web={"port": free_port(), "auth": "off"},
    )
    for name in ("recorder", "web"):
        command = [sys.executable, "-m", "edge", name, "--config", site.config_path]
        site.processes[name] = Program(site.host, command, site.folder / f"{name}.log")


def test_headquarters_journal_equals_the_journal_of_a_site(tmp_path: Path) -> None:
    """A recorder and a web process live through cuts and kills; both journals hold the same bytes in the end."""
    with running_cameras([CAMERA]) as cameras, hq_lab(tmp_path, seed=3, processes=(), namespaced=False) as lab:
        site = lab.sites["jkt-001"]
        with_programs(lab, cameras.urls["gate"])
        lab.start()
        until(lambda: not lab.behind() and segments(lab) >= 2, 60, lab.explain)
        site.link.cut()
        lab.kill_and_start(site.processes["recorder"], away_s=0.5)
        time.sleep(3)
        site.link.mend()
        lab.kill_and_start(site.processes["web"])
        lab.kill_and_start(lab.hq)
        seen = segments(lab)
        until(lambda: segments(lab) >= seen + 3, 60, lab.explain)
        assert site.processes["recorder"].stop() == 0
        until(lambda: not lab.behind(), 60, lab.explain)
        until(lambda: at_site(lab) == at_hq(lab), 60, lab.explain)
        assert not lab.differences()
        del site.processes["recorder"]


def segments(lab: Lab) -> int:
    """How many segments headquarters knows of."""
    return len(lab.held().said("segment_written", "recorder"))


def at_site(lab: Lab) -> dict:
    held = journal(f"sqlite:///{lab.sites['jkt-001'].state_dir / 'journal.db'}")
    return {} if held is None else held.events


def at_hq(lab: Lab) -> dict:
    return {key: payload for key, payload in lab.held().events.items() if key.site == "jkt-001"}


def test_without_namespaces_the_ledger_is_proven_over_ports(tmp_path: Path) -> None:
    """Links are proxies then; what is proven is the same."""
    with hq_lab(tmp_path, seed=4, rate=20, namespaced=False) as lab:
        until(lambda: not lab.behind(), 60, lab.explain)
        for site, fault in zip(lab.sites.values(), ("cut", "blackhole"), strict=True):
            getattr(site.link, fault)()
            site.tell_all("append 100")
        time.sleep(2)
        lab.kill_and_start(lab.brokers[0])
        lab.sites["sby-002"].broker.kill()
        lab.prove()

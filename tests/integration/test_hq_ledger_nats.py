"""A cluster of three NATS servers in place of headquarters' Mosquitto: one is killed, and nothing is lost."""

import random
import shutil
import time
from pathlib import Path

import pytest
from acceptance_support import until
from hq_lab import hq_lab
from lab_hosts import can_namespace
from lab_ledger import cursor

pytestmark = [
    pytest.mark.skipif(shutil.which("nats-server") is None, reason="nats-server is not installed"),
    pytest.mark.skipif(not can_namespace(), reason="three servers with one name and one port need three hosts"),
]


def test_a_server_of_three_killed_under_load_costs_no_event(tmp_path: Path) -> None:
    """Everything arrives while it is away: bridges and headquarters go to the others, where their sessions are."""
    seed = random.randrange(1_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    with hq_lab(tmp_path, seed=seed, rate=10, nats=True) as lab:
        lab.prove(100)
        for path in (one for site in lab.sites.values() for one in site.outbox_paths()):
            until(lambda path=path: cursor(path)[1] > 0, 60, lab.explain)
        lab.set_rate(50)
        time.sleep(chance.uniform(0.5, 2))
        chance.choice(lab.brokers).kill()
        held = lab.prove(100, mended=False)
        assert not held.lost
        lab.prove()

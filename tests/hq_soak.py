"""Faults between two sites and headquarters, mixed at random for as long as one likes; and a backlog of days.

`.venv/bin/python tests/hq_soak.py --minutes 30`: rounds of one to four faults at once; after each, all
is mended and the ledger proven. A round is printed with its faults; the seed of the whole is printed first and taken by
`--seed`. `--nats`: a cluster of three NATS servers is headquarters' broker. `--ports`: no namespaces. `--postgres`: the journal is in a PostgreSQL, of Debian's package.
`... tests/hq_soak.py --backlog 100000`: one cut with that many events, drained while live ones go on.

Exit status 0: everything was held once, byte for byte, and what was deleted on purpose is named. The folder of a run that
failed is kept.
"""

import argparse
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from hq_brokers import Hq
from hq_lab import Lab, Site, hq_lab
from lab_backlog import QUEUE, drain
from lab_ledger import unnamed
from lab_links import Weather
from postgres import PostgresServer

Fault = Callable[[Lab, Site, random.Random], str]
_RATE = 8.0
_SMALL_QUEUES = (100, 1_000, 100_000)


def cut(_lab: Lab, site: Site, _chance: random.Random) -> str:
    """The cable is pulled."""
    site.link.cut()
    return f"{site.name} cut"


def blackhole(_lab: Lab, site: Site, _chance: random.Random) -> str:
    """Nothing comes through and nobody is told."""
    site.link.blackhole()
    return f"{site.name} blackholed"


def slow(_lab: Lab, site: Site, chance: random.Random) -> str:
    """Late, lossy and narrow."""
    weather = Weather(
        delay_s=chance.uniform(0.01, 0.5),
        jitter_s=chance.uniform(0, 0.05),
        loss=chance.uniform(0, 0.05),
        bytes_a_second=chance.choice((0, 20_000, 100_000)),
    )
    site.link.slow(weather)
    return f"{site.name} slow ({weather.delay_s:.2f} s, {weather.loss:.0%}, {weather.bytes_a_second:.0f} B/s)"


def flapping(_lab: Lab, site: Site, chance: random.Random) -> str:
    """The link comes and goes."""
    for _ in range(chance.randint(2, 6)):
        site.link.cut()
        time.sleep(chance.uniform(0.05, 0.8))
        site.link.mend()
        time.sleep(chance.uniform(0.05, 1.5))
    return f"{site.name} flapping"


def site_broker(lab: Lab, site: Site, chance: random.Random) -> str:
    """Killed, and sometimes its queue is a small one from then on."""
    if not site.broker.running:
        return ""
    site.broker.kill()
    limit = chance.choice(_SMALL_QUEUES)
    site.broker.change({"max_queued_messages": limit, "autosave_interval": chance.choice((1, 30))})
    if chance.random() < 0.7:
        time.sleep(chance.uniform(0, 2))
        site.broker.start()
    return f"{site.name} broker killed (queue {limit} from now on)"


def hq_broker(lab: Lab, _site: Site, chance: random.Random) -> str:
    """Killed, one of three where it is a cluster."""
    alive = [one for one in lab.brokers if one.running]
    if len(alive) < len(lab.brokers):
        return ""
    broker = chance.choice(alive)
    broker.kill()
    if len(lab.brokers) == 1 and chance.random() < 0.7:
        time.sleep(chance.uniform(0, 3))
        broker.start()
    return f"headquarters' broker {lab.brokers.index(broker) + 1} killed"


def hq(lab: Lab, _site: Site, chance: random.Random) -> str:
    """Killed at any moment, also while it starts."""
    if not lab.hq.running:
        return ""
    lab.hq.kill()
    if chance.random() < 0.7:
        time.sleep(chance.uniform(0, 1))
        lab.hq.start()
    return "hq killed"


def process(lab: Lab, site: Site, chance: random.Random) -> str:
    """A process of a site killed."""
    name = chance.choice(list(site.processes))
    if not site.processes[name].running:
        return ""
    site.processes[name].kill()
    return f"{site.name} {name} killed"


def outbox(lab: Lab, site: Site, chance: random.Random) -> str:
    """A process ends, by itself or killed, and its outbox is deleted."""
    name = chance.choice(list(site.processes))
    if not site.processes[name].running:
        return ""
    killed = chance.random() < 0.5
    site.processes[name].kill() if killed else site.processes[name].stop()
    lab.delete_outbox(site, name)
    site.processes[name].start()
    return f"{site.name} {name} {'killed' if killed else 'stopped'}, its outbox deleted"


def bulk(_lab: Lab, site: Site, chance: random.Random) -> str:
    """Many events at once."""
    count = chance.choice((50, 300, 1_500))
    site.tell_all(f"append {count}")
    return f"{site.name} {count} events at once from each process"


def access_list(lab: Lab, _site: Site, chance: random.Random) -> str:
    """Headquarters' broker denies the sites their events for a while."""
    broker = lab.brokers[0]
    if not isinstance(broker, Hq) or not broker.running:
        return ""
    path = broker.folder / "acl"
    right = path.read_text()
    kind = chance.choice(("event", "state", "reply"))
    path.write_text(right.replace(f"pattern write cctv/%u/{kind}/#\n", ""))
    broker.reload()
    time.sleep(chance.uniform(0.5, 4))
    path.write_text(right)
    broker.reload()
    return f"access list without {kind} for a while"


def disaster(lab: Lab, site: Site, chance: random.Random) -> str:
    """A process, its outbox and the memory of the broker go while the link is cut: some events are nowhere any more."""
    name = chance.choice(list(site.processes))
    if not site.processes[name].running or not site.broker.running:
        return ""
    site.link.cut()
    time.sleep(chance.uniform(0, 3))
    site.processes[name].tell("append 30")
    time.sleep(chance.uniform(0, 1))
    site.processes[name].stop()
    lab.delete_outbox(site, name)
    site.broker.kill()
    return f"{site.name} {name} deleted with its outbox and the broker's memory while cut"


def clock(_lab: Lab, site: Site, chance: random.Random) -> str:
    """The clock of a process steps."""
    name, step_s = chance.choice(list(site.processes)), chance.choice((-86_400, -30, 30, 3_600))
    if not site.processes[name].running:
        return ""
    site.processes[name].tell(f"clock {step_s}")
    return f"{site.name} {name} clock {step_s:+} s"


FAULTS: tuple[Fault, ...] = (
    *(cut, blackhole, slow, flapping, site_broker, hq_broker),
    *(hq, process, outbox, bulk, access_list, disaster, clock),
)


def mix(lab: Lab, chance: random.Random, minutes: float) -> None:
    """Rounds of faults until the time is over."""
    ends_s = time.monotonic() + minutes * 60
    number = 0
    while time.monotonic() < ends_s:
        number += 1
        done = []
        for fault in chance.sample(FAULTS, chance.randint(1, 4)):
            done.append(fault(lab, chance.choice(list(lab.sites.values())), chance))
            time.sleep(chance.choice((0, 0.2, 2, 10)) * chance.random())
        time.sleep(chance.uniform(0, 8))
        print(f"round {number}: " + "; ".join(filter(None, done)), flush=True)
        begun_s = time.monotonic()
        held = lab.prove(600)
        lost = sum(len(numbers) for numbers in held.lost.values())
        took_s = time.monotonic() - begun_s
        without = unnamed(lab.buried, held)
        print(
            f"  proven in {took_s:.1f} s: {held.rows} events, 0 missing, 0 twice; {lost} named as lost,"
            f" {without} of deleted outboxes had told nobody of themselves",
            flush=True,
        )


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--nats", action="store_true")
    parser.add_argument("--ports", action="store_true")
    parser.add_argument("--backlog", type=int, default=0)
    parser.add_argument("--postgres", action="store_true")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    folder = Path(tempfile.mkdtemp(prefix="saksi-soak-"))
    print(f"seed {wanted.seed}, in {folder}", flush=True)
    settings = {"max_queued_messages": QUEUE} if wanted.backlog else {}
    namespaced = False if wanted.ports else None
    server = PostgresServer() if wanted.postgres else None
    with ExitStack() as stack:
        if server is not None:
            stack.callback(server.remove)
            server.start()
        database = None if server is None else server.url
        about = {"nats": wanted.nats, "namespaced": namespaced, "site_broker": settings, "database": database}
        lab = stack.enter_context(hq_lab(folder, seed=wanted.seed, rate=_RATE, **about))
        try:
            if wanted.backlog:
                print(drain(lab, wanted.backlog, live_rate=_RATE, wait_s=3_600), flush=True)
            else:
                mix(lab, random.Random(wanted.seed), wanted.minutes)
        except BaseException:
            print(lab.explain(), f"failed with seed {wanted.seed}; kept: {folder}", sep="\n", flush=True)
            raise
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

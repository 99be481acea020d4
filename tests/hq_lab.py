"""Two sites and headquarters on hosts of their own, with real brokers, bridges and processes, and whatever may befall them.

Use: `with hq_lab(folder, seed=1) as lab: lab.sites["jkt-001"].link.cut(); ...; lab.prove()`. Where root, hosts are network
namespaces; elsewhere they are ports of the loopback address.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import lab_ledger
import yaml
from acceptance_support import until
from hq_brokers import Hq, Keys
from hq_brokers import Site as SiteMosquitto
from lab_hosts import EVERYWHERE, Host, Program, can_namespace, hosts
from lab_ledger import Epoch, Held, Told
from lab_links import links
from lab_nats import HQ_NAME, nats_cluster, nats_login
from lab_site import Site, make_site

SITES = ("jkt-001", "sby-002")
PROCESSES = ("recorder", "retention")
_DURABLE_FILES = ("", "-wal", "-shm")


@dataclass
class Lab:
    """What a test works with."""

    folder: Path
    hosts: Mapping[str, Host]
    sites: dict[str, Site]
    brokers: list[Program | Hq]
    """Headquarters' Mosquitto, or the servers of its NATS cluster."""
    hq: Program
    rate: float
    database: str | None = None
    """Where the journal is, when it is not SQLite's."""
    buried: Told = field(default_factory=dict)
    """Events of outboxes that were deleted."""
    given_up: set[Epoch] = field(default_factory=set)

    @property
    def hq_state(self) -> Path:
        """Where headquarters keeps its journal and its outbox."""
        return self.folder / "hq" / "state"

    @property
    def journal_url(self) -> str:
        """Headquarters' journal."""
        return self.database or f"sqlite:///{self.hq_state / 'journal.db'}"

    def start(self) -> None:
        """Start everything that does not run."""
        for broker in (*self.brokers, *(site.broker for site in self.sites.values())):
            if not broker.running:
                broker.start()
        for program in (self.hq, *(one for site in self.sites.values() for one in site.processes.values())):
            if not program.running:
                program.start()

    def mend(self) -> None:
        """Let all links be fine and start whatever was killed."""
        for site in self.sites.values():
            site.link.mend()
        self.start()

    def kill_and_start(self, program: Program | SiteMosquitto | Hq, *, away_s: float = 0.0) -> None:
        """Kill -9 and start again after a while."""
        program.kill()
        time.sleep(away_s)
        program.start()

    def delete_outbox(self, site: Site, process: str) -> Epoch:
        """Delete the outbox of a process that does not run; what was in it is known here alone. Returns its epoch."""
        assert not site.processes[process].running
        path = site.outbox_path(process)
        told = lab_ledger.outbox(path)
        assert told, f"{path} holds nothing"
        epoch = next(iter(told))[:3]
        self.buried |= told
        self.given_up.add(epoch)
        for ending in _DURABLE_FILES:
            path.with_name(path.name + ending).unlink(missing_ok=True)
        return epoch

    # -- the proof -------------------------------------------------------------------------------------------------

    def told(self) -> Told:
        """Every event that was ever told, by the sites and by headquarters itself."""
        found = dict(self.buried)
        for path in self._outboxes():
            found |= lab_ledger.outbox(path)
        return found

    def held(self) -> Held:
        """What headquarters keeps."""
        held = lab_ledger.journal(self.journal_url)
        assert held is not None, "there is no journal"
        return held

    def progress(self) -> dict[Epoch, tuple[int, int]]:
        """Of each epoch: how many numbers are settled (held or lost) and how far they are known to reach."""
        return lab_ledger.settled(self.journal_url)

    def behind(self) -> list[str]:
        """What headquarters lacks yet, in words; empty when it has everything."""
        progress = self.progress()
        lacking = []
        for path in self._outboxes(expected=True):
            epoch, last = lab_ledger.outbox_end(path) if path.exists() else (("", "", ""), 0)
            settled = progress.get(epoch, (0, 0))[0]
            if settled < last or not last:
                lacking.append(f"{path.parent.parent.name}/{path.stem}: {settled} of {last}")
        for (site, process, epoch), (settled, known) in progress.items():
            if settled < known and (site, process, epoch) in self.given_up:
                lacking.append(f"{site}/{process} {epoch[-6:]} (given up): {settled} of {known}")
        return lacking

    def wait_until_complete(self, wait_s: float = 90) -> float:
        """Wait until headquarters has everything; returns how long that took."""
        begun = time.monotonic()
        until(lambda: not self.behind(), wait_s, self.explain)
        return time.monotonic() - begun

    def prove(self, wait_s: float = 90, *, mended: bool = True) -> Held:
        """Mend all, let everything arrive, and hold the ledger against the outboxes; returns what headquarters keeps."""
        if mended:
            self.mend()
        self.set_rate(0)
        self.wait_until_complete(wait_s)
        until(lambda: not self.differences(), wait_s, self.explain)
        held = self.held()
        self.set_rate(self.rate)
        return held

    def set_rate(self, rate: float) -> None:
        """How many events a second each process makes up from now on."""
        for site in self.sites.values():
            site.tell_all(f"rate {rate}")

    def differences(self) -> list[str]:
        """What keeps the ledger from being proven."""
        held = lab_ledger.journal(self.journal_url)  # first: an event may be told meanwhile, not untold
        if held is None:
            return ["there is no journal"]
        return lab_ledger.differences(self.told(), held, given_up=self.given_up)

    def explain(self) -> str:
        """How everything stands, for whoever reads a failure."""
        said = ["behind: " + "; ".join(self.behind()), "differences: " + "; ".join(self.differences())]
        programs = {"hq": self.hq} | {f"hq broker {number}": one for number, one in enumerate(self.brokers, 1)}
        for site in self.sites.values():
            programs |= {f"{site.name} broker": site.broker}
            programs |= {f"{site.name} {name}": one for name, one in site.processes.items()}
        for name, program in programs.items():
            said.append(f"-- {name}, running: {program.running}\n{program.log()[-1500:]}")
        return "\n".join(said)

    def _outboxes(self, *, expected: bool = False) -> list[Path]:
        found = {self.hq_state / "hq.outbox"}
        for site in self.sites.values():
            found |= {*site.outbox_paths(), *(site.outbox_path(name) for name in site.processes)}
        return sorted(path for path in found if expected or path.exists())


@contextmanager
def hq_lab(
    folder: Path,
    *,
    seed: int,
    sites: Sequence[str] = SITES,
    processes: Sequence[str] = PROCESSES,
    rate: float = 5.0,
    site_broker: Mapping[str, object] | None = None,
    nats: bool = False,
    namespaced: bool | None = None,
    database: str | None = None,
) -> Iterator[Lab]:
    """Everything running, until the block is left. `site_broker`: settings of the sites' Mosquittos that are different."""
    namespaced = can_namespace() if namespaced is None else namespaced
    at_hq = ("hq1", "hq2", "hq3") if nats else ("hq",)
    with ExitStack() as stack:
        machines = stack.enter_context(hosts((*at_hq, *sites), namespaced=namespaced))
        wires = stack.enter_context(links(machines, seed=seed))
        addresses = [machines[name].address for name in at_hq]
        keys = Keys(folder / "keys", [*sites, HQ_NAME], ("127.0.0.1", EVERYWHERE, *addresses))
        brokers: list[Program | Hq] = []
        if nats:
            brokers += nats_cluster([machines[name] for name in at_hq], folder / "nats", keys, sites)
        else:
            ports = (1883, 8883) if namespaced else ()
            brokers.append(Hq(folder / "hq-broker", keys, ports=ports, prefix=machines["hq"].prefix))
        made = {}
        for name in sites:
            made[name] = make_site(folder / name, name, machines, wires[name], at_hq, brokers, keys)
            made[name].broker.change(site_broker or {})
            for process in processes:
                made[name].add_publisher(process, rate)
        login = nats_login(keys) if nats else brokers[0].login()
        hq = _hq(machines[at_hq[0]], folder / "hq", login, database)
        lab = Lab(folder, machines, made, brokers, hq, rate, database)
        stack.callback(_end, lab)
        lab.start()
        yield lab


def _hq(host: Host, folder: Path, broker: Mapping[str, object], database: str | None) -> Program:
    folder.mkdir(parents=True, exist_ok=True)
    port = host.port("hq-web", 8080)
    settings = {
        "state_dir": str(folder / "state"),
        "database": database,
        "broker": dict(broker),
        "web": {"port": port},
    }
    (folder / "hq.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "edge", "hq", "--config", folder / "hq.yaml"]
    return Program(host, command, folder / "hq.log", port)


def _end(lab: Lab) -> None:
    for site in lab.sites.values():
        for program in site.processes.values():
            program.end()
        site.broker.stop()
    lab.hq.end()
    for broker in lab.brokers:
        broker.stop()

"""The supervisor over tiny scripts: who dies comes back, who keeps dying waits longer, who does not stop is killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise

import psutil
import pytest
from acceptance_support import running, until
from structlog.testing import capture_logs

from edge.retry import Backoff
from edge.up import supervisor
from edge.up.supervisor import Program, Supervisor

pytestmark = pytest.mark.alone  # how soon programs are started again is measured, on children of this process

LIVES = "import pathlib, sys, time; open(sys.argv[1], 'a').write(f'{time.monotonic()} {sys.argv[2]}\\n'); "
SLEEPS = LIVES + "time.sleep(60)"
DIES = LIVES + "sys.exit(3)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPS
FORGETS = (
    "import os, pathlib, signal, sys, time\n"
    "def left(number, _): os._exit(0)\n"
    "def forgotten(number, _): signal.signal(signal.SIGTERM, left)\n"
    "signal.signal(signal.SIGTERM, forgotten)\n"
    f"{SLEEPS}; time.sleep(60)"
)
FAREWELL = (
    "import os, signal, sys, time\n"
    "def left(number, _):\n    open(sys.argv[1], 'a').write(f'{time.monotonic()} {sys.argv[2]}-{number}\\n')\n"
    "    number == signal.SIGTERM and os._exit(0)\n"
    "signal.signal(signal.SIGTERM, left); signal.signal(signal.SIGHUP, left)\n"
    "open(sys.argv[1], 'a').write(f'{time.monotonic()} {sys.argv[2]}\\n')\n"
    "while True: time.sleep(1)"
)


@pytest.fixture
def diary(tmp_path):
    return tmp_path / "diary"


def program(script: str, diary, name="one", **options) -> Program:
    return Program(name, [sys.executable, "-c", script, str(diary), name], **options)


def entries(diary) -> list[tuple[float, str]]:
    lines = diary.read_text().splitlines() if diary.exists() else []
    return [(float(when), what) for when, what in (line.split() for line in lines)]


def children(before=()) -> list[psutil.Process]:
    """The processes of this one, but for those of before: other tests have servers that outlive them."""
    return [child for child in psutil.Process().children() if child not in before]


def supervise(programs, meanwhile, backoff=None) -> None:
    """Run a supervisor; `meanwhile` runs on another thread, then SIGTERM ends it."""

    async def run() -> None:
        running = asyncio.create_task(Supervisor(programs, backoff).run())
        try:
            await asyncio.to_thread(meanwhile)
        finally:
            signal.raise_signal(signal.SIGTERM)
            await running

    before = children()
    asyncio.run(run())
    assert children(before) == []


def test_program_that_keeps_dying_is_started_later_and_later(diary):
    """Waits of 0.1, 0.2, 0.4 s: each longer than the one before, and the program is never given up."""
    supervise([program(DIES, diary)], lambda: until(lambda: len(entries(diary)) >= 5), Backoff(first_s=0.1, most_s=0.8))
    starts = [when for when, _ in entries(diary)]
    waits = [after - before for before, after in pairwise(starts)]
    assert all(wait >= expected for wait, expected in zip(waits, [0.1, 0.2, 0.4, 0.8], strict=False))


def test_program_that_cannot_be_started_does_not_keep_the_others_from_running(diary):
    """A command that is not there is tried again; its neighbour lives."""
    programs = [Program("missing", ["/no/such/program"]), program(SLEEPS, diary)]
    supervise(programs, lambda: until(lambda: entries(diary)), Backoff(first_s=0.05))
    assert [what for _, what in entries(diary)] == ["one"]


def test_killed_program_is_started_again_after_half_a_second(diary):
    """Beside what the machine needs to start it, the first death costs no more."""
    before = children()

    def kill() -> None:
        until(lambda: entries(diary), 60)
        children(before)[0].kill()
        until(lambda: len(entries(diary)) == 2, 60)

    with capture_logs() as said:
        supervise([program(SLEEPS, diary)], kill)
    assert [one["again_in_s"] for one in said if one["event"] == "process_died"] == [0.5]


def test_programs_are_stopped_in_reverse_and_only_those_that_reload_get_sighup(diary):
    """The broker, started first, is the last to go, so that farewells are heard."""
    programs = [program(FAREWELL, diary, "broker"), program(FAREWELL, diary, "recorder", reloads=True)]

    def reload() -> None:
        until(lambda: len(entries(diary)) == 2)
        signal.raise_signal(signal.SIGHUP)
        until(lambda: len(entries(diary)) == 3)

    supervise(programs, reload)
    assert [what for _, what in entries(diary)[2:]] == ["recorder-1", "recorder-15", "broker-15"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start programs as another user")
def test_program_of_another_user_ends_with_a_supervisor_that_was_killed(tmp_path):
    """Mosquitto runs as its own user; kill -9 of the supervisor leaves it no orphan either."""
    script = (
        "import asyncio; from edge.up.supervisor import Program, Supervisor; "
        "asyncio.run(Supervisor([Program('one', ['sleep', '60'], user='nobody')]).run())"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path) as process:
        ours = psutil.Process(process.pid)
        until(lambda: [child for child in ours.children() if child.name() == "sleep"])
        (child,) = ours.children()
        assert child.username() == "nobody"
        process.kill()
    until(lambda: not running([child]), 30)


def test_program_that_forgets_a_signal_is_told_again(diary, monkeypatch):
    """As Mosquitto does with one that comes while it starts: it is not killed, and may write down what it holds."""
    monkeypatch.setattr(supervisor, "STOP_S", 30.0)
    monkeypatch.setattr(supervisor, "_ASKED", 100)
    with capture_logs() as said:
        supervise([program(FORGETS, diary)], lambda: until(lambda: entries(diary)))
    assert "process_killed" not in [one["event"] for one in said]


def test_program_that_does_not_stop_is_killed(diary, monkeypatch):
    """SIGKILL after the time that a process of Saksi needs at most."""
    monkeypatch.setattr(supervisor, "STOP_S", 0.3)
    began_s = time.monotonic()
    supervise([program(STUBBORN, diary)], lambda: until(lambda: entries(diary)))
    assert 0.3 <= time.monotonic() - began_s < supervisor.READY_S

"""The daily sample inside retention: what it says, and that nothing waits for it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faulty_site import events_of
from verified_site import VerifiedSite

from edge.clock import ManualClock
from edge.retention import sampling
from edge.retention.sampling import EVERY_S, FIRST_S, Sampling
from edge.retention.voice import Voice

REPOSITORY = Path(__file__).parents[2]


class Said(Voice):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.events = []

    def say(self, event, channel=None, change=None) -> None:
        self.events.append(event)


@pytest.fixture
def site(tmp_path: Path):
    one = VerifiedSite(tmp_path)
    yield one
    one.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def sampled(one: Sampling, clock: ManualClock, seconds: float = FIRST_S) -> None:
    """Let it be time, and look until the child has ended."""
    clock.advance(seconds)
    one.look()
    deadline = time.monotonic() + 60
    while one._child is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
        one.look()


def test_sample_is_taken_after_a_while_and_then_every_hour(site: VerifiedSite, clock: ManualClock):
    """By a child process; each is an event with what was read and decoded."""
    path = site.record(0)
    site.journal_all()
    voice = Said()
    one = Sampling.of(site.config_path, voice, clock)
    one.look()
    assert one._child is None
    sampled(one, clock)
    (event,) = voice.events
    assert (event.checked, event.held, event.bytes, event.pictures) == (1, 1, path.stat().st_size, 15)
    assert (event.changed, event.unreadable, event.undecodable) == ((), (), ())
    clock.advance(EVERY_S - FIRST_S)
    one.look()
    sampled(one, clock, FIRST_S)
    assert len(voice.events) == 2
    one.close()


def test_retention_itself_takes_samples(site: VerifiedSite):
    """The real process, with less patience: the event is in its outbox, and it stops in order."""
    site.record(0)
    site.journal_all()
    site.close()
    program = (
        "import sys; from pathlib import Path; from edge.retention import main, sampling;"
        "sampling.Sampling.__init__.__kwdefaults__['first_s'] = 0.5; sys.exit(main.run(Path(sys.argv[1])))"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(site.config_path)], cwd=REPOSITORY)
    try:
        deadline = time.monotonic() + 60
        while not (said := [one for one in events_of(site.state_dir / "retention.outbox") if one.type == "segments_verified"]):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert (said[0].data["checked"], said[0].data["held"], said[0].data["changed"]) == (1, 1, [])
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_damage_is_said_by_path(site: VerifiedSite, clock: ManualClock):
    """A bit that turned."""
    path = site.record(0)
    site.journal_all()
    data = bytearray(path.read_bytes())
    data[-100] ^= 4
    path.write_bytes(data)
    voice = Said()
    one = Sampling.of(site.config_path, voice, clock)
    sampled(one, clock)
    assert voice.events[0].changed == (str(path.relative_to(site.root)),)
    one.close()


def test_nothing_recorded_is_nothing_to_say(site: VerifiedSite, clock: ManualClock):
    """Neither is a disk that is not there: others say so."""
    voice = Said()
    one = Sampling.of(site.config_path, voice, clock)
    sampled(one, clock)
    (site.root / ".saksi").unlink()
    sampled(one, clock, EVERY_S)
    assert voice.events == []
    one.close()


@pytest.mark.parametrize("answer", ["", "{}", "[]", "nonsense", '{"segments": {"checked": 1}}', "{" * 100_000])
def test_child_that_answers_anything_else_is_not_believed(clock: ManualClock, answer: str):
    """Or dies before it answers."""
    voice = Said()
    one = Sampling((sys.executable, "-c", f"print({answer[:100]!r} * {max(len(answer) // 100, 1)})"), voice, clock)
    sampled(one, clock)
    assert voice.events == []
    one.close()


def test_child_that_hangs_is_ended_and_never_waited_for(clock: ManualClock):
    """One at a time; a look takes no time meanwhile."""
    voice = Said()
    one = Sampling((sys.executable, "-c", "import time; time.sleep(600)"), voice, clock)
    clock.advance(FIRST_S)
    one.look()
    child = one._child
    begun = time.monotonic()
    for _ in range(100):
        clock.advance(10)
        one.look()
    assert time.monotonic() - begun < 30
    assert one._child is child
    clock.advance(sampling._LATEST_S)
    one.look()
    assert child.wait(30) != 0
    sampled(one, clock, 0)
    assert voice.events == []
    one.close()


def test_program_that_cannot_be_started_is_tried_again(clock: ManualClock):
    """As when there is no memory for one more process."""
    one = Sampling(("/nonexistent/program",), Said(), clock)
    sampled(one, clock)
    sampled(one, clock, EVERY_S)
    one.close()

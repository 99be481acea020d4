"""Whatever is done to an outbox, its numbers have no holes and its cursors lie in order."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge.bus.outbox import Fact, Outbox
from edge.clock import ManualClock
from edge.events.catalog import ClockJumped

EVENT = ClockJumped(step_s=1.0, wall_before="2026-11-23T02:22:03.500Z", wall_after="2026-11-23T02:22:00.000Z")


class OutboxMachine(RuleBasedStateMachine):
    @initialize(max_bytes=st.sampled_from([60_000, 10_000_000]))
    def begin(self, max_bytes: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.max_bytes = max_bytes
        self.numbers: list[int] = []
        self.payloads: dict[int, bytes] = {}
        self.open()
        self.epoch = self.outbox.epoch

    def open(self) -> None:
        self.outbox = Outbox.open(
            Path(self.folder.name) / "recorder.outbox",
            site="jkt-001",
            process="recorder",
            clock=self.clock,
            max_bytes=self.max_bytes,
            state_schema="CREATE TABLE IF NOT EXISTS announced (number INTEGER)",
        )

    @rule(count=st.integers(1, 40))
    def append(self, count: int) -> None:
        def announce(connection) -> None:
            connection.execute("INSERT INTO announced VALUES (?)", (count,))

        self.numbers += self.outbox.append_many([Fact(EVENT)] * count, state=announce)

    @rule()
    def fail(self) -> None:
        def broken(_) -> None:
            raise KeyError

        try:
            self.outbox.append(EVENT, state=broken)
        except KeyError:
            return
        raise AssertionError

    @rule()
    def reopen(self) -> None:
        self.outbox.close()
        self.open()

    @rule(share=st.floats(0, 1))
    def publish(self, share: float) -> None:
        self.outbox.mark_published(round(self.outbox.last_sequence * share))

    @rule(share=st.floats(0, 1))
    def acknowledge(self, share: float) -> None:
        self.outbox.acknowledge(self.outbox.epoch, round(self.outbox.last_sequence * share))

    @rule(days=st.integers(0, 10), step_s=st.integers(-100_000, 100_000))
    def pass_time(self, days: int, step_s: int) -> None:
        self.clock.advance(days * 86_400)
        self.clock.step_wall(step_s)

    @rule()
    def retire(self) -> None:
        before = self.outbox.last_sequence
        self.outbox.retire()
        self.numbers += range(before + 1, self.outbox.last_sequence + 1)

    @invariant()
    def numbers_have_no_holes(self) -> None:
        assert self.numbers == list(range(1, len(self.numbers) + 1))
        assert self.outbox.last_sequence == len(self.numbers)

    @invariant()
    def what_is_stored_is_a_run_up_to_the_newest_and_never_changes(self) -> None:
        rows = self.outbox.rows(0, limit=10_000)
        first = self.outbox.available_from()
        assert [row.sequence for row in rows] == list(range(first, self.outbox.last_sequence + 1))
        for row in rows:
            assert self.payloads.setdefault(row.sequence, row.payload) == row.payload

    @invariant()
    def cursors_lie_in_order(self) -> None:
        assert self.outbox.epoch == self.epoch
        assert 0 <= self.outbox.acked <= self.outbox.published <= self.outbox.last_sequence

    def teardown(self) -> None:
        if hasattr(self, "outbox"):
            self.outbox.close()
            self.folder.cleanup()


OutboxMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestOutbox = OutboxMachine.TestCase

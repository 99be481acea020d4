"""Asking retention over a connection that many use: who gets which reply, and what becomes of those who get none."""

import threading

import pytest

from edge.bus.asking import AGAIN_S, Asking
from edge.bus.fake import FakeBroker, FakeHub
from edge.errors import NoAnswer
from edge.events.messages import ProtectCommand, ProtectReply

COMMAND = "command/retention/protect"
REPLY = "reply/retention/protect"


@pytest.fixture
def hub():
    return FakeHub()


@pytest.fixture
def asking(hub):
    """On a connection that is there."""
    broker = FakeBroker(hub, "asking")
    asking = Asking(broker)
    broker.start()
    return asking


def command(transaction: str) -> ProtectCommand:
    return ProtectCommand(transaction=transaction, action="list")


def retention(hub: FakeHub, answer) -> None:
    """Something that is handed every command."""
    broker = FakeBroker(hub, "retention")
    broker.subscribe(COMMAND, lambda message: answer(broker, ProtectCommand.parse(message.payload).transaction))
    broker.start()


def done(transaction: str) -> bytes:
    return ProtectReply(transaction=transaction, status="done").to_json()


def test_reply_goes_to_who_asked(hub, asking):
    """Others' replies, and what cannot be read, are nobody's."""

    def answer(broker, transaction):
        for payload in (done("another"), b"{", done(transaction)):
            broker.publish(REPLY, payload)

    retention(hub, answer)
    assert [asking.ask(command(one), answer_s=1).transaction for one in ("a", "b")] == ["a", "b"]
    assert asking.waiting == 0


def test_command_is_said_again_until_it_is_answered(hub, asking):
    """Retention may be starting; it does nothing twice for one transaction."""
    heard = []

    def answer(broker, transaction):
        heard.append(transaction)
        if len(heard) == 2:
            broker.publish(REPLY, done(transaction))

    retention(hub, answer)
    assert asking.ask(command("a"), answer_s=2 * AGAIN_S).status == "done"
    assert heard == ["a", "a"]


def test_silence_is_no_answer(asking):
    """And leaves nothing behind."""
    with pytest.raises(NoAnswer, match="retention does not answer"):
        asking.ask(command("a"), answer_s=0.1)
    assert asking.waiting == 0


def test_nobody_waits_for_a_process_that_ends(asking):
    """Closing lets those go who wait, and takes nobody new."""
    errors = []

    def wait() -> None:
        try:
            asking.ask(command("a"), answer_s=60)
        except NoAnswer as error:
            errors.append(str(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not asking.waiting:
        pass
    asking.close()
    waiting.join(5)
    assert errors == ["this process is about to end"]
    with pytest.raises(NoAnswer):
        asking.ask(command("b"), answer_s=60)

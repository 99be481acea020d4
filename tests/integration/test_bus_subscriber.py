"""How a durable consumer makes batches of what many senders send."""

from journal_site import until

from edge.bus.fake import FakeBroker, FakeHub
from edge.bus.subscriber import Subscriber


def test_messages_that_come_soon_after_the_first_are_one_batch() -> None:
    """A commit for each of them would cost a flush of the disk each."""
    hub, batches = FakeHub(), []
    consumer = Subscriber(FakeBroker(hub, "consumer"), ["a/#"], lambda some: batches.append(len(some)), gather_s=2.0)
    sender = FakeBroker(hub, "sender")
    consumer.start()
    sender.start()
    for number in range(20):
        sender.publish(f"a/{number}", b"")
    until(lambda: batches)
    consumer.stop()
    sender.stop()
    assert batches == [20]


def test_a_full_batch_waits_for_nothing() -> None:
    """A backlog is taken as fast as it comes; and a stop does not wait either."""
    hub, batches = FakeHub(), []
    broker, sender = FakeBroker(hub, "consumer"), FakeBroker(hub, "sender")
    consumer = Subscriber(broker, ["a/#"], lambda some: batches.append(len(some)), batch=5, gather_s=600)
    broker.start()
    sender.start()
    for number in range(13):
        sender.publish(f"a/{number}", b"")
    consumer.start()
    until(lambda: len(batches) == 2)
    consumer.stop()
    sender.stop()
    assert batches[:2] == [5, 5]

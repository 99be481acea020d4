"""What the recorder and the validator say about segments, on its way into the catalog. Acks when the catalog has it."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from edge.bus.connection import Change, Message
from edge.bus.subscriber import NotCommitted
from edge.events.catalog import SegmentRejected, SegmentWritten
from edge.events.envelope import Envelope
from edge.events.errors import EventError
from edge.events.topics import EventTopic
from edge.events.values import milliseconds
from edge.recordings.catalog import Catalog, CatalogDamaged, CatalogUnavailable, Entry
from edge.recordings.segment import SegmentName

TOPICS: Final = (EventTopic.filter("recorder", "segment_written"), EventTopic.filter("validator", "segment_rejected"))

_log = structlog.get_logger()


class Feed:
    """Commits messages to a catalog that may not be there yet, or not any more."""

    def __init__(
        self,
        site: str,
        catalog: Callable[[], Catalog | None],
        exists: Callable[[SegmentName], bool],
        doubted: threading.Event,
        harmed: threading.Event,
    ) -> None:
        """`exists` looks at the disk: events of long ago are published again, of segments that went long ago.

        `doubted` is set when the broker did not keep our session: we never heard of what was written meanwhile;
        `harmed` when the catalog is found damaged.
        """
        self._site = site
        self._catalog = catalog
        self._exists = exists
        self._doubted = doubted
        self._harmed = harmed

    def commit(self, messages: Sequence[Message]) -> None:
        """Take a batch in; raises NotCommitted where it has to come again."""
        catalog = self._catalog()
        if catalog is None:
            raise NotCommitted("the disk of the recordings is not there yet")
        written: list[Entry] = []
        rejected: list[tuple[SegmentName, int]] = []
        for message in messages:
            self._sort(message, written, rejected)
        try:
            known = [one for one in written if self._exists(one.name)]
            if known:
                catalog.add(known)
            for name, since_ms in rejected:
                if self._exists(name):
                    catalog.reject(name.channel, name.start_ms, since_ms)
        except OSError as error:
            raise NotCommitted(f"the disk of the recordings does not answer: {error.strerror}") from error
        except CatalogDamaged as error:
            self._harmed.set()
            raise NotCommitted(str(error)) from error
        except CatalogUnavailable as error:
            raise NotCommitted(str(error)) from error

    def connected(self, change: Change) -> None:
        """The connection came or went."""
        if change.connected and not change.session_present:
            self._doubted.set()

    def _sort(self, message: Message, written: list[Entry], rejected: list[tuple[SegmentName, int]]) -> None:
        try:
            envelope = Envelope.parse(message.payload)
            event = envelope.event()
        except EventError as error:
            _log.warning("event_unreadable", topic=message.topic[:200], error=str(error))
            return
        if envelope.site != self._site:
            return
        parsed = SegmentName.parse(event.path) if isinstance(event, SegmentWritten | SegmentRejected) else None
        if parsed is None or parsed[1]:
            return
        if isinstance(event, SegmentWritten):
            written.append(Entry(parsed[0].channel, parsed[0].start_ms, milliseconds(event.end), event.bytes))
        else:
            rejected.append((parsed[0], milliseconds(envelope.time)))

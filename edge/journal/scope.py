"""Which sites a journal is of, and by which topics they are heard, asked and acknowledged. Pure.

At a site there is one, and topics carry no site. At headquarters there are many, each below `cctv/<site>/` where only
its own certificate may write: so what a topic says of the site counts, and what a payload says has to agree with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple, Self

from edge.events.errors import TopicError
from edge.events.topics import ANY, AckTopic, CommandTopic, EventTopic, ReplyTopic, StateTopic

_HQ_ROOT: Final = EventTopic.hq_root


class Place(NamedTuple):
    """Whose message it is, and the topic as the site itself says it."""

    site: str
    topic: str


@dataclass(frozen=True, slots=True)
class Scope:
    """One site (`owns` is None) or all those of a fleet that this process owns."""

    own_site: str
    owns: Callable[[str], bool] | None = None

    @classmethod
    def local(cls, site: str) -> Self:
        """The journal of one site, on that site's own broker."""
        return cls(site)

    @classmethod
    def fleet(cls, own_site: str, owns: Callable[[str], bool] = lambda _: True) -> Self:
        """The journal of many sites on headquarters' broker; `own_site` is the name that headquarters speaks under."""
        return cls(own_site, owns)

    @property
    def is_fleet(self) -> bool:
        """Whether topics carry the site and whoever runs this acknowledges."""
        return self.owns is not None

    @property
    def topics(self) -> tuple[str, ...]:
        """What to subscribe to; more comes than is owned, as sites are not known before they speak."""
        if not self.is_fleet:
            return f"{EventTopic.kind}/#", StateTopic.filter(), ReplyTopic.filter()
        events = f"{_HQ_ROOT}/{ANY}/{EventTopic.kind}/#"
        return events, StateTopic.filter(site=ANY), ReplyTopic.filter(site=ANY)

    def place(self, topic: str) -> Place | None:
        """Where a message belongs, None where another process owns the site; raises TopicError."""
        if self.owns is None:
            return Place(self.own_site, topic)
        root, _, rest = topic.partition("/")
        site, _, local = rest.partition("/")
        if root != _HQ_ROOT or not local:
            raise TopicError(f"topic {topic[:200]!r} is not {_HQ_ROOT}/<site>/...")
        return Place(site, local) if self.owns(site) else None

    def command_topic(self, site: str, process: str) -> str:
        """Where a process is asked for a replay."""
        return str(CommandTopic(process, self._written(site)))

    def ack_topic(self, site: str, process: str) -> str:
        """Where a process is told how far its events are held."""
        return str(AckTopic(process, self._written(site)))

    def _written(self, site: str) -> str | None:
        return site if self.is_fleet else None


def site_in(topic: str) -> str:
    """The site in a topic of headquarters' broker, which lets nobody else publish there; "" where there is none."""
    root, _, rest = topic.partition("/")
    site, _, local = rest.partition("/")
    return site if root == _HQ_ROOT and local else ""


def partition_of(site: str, of: int) -> int:
    """Which of `of` processes owns a site, 1 to `of`: the same on every machine and in every release."""
    return 1 + int.from_bytes(sha256(site.encode()).digest()[:8], "big") % of

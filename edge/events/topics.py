"""Topics as values: one that cannot be is not built. Local topics carry no site; the bridge adds it on the way to HQ.

| kind | local | at HQ |
|---|---|---|
| event | `event/<process>/<type>/<channel or _>` | `cctv/<site>/event/...` |
| state | `state/<process>` | `cctv/<site>/state/...` |
| state | `state/reporter/<channel>` | `cctv/<site>/state/...` |
| command | `command/<process>/replay` | `hq/<site>/command/...` |
| command | `command/<process>/protect` | `hq/<site>/command/...` |
| ack | `ack/<process>` | `hq/<site>/ack/...` |
| reply | `reply/<process>/replay` | `cctv/<site>/reply/...` |
| reply | `reply/<process>/protect` | `cctv/<site>/reply/...` |
"""

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from edge.events.errors import TopicError
from edge.events.values import CHANNEL_PATTERN, LEVEL_PATTERN, SITE_PATTERN

ANY = "+"
NO_CHANNEL = "_"

_LEVEL = re.compile(LEVEL_PATTERN)
_SITE = re.compile(SITE_PATTERN)
_CHANNEL = re.compile(CHANNEL_PATTERN)


@dataclass(frozen=True, slots=True)
class EventTopic:
    """Where an event is published; `channel` None where it is about the whole site, `site` only at HQ."""

    process: str
    event_type: str
    channel: str | None = None
    site: str | None = None

    kind: ClassVar[str] = "event"
    hq_root: ClassVar[str] = "cctv"
    tail: ClassVar[str | None] = None
    qos: ClassVar[int] = 1
    retain: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check("process", self.process, _LEVEL)
        _check("event_type", self.event_type, _LEVEL)
        if self.channel is not None:
            _check("channel", self.channel, _CHANNEL)
        if self.site is not None:
            _check("site", self.site, _SITE)

    def __str__(self) -> str:
        return _join(self.hq_root, self.site, self.kind, self.process, self.event_type, self.channel or NO_CHANNEL)

    @classmethod
    def parse(cls, topic: str) -> Self:
        """The event topic in a string, local or HQ's; raises TopicError."""
        site, levels = _split(topic, cls.hq_root, cls.kind)
        if len(levels) != 3:
            raise TopicError(f"topic {topic[:200]!r} is not event/<process>/<type>/<channel or _>")
        return cls(levels[0], levels[1], None if levels[2] == NO_CHANNEL else levels[2], site)

    @classmethod
    def filter(
        cls,
        process: str | None = None,
        event_type: str | None = None,
        channel: str | None = None,
        *,
        site: str | None = None,
    ) -> str:
        """A subscription; None is any. `channel` `_` is what is about the site; `site` is HQ's form, `+` any site."""
        if process is not None:
            _check("process", process, _LEVEL)
        if event_type is not None:
            _check("event_type", event_type, _LEVEL)
        if channel not in {None, NO_CHANNEL}:
            _check("channel", channel, _CHANNEL)
        if site not in {None, ANY}:
            _check("site", site, _SITE)
        return _join(cls.hq_root, site, cls.kind, process or ANY, event_type or ANY, channel or ANY)


@dataclass(frozen=True, slots=True)
class ProcessTopic:
    """A topic of one process; `site` only at HQ. Each kind is a subclass."""

    process: str
    site: str | None = None

    kind: ClassVar[str]
    hq_root: ClassVar[str]
    tail: ClassVar[str | None] = None
    qos: ClassVar[int] = 1
    retain: ClassVar[bool]

    def __post_init__(self) -> None:
        _check("process", self.process, _LEVEL)
        if self.site is not None:
            _check("site", self.site, _SITE)

    def __str__(self) -> str:
        return _join(self.hq_root, self.site, self.kind, self.process, self.tail)

    @classmethod
    def parse(cls, topic: str) -> Self:
        """The topic of this kind in a string, local or HQ's; raises TopicError."""
        site, levels = _split(topic, cls.hq_root, cls.kind)
        if levels[1:] != ([] if cls.tail is None else [cls.tail]):
            raise TopicError(
                f"topic {topic[:200]!r} is not {_join(cls.hq_root, None, cls.kind, '<process>', cls.tail)}"
            )
        return cls(levels[0], site)

    @classmethod
    def filter(cls, process: str | None = None, *, site: str | None = None) -> str:
        """A subscription; None is any process. `site` is HQ's form, `+` any site."""
        if process is not None:
            _check("process", process, _LEVEL)
        if site not in {None, ANY}:
            _check("site", site, _SITE)
        return _join(cls.hq_root, site, cls.kind, process or ANY, cls.tail)


class StateTopic(ProcessTopic):
    """Where a process's heartbeat and Will are retained."""

    __slots__ = ()
    kind = "state"
    hq_root = "cctv"
    retain = True


@dataclass(frozen=True, slots=True)
class ChannelStateTopic:
    """Where the reporter retains how a channel is; `site` only at HQ."""

    channel: str
    site: str | None = None

    process: ClassVar[str] = "reporter"
    kind: ClassVar[str] = "state"
    hq_root: ClassVar[str] = "cctv"
    tail: ClassVar[str | None] = None
    qos: ClassVar[int] = 1
    retain: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check("channel", self.channel, _CHANNEL)
        if self.site is not None:
            _check("site", self.site, _SITE)

    def __str__(self) -> str:
        return _join(self.hq_root, self.site, self.kind, self.process, self.channel)

    @classmethod
    def parse(cls, topic: str) -> Self:
        """The topic of this kind in a string, local or HQ's; raises TopicError."""
        site, levels = _split(topic, cls.hq_root, cls.kind)
        if len(levels) != 2 or levels[0] != cls.process:
            raise TopicError(f"topic {topic[:200]!r} is not state/{cls.process}/<channel>")
        return cls(levels[1], site)

    @classmethod
    def filter(cls, channel: str | None = None, *, site: str | None = None) -> str:
        """A subscription; None is any channel. `site` is HQ's form, `+` any site."""
        if channel is not None:
            _check("channel", channel, _CHANNEL)
        if site not in {None, ANY}:
            _check("site", site, _SITE)
        return _join(cls.hq_root, site, cls.kind, cls.process, channel or ANY)


class CommandTopic(ProcessTopic):
    """Where a process is asked for a replay."""

    __slots__ = ()
    kind = "command"
    hq_root = "hq"
    tail = "replay"
    retain = False


class ProtectTopic(ProcessTopic):
    """Where a process is asked to keep footage from deletion, to let it go, or what it keeps."""

    __slots__ = ()
    kind = "command"
    hq_root = "hq"
    tail = "protect"
    retain = False


class AckTopic(ProcessTopic):
    """Where HQ says how far it holds a process's events."""

    __slots__ = ()
    kind = "ack"
    hq_root = "hq"
    retain = True


class ReplyTopic(ProcessTopic):
    """Where a process answers a replay command."""

    __slots__ = ()
    kind = "reply"
    hq_root = "cctv"
    tail = "replay"
    retain = False


class ProtectReplyTopic(ProcessTopic):
    """Where a process answers what it was asked about protected footage."""

    __slots__ = ()
    kind = "reply"
    hq_root = "cctv"
    tail = "protect"
    retain = False


StatesTopic = StateTopic | ChannelStateTopic
Topic = EventTopic | StatesTopic | CommandTopic | ProtectTopic | AckTopic | ReplyTopic | ProtectReplyTopic
TOPICS: tuple[type[Topic], ...] = (
    *(EventTopic, StateTopic, ChannelStateTopic, CommandTopic, ProtectTopic),
    *(AckTopic, ReplyTopic, ProtectReplyTopic),
)
_KINDS = tuple(dict.fromkeys(topic.kind for topic in TOPICS))


def parse(topic: str) -> Topic:
    """The topic in a string, of whatever kind, local or HQ's; raises TopicError."""
    levels = topic.split("/", 3)
    kind = levels[2] if levels[0] in {"cctv", "hq"} and len(levels) > 2 else levels[0]
    if kind not in _KINDS:
        raise TopicError(f"topic {topic[:200]!r} is of no kind that Saksi knows ({', '.join(_KINDS)})")
    if kind == StateTopic.kind:
        return (StateTopic if topic.count("/") in {1, 3} else ChannelStateTopic).parse(topic)
    of_kind = [one for one in TOPICS if one.kind == kind]
    named = [one for one in of_kind if one.tail is not None and topic.endswith(f"/{one.tail}")]
    return (named or of_kind)[0].parse(topic)


def _check(name: str, value: str | None, rule: re.Pattern[str]) -> None:
    if value is None or not rule.fullmatch(value):
        raise TopicError(f"{name} {str(value)[:80]!r} does not match {rule.pattern}")


def _join(hq_root: str, site: str | None, *levels: str | None) -> str:
    prefix = () if site is None else (hq_root, site)
    return "/".join(level for level in (*prefix, *levels) if level is not None)


def _split(topic: str, hq_root: str, kind: str) -> tuple[str | None, list[str]]:
    """Site and the levels after the kind."""
    levels = topic.split("/")
    site = levels[1] if levels[0] == hq_root and len(levels) > 2 else None
    if site is not None:
        levels = levels[2:]
    if levels[0] != kind or len(levels) < 2:
        raise TopicError(f"topic {topic[:200]!r} is not {kind}/<process>...")
    return site, levels[1:]

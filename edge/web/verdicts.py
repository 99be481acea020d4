"""What was held to be wrong with a channel's picture, as a list on its page, beside how it looks when it is well."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from edge.events.catalog import ChannelInvalid, ChannelValid
from edge.events.envelope import Envelope
from edge.events.errors import EnvelopeError, EventDataError
from edge.events.values import milliseconds
from edge.journal.arrival import Entry
from edge.recordings.picture import PictureName
from edge.web.kept_pictures import KeptPictures
from edge.web.site_journal import SiteJournal
from edge.words.times import Times

SHOWN: Final = 20
_READ: Final = 2 * SHOWN + 1
"""Of each verdict its begin and its end, and what tells that there are more."""
_TYPES: Final = ("channel_invalid", "channel_valid")
_UNSEEN: Final = frozenset({"unreachable", "auth_failed"})
_BRIGHTNESS: Final = frozenset({"black"})
"""Measured as a luma of 0 to 255; all else is a share or a ratio."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A fault from its begin to its end; `until_ms` is None while it lasts. `position` is of the event that told it."""

    position: int
    reason: str
    since_ms: int
    until_ms: int | None
    measured: float | None = None
    threshold: float | None = None
    picture: PictureName | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A verdict in words; `picture` is the address of what showed it, "" where nothing is kept."""

    position: int
    shape: str
    reason: str
    when: str
    measured: str
    picture: str
    taken_ms: int


@dataclass(frozen=True, slots=True)
class VerdictPanel:
    """What a page shows: verdicts, newest first, and the address of the reference picture, "" where there is none."""

    rows: tuple[Row, ...]
    more: bool
    reference: str
    reference_ms: int

    def __bool__(self) -> bool:
        return bool(self.rows or self.reference)


def verdict_panel(journal: SiteJournal, kept: KeptPictures | None, channel: str, times: Times) -> VerdictPanel:
    """The verdicts of a channel of the configuration, and its pictures where they are `kept` on this machine."""
    entries = journal.entries(limit=_READ, newest_first=True, event_types=_TYPES, channels=(channel,))
    found = verdicts(entries)
    reference = kept.reference(channel) if kept is not None else None
    return VerdictPanel(
        rows=tuple(_row(one, channel, kept, times) for one in found[:SHOWN]),
        more=len(found) > SHOWN or len(entries) == _READ,
        reference=f"/channels/{quote(channel)}/reference.jpg?v={reference.written_ms}" if reference else "",
        reference_ms=reference.written_ms if reference else 0,
    )


def verdicts(entries: Sequence[Entry]) -> list[Verdict]:
    """The verdicts that events of one channel tell of, newest first. Pure.

    A verdict ends with `channel_valid`, or where the next one begins. An end whose begin is not there tells of both.
    """
    found: list[Verdict] = []
    lasting: Verdict | None = None
    for entry in sorted(entries, key=lambda one: (one.time_ms, one.sequence)):
        event = _event(entry)
        if isinstance(event, ChannelInvalid):
            begun = _begun(entry, event)
            if lasting is not None:
                until_ms = begun.since_ms if begun.since_ms > lasting.since_ms else entry.time_ms
                found.append(_ended(lasting, until_ms))
            lasting = begun
        elif isinstance(event, ChannelValid):
            lasted_ms = round(event.invalid_for_s * 1000)
            if lasting is None:
                found.append(Verdict(entry.position, event.was, entry.time_ms - lasted_ms, entry.time_ms))
            else:
                same = event.was == lasting.reason
                found.append(_ended(lasting, lasting.since_ms + lasted_ms if same else entry.time_ms))
            lasting = None
    return [*([lasting] if lasting else []), *reversed(found)]


def _event(entry: Entry) -> object:
    if not entry.understood:
        return None
    try:
        return Envelope.parse(entry.payload).event()
    except (EnvelopeError, EventDataError):
        return None


def _begun(entry: Entry, event: ChannelInvalid) -> Verdict:
    picture = PictureName.parse(event.picture) if event.picture else None
    return Verdict(
        position=entry.position,
        reason=event.reason,
        since_ms=milliseconds(event.since),
        until_ms=None,
        measured=event.measured,
        threshold=event.threshold,
        picture=picture if picture is not None and picture.channel == entry.channel else None,
    )


def _ended(one: Verdict, until_ms: int) -> Verdict:
    until_ms = max(until_ms, one.since_ms)
    return Verdict(one.position, one.reason, one.since_ms, until_ms, one.measured, one.threshold, one.picture)


def _row(one: Verdict, channel: str, kept: KeptPictures | None, times: Times) -> Row:
    words = times.words
    reason = words.of_code("picture", one.reason)
    shown = one.picture if kept is not None and one.picture is not None and kept.evidence(one.picture) else None
    shape = "offline" if one.reason in _UNSEEN else "picture_fault"
    return Row(
        position=one.position,
        shape=shape if one.until_ms is None else "plain",
        reason=reason[:1].upper() + reason[1:],
        when=_when(one, times),
        measured=_measured(one, times),
        picture=f"/channels/{quote(channel)}/evidence/{shown.file}" if shown else "",
        taken_ms=shown.taken_ms if shown else 0,
    )


def _when(one: Verdict, times: Times) -> str:
    """Since when, or from when to when and for how long."""
    words, since = times.words, times.moment(one.since_ms)
    if one.until_ms is None:
        return words("page.note_since", since=times.both(one.since_ms))
    same_day = times.local(one.since_ms).date() == times.local(one.until_ms).date()
    until = times.clock(one.until_ms) if same_day else times.moment(one.until_ms)
    lasts = words.duration((one.until_ms - one.since_ms) / 1000)
    return words("page.stretch", start=since, end=until, lasts=lasts)


def _measured(one: Verdict, times: Times) -> str:
    """What was measured against which limit; "" where there was no picture to measure."""
    if one.measured is None or one.threshold is None:
        return ""
    words = times.words
    key = f"verdict.{one.reason}"
    both = (one.measured, one.threshold)
    if not words.has(key):
        key, figures = "verdict.measured", [words.figure(value) for value in both]
    elif one.reason in _BRIGHTNESS:
        figures = [words.figure(round(value, 1)) for value in both]
    else:
        figures = [f"{words.figure(round(100 * value, 1))} %" for value in both]
    return words(key, measured=figures[0], threshold=figures[1])

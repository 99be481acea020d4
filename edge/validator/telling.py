"""What the validator finds in the words of its events."""

from edge.clock import rfc3339
from edge.events.catalog import ChannelInvalid, ChannelValid, SegmentRejected
from edge.events.catalog.validator import RejectReason
from edge.recordings.segment import SegmentName
from edge.validator.standing import Fault, Statement


def stated(statement: Statement, segment: str | None, picture: str | None) -> ChannelInvalid | ChannelValid:
    """The event of a statement; `segment` and `picture` show the fault."""
    if statement.fault is not None:
        return _invalid(statement.fault, segment, picture)
    was = statement.was
    assert was is not None
    return ChannelValid(was=was.reason, invalid_for_s=max(0.0, (statement.at_ms - was.since_ms) / 1000))


def rejected(name: SegmentName, reason: RejectReason) -> SegmentRejected:
    """The event of a segment that is not worth keeping."""
    return SegmentRejected(path=name.path, reason=reason)


def _invalid(fault: Fault, segment: str | None, picture: str | None) -> ChannelInvalid:
    return ChannelInvalid(
        reason=fault.reason,
        measured=fault.measured,
        threshold=fault.threshold,
        since=rfc3339(fault.since_ms * 1_000_000),
        segment=segment,
        picture=picture,
    )

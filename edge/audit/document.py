"""A statement as one JSON document. Times are RFC 3339 in UTC, durations whole milliseconds, digests hexadecimal."""

from collections.abc import Sequence
from typing import Any, Final

from edge.audit.holes import Hole, SourceStatement
from edge.audit.statement import ChannelStatement, Statement
from edge.audit.stretches import KINDS, Stretch
from edge.clock import rfc3339
from edge.verify.findings import KINDS as FILE_KINDS
from edge.verify.findings import Report

FORMAT: Final = "saksi-audit-1"


def document(statement: Statement) -> dict[str, Any]:
    """The statement as JSON types."""
    asked = statement.asked
    problems = statement.problems
    return {
        "format": FORMAT,
        "ok": not problems,
        "site": asked.site,
        "from": time_text(asked.from_ms),
        "to": time_text(asked.to_ms),
        "timezone": asked.zone,
        "range_ms": asked.ms,
        "digest": statement.digest.hex(),
        "segments": statement.segments,
        "made": time_text(statement.made_ms),
        "ledger": statement.ledger,
        "version": statement.version,
        "known_from": _time_or_none(statement.known_from_ms),
        "known_to": _time_or_none(statement.known_to_ms),
        "problems": [
            {"code": one.code, "about": one.about, "count": one.count, "detail": one.detail} for one in problems
        ],
        "channels": [_channel(one) for one in statement.channels],
        "sources": [_source(one) for one in statement.sources],
        "events_unread": statement.unread,
        "files": None if statement.files is None else _files(statement.files),
        "not_verified": statement.not_verified,
    }


def time_text(time_ms: int) -> str:
    """Milliseconds as RFC 3339."""
    return rfc3339(time_ms * 1_000_000)


def _time_or_none(time_ms: int | None) -> str | None:
    return None if time_ms is None else time_text(time_ms)


def _channel(one: ChannelStatement) -> dict[str, Any]:
    tally = one.tally
    return {
        "channel": one.channel,
        **{f"{kind}_ms": one.ms(kind) for kind in KINDS},
        "picture_fault_ms": one.fault_ms,
        "segments": tally.segments,
        "bytes": tally.size_bytes,
        "digest": tally.digest.hex(),
        "days": [
            {"day": time_text(mark.day_ms)[:10], "segments": mark.segments, "digest": mark.digest.hex()}
            for mark in tally.days
        ],
        "losses": {
            "segments": tally.harmed,
            "lost_packets": tally.lost_packets,
            "suspect_ms": tally.suspect_ms,
            "dropped_ms": tally.dropped_ms,
        },
        "overlap_ms": tally.overlap_ms,
        "overlap_count": tally.overlap_count,
        "overlaps": [
            {"path": over.path, "from": time_text(over.from_ms), "to": time_text(over.to_ms)} for over in tally.overlaps
        ],
        "contradicted_count": tally.contradicted_count,
        "contradicted": tally.contradicted,
        "gaps": _stretches(one.of("gap")),
        "pruned": _stretches(one.of("pruned")),
        "rejected": _stretches(one.of("rejected")),
        "unsaid": _stretches(one.of("unsaid")),
    }


def _stretches(found: Sequence[Stretch]) -> list[dict[str, Any]]:
    return [
        {"from": time_text(one.from_ms), "to": time_text(one.to_ms), "ms": one.ms, "reason": one.reason}
        | (_receipts(one) if one.receipts.count else {})
        for one in found
    ]


def _receipts(one: Stretch) -> dict[str, Any]:
    first, last = _time_or_none(one.receipts.first_ms), _time_or_none(one.receipts.last_ms)
    return {"receipts": {"count": one.receipts.count, "first": first, "last": last}}


def _source(one: SourceStatement) -> dict[str, Any]:
    return {
        "process": one.process,
        "epoch": one.epoch,
        "first": one.first,
        "last": one.last,
        "newest": one.newest,
        "missing": [_hole(hole) for hole in one.missing],
        "lost": [_hole(hole) for hole in one.lost],
        "missing_elsewhere": one.missing_elsewhere,
        "lost_elsewhere": one.lost_elsewhere,
        "conflicts": [
            {"sequence": each.sequence, "kept_sha256": each.kept_sha256, "refused_sha256": each.refused_sha256}
            for each in one.conflicts
        ],
    }


def _hole(hole: Hole) -> dict[str, Any]:
    after, before = _time_or_none(hole.after_ms), _time_or_none(hole.before_ms)
    return {"first": hole.first, "last": hole.last, "after": after, "before": before}


def _files(report: Report) -> dict[str, Any]:
    return {
        "root": report.root,
        "verified": report.ok,
        **{kind: report.counts[kind] for kind in FILE_KINDS},
        "pruned": report.pruned,
        "waiting": report.waiting,
        "bytes": report.bytes,
        "notes": report.notes,
        "findings": [{"kind": one.kind, "path": one.path, "detail": one.detail} for one in report.findings],
    }

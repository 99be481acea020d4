"""Sentences for what retention says of the disk, and of what it deletes and keeps. Pure."""

from edge.events import catalog
from edge.words.catalog import Words


def disk_measured(event: catalog.DiskMeasured, words: Words) -> str:
    """How full the disk is."""
    parts = [
        words(
            "event.disk_measured",
            mount=event.mount,
            free=words.size(event.free_bytes),
            total=words.size(event.total_bytes),
            rate=words.rate(event.write_rate_bytes_s * 8),
        ),
        *_full_in(event.hours_left, words),
    ]
    if event.unknown_files:
        parts.append(words.count("event.disk_measured.strangers", event.unknown_files))
    if event.smart == "failing":
        parts.append(words("event.disk_measured.failing"))
    return ", ".join(parts)


def _full_in(hours_left: float | None, words: Words) -> list[str]:
    return [] if hours_left is None else [words("event.disk.full_in", left=words.duration(hours_left * 3600))]


def disk_pruned(event: catalog.DiskPruned, words: Words) -> str:
    """What was deleted and why."""
    channels = len({span.channel for span in event.channels})
    why = words.of_code("pruned", event.rule)
    size = words.size(event.bytes)
    segments = words.count("event.segments", event.segments)
    return words.count("event.disk_pruned", channels, segments=segments, size=size, why=why)


def disk_low(event: catalog.DiskLow, words: Words) -> str:
    """The disk is over its limit."""
    free, percent = words.size(event.free_bytes), f"{event.used_percent:.0f}"
    low = words("event.disk_low", mount=event.mount, free=free, percent=percent)
    return ", ".join([low, *_full_in(event.hours_left, words)]) + _stuck(event.reason, words)


def disk_full(event: catalog.DiskFull, words: Words) -> str:
    """No room is left."""
    return words("event.disk_full", mount=event.mount) + _stuck(event.reason, words)


def _stuck(reason: catalog.Stuck | None, words: Words) -> str:
    return f"; {words.of_code('stuck', reason)}" if reason else ""


def disk_recovered(event: catalog.DiskRecovered, words: Words) -> str:
    """The disk is well again."""
    return words(
        "event.disk_recovered",
        mount=event.mount,
        lasted=words.duration(event.lasted_s),
        was=words.of_code("disk_was", event.was),
        free=words.size(event.free_bytes),
    )


def disk_missing(event: catalog.DiskMissing, words: Words) -> str:
    """The disk is not there."""
    return words("event.disk_missing", mount=event.mount, detail=event.detail)


def retention_short(event: catalog.RetentionShort, words: Words) -> str:
    """Recordings will not reach back far enough."""
    forecast, promise = words.days(event.forecast_days), words.days(event.promise_days)
    return words("event.retention_short", forecast=forecast, promise=promise, time=event.short_from)


def disk_faulty(event: catalog.DiskFaulty, words: Words) -> str:
    """The disk cannot be written or read."""
    return words("event.disk_faulty", mount=event.mount, detail=event.detail)


def segments_missing(event: catalog.SegmentsMissing, words: Words) -> str:
    """Segments are gone that nobody of us deleted."""
    channels = sorted({span.channel for span in event.channels})
    of = words.some(channels) if channels else "?"
    return words.count("event.segments_missing", event.segments, channels=of, size=words.size(event.bytes))


def segments_verified(event: catalog.SegmentsVerified, words: Words) -> str:
    """Some segments were read and decoded."""
    size = words.size(event.bytes)
    sentence = words.count("event.segments_verified", event.checked, size=size, pictures=event.pictures)
    bad = {"changed": event.changed, "unreadable": event.unreadable, "undecodable": event.undecodable}
    found = [f"{words.of_code('verified', kind)}: {words.some(list(paths))}" for kind, paths in bad.items() if paths]
    return f"{sentence}; {'; '.join(found) or words('event.segments_verified.well')}"


def catalog_rebuilt(event: catalog.CatalogRebuilt, words: Words) -> str:
    """The index was made anew."""
    return words(
        "event.catalog_rebuilt",
        why=words.of_code("rebuilt", event.reason),
        segments=event.segments,
        size=words.size(event.bytes),
        took=words.duration(event.took_s),
    )


def footage_protected(event: catalog.FootageProtected, words: Words) -> str:
    """Somebody wants footage kept."""
    return words("event.footage_protected", start=event.from_, end=event.to, by=event.by, note=event.note)


def footage_unprotected(event: catalog.FootageUnprotected, words: Words) -> str:
    """Somebody let footage go."""
    return words("event.footage_unprotected", start=event.from_, end=event.to, by=event.by, note=event.note)


def retention_restored(event: catalog.RetentionRestored, words: Words) -> str:
    """Recordings reach back far enough again."""
    forecast, promise = words.days(event.forecast_days), words.days(event.promise_days)
    return words("event.retention_restored", forecast=forecast, promise=promise)

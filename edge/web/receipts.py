"""Receipts for deleted segments, as they stand in the journal."""

import json
from collections.abc import Mapping
from typing import Any

from edge.journal.errors import JournalUnavailable
from edge.web.site_journal import SiteJournal


def receipts(journal: SiteJournal, limit: int) -> list[tuple[int, Mapping[str, Any]]] | None:
    """Time and data of the newest, newest first; None while the journal cannot be read."""
    try:
        entries = journal.entries(limit=limit, newest_first=True, event_types=("disk_pruned",))
    except JournalUnavailable:
        return None
    return [(one.time_ms, json.loads(one.payload)["data"]) for one in entries if one.understood]

"""What a verification found, as values and as one JSON document. Reads and prints nothing."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Kind = Literal["changed", "missing", "unknown", "unreadable", "undecodable"]
KINDS: Final[tuple[Kind, ...]] = ("changed", "missing", "unknown", "unreadable", "undecodable")
MOST_FINDINGS: Final = 10_000
"""So many are kept with their path; all are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A segment (or a folder that cannot be read) that is not as it should be; `path` is relative to the root."""

    kind: Kind
    path: str
    detail: str


@dataclass(slots=True)
class Report:
    """Counts of segments.

    `checked` were there and read; `held` of them were held against an announcement and `ok` are well. `pruned` were
    announced and are gone by receipt. `waiting` are announced in the recorder's outbox, or about to be, but not in the
    journal yet: they are held against that. `foreign` files are not Saksi's.
    """

    site: str
    root: str
    checked: int = 0
    held: int = 0
    ok: int = 0
    bytes: int = 0
    pictures: int = 0
    pruned: int = 0
    waiting: int = 0
    foreign: int = 0
    took_s: float = 0.0
    counts: Counter[Kind] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_ok(self) -> bool:
        """Whether nothing is off; notes, foreign files and what waits do not count."""
        return not self.counts

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it while there are not too many."""
        self.counts[finding.kind] += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)

    def document(self) -> dict[str, Any]:
        """The report as JSON types."""
        return {
            "ok": self.is_ok,
            "site": self.site,
            "root": self.root,
            "segments": {
                "checked": self.checked,
                "held": self.held,
                "ok": self.ok,
                **{kind: self.counts[kind] for kind in KINDS},
                "pruned": self.pruned,
                "waiting": self.waiting,
            },
            "foreign_files": self.foreign,
            "bytes": self.bytes,
            "pictures": self.pictures,
            "took_s": round(self.took_s, 3),
            "notes": self.notes,
            "findings": [{"kind": one.kind, "path": one.path, "detail": one.detail} for one in self.findings],
        }

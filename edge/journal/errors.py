"""The errors of a journal.

SaksiError
├── JournalUnavailable  the database does not take or give events now: nothing was half-written, try again
├── JournalDamaged      the file is not what was written: the next start moves it aside and begins a new one
├── JournalLocked       another process holds this journal
└── JournalTooNew       a newer release of Saksi made this journal
"""

from edge.errors import SaksiError


class JournalUnavailable(SaksiError):  # noqa: N818 - named for the state
    """The database does not take or give events now (disk full, server away): nothing is half-written, try again."""


class JournalDamaged(SaksiError):  # noqa: N818 - named for the state
    """The file is not what was written; whoever gets this ends, and the next start begins a new journal."""


class JournalLocked(SaksiError):  # noqa: N818 - named for the state
    """Another process holds this journal."""


class JournalTooNew(SaksiError):  # noqa: N818 - named for the state
    """A newer release of Saksi made this journal, and this one cannot read it."""

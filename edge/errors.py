"""Every error that Saksi raises on purpose.

SaksiError
├── ConfigError            the configuration is wrong: names key, value and rule
├── CodecError             bytes that claim to be a parameter set or a codec configuration are not
├── Mp4Error               a file is not one of our fragmented MP4 files
├── OutboxLocked           another process holds this outbox
├── OutboxRestored         an outbox is an older copy of itself (in edge.bus.database)
├── OutboxUnavailable      the disk does not take an event now (in edge.bus.database)
├── JournalUnavailable, JournalDamaged, JournalLocked, JournalTooNew
│                          the journal cannot be used (in edge.journal.errors)
├── NoAnswer               a process did not answer a command in time
├── EventError             an event, message or topic is not what it should be (in edge.events.errors)
├── StorageError           a segment cannot be written; .reason as in `recording_stopped`
│   ├── StorageMissing     the storage root is not the one that was marked
│   └── DiskFull           no space left
└── CameraError            a camera does not give a picture; .reason as in `recording_stopped`
    ├── Unreachable
    ├── AuthFailed
    ├── NotFound
    ├── CameraTimeout
    ├── StreamEnded
    ├── StreamError        (RtspProtocolError: the bytes are not RTSP)
    └── Unsupported
"""

from typing import ClassVar, Literal

StopReason = Literal[
    "unreachable", "auth_failed", "not_found", "timeout", "ended", "stream_error", "unsupported",
    "disk_full", "storage_missing", "shutdown", "config", "crash",
]  # fmt: skip


class SaksiError(Exception):
    """An error that is expected to happen in the field and that has words for a technician."""


class ConfigError(SaksiError):
    """The configuration cannot be used."""


class CodecError(SaksiError):
    """A parameter set or codec configuration cannot be understood."""


class Mp4Error(SaksiError):
    """A file is not a fragmented MP4 file of ours."""


class OutboxLocked(SaksiError):  # noqa: N818 - named for the state, as the process list shows it
    """Another process holds this outbox."""


class StorageError(SaksiError):
    """A segment cannot be written."""

    reason: ClassVar[StopReason] = "storage_missing"


class StorageMissing(StorageError):  # noqa: N818 - named for the state
    """The storage root is missing, read-only or another disk than the one that was marked."""


class DiskFull(StorageError):  # noqa: N818 - named for the state
    """The disk that holds the recordings is full."""

    reason: ClassVar[StopReason] = "disk_full"


class CameraError(SaksiError):
    """A camera does not give a picture; `retry_after_s` is the least wait that it asked for, if any."""

    reason: ClassVar[StopReason] = "stream_error"
    retry_after_s: float | None = None


class Unreachable(CameraError):  # noqa: N818 - named for the state
    """Nothing answers at the camera's address."""

    reason: ClassVar[StopReason] = "unreachable"


class AuthFailed(CameraError):  # noqa: N818 - named for the state
    """The camera refuses the user name or the password."""

    reason: ClassVar[StopReason] = "auth_failed"


class NotFound(CameraError):  # noqa: N818 - named for the state
    """The camera answers, but has no such path."""

    reason: ClassVar[StopReason] = "not_found"


class CameraTimeout(CameraError):  # noqa: N818 - named for the state
    """The camera stopped answering or sending."""

    reason: ClassVar[StopReason] = "timeout"


class StreamEnded(CameraError):  # noqa: N818 - named for the state
    """The camera closed the connection or said goodbye."""

    reason: ClassVar[StopReason] = "ended"


class StreamError(CameraError):
    """The camera answers something that cannot be used."""

    reason: ClassVar[StopReason] = "stream_error"


class RtspProtocolError(StreamError):
    """The bytes from the camera are not RTSP."""


class Unsupported(CameraError):  # noqa: N818 - named for the state
    """The camera offers no video that Saksi records (H.264 or H.265 over TCP)."""

    reason: ClassVar[StopReason] = "unsupported"


class NoAnswer(SaksiError):  # noqa: N818 - named for the state
    """A process did not answer a command in time."""

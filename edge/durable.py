"""Files that are whole and still there after a power cut. Knows nothing of what they hold."""

import os
from pathlib import Path


def write_durably(path: Path, text: str) -> None:
    """Put a small file in place so that a power cut leaves the old or the new one, whole."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

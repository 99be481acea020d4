"""The recorder carries no media library, whatever it is started through."""

import subprocess
import sys

import pytest

HEAVY = ("av", "numpy", "cv2", "edge.demo", "edge.check")


@pytest.mark.parametrize("module", ["edge.recorder.main", "edge.cli"])
def test_recorder_loads_no_media_library(module):
    """Neither the process nor the command that starts it imports what only other commands need."""
    script = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

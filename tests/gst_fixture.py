"""Starts and stops `gst_server.py` for tests that want a server we did not write."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PYTHON = "/usr/bin/python3"
_SCRIPT = Path(__file__).with_name("gst_server.py")
_PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


@contextmanager
def gst_cameras(port: int = 0) -> Iterator[dict[str, str]]:
    """Serve inside the block; gives mount -> URL. Skips the test where gst-rtsp-server is not installed.

    Port 0 takes a free one; the mount with a password always does.
    """
    if (
        not Path(_PYTHON).exists()
        or subprocess.run([_PYTHON, "-c", _PROBE], capture_output=True, check=False).returncode
    ):
        pytest.skip("gst-rtsp-server is not installed: apt install gir1.2-gst-rtsp-server-1.0 python3-gi")
    command = [_PYTHON, str(_SCRIPT), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="session")
def gst_urls() -> Iterator[dict[str, str]]:
    """Mount -> URL of one server for the whole run; import this fixture in a conftest."""
    with gst_cameras() as urls:
        yield urls

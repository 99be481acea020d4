"""`python -m edge.demo`, the load of the benchmarks, as a process."""

import json
import signal
import socket
import subprocess
import sys

import pytest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_prints_urls_serves_and_stops_on_a_signal(number, tmp_path):
    """One line of JSON once it listens, then cameras until the signal, then exit status 0 and silence."""
    size = ["--size", "160x96", "--bitrate", "100k", "--clip-seconds", "1", "--cache-dir", tmp_path]
    command = [sys.executable, "-m", "edge.demo", "--count", "3", *size]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        listening = json.loads(process.stdout.readline())
        urls = [f"rtsp://127.0.0.1:{listening['port']}/cam{camera:02d}" for camera in (1, 2, 3)]
        assert listening["urls"] == urls
        with socket.create_connection(("127.0.0.1", listening["port"]), timeout=30) as connection:
            connection.sendall(f"DESCRIBE {urls[2]} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
            assert connection.recv(65_536).startswith(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n")
            process.send_signal(number)
            assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0

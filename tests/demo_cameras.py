"""Runs simulated cameras in a thread, for tests that look at them from outside."""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ssl import SSLContext

from edge.demo.control import send_command
from edge.demo.main import CameraSpec, demo_channels, run_cameras


@dataclass(frozen=True)
class RunningCameras:
    """Cameras that listen; `urls` holds the passwords."""

    port: int
    control_port: int
    urls: dict[str, str]

    def fault(self, camera, name, value=None, *, for_s=None):
        """Let something go wrong with a camera, as `edge.demo.faults.FAULTS` says."""
        return send_command(self.control_port, "fault", camera, name, value=value, for_s=for_s)

    def clear(self, camera=None, name=None):
        """Let a fault be over, or all."""
        return send_command(self.control_port, "clear", camera, name)

    def clients(self, camera):
        """How many connections a camera has."""
        return send_command(self.control_port, "list")["cameras"][camera]["clients"]


@contextmanager
def running_cameras(
    specs: Iterable[CameraSpec], *, port: int = 0, tls: SSLContext | None = None
) -> Iterator[RunningCameras]:
    """Serve cameras inside the block, in a thread with a loop of its own."""
    specs = tuple(specs)
    ports: list[int] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready = threading.Event()
    failures: list[BaseException] = []

    def listening(rtsp: int, control: int | None) -> None:
        ports.extend((rtsp, control or 0))
        ready.set()

    def run() -> None:
        try:
            loop.run_until_complete(
                run_cameras(specs, stop=stop, port=port, control_port=0, tls=tls, listening=listening)
            )
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            failures.append(error)
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        ready.wait()
        if not failures:
            scheme = "rtsps" if tls else "rtsp"
            urls = {c.id: c.url.replace("rtsp:", f"{scheme}:", 1) for c in demo_channels("127.0.0.1", ports[0], specs)}
            yield RunningCameras(ports[0], ports[1], urls)
    finally:
        if not failures:
            loop.call_soon_threadsafe(stop.set)
        thread.join()
        for failure in failures:
            raise failure

"""Runs simulated cameras: the four of the demo, or many alike as the load of a benchmark."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

from edge.demo.authentication import Account
from edge.demo.camera import Camera, packet_source
from edge.demo.clips import ClipSpec, default_cache_dir
from edge.demo.control import serve_commands
from edge.demo.server import CameraServer

_DEMO_ACCOUNT = Account("demo", "demo")


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """A camera to simulate: `id` is its path and its channel's id, `clip.name` what people call it."""

    id: str
    clip: ClipSpec
    account: Account | None = None
    session_timeout_s: float = 60


DEMO_CAMERAS = (
    CameraSpec("lobby", ClipSpec("Lobby", audio="aac"), _DEMO_ACCOUNT),
    CameraSpec("gate", ClipSpec("Gate", width=1280, height=720, bitrate=2_000_000, audio="pcma"), _DEMO_ACCOUNT),
    CameraSpec("warehouse", ClipSpec("Warehouse"), _DEMO_ACCOUNT),
    CameraSpec("parking", ClipSpec("Parking", codec="h265", bitrate=600_000), _DEMO_ACCOUNT),
)


@dataclass(frozen=True, slots=True)
class DemoChannel:
    """A simulated camera as a configuration names it; `url` holds the password."""

    id: str
    name: str
    url: str


def demo_channels(host: str, port: int, specs: Iterable[CameraSpec] = DEMO_CAMERAS) -> list[DemoChannel]:
    """Return the channels that record these cameras, once they are served at this address."""
    channels = []
    for spec in specs:
        user = f"{spec.account.user}:{spec.account.password}@" if spec.account else ""
        channels.append(DemoChannel(spec.id, spec.clip.name, f"rtsp://{user}{host}:{port}/{spec.id}"))
    return channels


async def run_cameras(
    specs: Iterable[CameraSpec],
    *,
    stop: asyncio.Event,
    host: str = "127.0.0.1",
    port: int = 0,
    control_port: int | None = None,
    cache_dir: Path | None = None,
    tls: SSLContext | None = None,
    listening: Callable[[int, int | None], None] = lambda _, __: None,
) -> None:
    """Serve cameras until `stop`; `listening` gets the RTSP port and the control port. OSError if a port is taken.

    Clips that are not in `cache_dir` yet are made first, which takes seconds. Port 0 takes a free port.
    """
    source = packet_source(cache_dir or default_cache_dir())
    cameras = [
        Camera(spec.id, spec.clip, source, account=spec.account, session_timeout_s=spec.session_timeout_s)
        for spec in specs
    ]
    for camera in cameras:
        await asyncio.to_thread(camera.prepare)
    async with CameraServer(cameras, host=host, port=port, tls=tls) as server:
        if control_port is None:
            listening(server.port, None)
            await stop.wait()
            return
        async with await serve_commands(server.cameras, control_port) as control:
            listening(server.port, control.sockets[0].getsockname()[1])
            await stop.wait()

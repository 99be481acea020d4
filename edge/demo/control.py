"""Orders to simulated cameras while they run: one line of JSON over a loopback connection, one line back."""

import asyncio
import json
import socket
from collections.abc import Mapping
from typing import Any

from edge.demo.camera import Camera
from edge.demo.clips import VARIANTS
from edge.demo.faults import FAULTS
from edge.errors import ConfigError

_TIMEOUT_S = 30.0


def send_command(
    port: int,
    action: str,
    camera: str | None = None,
    fault: str | None = None,
    *,
    value: float | str | None = None,
    for_s: float | None = None,
    host: str = "127.0.0.1",
) -> dict[str, Any]:
    """Send `fault`, `clear` or `list` to running cameras; ConfigError if they refuse it, OSError if none are there."""
    order = {"action": action, "camera": camera, "fault": fault, "value": value, "for_s": for_s}
    with socket.create_connection((host, port), timeout=_TIMEOUT_S) as connection, connection.makefile("rwb") as lines:
        lines.write(json.dumps(order).encode() + b"\n")
        lines.flush()
        answer: dict[str, Any] = json.loads(lines.readline())
    if "error" in answer:
        raise ConfigError(answer["error"])
    return answer


async def serve_commands(cameras: Mapping[str, Camera], port: int, host: str = "127.0.0.1") -> asyncio.Server:
    """Listen for orders to these cameras."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await _answer(cameras, line)).encode() + b"\n")
                await writer.drain()
        except OSError:
            pass  # the other side left before its answer
        finally:
            writer.close()

    return await asyncio.start_server(converse, host, port)


async def _answer(cameras: Mapping[str, Camera], line: bytes) -> dict[str, Any]:
    try:
        return await _obey(cameras, json.loads(line))
    except (ConfigError, ValueError, AttributeError) as error:
        return {"error": str(error)}


async def _obey(cameras: Mapping[str, Camera], order: dict[str, Any]) -> dict[str, Any]:
    name, fault, value = order.get("camera"), order.get("fault"), order.get("value")
    match order.get("action"):
        case "list":
            return {
                "cameras": {name: {"clients": len(c.clients), "faults": c.faults} for name, c in cameras.items()},
                "faults": {name: {"does": kind.does, "value": kind.default} for name, kind in FAULTS.items()},
            }
        case "fault":
            camera = _find(cameras, name)
            if fault == "clip":
                variant = value or FAULTS["clip"].default
                if variant in VARIANTS:
                    await asyncio.to_thread(camera.prepare, variant)
            camera.fault(str(fault), value, for_s=order.get("for_s"))
        case "clear":
            for camera in [_find(cameras, name)] if name else cameras.values():
                camera.clear(fault)
        case action:
            raise ConfigError(f"action {action!r} is unknown: use fault, clear or list")
    return {"ok": True}


def _find(cameras: Mapping[str, Camera], name: str | None) -> Camera:
    if name is None or name not in cameras:
        raise ConfigError(f"there is no simulated camera {name!r}: use one of {', '.join(cameras)}")
    return cameras[name]

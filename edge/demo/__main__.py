"""`python -m edge.demo`: many simulated cameras of one clip, the load of the benchmarks."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from edge.demo.clips import ClipSpec
from edge.demo.main import CameraSpec, demo_channels, run_cameras


def main() -> None:
    """Serve cameras until SIGINT or SIGTERM; prints their URLs as one line of JSON once it listens."""
    asyncio.run(_run(_parser().parse_args()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m edge.demo", description=main.__doc__)
    parser.add_argument("--count", type=int, default=32, help="cameras (%(default)s)")
    parser.add_argument("--size", default="1920x1080", help="WIDTHxHEIGHT (%(default)s)")
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--bitrate", default="4M", help="bits a second, with k or M (%(default)s)")
    parser.add_argument("--codec", choices=["h264", "h265"], default="h264")
    parser.add_argument("--audio", choices=["none", "aac", "pcma", "pcmu"], default="none")
    parser.add_argument("--gop", type=float, default=1.0, help="seconds from keyframe to keyframe (%(default)s)")
    parser.add_argument("--clip-seconds", type=int, default=6, help="length of the loop (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--control-port", type=int, default=0, help="for faults; 0 takes a free one")
    parser.add_argument("--cache-dir", type=Path, default=None, help="where clips are kept")
    return parser


async def _run(options: argparse.Namespace) -> None:
    width, _, height = options.size.partition("x")
    clip = ClipSpec(
        codec=options.codec,
        width=int(width),
        height=int(height),
        fps=options.fps,
        seconds=options.clip_seconds,
        gop_s=options.gop,
        bitrate=_bits(options.bitrate),
        audio=options.audio,
    )
    specs = [CameraSpec(f"cam{number:02d}", clip) for number in range(1, options.count + 1)]
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def say(port: int, control_port: int | None) -> None:
        urls = [channel.url for channel in demo_channels(options.host, port, specs)]
        sys.stdout.write(json.dumps({"port": port, "control_port": control_port, "urls": urls}) + "\n")
        sys.stdout.flush()

    await run_cameras(
        specs,
        stop=stop,
        host=options.host,
        port=options.port,
        control_port=options.control_port,
        cache_dir=options.cache_dir,
        listening=say,
    )


def _bits(text: str) -> int:
    scale = {"k": 1_000, "M": 1_000_000}.get(text[-1:])
    return round(float(text[:-1]) * scale) if scale else int(text)


if __name__ == "__main__":
    main()

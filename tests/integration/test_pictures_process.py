"""The decoder's child: what it can and cannot do, and what becomes of its parent when it misbehaves."""

import asyncio
import os
import resource
import signal
import socket
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from pictured_segments import H264, H265, looks_like, pixels, sps, until

from edge.decoding.process import NoPicture, PictureProcess, WorkerDied, WorkerLate
from edge.decoding.worker import ANSWER, PICTURE, WORDS
from edge.demo.clips import default_cache_dir, load_clip


def keyframe(spec) -> bytes:
    return b"".join(b"\0\0\0\1" + nal for nal in load_clip(spec, default_cache_dir()).units[0].nals)


@asynccontextmanager
async def worker(*command, **options):
    process = PictureProcess(*([command] if command else []), **options)
    try:
        yield process
    finally:
        await process.end()


def python(program: str):
    """A child that runs this in place of the decoder."""
    return sys.executable, "-c", f"import sys, time\n{program}"


def status_of(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize("spec", [H264, H265], ids=["h264", "h265"])
def test_keyframe_becomes_a_picture_of_the_width_that_was_asked_for(spec):
    """Smaller is scaled, larger is not: the picture shows what the camera saw, at the camera's size at most."""

    async def ask():
        async with worker() as process:
            return [await process.picture(spec.codec, width, keyframe(spec)) for width in (160, 320, 1920)]

    small, same, large = asyncio.run(ask())
    assert [pixels(jpeg).shape[:2] for jpeg in (small, same, large)] == [(90, 160), (180, 320), (180, 320)]
    assert all(looks_like(jpeg, spec) for jpeg in (small, same, large))


def test_noise_is_words_and_the_next_keyframe_a_picture():
    """What cannot be decoded costs nothing but that picture; the child goes on."""

    async def ask():
        async with worker() as process:
            good = await process.picture("h264", 320, keyframe(H264))
            pid = process.pid
            for noise in (b"", b"\0", b"\0\0\0\1" * 5000, os.urandom(100_000), b"\0\0\0\1\x65" + os.urandom(5000)):
                with pytest.raises(NoPicture) as refusal:
                    await process.picture("h265", 320, noise)
                assert not isinstance(refusal.value, WorkerDied | WorkerLate)
                assert str(refusal.value)
            with pytest.raises(NoPicture):
                await process.picture("h264", 320, keyframe(H265))
            assert await process.picture("h264", 320, keyframe(H264)) == good
            assert process.pid == pid

    asyncio.run(ask())


def test_claim_of_a_huge_picture_is_refused_in_little_memory():
    """Parameter sets that speak of 16384 x 16384 pixels make the child refuse, not grow."""

    async def ask():
        async with worker() as process:
            whole = keyframe(H264)
            await process.picture("h264", 320, whole)
            *_, slices = whole.split(b"\0\0\0\1")
            pps = next(nal for nal in whole.split(b"\0\0\0\1") if nal and nal[0] & 31 == 8)
            claim = b"".join(b"\0\0\0\1" + nal for nal in (sps(16384, 16384), pps, slices))
            with pytest.raises(NoPicture):
                await process.picture("h264", 1920, claim)
            return psutil.Process(process.pid).memory_info().rss

    assert asyncio.run(ask()) < 200 << 20


def test_child_has_no_secrets_no_files_no_sockets_and_narrow_limits(monkeypatch):
    """Of all that the parent holds it inherits its two pipes only, and it cannot take more."""
    monkeypatch.setenv("LOBBY_PASSWORD", "hidden")

    async def ask():
        with socket.create_server(("127.0.0.1", 0)) as held:
            held.set_inheritable(True)
            async with worker() as process:
                await process.picture("h264", 320, keyframe(H264))
                child = psutil.Process(process.pid)
                assert child.environ() == {}
                assert child.open_files() == []
                assert len(child.net_connections("inet")) == 0
                assert child.num_fds() == 3
                assert child.cwd() == "/"
                assert child.nice() > psutil.Process().nice() or child.nice() == 19
                for limit, most in {
                    resource.RLIMIT_AS: 1 << 30,
                    resource.RLIMIT_FSIZE: 0,
                    resource.RLIMIT_NPROC: 0,
                    resource.RLIMIT_CORE: 0,
                    resource.RLIMIT_NOFILE: 16,
                }.items():
                    assert max(resource.prlimit(child.pid, limit)) <= most
                assert resource.prlimit(child.pid, resource.RLIMIT_CPU)[0] < 60
                assert "NoNewPrivs:\t1" in status_of(child.pid)

    asyncio.run(ask())


def test_killed_child_is_replaced(tmp_path):
    """kill -9 between two pictures goes unnoticed; one during a picture costs that one."""

    async def ask():
        async with worker() as process:
            good = await process.picture("h264", 320, keyframe(H264))
            first = process.pid
            os.kill(first, signal.SIGKILL)
            await until(lambda: process._child.is_over)
            assert await process.picture("h264", 320, keyframe(H264)) == good
            assert process.pid != first
            os.kill(process.pid, signal.SIGSTOP)
            asking = asyncio.create_task(process.picture("h264", 320, keyframe(H264)))
            await asyncio.sleep(0)
            os.kill(process.pid, signal.SIGKILL)
            with pytest.raises(WorkerDied):
                await asking
            assert process.pid is None
            assert await process.picture("h264", 320, keyframe(H264)) == good

    asyncio.run(ask())


@pytest.mark.parametrize("request_bytes", [100, 8 << 20], ids=["reads nothing", "does not even take it"])
def test_hanging_child_is_killed_in_time(request_bytes):
    """A decoder that never answers is given up after the time-out and leaves no process behind."""

    async def ask():
        async with worker(*python("time.sleep(600)"), timeout_s=0.5) as process:
            began_s = time.monotonic()
            asking = asyncio.create_task(process.picture("h264", 320, bytes(request_bytes)))
            await until(lambda: process.pid is not None)
            pid = process.pid
            with pytest.raises(WorkerLate):
                await asking
            assert 0.4 < time.monotonic() - began_s < 60
            assert not psutil.pid_exists(pid)

    asyncio.run(ask())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        ANSWER.pack(PICTURE, 5)[:3],
        ANSWER.pack(PICTURE, 1 << 31) + b"x" * 1000,
        ANSWER.pack(WORDS, 1 << 20) + b"x" * 1000,
        ANSWER.pack(7, 3) + b"abc",
        ANSWER.pack(PICTURE, 4) + b"GIF8",
        ANSWER.pack(PICTURE, 4) + b"\xff",
        ANSWER.pack(PICTURE, 4) + b"\xff\xd8\xff\xd9" + b"and more",
    ],
    ids=["nothing", "half a head", "too much", "too many words", "unknown kind", "no JPEG", "torn", "two at once"],
)
def test_child_that_breaks_the_protocol_is_killed(answer):
    """Whatever else a child says than a JPEG or few words, it is not believed, and it is ended."""

    async def ask():
        program = f"sys.stdin.buffer.read(7); sys.stdout.buffer.write({answer!r}); sys.stdout.flush()"
        async with worker(*python(program), timeout_s=30) as process:
            with pytest.raises(WorkerDied):
                await process.picture("h264", 320, b"")
            assert process.pid is None

    asyncio.run(ask())


def test_child_that_speaks_without_being_asked_is_not_believed_later():
    """What lies in the pipe before a request must not be taken for its answer."""

    async def ask():
        answer = ANSWER.pack(PICTURE, 4) + b"\xff\xd8\xff\xd9"
        program = (
            f"sys.stdin.buffer.read(7); sys.stdout.buffer.write({answer!r}); sys.stdout.flush(); time.sleep(0.05)\n"
            f"sys.stdout.buffer.write({answer!r}); sys.stdout.flush(); time.sleep(600)"
        )
        async with worker(*python(program)) as process:
            await process.picture("h264", 320, b"")
            child = psutil.Process(process.pid)
            await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)

    asyncio.run(ask())


def test_child_that_talks_without_end_is_not_listened_to():
    """An endless answer fills a pipe, not the memory of the web process."""

    async def ask():
        program = "while True: sys.stdout.buffer.write(b'\\0' * 65536)"
        before = psutil.Process().memory_info().rss
        async with worker(*python(program), timeout_s=30) as process:
            with pytest.raises(WorkerDied):
                await process.picture("h264", 320, b"")
        assert psutil.Process().memory_info().rss - before < 20 << 20

    asyncio.run(ask())


def test_command_that_is_not_there_is_no_picture(tmp_path):
    """A child that cannot be started is told like one that died."""

    async def ask():
        async with worker(str(tmp_path / "missing")) as process:
            with pytest.raises(WorkerDied):
                await process.picture("h264", 320, b"")

    asyncio.run(ask())


def test_one_who_leaves_does_not_leave_his_picture_to_the_next():
    """A request that is cancelled half-way ends the child: its answer would be taken for another channel's."""

    async def ask():
        async with worker() as process:
            await process.picture("h264", 320, keyframe(H264))
            os.kill(process.pid, signal.SIGSTOP)
            leaving = asyncio.create_task(process.picture("h264", 160, keyframe(H264)))
            await asyncio.sleep(0)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            assert looks_like(await process.picture("h265", 320, keyframe(H265)), H265)

    asyncio.run(ask())


def test_pictures_are_made_one_after_the_other_and_each_reaches_who_asked():
    """Fifty requests at once are served by one child, each with its own answer."""

    async def ask():
        async with worker() as process:
            widths = [160 + 16 * number for number in range(10)] * 5
            jpegs = await asyncio.gather(*(process.picture("h264", width, keyframe(H264)) for width in widths))
            assert [pixels(jpeg).shape[1] for jpeg in jpegs] == widths

    asyncio.run(ask())


def test_child_ends_with_its_parent():
    """A web process that is killed -9 leaves no decoder behind, not even one that is busy."""
    parent = (
        "import asyncio, os, sys\n"
        "from edge.decoding.process import PictureProcess, COMMAND\n"
        "async def main():\n"
        "    process = PictureProcess()\n"
        "    try:\n"
        "        await process.picture('h264', 320, b'noise')\n"
        "    except Exception: pass\n"
        "    print(process.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )

    async def look():
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", parent, stdout=asyncio.subprocess.PIPE)
        child = psutil.Process(int(await process.stdout.readline()))
        child.suspend()
        process.kill()
        await process.wait()
        await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)

    asyncio.run(look())

"""One channel's writer on real files and a real outbox, fed with real pictures, and what must hold of what it leaves.

Run as a program it records and kills itself at a step: `python recorded_channel.py FOLDER STEP SEGMENT`.
"""

import hashlib
import io
import json
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

from edge.bus.outbox import Outbox
from edge.clock import ManualClock
from edge.mp4.reader import scan
from edge.recorder import ledger
from edge.recorder.operations import Operation, WriteFragment
from edge.recorder.recovery import recover_channel
from edge.recorder.segmenter import Segmenter
from edge.recorder.wallclock import WallClock
from edge.recorder.writer import ChannelWriter
from edge.recordings.mark import MarkedRoot
from edge.recordings.segment import SegmentName
from edge.recordings.store import PartFile, Store
from edge.rtsp.units import AccessUnit

CHANNEL = "lobby"
FPS, GOP, SEGMENT_S = 10, 5, 1
WALL_NS = 1_795_392_000_000_000_000
STEPS = [
    "noted", "made", "head torn", "created", "appended once", "appended twice", "append torn", "patch torn",
    "patched", "synced", "renamed", "in place", "announced",
]  # fmt: skip

Picture = tuple[bytes, bool]


def encode(count: int) -> tuple[tuple[bytes, ...], list[Picture]]:
    """Parameter sets and pictures (length-prefixed slices, key) of a small moving clip."""
    import av
    import numpy as np

    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 64, 48, "yuv420p"
    context.framerate, context.time_base = Fraction(FPS), Fraction(1, FPS)
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": f"keyint={GOP}:scenecut=0:sliced-threads=0",
    }
    sets: dict[int, bytes] = {}
    pictures: list[Picture] = []
    for index in range(count):
        noise = np.random.default_rng(index).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(noise, format="rgb24").reformat(format="yuv420p")
        frame.pts = index
        for packet in context.encode(frame):
            nals = [nal.rstrip(b"\0") for nal in bytes(packet).split(b"\0\0\1")[1:]]
            sets.update({nal[0] & 31: nal for nal in nals if nal[0] & 31 in (7, 8)})
            slices = [nal for nal in nals if nal[0] & 31 in (1, 5)]
            pictures.append((b"".join(len(nal).to_bytes(4, "big") + nal for nal in slices), packet.is_keyframe))
    assert len(pictures) == count
    return (sets[7], sets[8]), pictures


class RecordedChannel:
    """The folders of a recorder with one channel; opened again it is the recorder's next life."""

    def __init__(self, folder: Path, *, root: Path | None = None, wall_ns: int = WALL_NS) -> None:
        self.folder = folder
        self.root = root or folder / "segments"
        self.state_dir = folder / "state"
        for one in (self.root, self.state_dir):
            one.mkdir(parents=True, exist_ok=True)
        self.clock = ManualClock(wall_ns)
        self.wall = WallClock(self.clock)
        self.store = Store(MarkedRoot(self.root, "jkt-001", self.state_dir / "storage.json"))
        self.outbox = Outbox.open(
            self.state_dir / "recorder.outbox",
            site="jkt-001", process="recorder", clock=self.clock, state_schema=ledger.STATE_SCHEMA,
        )  # fmt: skip
        self.writer = self.new_writer()

    def new_writer(self) -> ChannelWriter:
        """A channel's writer that knows of nothing yet."""
        return ChannelWriter(
            CHANNEL, self.store, self.outbox, self.wall, self.clock, segment_s=SEGMENT_S, durability_s=2
        )

    def close(self) -> None:
        """The life is over; what grows is left as it is."""
        if self.writer._growing is not None:
            self.writer._growing.part.close()
        self.outbox.close()

    def operations(self, sets: tuple[bytes, ...], pictures: list[Picture]) -> Iterator[Operation]:
        """What the segmenter wants written, with the clock at the arrival of each picture."""
        segmenter = Segmenter("h264", None, SEGMENT_S, self.wall.offset_ns)
        for number, (data, key) in enumerate(pictures):
            unit = AccessUnit(
                number * 90_000 // FPS, self.clock.monotonic_ns(), [data], len(data), key, False, sets, False, 0, False
            )
            yield from segmenter.add_video(unit)
            self.clock.advance(1 / FPS)
        yield from segmenter.end("shutdown")

    def record(self, sets: tuple[bytes, ...], pictures: list[Picture]) -> None:
        """Write all of them."""
        self.writer.recover()
        for operation in self.operations(sets, pictures):
            self.writer.execute(operation)

    def leave_part(self, sets: tuple[bytes, ...], pictures: list[Picture]) -> Path:
        """Write all of them into one segment and stop before it is closed; returns the part."""
        self.writer.recover()
        *before_close, _ = self.operations(sets, pictures)
        for operation in before_close:
            self.writer.execute(operation)
        (part,) = self.root.rglob("*.part.mp4")
        self.close()
        return part

    def recover(self) -> None:
        """As at the start of a recorder."""
        recover_channel(CHANNEL, self.store, self.outbox, self.writer.announcer)

    def events(self, kind: str = "segment_written") -> list[dict]:
        """The data of the events of a type in this outbox, in order."""
        messages = [json.loads(row.payload) for row in self.outbox.rows(0, limit=1_000_000)]
        return [message["data"] for message in messages if message["type"] == f"cctv.{kind}.v1"]

    def files(self) -> dict[str, bytes]:
        """Path and bytes of every file below the root but the mark."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.name != ".saksi"
        }

    def growing(self) -> list[str]:
        """What is noted as growing."""
        return self.outbox.read_state(ledger.growing(CHANNEL))

    def assert_told_one_to_one(self) -> int:
        """Every file has exactly one event that is true of it and decodes whole; returns the number of pictures."""
        files, events = self.files(), self.events()
        assert sorted(event["path"] for event in events) == sorted(files)
        assert self.growing() == []
        for event in events:
            data = files[event["path"]]
            assert (event["bytes"], event["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
            name = SegmentName.parse(event["path"])
            assert name is not None
            assert not name[1]
            held = scan(io.BytesIO(data))
            assert (held.finished, held.whole_bytes) == (True, len(data))
            assert event["packets"] == sum(one.frames for one in held.fragments) == decoded(data)
            assert event["keyframes"] == sum(one.keyframes for one in held.fragments)
            assert event["duration_s"] == held.video_duration / 90_000
            assert held.fragments[0].starts_with_sync
        return sum(event["packets"] for event in events)

    def snapshot(self) -> tuple[dict[str, bytes], int, list[str]]:
        """Everything that a recovery could change."""
        return self.files(), self.outbox.last_sequence, self.growing()


def recovered(folder: Path) -> RecordedChannel:
    """The next life of the recorder, after recovery; a second one must change nothing."""
    recorder = RecordedChannel(folder)
    recorder.recover()
    before = recorder.snapshot()
    recorder.recover()
    assert before == recorder.snapshot()
    return recorder


def decoded(data: bytes) -> int:
    """How many pictures a decoder gets out of a file, without an error."""
    import av

    with av.open(io.BytesIO(data)) as container:
        return sum(1 for _ in container.decode(video=0))


def die() -> None:
    """As kill -9 of somebody else."""
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def arrange_death(channel: RecordedChannel, step: str, segment: int) -> None:
    """Have the process die at a step of the segment with this number (1 is the first)."""
    begun = {"segments": 0, "fragments": 0}
    create, append, finish, tell, note = (
        Store.create, PartFile.append, PartFile.finish, Outbox.append, Outbox.append_many,
    )  # fmt: skip

    def now(at: str) -> bool:
        return step == at and begun["segments"] == segment

    def noted(outbox: Outbox, facts: list, **more) -> list[int]:
        done = note(outbox, facts, **more)
        if not facts and step == "noted" and begun["segments"] == segment - 1:
            die()
        return done

    def created(store: Store, name: SegmentName, head: bytes) -> PartFile:
        begun["segments"] += 1
        begun["fragments"] = -1  # the head is appended too
        part = create(store, name, head)
        if now("created"):
            die()
        return part

    def appended(part: PartFile, pieces: list) -> None:
        whole = b"".join(pieces)
        head = begun["fragments"] < 0
        if head and now("made"):
            die()
        if (head and now("head torn")) or (begun["fragments"] == 1 and now("append torn")):
            os.write(part._descriptor, whole[: len(whole) // 2])
            die()
        append(part, pieces)
        begun["fragments"] += 1
        if begun["fragments"] == {"appended once": 1, "appended twice": 2}.get(step) and begun["segments"] == segment:
            die()

    def finished(part: PartFile, patches: list, _: Callable = print):
        if now("patch torn"):
            for offset, data in patches:
                os.pwrite(part._descriptor, data[: len(data) // 2], offset)
            die()
        return finish(part, patches, lambda at: die() if now(at) else None)

    def told(outbox: Outbox, *data, **more) -> int:
        number = tell(outbox, *data, **more)
        if now("announced"):
            die()
        return number

    Store.create, PartFile.append, PartFile.finish, Outbox.append, Outbox.append_many = (  # type: ignore[method-assign]
        created, appended, finished, told, noted,
    )  # fmt: skip


def main() -> None:
    """Record until death; says after each fragment how many pictures are on disk."""
    folder, step, segment = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    sets, pictures = pickle.loads((folder / "pictures").read_bytes())
    channel = RecordedChannel(folder)
    channel.writer.recover()
    arrange_death(channel, step, segment)
    written = 0
    for operation in channel.operations(sets, pictures):
        channel.writer.execute(operation)
        if isinstance(operation, WriteFragment):
            written += len(operation.runs[0].sizes)
            print(written, flush=True)


if __name__ == "__main__":
    main()

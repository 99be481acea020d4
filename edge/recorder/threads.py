"""The threads that wait for disks, so that the event loop does not."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]
JobQueue = SimpleQueue[Job | None]


class WriterThreads:
    """A few threads, each with its own queue; a channel always uses the same one."""

    def __init__(self, count: int) -> None:
        self._queues: list[JobQueue] = [SimpleQueue() for _ in range(count)]
        self._threads = [
            threading.Thread(target=_work, args=(queue,), name=f"writer-{k}", daemon=True)
            for k, queue in enumerate(self._queues)
        ]
        self._queue_of: dict[str, JobQueue] = {}

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def queue(self, channel: str) -> JobQueue:
        """The queue of a channel: given in turn, then kept, so that after a reload its work still comes in order."""
        return self._queue_of.setdefault(channel, self._queues[len(self._queue_of) % len(self._queues)])

    def stop(self, timeout_s: float) -> bool:
        """Let the threads finish what is queued; False if a disk held one up for longer than `timeout_s` in all."""
        for queue in self._queues:
            queue.put(None)
        deadline = threading.Event()
        timer = threading.Timer(timeout_s, deadline.set)
        timer.daemon = True
        timer.start()
        for thread in self._threads:
            while thread.is_alive() and not deadline.is_set():
                thread.join(0.05)
        timer.cancel()
        return not any(thread.is_alive() for thread in self._threads)


def _work(queue: JobQueue) -> None:
    while (job := queue.get()) is not None:
        job()

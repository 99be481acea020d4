"""The threads that wait for disks, so that the event loop does not."""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]


class JobQueue:
    """Jobs of the event loop for one thread, handed over together when the loop's turn is over.

    All cameras are read in one turn. A thread that woke up at each job would take turns with the loop at the
    interpreter's lock; so it wakes up once, when the loop goes to sleep.
    """

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._handed_over: SimpleQueue[list[Job] | None] = SimpleQueue()

    def put(self, job: Job) -> None:
        """Have a job done, behind those before it; on the loop."""
        if not self._jobs:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._jobs.append(job)

    def end(self) -> None:
        """Let the thread end behind the last job."""
        self._hand_over()
        self._handed_over.put(None)

    def work(self) -> None:
        """Do jobs as they come; what the thread runs."""
        while (jobs := self._handed_over.get()) is not None:
            for job in jobs:
                job()

    def _hand_over(self) -> None:
        if self._jobs:
            jobs, self._jobs = self._jobs, []
            self._handed_over.put(jobs)


class WriterThreads:
    """A few threads, each with its own queue; a channel always uses the same one."""

    def __init__(self, count: int) -> None:
        self._queues = [JobQueue() for _ in range(count)]
        self._threads = [
            threading.Thread(target=queue.work, name=f"writer-{k}", daemon=True) for k, queue in enumerate(self._queues)
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
            queue.end()
        deadline = threading.Event()
        timer = threading.Timer(timeout_s, deadline.set)
        timer.daemon = True
        timer.start()
        for thread in self._threads:
            while thread.is_alive() and not deadline.is_set():
                thread.join(0.05)
        timer.cancel()
        return not any(thread.is_alive() for thread in self._threads)

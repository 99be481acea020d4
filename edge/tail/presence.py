"""Which processes are up, from heartbeats and Wills: only what changed is worth a line. Pure."""

from dataclasses import dataclass

from edge.events.messages import Heartbeat, Will


@dataclass(frozen=True, slots=True)
class _Known:
    online: bool
    epoch: str
    bdseq: int
    started: str | None


class Presence:
    """What is known of each process."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def change(self, process: str, state: Heartbeat | Will, *, retained: bool) -> str | None:
        """What is new of a process in words, None where nothing is; `retained` is what was said before we came.

        A Will of an earlier connection than the newest heartbeat's is the broker's late news of a process that is back.
        """
        before = self._known.get(process)
        if isinstance(state, Will):
            if before and before.online and before.epoch == state.epoch and state.bdseq < before.bdseq:
                return None
            self._known[process] = _Known(online=False, epoch=state.epoch, bdseq=state.bdseq, started=None)
            if before and not before.online:
                return None
            return "is offline" if retained else "went offline"
        self._known[process] = _Known(online=True, epoch=state.epoch, bdseq=state.bdseq, started=state.started)
        words = f"version {state.version}, {state.last_sequence} events so far"
        if before is None or not before.online:
            return f"is online since {state.started}: {words}" if retained else f"came online: {words}"
        return None if before.started == state.started else f"was started anew: {words}"

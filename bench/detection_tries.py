"""Each camera is switched to each fault in turn and back, at moments of chance, and what came of it is noted."""

import random
import time
from dataclasses import dataclass

from detection_site import FAULTS, Camera, Heard, Listener, Pace, Site, seconds


@dataclass
class Try:
    """One switch to a fault and back; seconds are from the switch, of the end from the return."""

    channel: str
    fault: str
    gop_s: float
    began_s: float
    ended_s: float = 0.0
    reason: str | None = None
    heard_s: float | None = None
    since_s: float | None = None
    said_s: float | None = None
    back_heard_s: float | None = None
    back_said_s: float | None = None
    until_s: float = 0.0
    """When the camera was left in peace again, in seconds since 1970."""

    def hear_fault(self, heard: Heard) -> None:
        """`channel_invalid` came."""
        self.reason = heard.word
        self.heard_s, self.said_s = heard.at_s - self.began_s, heard.said_s - self.began_s
        self.since_s = seconds(heard.envelope.data["since"]) - self.began_s

    def hear_end(self, heard: Heard) -> None:
        """`channel_valid` came."""
        self.back_heard_s, self.back_said_s = heard.at_s - self.ended_s, heard.said_s - self.ended_s


def break_in_turns(camera: Camera, site: Site, pace: Pace, rounds: int, seed: int) -> list[Try]:
    """Show each fault, in an order and at moments of chance."""
    dice = random.Random(f"{seed} {camera.channel}")
    tries = []
    for fault in [one for _ in range(rounds) for one in dice.sample(FAULTS, len(FAULTS))]:
        time.sleep(dice.uniform(0, pace.every_s))
        if site.ended:
            break
        tries.append(show(camera, fault, site.listener, pace, dice))
    return tries


def show(camera: Camera, fault: str, listener: Listener, pace: Pace, dice: random.Random) -> Try:
    """Show one fault until it is known, and then the view until that is."""
    one = Try(camera.channel, fault, camera.gop_s, camera.show(fault))
    invalid = listener.wait("channel_invalid", camera.channel, one.began_s, pace.patience_s)
    if invalid is not None:
        one.hear_fault(invalid)
        time.sleep(dice.uniform(0, pace.every_s))
    one.ended_s = camera.show_view()
    valid = listener.wait("channel_valid", camera.channel, one.ended_s, pace.patience_s)
    if valid is not None:
        one.hear_end(valid)
    one.until_s = time.time()
    return one

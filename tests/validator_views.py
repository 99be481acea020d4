"""Pictures as a judge gets them, drawn: a view with things in it, what weather and faults make of it, sensor noise."""

import cv2
import numpy as np

HEIGHT, WIDTH = 180, 320


def view(seed=1, *, height=HEIGHT, width=WIDTH):
    """A room full of things, in colour."""
    random = np.random.default_rng(seed)
    picture = np.full((height, width, 3), (120, 110, 100), dtype=np.uint8)
    for _ in range(90):
        x, y = int(random.integers(width)), int(random.integers(height))
        size = random.integers(5, 40, 2)
        tone = tuple(int(part) for part in random.integers(30, 220, 3))
        cv2.rectangle(picture, (x, y), (x + int(size[0]), y + int(size[1])), tone, -1)
    return picture


def infrared(picture):
    """The same by the camera's own lamp: grey and dim."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return cv2.cvtColor((grey * 0.5 + 10).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def flat(colour, *, height=HEIGHT, width=WIDTH):
    return np.full((height, width, 3), colour, dtype=np.uint8)


def blurred(picture, sigma):
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def covered(picture, share, tone=(90, 80, 100)):
    """Something smooth before the left part of the lens."""
    mask = np.zeros(picture.shape[:2], dtype=np.float32)
    mask[:, : round(share * picture.shape[1])] = 1
    mask = cv2.GaussianBlur(mask, (0, 0), 3)[..., None] if share < 1 else mask[..., None]
    cover = np.linspace(0.9, 1.1, picture.shape[1])[None, :, None] * np.array(tone)
    return (picture * (1 - mask) + cover * mask).astype(np.uint8)


def foggy(picture, share):
    return (picture * (1 - share) + 190 * share).astype(np.uint8)


def words(picture, text="NO SIGNAL"):
    written = picture.copy()
    cv2.putText(written, text, (70, 100), cv2.FONT_HERSHEY_DUPLEX, 1.0, (240, 240, 240), 2)
    return written


def clock(picture, second):
    written = picture.copy()
    written[4:18, 8:150] = 0
    cv2.putText(written, f"11-23 02:{second // 60:02d}:{second % 60:02d}", (10, 15), 0, 0.4, (255, 255, 255), 1)
    return written


class Sensor:
    """Adds noise, never twice the same."""

    def __init__(self, seed=7, noise=1.5):
        self._random = np.random.default_rng(seed)
        self._noise = noise

    def __call__(self, picture):
        noise = self._random.normal(0, self._noise, picture.shape[:2])[..., None]
        return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


class Watch:
    """Shows pictures to a judge, 10 s apart, and keeps what it said."""

    def __init__(self, judge):
        self.judge = judge
        self.at_ms = 1_795_392_000_000
        self.changes = []

    def show(self, *pictures):
        """Return the finding of the last one."""
        finding = None
        for picture in pictures:
            self.at_ms += 10_000
            outcome = self.judge.look(picture, self.at_ms)
            finding = outcome.finding
            if outcome.change:
                self.changes.append(outcome.change)
        return finding

    @property
    def told(self):
        """The reasons that were told, None for valid."""
        return [change.now.finding.reason if change.now else None for change in self.changes]

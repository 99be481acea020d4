"""Draws what a simulated camera sees, as YUV 4:2:0 arrays; knows nothing of codecs or files."""

from collections.abc import Iterator
from typing import Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Look = Literal["normal", "black", "frozen", "noise", "bars", "covered", "blurred", "no_signal"]
Picture = NDArray[np.uint8]

# A glyph is five rows of three dots, one octal digit a row.
_GLYPHS = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717", "6": "74757",
    "7": "71122", "8": "75757", "9": "75717", "A": "25755", "B": "65656", "C": "34443", "D": "65556",
    "E": "74647", "F": "74644", "G": "34553", "H": "55755", "I": "72227", "J": "11152", "K": "55655",
    "L": "44447", "M": "57755", "N": "65555", "O": "25552", "P": "65644", "Q": "25573", "R": "65655",
    "S": "34216", "T": "72222", "U": "55557", "V": "55552", "W": "55775", "X": "55255", "Y": "55222",
    "Z": "71247", ":": "02020", ".": "00002", "-": "00700", "_": "00007", "/": "11244", " ": "00000",
}  # fmt: skip
_BARS = ((180, 128, 128), (162, 44, 142), (131, 156, 44), (112, 72, 58), (84, 184, 198), (65, 100, 212), (35, 212, 114))
_LUMA_BLACK = 16
_LUMA_WHITE = 235
_CHROMA_NONE = 128
_BLUE = (41, 240, 110)
_COVERED = 0.85  # of the height


def text_dots(text: str) -> Picture:
    """The text as dots of 0 or 1, shape (5, 4 * len(text)); a character without a glyph is blank."""
    glyphs = [_GLYPHS.get(character, _GLYPHS[" "]) for character in text.upper()]
    rows = [[int(glyph[row]) << 1 >> bit & 1 for glyph in glyphs for bit in (3, 2, 1, 0)] for row in range(5)]
    return np.array(rows, dtype=np.uint8)


class Scene:
    """The view of one camera; `width` and `height` are even."""

    def __init__(self, name: str, look: Look, width: int, height: int, fps: int) -> None:
        self._name = name
        self._look = look
        self._width = width
        self._height = height
        self._fps = fps
        self._hue = crc32(name.encode())
        self._random = np.random.default_rng(self._hue)
        # Each picture shows another window of one noise field: as costly to encode as fresh noise, and cheap to draw.
        level = 220 if look == "noise" else 24
        self._noise = self._random.integers(0, level, (height + 64, width + 64), dtype=np.uint8)
        self._still = self._background()

    def pictures(self, count: int) -> Iterator[Picture]:
        """Yield `count` pictures, each of shape (height * 3 / 2, width): the luma plane, then both chroma planes."""
        for index in range(count):
            yield self._draw(0 if self._look == "frozen" else index)

    def _draw(self, index: int) -> Picture:
        picture = self._still.copy()
        if self._look == "blurred":
            self._draw_passers_by(picture, index)
            picture[: self._height] = _blurred(picture[: self._height], max(self._height // 150, 2))
        if self._look in {"normal", "noise", "blurred", "covered"}:
            top, left = self._random.integers(0, 64, 2)
            picture[: self._height] += self._noise[top : top + self._height, left : left + self._width]
        if self._look in {"normal", "frozen", "covered"}:
            self._draw_passers_by(picture, index)
        if self._look == "covered":
            self._cover(picture)
        minutes, seconds = divmod(index / self._fps, 60)
        self._write(picture, 0, self._name)
        self._write(picture, 1, f"{minutes:02.0f}:{seconds:05.2f} {index:04d}")
        return picture

    def _background(self) -> Picture:
        height, width = self._height, self._width
        picture = np.full((height * 3 // 2, width), _CHROMA_NONE, dtype=np.uint8)
        chroma = picture[height:].reshape(2, height // 2, width // 2)
        luma = picture[:height]
        if self._look in {"black", "noise"}:
            luma[:] = _LUMA_BLACK
        elif self._look == "no_signal":
            luma[:], chroma[0], chroma[1] = _BLUE
            self._write_at(picture, (self._height // 2, self._width // 3), "NO SIGNAL", _LUMA_WHITE, _BLUE[0])
        elif self._look == "bars":
            for bar, (y, u, v) in enumerate(_BARS):
                left, right = width * bar // len(_BARS), width * (bar + 1) // len(_BARS)
                luma[:, left:right] = y
                chroma[0, :, left // 2 : right // 2] = u
                chroma[1, :, left // 2 : right // 2] = v
        else:
            luma[:] = np.linspace(60, 130, height)[:, None] + np.linspace(0, 50, width)[None, :]
            luma[:: max(height // 8, 2)] = 50
            luma[:, :: max(width // 12, 2)] = 50
            chroma[0] = 108 + self._hue % 40
            chroma[1] = 108 + (self._hue >> 8) % 40
        return picture

    def _draw_passers_by(self, picture: Picture, index: int) -> None:
        side = max(self._height // 8, 8)
        seconds = index / self._fps
        for figure, (speed_x, speed_y) in enumerate(((0.9, 0.5), (0.6, 1.1), (1.7, 0.3))):
            left = int((1 + np.sin(seconds * speed_x + figure)) / 2 * (self._width - side))
            top = int((1 + np.cos(seconds * speed_y + figure)) / 2 * (self._height - side))
            picture[top : top + side, left : left + side] = 60 + 60 * figure

    def _cover(self, picture: Picture) -> None:
        """Lay a hand over most of the view: no edges, little light from one side, the noise of the sensor."""
        rows = int(self._height * _COVERED)
        top, left = self._random.integers(0, 64, 2)
        noise = self._noise[top : top + rows, left : left + self._width]
        light = np.linspace(36, 90, self._width).astype(np.uint8)
        picture[self._height - rows : self._height] = light + noise // 3
        chroma = picture[self._height :].reshape(2, self._height // 2, self._width // 2)
        chroma[:, (self._height - rows) // 2 :] = _CHROMA_NONE

    def _write(self, picture: Picture, line: int, text: str) -> None:
        scale = self._text_scale
        self._write_at(picture, (scale * (2 + 8 * line), 2 * scale), text, _LUMA_WHITE, _LUMA_BLACK)

    def _write_at(self, picture: Picture, place: tuple[int, int], text: str, ink: int, paper: int) -> None:
        """Write at (top, left), the part that fits."""
        scale, (top, left) = self._text_scale, place
        dots = np.kron(np.pad(text_dots(text), ((1, 1), (1, 0))), np.ones((scale, scale), dtype=np.uint8))
        field = picture[top : top + dots.shape[0], left : min(left + dots.shape[1], self._width)]
        field[:] = np.where(dots[:, : field.shape[1]], ink, paper)

    @property
    def _text_scale(self) -> int:
        return max(self._height // 90, 2)


def _blurred(plane: Picture, radius: int) -> Picture:
    """A plane out of focus: three means over squares of 2 * radius + 1 come close to a Gaussian."""
    values = plane.astype(np.float32)
    for axis in (0, 1, 0, 1, 0, 1):
        padding = [(radius + 1, radius) if side == axis else (0, 0) for side in (0, 1)]
        sums = np.cumsum(np.pad(values, padding, mode="edge"), axis=axis, dtype=np.float64)
        ahead = np.take(sums, range(2 * radius + 1, sums.shape[axis]), axis=axis)
        behind = np.take(sums, range(sums.shape[axis] - 2 * radius - 1), axis=axis)
        values = ((ahead - behind) / (2 * radius + 1)).astype(np.float32)
    return values.astype(np.uint8)

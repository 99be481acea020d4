"""A contact sheet: the pictures of many channels on one PNG, each with its name and what is thought of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.validator.features import Picture

TILE_WIDTH: Final = 320
TILE_HEIGHT: Final = 180
_CAPTION_HEIGHT: Final = 44
_MARGIN: Final = 8
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_PAPER: Final = 24
_INK: Final = (235, 235, 235)
_GOOD: Final = (110, 200, 110)  # blue, green, red
_BAD: Final = (80, 80, 240)
_COMPRESSION: Final = 6


@dataclass(frozen=True, slots=True)
class Tile:
    """One channel: `picture` is None where there is none; `is_good` colours what is thought of it."""

    name: str
    words: str
    is_good: bool
    picture: Picture | None


def contact_sheet(tiles: Sequence[Tile]) -> bytes:
    """The PNG with these tiles, row after row, about as wide as high."""
    columns = max(1, round(len(tiles) ** 0.5))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)] or [()]
    drawn = [_row(row, columns) for row in rows]
    done, png = cv2.imencode(".png", np.vstack(drawn), [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION])
    assert done
    return png.tobytes()


def _row(tiles: Sequence[Tile], columns: int) -> NDArray[np.uint8]:
    height, width = TILE_HEIGHT + _CAPTION_HEIGHT + _MARGIN, TILE_WIDTH + _MARGIN
    row = np.full((height, columns * width, 3), _PAPER, np.uint8)
    for place, tile in enumerate(tiles):
        _draw(row[:, place * width : (place + 1) * width], tile)
    return row


def _draw(field: NDArray[np.uint8], tile: Tile) -> None:
    colour = _GOOD if tile.is_good else _BAD
    if tile.picture is not None:
        height, width = tile.picture.shape[:2]
        scale = min(TILE_WIDTH / width, TILE_HEIGHT / height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        shown = cv2.resize(tile.picture, size, interpolation=cv2.INTER_AREA)
        left = _MARGIN // 2 + (TILE_WIDTH - shown.shape[1]) // 2
        field[_MARGIN : _MARGIN + shown.shape[0], left : left + shown.shape[1]] = shown
    bottom = _MARGIN + TILE_HEIGHT
    cv2.rectangle(field, (_MARGIN // 2, _MARGIN), (_MARGIN // 2 + TILE_WIDTH - 1, bottom - 1), colour, 1)
    cv2.putText(field, _plain(tile.name, 32), (_MARGIN, bottom + 18), _FONT, 0.5, _INK, 1, cv2.LINE_AA)
    cv2.putText(field, _plain(tile.words, 44), (_MARGIN, bottom + 36), _FONT, 0.4, colour, 1, cv2.LINE_AA)


def _plain(words: str, most: int) -> str:
    """The font has ASCII only."""
    text = words.encode("ascii", errors="replace").decode()
    return text if len(text) <= most else text[: most - 3] + "..."

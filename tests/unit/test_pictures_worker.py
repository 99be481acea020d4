"""Sizes of pictures, and what the web process does not load for them."""

import subprocess
import sys
from fractions import Fraction

import pytest

from edge.decoding.worker import _size

SQUARE = Fraction(1)


@pytest.mark.parametrize(
    ("pixel_aspect", "taken", "widest", "expected"),
    [
        (SQUARE, (1920, 1080), 640, (640, 360)),
        (SQUARE, (1920, 1080), 1920, (1920, 1080)),
        (SQUARE, (640, 360), 1920, (640, 360)),
        (SQUARE, (1080, 1920), 640, (640, 1138)),
        (Fraction(4, 3), (1440, 1080), 640, (640, 360)),
        (Fraction(12, 11), (704, 576), 1920, (768, 576)),
        (SQUARE, (321, 241), 1920, (320, 240)),
        (SQUARE, (16, 8192), 640, (16, 32)),
        (SQUARE, (8192, 16), 640, (640, 16)),
        (Fraction(1, 1000), (1920, 1080), 640, (16, 32)),
        (Fraction(1000), (1920, 1080), 1920, (1920, 16)),
        (SQUARE, (2, 2), 320, (16, 16)),
    ],
    ids=[
        "scaled", "same", "not enlarged", "portrait", "anamorphic", "PAL", "odd", "a strip", "a ribbon",
        "thin pixels", "wide pixels", "tiny",
    ],
)  # fmt: skip
def test_size_keeps_the_shape_within_bounds(pixel_aspect, taken, widest, expected):
    """Square pixels, even sides, not wider than wanted or taken, and no shape that costs more than a picture."""
    width, height = taken
    assert _size(width * pixel_aspect, height, widest) == expected


def test_web_process_loads_no_decoder():
    """PyAV is loaded by the child alone."""
    program = "import sys, edge.web.pictures; sys.exit(any(name.split('.')[0] in {'av', 'numpy'} for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0

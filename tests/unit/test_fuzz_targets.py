"""The fuzz targets of `tests/fuzz` on their seeds and some damaged ones, without a fuzzer, so that they cannot rot."""

import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))
from targets import TARGETS

DAMAGED_COPIES = 15
FOUND = sorted((Path(__file__).parents[1] / "fuzz" / "found").iterdir())


@pytest.mark.parametrize("name", TARGETS)
def test_target_on_its_seeds_raises_nothing(name):
    """A seed, its halves, nothing at all and noise are taken without an error that is not the parser's own."""
    target = TARGETS[name]
    for seed in [*target.seeds(), b"", b"\0", Random(name).randbytes(200)]:
        target.run(seed)
        target.run(seed[: len(seed) // 2])
        target.run(seed[len(seed) // 2 :])


@pytest.mark.parametrize("name", TARGETS)
def test_target_on_damaged_seeds_raises_nothing(name):
    """Seeds with some bytes changed, taken out or doubled are taken without an error that is not the parser's own."""
    target, random = TARGETS[name], Random(f"damage {name}")
    for seed in target.seeds():
        for _ in range(DAMAGED_COPIES):
            data = bytearray(seed)
            for _ in range(random.randrange(1, 4)):
                place = random.randrange(len(data) or 1)
                data[place : place + random.randrange(3)] = random.randbytes(random.randrange(3))
            target.run(bytes(data[: target.most_bytes]))


@pytest.mark.parametrize("file", FOUND, ids=lambda file: file.name)
def test_what_fuzzing_found_stays_mended(file):
    """Inputs that once failed (TARGET-WHAT_IT_WAS) do not any more."""
    TARGETS[file.name.partition("-")[0]].run(file.read_bytes())

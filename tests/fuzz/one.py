"""One fuzz target under atheris, in a process of its own; started by `run.py`."""

import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
with atheris.instrument_imports(include=["edge"]):
    from targets import TARGETS

NAME = sys.argv.pop(1)
atheris.Setup(sys.argv, TARGETS[NAME].run)
atheris.Fuzz()

"""Holds the recorder against FFmpeg over the whole matrix of clips and faults: python tests/oracle_matrix.py [PART_OF_NAME ...].

Prints a table and ends with status 1 if anything differs. Takes some minutes; `./test` has a part of it.
"""

import sys
import tempfile
from pathlib import Path

from oracle_cases import matrix
from oracle_run import run_cases_twice

AT_ONCE = 48


def main(parts: list[str]) -> int:
    """Run the cases whose names hold one of the parts, or all."""
    cases = [case for case in matrix() if not parts or any(part in case.name for part in parts)]
    wrong = 0
    for start in range(0, len(cases), AT_ONCE):
        with tempfile.TemporaryDirectory() as folder:
            found = run_cases_twice(cases[start : start + AT_ONCE], Path(folder))
        for name, said in found.items():
            wrong += bool(said)
            print(f"{name:36} {'; '.join(said) or 'same'}", flush=True)
    print(f"{len(cases)} cases, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

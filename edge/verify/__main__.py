"""`python -m edge.verify CONFIG COUNT`: the sample that retention takes."""

import sys
from pathlib import Path

from edge.verify.main import sample

if __name__ == "__main__":
    sys.exit(sample(Path(sys.argv[1]), int(sys.argv[2]), sys.stdout))

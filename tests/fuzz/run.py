"""Fuzzes the parsers with atheris: python tests/fuzz/run.py --seconds 60 [TARGET ...]. Not a part of ./test.

Installs atheris from `requirements.lock` into the environment that runs it, where it is not there yet. What makes a
target fail is kept in `--findings` and named at the end; exit status 1 then.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
SLOWEST_S = 5
MOST_MB = 1024


def main() -> int:
    """Run the targets that are named, or all, one after the other."""
    sys.path[:0] = [str(FOLDER), str(FOLDER.parents[1])]
    from targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument(
        "--findings", type=Path, default=Path(tempfile.gettempdir()) / "saksi-fuzz", help="folder for inputs that fail"
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    chosen = parser.parse_args()
    if unknown := set(chosen.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    _need_atheris()
    chosen.findings.mkdir(parents=True, exist_ok=True)
    failed = [name for name in chosen.targets or TARGETS if _fuzz(name, TARGETS[name], chosen)]
    print(f"failed: {', '.join(failed)}; inputs are in {chosen.findings}" if failed else "nothing failed")
    return 1 if failed else 0


def _need_atheris() -> None:
    if importlib.util.find_spec("atheris") is None:
        lock = FOLDER / "requirements.lock"
        subprocess.run([sys.executable, "-m", "pip", "install", "--require-hashes", "-r", str(lock)], check=True)


def _fuzz(name: str, target: object, chosen: argparse.Namespace) -> int:
    """One target in a process of its own, as the fuzzer ends the process when it is done."""
    with tempfile.TemporaryDirectory() as corpus:
        for place, seed in enumerate(target.seeds()):
            (Path(corpus) / f"seed-{place}").write_bytes(seed)
        command = [
            sys.executable, str(FOLDER / "one.py"), name, corpus,
            f"-max_total_time={chosen.seconds}", f"-max_len={target.most_bytes}", f"-timeout={SLOWEST_S}",
            f"-rss_limit_mb={MOST_MB}", f"-artifact_prefix={chosen.findings.resolve()}/{name}-", "-print_final_stats=1",
        ]  # fmt: skip
        print(f"== {name}", flush=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        kept = [line for line in done.stderr.splitlines() if "stat::" in line or "cov:" in line][-8:]
        print("\n".join(done.stderr.splitlines()[-60:] if done.returncode else [kept[0][:100], *kept[-2:]]), flush=True)
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())

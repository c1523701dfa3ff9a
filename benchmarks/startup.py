"""Cold start as users feel it: whole processes, from the start of Python to its end.

python benchmarks/startup.py
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path
from time import perf_counter

from lib.harness import Spread, table
from lib.program import choose_rounds, new_parser, reporting

_FIT_AND_PREDICT = """
from sklearn.datasets import load_digits
from {package} import KNeighborsClassifier
X, y = load_digits(return_X_y=True)
KNeighborsClassifier(4, weights="distance").fit(X[:1437], y[:1437]).predict(X[1437:])
"""
LOOKALIKE = str(Path(sysconfig.get_path("scripts")) / "lookalike")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import lookalike": [sys.executable, "-c", "import lookalike"],
    "lookalike --help": [LOOKALIKE, "--help"],
    "first fit + predict on digits": [
        sys.executable,
        "-c",
        _FIT_AND_PREDICT.format(package="lookalike"),
    ],
    "the same by scikit-learn": [
        sys.executable,
        "-c",
        _FIT_AND_PREDICT.format(package="sklearn.neighbors"),
    ],
}


def main() -> None:
    parser = new_parser(__doc__, threads=False, rounds="each (15)", quick="one round")
    args = parser.parse_args()
    # The first round brings files into the cache of the system, and is not counted.
    uncounted, rounds = 0 if args.quick else 1, choose_rounds(args, 15)
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    packages = ["numpy", "scikit-learn"]
    with reporting("Cold start", packages, args.json) as (found, progress):
        for turn in progress.track(range(uncounted + rounds), description="rounds"):
            for name, command in COMMANDS.items():
                start = perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                if turn >= uncounted:
                    taken[name].append(perf_counter() - start)
        found["seconds"] = taken
    spreads = {name: Spread.of(seconds) for name, seconds in taken.items()}
    floor = spreads["python -c pass"].median
    rows = [(name, spread, f"{spread.median - floor:.3f}") for name, spread in spreads.items()]
    print(f"\n{table(['process', 'seconds', 'beyond Python alone'], rows)}")
    print(
        f"\nMedians (least–most) of {rounds} rounds that took turns, files in the system's cache."
    )


if __name__ == "__main__":
    main()

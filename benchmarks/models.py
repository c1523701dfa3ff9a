"""Model files: how fast they are saved and opened, how large they are, and what memory is shared.

    python benchmarks/models.py

Each model is opened in fresh processes, whose first and next predictions of one image are timed.
Then two processes hold it at once, and the system tells what memory they share. Exits with 1 if a
bar was missed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from lib.bars import value_row, value_table
from lib.harness import MIB, Spread, fresh_processes, in_fresh_process, table
from lib.images import NAMES
from lib.program import choose_rounds, new_parser, reporting

MOST_MS = 50
"""The bar: to open a model of 60,000 images."""

MODELS = ("KNeighborsClassifier", "LookalikeClassifier")
TIMED = ("open", "first prediction", "next prediction", "one image added", "taken away")
IN_MAPPING = ("Rss", "Pss", "Shared_Clean")


def main() -> int:
    rounds, quick = "processes that open each (7)", "digits, one round"
    parser = new_parser(__doc__, data=NAMES, threads=False, rounds=rounds, quick=quick)
    args = parser.parse_args()
    if args.quick:
        args.data = "digits"
    n_opened = choose_rounds(args, 7)

    title, packages = f"Model files, {args.data}", ["numpy", "xxhash"]
    found: dict[str, dict[str, Any]] = {}
    with (
        reporting(title, packages, args.json) as (report, progress),
        tempfile.TemporaryDirectory() as folder,
    ):
        paths = {name: Path(folder) / f"{name}.lookalike" for name in MODELS}
        for name, path in progress.track(paths.items(), description="models"):
            found[name] = {"save": in_fresh_process(fit_and_save, name, args.data, path)}
            found[name]["bytes"] = path.stat().st_size
            taken = [in_fresh_process(open_and_ask, args.data, path) for _ in range(n_opened)]
            found[name] |= {key: [one[key] for one in taken] for key in TIMED}
            found[name]["memory"] = held_by_two(path)
        print_found(found)
        bar = None if args.quick or args.data == "digits" else MOST_MS
        opened = {name: 1000 * Spread.of(one["open"]).median for name, one in found.items()}
        rows = [
            value_row(f"open, {name}", milliseconds, " ms", bar, at_most=True)
            for name, milliseconds in opened.items()
        ]
        print(f"\n{value_table(rows)}")
        report |= {"found": found, "bars": rows}
    return 1 if any(row["reached"] is False for row in rows) else 0


def fit_and_save(name: str, data: str, path: Path) -> float:
    """Fit a model and save it; return the seconds of the latter."""
    import lookalike

    train = lookalike.load_dataset(data).train
    if name == "KNeighborsClassifier":
        estimator: Any = lookalike.KNeighborsClassifier(4, weights="distance")
    else:
        estimator = lookalike.LookalikeClassifier("fast")
    estimator.fit(train.images, train.labels.astype(str))
    start = perf_counter()
    lookalike.save_model(estimator, path, source=data)
    return perf_counter() - start


def open_and_ask(data: str, path: Path) -> dict[str, float]:
    """Open a model, ask it twice, add an image and take it away again; return seconds."""
    import lookalike
    from lookalike import load_dataset, load_model

    images = load_dataset(data).test.images
    # What is timed is to open a file, not to import what it is made of, once a process.
    for name in MODELS:
        getattr(lookalike, name)
    times = [perf_counter()]
    model = load_model(path)
    times.append(perf_counter())
    for i in range(2):
        model.predict(images[i : i + 1])
        times.append(perf_counter())
    quick = {"relearn": False} if hasattr(model, "choices_") else {}
    n = model.n_samples_fit_
    model.partial_fit(images[:1], np.array(["0"]), **quick)
    times.append(perf_counter())
    model.remove([n], **quick)
    times.append(perf_counter())
    return {name: times[i + 1] - times[i] for i, name in enumerate(TIMED)}


def held_by_two(path: Path) -> dict[str, int] | None:
    """Bytes of the file's mapping in one of two processes that hold it; None but on Linux."""
    if not Path("/proc/self/smaps").exists():
        return None
    fresh = fresh_processes()
    ours, theirs = zip(*(fresh.Pipe() for _ in range(2)), strict=True)
    holders = [fresh.Process(target=_hold, args=(path, end)) for end in theirs]
    for holder in holders:
        holder.start()
    for end in ours:
        end.recv()
    held = mapping_of(holders[0].pid or 0, path)
    for end, holder in zip(ours, holders, strict=True):
        end.send("end")
        holder.join()
    return held


def _hold(path: Path, told: Any) -> None:
    from lookalike import load_model

    model = load_model(path)
    told.send(type(model).__name__)
    told.recv()


def mapping_of(process: int, path: Path) -> dict[str, int]:
    """What a process holds of a file, in bytes: all of it, its share, and what others hold too."""
    held = dict.fromkeys(IN_MAPPING, 0)
    inside = False
    for line in Path(f"/proc/{process}/smaps").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if "-" in name.split()[0]:  # the first line of a mapping, which ends with its file
            inside = line.endswith(os.path.realpath(path))
        elif inside and name in held:
            held[name] += 1024 * int(value.split()[0])
    return held


def print_found(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Print seconds and sizes of all models, and what two processes share."""
    head = ["model", "MiB on disk", "save, s", *(f"{name}, ms" for name in TIMED)]
    rows = [
        [
            name,
            f"{one['bytes'] / MIB:.1f}",
            f"{one['save']:.2f}",
            *(Spread.of([1000 * seconds for seconds in one[key]]) for key in TIMED),
        ]
        for name, one in found.items()
    ]
    print(f"\n{table(head, rows)}")
    print(
        "\nMedians (least–most) of fresh processes that have imported the package; the file is in "
        "the system's cache."
    )
    rows = [
        [name, *(f"{one['memory'][key] / MIB:.1f}" for key in IN_MAPPING)]
        for name, one in found.items()
        if one["memory"] is not None
    ]
    if rows:
        head = ["one of two processes", "MiB mapped and read", "its share", "held by both"]
        print(f"\n{table(head, rows)}")


if __name__ == "__main__":
    sys.exit(main())

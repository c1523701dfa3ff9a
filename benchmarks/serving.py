"""Predictions over HTTP: how many a second, how long each takes, and whether the memory stays flat.

    python benchmarks/serving.py                     MNIST, plain neighbours, three kinds of bodies
    python benchmarks/serving.py --model balanced    as `lookalike train` makes it; or fast, best
    python benchmarks/serving.py --soak 600          and ten minutes more, watching the memory

The server runs in a process of its own and the load comes from another. README.md beside this file
says how to read what it prints. Exits with 1 if a request was refused, or a bar was missed.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from lib.harness import (
    MIB,
    fresh_processes,
    in_fresh_process,
    table,
)
from lib.images import NAMES
from lib.load import Load, closed_loop, open_loop, request
from lib.program import new_parser, reporting

THROUGHPUT, P99 = 1000, 50  # the bars: requests a second; milliseconds at the rate
CONNECTIONS = 16
N_BODIES = 500  # different images that are asked about in turn
PLAIN, EFFORTS = "neighbors", ("fast", "balanced", "best")
KINDS = ("png", "png as_is", "json as_is")


def main() -> int:
    parser = new_parser(__doc__, data=NAMES, threads=False, quick="digits, a second")
    parser.add_argument("--model", choices=(PLAIN, *EFFORTS), default=PLAIN, help="%(default)s")
    parser.add_argument("--seconds", type=float, default=15, help="of each load (%(default)s)")
    parser.add_argument("--rate", type=float, default=500, help="requests a second (%(default)s)")
    parser.add_argument("--n-jobs", type=int, default=1, help="threads of a search (%(default)s)")
    parser.add_argument("--soak", type=float, default=0, metavar="SECONDS", help="at the rate")
    args = parser.parse_args()
    if args.quick:
        args.data, args.seconds, args.rate = "digits", 1, 100

    title = f"Serving: {args.data}, {args.model}"
    packages = ["fastapi", "uvicorn", "uvloop", "pillow"]
    with (
        reporting(title, packages, args.json) as (found, progress),
        tempfile.TemporaryDirectory() as folder,
        served(args.data, args.model, args.n_jobs, Path(folder)) as url,
    ):
        task = progress.add_task("serving", total=2 * len(KINDS))
        in_fresh_process(load, url, args.data, KINDS[0], "closed", 0.0, 1.0)  # warms up
        loads: dict[str, dict[str, Load]] = {}
        for kind in KINDS:
            loads[kind] = {}
            for loop in ("closed", "open"):
                progress.update(task, description=f"{kind}, {loop} loop")
                loads[kind][loop] = in_fresh_process(
                    load, url, args.data, kind, loop, args.rate, args.seconds
                )
                progress.advance(task)
        print_loads(loads, args.rate)
        batch = mean_batch(url)
        print(f"\nImages joined in one search, on average: {batch:.1f}")
        found["loads"] = {
            kind: {loop: figures(one) for loop, one in own.items()} for kind, own in loads.items()
        }
        found["soak"] = soaked = soak(url, args) if args.soak else {}
    wrong = check(loads, soaked, bars=not args.quick)
    return 1 if wrong else 0


@contextmanager
def served(data: str, model: str, n_jobs: int, folder: Path) -> Iterator[str]:
    """Serve a model in a process of its own, until the block ends; give its URL."""
    fresh = fresh_processes()
    ours, theirs = fresh.Pipe()
    process = fresh.Process(target=_serve, args=(data, model, n_jobs, folder, theirs))
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGTERM)
        process.join()


def _serve(data: str, model: str, n_jobs: int, folder: Path, told: Any) -> None:
    from lookalike import KNeighborsClassifier, LookalikeClassifier, load_dataset
    from lookalike.models.file import save_model
    from lookalike.models.model import open_model
    from lookalike.web.serve import serve

    train = load_dataset(data).train
    estimator: Any = KNeighborsClassifier(4, weights="distance")
    if model != PLAIN:
        estimator = LookalikeClassifier(model)  # type: ignore[arg-type]
    path = folder / "model.lookalike"
    save_model(estimator.fit(train.images, train.labels.astype(str)), path, source=data)
    opened = open_model(path)
    opened.on_threads(n_jobs)
    serve(opened, port=0, on_start=lambda where: told.send(where.url))


def load(url: str, data: str, kind: str, loop: str, rate: float, seconds: float) -> Load:
    """Put a load on the server; called in a process of its own."""
    where = urlsplit(url)
    assert where.hostname is not None
    assert where.port is not None
    requests = _requests(where.hostname, where.port, data, kind)
    if loop == "closed":
        return closed_loop(
            where.hostname, where.port, requests, connections=CONNECTIONS, seconds=seconds
        )
    return open_loop(where.hostname, where.port, requests, rate=rate, seconds=seconds)


def _requests(host: str, port: int, data: str, kind: str) -> list[bytes]:
    from lookalike import load_dataset

    images = load_dataset(data).test.images[:N_BODIES]
    target = "/predict?as_is=true" if kind.endswith("as_is") else "/predict"
    made = []
    for image in images:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG")
        body, content_type = stream.getvalue(), "image/png"
        if kind.startswith("json"):
            content_type = "application/json"
            body = json.dumps({"images": [base64.b64encode(body).decode()]}).encode()
        made.append(request(host, port, target, content_type, body))
    return made


def print_loads(loads: dict[str, dict[str, Load]], rate: float) -> None:
    """Print the table of all loads."""
    head = [
        "body",
        f"requests/s, {CONNECTIONS} connections",
        f"p50 ms at {rate:g}/s",
        "p99 ms",
        "max ms",
        "not 200",
    ]
    rows = [
        [
            kind,
            f"{of['closed'].rate:,.0f}",
            *(f"{of['open'].milliseconds(q):.1f}" for q in (0.5, 0.99, 1)),
            sum(_refused(one) for one in of.values()),
        ]
        for kind, of in loads.items()
    ]
    print(f"\n{table(head, rows)}")


def soak(url: str, args: Any) -> dict[str, Any]:
    """Ask at the rate for long, and print how much memory the server holds meanwhile."""
    pieces = 10
    seconds, memory = [0.0], [resident(url)]
    start = perf_counter()
    n_requests = n_refused = 0
    for _ in range(pieces):
        one = in_fresh_process(
            load, url, args.data, KINDS[0], "open", args.rate, args.soak / pieces
        )
        n_requests += len(one.latencies)
        n_refused += _refused(one)
        seconds.append(perf_counter() - start)
        memory.append(resident(url))
    rows = [(f"{s:.0f}", f"{m / MIB:.1f}") for s, m in zip(seconds, memory, strict=True)]
    print(f"\n{table(['second of the soak', 'MiB resident'], rows)}")
    # the first piece fills caches and pools
    growth = (memory[-1] - memory[1]) / MIB
    print(
        f"\n{n_requests:,} requests, {n_refused} refused; {growth:+.1f} MiB after the first tenth"
    )
    return {
        "seconds": seconds,
        "bytes": memory,
        "n_requests": n_requests,
        "n_refused": n_refused,
    }


def check(loads: dict[str, dict[str, Load]], soaked: dict[str, Any], *, bars: bool) -> bool:
    """Print what is wrong; return whether anything is."""
    wrong = [
        f"{kind}, {loop} loop: {_refused(one)} requests refused"
        for kind, of in loads.items()
        for loop, one in of.items()
        if _refused(one)
    ]
    if soaked.get("n_refused"):
        wrong.append(f"soak: {soaked['n_refused']} requests refused")
    if bars:
        for kind, of in loads.items():
            if of["closed"].rate < THROUGHPUT:
                wrong.append(f"{kind}: fewer than {THROUGHPUT:,} requests a second")
            if of["open"].milliseconds(0.99) > P99:
                wrong.append(f"{kind}: p99 above {P99} ms")
    for line in wrong:
        print(f"\nMISSED: {line}")
    return bool(wrong)


def figures(one: Load) -> dict[str, Any]:
    """A load as JSON takes it."""
    return {
        "rate": one.rate,
        "ms": {str(q): one.milliseconds(q) for q in (0.5, 0.9, 0.99, 0.999, 1)},
        "statuses": dict(one.statuses),
    }


def resident(url: str) -> float:
    """Resident bytes of the server, as it tells them itself."""
    return _metric(url, "process_resident_memory_bytes")


def mean_batch(url: str) -> float:
    """Images of a batch, on average so far."""
    n_images, n_batches = (_metric(url, f"lookalike_batch_images_{of}") for of in ("sum", "count"))
    return n_images / n_batches


def _metric(url: str, name: str) -> float:
    with urllib.request.urlopen(f"{url}metrics") as answer:
        text = answer.read().decode()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def _refused(one: Load) -> int:
    return sum(one.statuses.values()) - one.statuses[200]


if __name__ == "__main__":
    sys.exit(main())

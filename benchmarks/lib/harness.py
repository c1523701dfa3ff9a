"""How all benchmarks here measure: fresh processes, alternating rounds, memory, and tables of it.

Every measurement runs in a process of its own, so that no contender inherits another's warm
caches, spinning thread pool or high-water mark of memory. Contenders take turns, round by round:
whatever else slows the machine meanwhile slows all of them alike.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

MIB = 2**20
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


# --- One measurement, inside the process that makes it -------------------------------------------


@dataclass
class Reading:
    """What one measurement found.

    Attributes
    ----------
    seconds : dict of str to float
        Of each stage.
    cpu_seconds : float
        The sum over all threads, from the start to the end.
    peak_bytes : int or None
        Memory beyond what the process held at the start; None where it can not be told.
    answer : Any
        What the contender answered, and whatever else the caller wants back; can be pickled.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    peak_bytes: int | None = None
    answer: Any = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside."""
        start = perf_counter()
        yield
        self.seconds[name] = perf_counter() - start


@contextmanager
def reading() -> Iterator[Reading]:
    """Give a `Reading` whose peak memory is that of what runs inside."""
    gc.collect()
    _reset_peak()
    before = _memory("VmRSS")
    result = Reading()
    start = process_time()
    yield result
    result.cpu_seconds = process_time() - start
    after = _memory("VmHWM")
    if before is not None and after is not None:
        result.peak_bytes = max(0, after - before)


def _reset_peak() -> None:
    """Forget the peak so far, that of imports and of the loading of data. Linux only."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _memory(name: str) -> int | None:
    """Resident bytes of this process: "VmRSS" now, or "VmHWM" at the peak.

    Not `getrusage` where Linux tells it better: its peak survives exec, so that a child would
    report the memory of the parent that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
    try:
        import resource
    except ImportError:  # Windows
        return None
    # Only the peak is known here, which makes what is measured from it too small, never too large.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


# --- Many measurements, each in a fresh process --------------------------------------------------


@dataclass(frozen=True)
class Contender:
    """Something to measure.

    Attributes
    ----------
    name : str
    work : callable
        A function of a module, called with `args` in the fresh process; returns a `Reading`.
    args : tuple
    rounds : int
        How often; slow ones take part in the first rounds only.
    environment : mapping
        Further variables of its own processes.
    """

    name: str
    work: Callable[..., Reading]
    args: tuple[Any, ...]
    rounds: int
    environment: Mapping[str, str] = field(default_factory=dict)


def alternate(
    contenders: Sequence[Contender],
    *,
    n_threads: int,
    environment: Mapping[str, str] | None = None,
    progress: Progress,
    what: str = "",
) -> dict[str, list[Reading]]:
    """Measure contenders in turns: one round of each, then the next round.

    Parameters
    ----------
    contenders : sequence of Contender
    n_threads : int
        Set as the limit of every thread pool that listens to the environment.
    environment : mapping, optional
        Further variables of the fresh processes.
    progress : rich.progress.Progress
    what : str
        What is measured, for those who watch.

    Returns
    -------
    dict of str to list of Reading
        In the order of the rounds.
    """
    readings: dict[str, list[Reading]] = {contender.name: [] for contender in contenders}
    variables = dict.fromkeys(THREAD_VARIABLES, str(n_threads)) | dict(environment or {})
    turns = [
        (turn, contender)
        for turn in range(max(contender.rounds for contender in contenders))
        for contender in contenders
        if turn < contender.rounds
    ]
    task = progress.add_task(what, total=len(turns))
    for turn, contender in turns:
        progress.update(task, description=f"{what}: {contender.name}, round {turn + 1}")
        own = variables | dict(contender.environment)
        taken = in_fresh_process(contender.work, *contender.args, environment=own)
        readings[contender.name].append(taken)
        stages = ", ".join(f"{name} {s:.2f} s" for name, s in taken.seconds.items())
        progress.console.print(f"{what}: {contender.name}, round {turn + 1}: {stages}")
        progress.advance(task)
    progress.remove_task(task)
    return readings


def in_fresh_process(
    work: Callable[..., Any], *args: Any, environment: Mapping[str, str] | None = None
) -> Any:
    """Call a function of a module in a process started for it, and return what it returns."""
    # Thread pools read their limits when they are loaded, so these must be there from the start.
    with (
        _environment(environment or {}),
        ProcessPoolExecutor(1, mp_context=fresh_processes()) as pool,
    ):
        return pool.submit(work, *args).result()


def fresh_processes() -> Any:
    """The way in which processes start, a context of `multiprocessing`.

    Benchmarks start a new interpreter for each measurement, so that none profits from modules that
    another has imported. The tests, which judge no time, set BENCHMARK_PROCESSES=fork: a process
    then has what the benchmark has imported, and starts at once.
    """
    return multiprocessing.get_context(os.environ.get("BENCHMARK_PROCESSES", "spawn"))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def progress_on_stderr() -> Progress:
    """A bar and one line a measurement, apart from the report on stdout."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False, soft_wrap=True),
        refresh_per_second=1,  # next to nothing beside what is measured
        redirect_stdout=sys.stdout.isatty(),  # else a report for a file would go to stderr
        transient=True,
    )


# --- What came out -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spread:
    """Median, least and most of a few seconds."""

    median: float
    least: float
    most: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values), len(values))

    def __str__(self) -> str:
        if self.n == 1:
            return seconds(self.median)
        return f"{seconds(self.median)} ({seconds(self.least)}–{seconds(self.most)})"


def seconds(value: float) -> str:
    """Three significant digits, never fewer than the whole seconds."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def total_seconds(readings: Sequence[Reading], *stages: str) -> Spread:
    """Spread over the rounds of the sum of some stages."""
    return Spread.of([sum(reading.seconds[stage] for stage in stages) for reading in readings])


def peak_bytes(readings: Sequence[Reading]) -> int | None:
    """The largest peak of all rounds."""
    peaks = [reading.peak_bytes for reading in readings if reading.peak_bytes is not None]
    return max(peaks, default=None)


def peak(readings: Sequence[Reading]) -> str:
    """The largest peak of all rounds in MiB, as a table shows it."""
    most = peak_bytes(readings)
    return "–" if most is None else f"{most / MIB:.0f}"


def figures(readings: Mapping[str, Sequence[Reading]]) -> dict[str, list[dict[str, Any]]]:
    """All readings as JSON takes them, without the answers."""
    return {
        name: [
            {"seconds": one.seconds, "cpu_seconds": one.cpu_seconds, "peak_bytes": one.peak_bytes}
            for one in taken
        ]
        for name, taken in readings.items()
    }


def fit_exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """The exponent b of times ≈ a · sizes^b, by least squares of the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table, aligned for eyes too: the first column left, the others right."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(3, *(len(line[i]) for line in cells)) for i in range(len(header))]

    def line(texts: Sequence[str]) -> str:
        aligned = [text.rjust(width) for text, width in zip(texts, widths, strict=True)]
        return "| " + " | ".join([texts[0].ljust(widths[0]), *aligned[1:]]) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])])

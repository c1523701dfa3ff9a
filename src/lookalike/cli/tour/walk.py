"""Walk the steps of the tour: run each, show it, and put all of it into one report."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.text import Text

import lookalike
from lookalike.cli.outfolder import filled_at_the_end
from lookalike.cli.screen import Screen
from lookalike.cli.tour.step import Step, Tour


def walk(
    *,
    data_name: str | None,
    out: Path | None,
    against_sklearn: bool,
    n_jobs: int | None,
    as_json: bool,
    started: float,
) -> None:
    """Walk the tour; parameters as in ``lookalike tour``, ``started`` by `perf_counter`."""
    screen = Screen(as_json=as_json)
    with screen.bar() as bar:
        bar.start("importing libraries")
        from lookalike.cli.tour.steps import choose_steps
        from lookalike.search.validation import count_threads
    n_threads = count_threads(n_jobs)
    report: dict[str, Any] = {
        "lookalike": lookalike.__version__,
        "n_threads": n_threads,
        "start_seconds": round(perf_counter() - started, 3),
        "steps": {},
    }
    tour = Tour(data_name, n_jobs, watched=screen.is_watched)
    with contextlib.ExitStack() as stack:
        folder = None if out is None else stack.enter_context(filled_at_the_end(out))
        files = ["report.json"]
        for number, step in enumerate(choose_steps(against_sklearn=against_sklearn), start=1):
            seconds = _run(step, tour, screen)
            report["steps"][step.name] = {"seconds": round(seconds, 3), **step.report()}
            _show(number, step, seconds, screen)
            if folder is not None:
                with screen.bar() as bar:
                    bar.start("drawing pictures")
                    files += step.save(folder)
        report["seconds"] = round(perf_counter() - started, 3)
        if folder is not None:
            (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    screen.result(report)
    screen.out.print(
        f"\n[bold]Done[/] in {report['seconds']:.2f} s, {report['start_seconds']:.2f} s of it "
        "to import libraries."
    )
    if out is not None:
        screen.out.print(Text(f"Wrote {', '.join(files)} into {out}"), soft_wrap=True)


def _run(step: Step, tour: Tour, screen: Screen) -> float:
    start = perf_counter()
    with screen.bar() as bar:
        step.run(tour, bar)
    return perf_counter() - start


def _show(number: int, step: Step, seconds: float, screen: Screen) -> None:
    title = Text(f"{number}  {step.title}", style="bold")
    time = Text(f"{seconds:.2f} s", style="dim")
    title.pad_right(max(1, screen.out.width - title.cell_len - time.cell_len))
    screen.out.print()
    screen.out.print(title + time)
    screen.out.print()
    step.show(screen)

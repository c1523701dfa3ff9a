"""Walk the steps of the tour: run each, show it, and put all of it into one report."""

from __future__ import annotations

import contextlib
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rich.text import Text

import lookalike
from lookalike.cli.data_options import DataName
from lookalike.cli.outfolder import filled_at_the_end
from lookalike.cli.screen import Screen
from lookalike.cli.tour.step import Step, Tour

if TYPE_CHECKING:
    from lookalike.reports.blocks import Section


def walk(
    *,
    data_name: DataName | None,
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
        from lookalike.cli.tour.page import tour_report
        from lookalike.cli.tour.steps import choose_steps
        from lookalike.reports.write import write_report
        from lookalike.search.machine import count_threads
    n_threads = count_threads(n_jobs)
    report: dict[str, Any] = {
        "lookalike": lookalike.__version__,
        "n_threads": n_threads,
        "start_seconds": round(perf_counter() - started, 3),
        "steps": {},
    }
    tour = Tour(data_name, n_jobs, watched=screen.is_watched)
    files: list[str] = []
    sections: list[Section] = []
    steps = choose_steps(against_sklearn=against_sklearn)
    with contextlib.nullcontext() if out is None else filled_at_the_end(out) as folder:
        for number, step in enumerate(steps, start=1):
            seconds = _run(step, tour, screen)
            report["steps"][step.name] = {"seconds": round(seconds, 3), **step.report()}
            _show(number, step, seconds, screen)
        drawing = perf_counter()
        if folder is not None:
            files, sections = _draw(steps, folder, screen)
        report["pictures_seconds"] = round(perf_counter() - drawing, 3)
        report["seconds"] = round(perf_counter() - started, 3)
        if folder is not None:
            files = [*write_report(folder, tour_report(tour, sections, report)), *files]
    screen.result(report)
    screen.out.print(
        f"\n[bold]Done[/] in {report['seconds']:.2f} s, of which {report['start_seconds']:.2f} s "
        f"to import libraries and {report['pictures_seconds']:.2f} s to draw pictures."
    )
    if out is not None:
        screen.out.print(Text(f"Wrote {', '.join(files)} into {out}"), soft_wrap=True)


def _run(step: Step, tour: Tour, screen: Screen) -> float:
    start = perf_counter()
    with screen.bar() as bar:
        step.run(tour, bar)
    return perf_counter() - start


def _draw(steps: list[Step], folder: Path, screen: Screen) -> tuple[list[str], list[Section]]:
    """Write the pictures, and draw those of the report; return their names, and its sections."""
    files: list[str] = []
    sections: list[Section] = []
    with screen.bar() as bar:
        bar.start("drawing pictures")
        for number, step in enumerate(steps):
            bar(number, len(steps))
            files += step.save(folder)
            sections += step.sections()
    return files, sections


def _show(number: int, step: Step, seconds: float, screen: Screen) -> None:
    title = Text(f"{number}  {step.title}", style="bold")
    time = Text(f"{seconds:.2f} s", style="dim")
    title.pad_right(max(1, screen.out.width - title.cell_len - time.cell_len))
    screen.out.print()
    screen.out.print(title + time)
    screen.out.print()
    step.show(screen)

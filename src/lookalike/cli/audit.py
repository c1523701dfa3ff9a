"""``lookalike audit``: wrong labels, copies, leaks and outliers in a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lookalike.cli.data_options import Data
from lookalike.cli.jobs import Debug, Json, Threads, job

if TYPE_CHECKING:
    from lookalike.cli.screen import Screen
    from lookalike.evaluation.auditing.result import Audit
    from lookalike.evaluation.reporting.report import Report
    from lookalike.images.dataset import Dataset

_N_NEIGHBORS = 10
_N_BESIDE = 4  # neighbours drawn beside a suspicious image
_N_LISTED = 100  # rows of each list in the JSON


def audit(
    data: Data,
    n_neighbors: Annotated[
        int, typer.Option(metavar="K", min=1, help="Neighbours that vote about each label.")
    ] = _N_NEIGHBORS,
    top: Annotated[
        int, typer.Option(metavar="N", min=0, help="Suspicious images to draw here.")
    ] = 3,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Also write report.html, which opens anywhere, report.json, tables (CSV) and "
            "pictures (PNG) into this folder.",
        ),
    ] = None,
    no_test: Annotated[
        bool,
        typer.Option(
            "--no-test", help="Do not look for the test images among the training images."
        ),
    ] = False,
    n_jobs: Threads = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Find likely wrong labels, copies, leaks and outliers in a data set.

    Each training image is looked at beside its nearest others. Labels that these do not have are
    suspicious, the worst first; images too near to be chance are copies of each other, or test
    images that leaked; images too far from all are outliers. Nothing is changed.

    Example: lookalike audit mnist --out audit
    """
    with job(debug):
        import contextlib

        from lookalike.cli.outfolder import filled_at_the_end
        from lookalike.cli.screen import Screen

        screen = Screen(as_json=as_json)
        files: list[str] = []
        with (
            contextlib.nullcontext() if out is None else filled_at_the_end(out) as folder,
            screen.bar(time_left=True) as bar,
        ):
            bar.start("importing libraries")
            from lookalike.evaluation.auditing.audit import audit as run

            bar.start("loading the data")
            dataset = data.load(progress=screen.is_watched)
            bar.start("searching neighbours")
            found = run(
                dataset.train.images,
                dataset.train.labels,
                test=None if no_test else (dataset.test.images, dataset.test.labels),
                n_neighbors=n_neighbors,
                n_jobs=n_jobs,
                progress=bar,
            )
            report = _report(data, dataset, found)
            if folder is not None:
                bar.start("writing tables and pictures")
                files = _write(folder, dataset, found, report, n_jobs)
        screen.result(report)
        if not as_json:
            _show(data, dataset, found, top, screen)
            if out is not None:
                from rich.text import Text

                screen.out.print()
                screen.out.print(Text(f"Wrote {', '.join(files)} into {out}"), soft_wrap=True)


def _report(name: str, dataset: Dataset, found: Audit) -> dict[str, Any]:
    import lookalike

    return {
        "lookalike": lookalike.__version__,
        "data": name,
        "source": dataset.source,
        "class_names": list(dataset.class_names),
        **found.to_dict(n_rows=_N_LISTED),
    }


def _write(
    folder: Path, dataset: Dataset, found: Audit, report: dict[str, Any], n_jobs: int | None
) -> list[str]:
    from lookalike.evaluation.auditing import pictures
    from lookalike.evaluation.reporting.write import write_report

    images, names = dataset.train.images, dataset.class_names
    found.to_csv(folder)
    pictures.save_issues_png(folder / "label_issues.png", images, found, class_names=names)
    pictures.save_outliers_png(folder / "outliers.png", images, found, class_names=names)
    if found.duplicates:
        pictures.save_duplicates_png(folder / "duplicates.png", images, found, class_names=names)
    if found.leaks:
        test = dataset.test.images
        pictures.save_leaks_png(folder / "leaks.png", images, test, found, class_names=names)
    write_report(folder, _page(dataset, found, report, n_jobs))
    return sorted(path.name for path in folder.iterdir())


def _page(dataset: Dataset, found: Audit, report: dict[str, Any], n_jobs: int | None) -> Report:
    from datetime import date

    from lookalike.evaluation.reporting.audited import audit_section
    from lookalike.evaluation.reporting.facts import run_facts
    from lookalike.evaluation.reporting.report import Headline, Report

    name = report["data"]
    headline = [
        Headline("label issues", f"{len(found.label_issues):,}"),
        Headline("estimated share of wrong labels", f"{found.label_noise:.2%}"),
        Headline("groups of copies", f"{len(found.duplicates):,}"),
        Headline("images unlike all others", f"{len(found.outliers):,}"),
    ]
    if found.leaks is not None:
        note = f"of {found.n_test:,} test images"
        headline.insert(3, Headline("leaks", f"{len(found.leaks):,}", note))
    section = audit_section(
        found,
        dataset.train.images,
        test_images=None if found.leaks is None else dataset.test.images,
        # Labels are positions; of those without images no class is known here.
        class_names=[dataset.class_names[label] for label in found.classes.tolist()],
    )
    return Report(
        f"An audit of {name}",
        f"{len(found):,} training images, {len(found.classes)} classes",
        headline,
        [section],
        parameters={"data": name, "n_neighbors": found.n_neighbors},
        versions=run_facts(date=date.today().isoformat(), n_jobs=n_jobs),
        timings=found.seconds,
        numbers=report,
    )


def _show(name: str, dataset: Dataset, found: Audit, top: int, screen: Screen) -> None:
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    from lookalike.evaluation.auditing.pictures import suspects

    screen.say(
        f"[bold]{escape(name)}[/]: {len(found):,} training images"
        + ("" if found.n_test is None else f" and {found.n_test:,} test images")
        + f", {len(found.classes)} classes, in {sum(found.seconds.values()):.2f} s."
    )
    screen.say()
    table = Table.grid(padding=(0, 2, 0, 0))
    for what, told in found.summary().items():
        table.add_row(Text(what, "bold"), told)
    screen.say(table)
    shown = suspects(found)[:top]
    if shown:
        most = "most" if len(shown) == 1 else f"{len(shown)} most"
        screen.say()
        screen.say(
            Text(
                f"The {most} suspicious of {len(found.label_issues):,} label issues:"
                if found.label_issues
                else "No label issues; the least sure labels are:"
            )
        )
    for row, suggested in shown:
        draw_suspect(dataset, found, row, suggested, screen)
    if shown:
        screen.say()
        screen.say("Beside each: its nearest training images, with their labels.", style="dim")
    screen.say()
    times = ", ".join(f"{part} {seconds:.2f}" for part, seconds in found.seconds.items())
    screen.say(Text(f"Seconds: {times}"), style="dim")


def draw_suspect(dataset: Dataset, found: Audit, row: int, suggested: Any, screen: Screen) -> None:
    """Draw a training image whose label is suspicious, beside its nearest others."""
    from rich.text import Text

    from lookalike.cli.work.drawing import draw_line

    names = dataset.class_names
    given = int(found.labels[row])
    captions = [
        Text.assemble(
            (f"{names[given]}, or {names[suggested]}?", "bold"),
            (f"\ntrain {row}\n{found.self_confidence[row]:.0%} agree", "dim"),
        )
    ]
    neighbors = found.indices[row, :_N_BESIDE].tolist()
    distances = found.distances[row, :_N_BESIDE].tolist()
    for neighbor, distance in zip(neighbors, distances, strict=True):
        label = int(found.labels[neighbor])
        colour = "bold red" if label == given else "bold green" if label == suggested else "bold"
        captions.append(Text.assemble((names[label], colour), (f"\nat {distance:,.4g}", "dim")))
    images = dataset.train.images
    brightest = max(1, int(images.max()))
    screen.say()
    screen.say(
        draw_line(list(images[[row, *neighbors]]), captions, screen.out, brightest=brightest)
    )

"""``lookalike audit``: wrong labels, copies, leaks and outliers in a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lookalike.cli.data_options import Data, takes_data
from lookalike.cli.jobs import Debug, Json, Threads, job, say_note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lookalike.cli.screen import Screen
    from lookalike.evaluation.auditing.result import Audit
    from lookalike.images.dataset import Dataset
    from lookalike.reports.blocks import Report

_N_NEIGHBORS = 10
_N_BESIDE = 4  # neighbours drawn beside a suspicious image
_N_LISTED = 100  # rows of each list in the JSON


@takes_data
def audit(
    data: Data,
    n_neighbors: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            min=1,
            help=f"Neighbours that vote about each label; {_N_NEIGHBORS}, or all others if there "
            "are fewer.",
        ),
    ] = None,
    top: Annotated[
        int, typer.Option(metavar="N", min=0, help="Suspicious images to draw here.")
    ] = 3,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Also write report.html, which opens anywhere, report.json, tables (CSV), "
            "pictures (PNG), and for a folder of pictures moves.sh, to read and run, into this "
            "folder.",
        ),
    ] = None,
    no_test: Annotated[
        bool,
        typer.Option("--no-test", help="Leave out the test part, if the data has one of its own."),
    ] = False,
    no_transformed: Annotated[
        bool,
        typer.Option(
            "--no-transformed",
            help="Do not look for copies that were mirrored, turned, shifted, cropped, resized or "
            "brightened, which takes longest.",
        ),
    ] = False,
    n_jobs: Threads = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Find likely wrong labels, copies, leaks and outliers in a data set.

    Each image, of the training and of the test part if there is one, is looked at beside its
    nearest others. Labels that these do not have are suspicious, the worst first; images too near
    to be chance, also once mirrored, turned or moved, are copies, and leaks if in both parts;
    images too far from all are outliers; broken, blank, tiny and odd-shaped files are listed.
    Nothing is changed.

    Example: lookalike audit mnist --out audit
    """
    with job(debug):
        import contextlib

        from lookalike.cli.screen import Screen
        from lookalike.images.replace import filled_at_the_end

        screen = Screen(as_json=as_json)
        files: list[str] = []
        with (
            contextlib.nullcontext() if out is None else filled_at_the_end(out) as folder,
            screen.bar(time_left=True) as bar,
        ):
            bar.start("importing libraries")
            from lookalike.evaluation.auditing.audit import audit as run

            bar.start("loading the data")
            dataset = data.load(
                least_classes=2, test_size=0, skip_broken=True, progress=screen.is_watched
            )
            alone = no_test or len(dataset.test) == 0
            pictures = dataset.train if alone else dataset.train.joined(dataset.test)
            n = len(pictures)
            if n_neighbors is None:
                n_neighbors = max(1, min(_N_NEIGHBORS, n - 1))
                if n_neighbors < _N_NEIGHBORS:
                    say_note(f"of {n} images {n_neighbors} neighbours vote, not {_N_NEIGHBORS}")
            bar.start("looking at the images")
            found = run(
                pictures.images,
                pictures.labels,
                n_train=None if alone else len(dataset.train),
                paths=pictures.paths,
                class_names=dataset.class_names,
                skipped=dataset.skipped,
                n_neighbors=n_neighbors,
                transformed=not no_transformed,
                n_jobs=n_jobs,
                progress=bar,
            )
            report = _report(data, dataset, found)
            if folder is not None:
                bar.start("writing tables and pictures")
                files = _write(folder, data, pictures.shown, found, report, n_jobs)
        screen.result(report)
        if not as_json:
            _show(data, pictures.shown, found, top, screen)
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
    folder: Path,
    data: str,
    images: NDArray[Any],
    found: Audit,
    report: dict[str, Any],
    n_jobs: int | None,
) -> list[str]:
    from lookalike.evaluation.auditing.moves import moves_script
    from lookalike.reports import audit_pictures as pictures
    from lookalike.reports.write import write_report

    found.to_csv(folder)
    pictures.save_issues_png(folder / "label_issues.png", images, found)
    pictures.save_outliers_png(folder / "outliers.png", images, found)
    if found.duplicates:
        pictures.save_duplicates_png(folder / "duplicates.png", images, found)
    if found.leaks:
        pictures.save_leaks_png(folder / "leaks.png", images, None, found)
    if any(reject.row is not None for reject in found.rejects):
        pictures.save_rejects_png(folder / "rejects.png", images, found)
    if found.paths is not None and Path(report["source"]).is_dir():
        # Names of files are bytes; surrogates stand for those that are no text.
        script = moves_script(found, Path(report["source"]))
        (folder / "moves.sh").write_text(script, encoding="utf-8", errors="surrogateescape")
    write_report(folder, _page(images, found, report, n_jobs))
    return sorted(path.name for path in folder.iterdir())


def _page(images: NDArray[Any], found: Audit, report: dict[str, Any], n_jobs: int | None) -> Report:
    from datetime import date

    from lookalike.reports.audit import audit_section
    from lookalike.reports.blocks import Headline, Report
    from lookalike.reports.environment import run_facts

    name = report["data"]
    headline = [
        Headline("label issues", f"{len(found.label_issues):,}"),
        Headline("neighbours right", f"{found.accuracy:.1%}"),
        Headline(
            "estimated share of wrong labels",
            f"{found.label_noise:.2%}" if found.is_sure else "unknown",
        ),
        Headline("groups of copies", f"{len(found.duplicates):,}"),
        Headline("images unlike all others", f"{len(found.outliers):,}"),
    ]
    if found.leaks is not None:
        note = f"of {found.n_test:,} test images"
        headline.insert(4, Headline("leaks", f"{len(found.leaks):,}", note))
    section = audit_section(found, images)
    return Report(
        f"An audit of {name}",
        f"{_count(found)}, {len(found.classes)} classes",
        headline,
        [section],
        parameters={"data": name, "n_neighbors": found.n_neighbors},
        versions=run_facts(date=date.today().isoformat(), n_jobs=n_jobs),
        timings=found.seconds,
        numbers=report,
    )


def _count(found: Audit) -> str:
    if found.n_train is None:
        return f"{len(found):,} images"
    return f"{found.n_train:,} training images and {found.n_test:,} test images"


def _show(name: str, images: NDArray[Any], found: Audit, top: int, screen: Screen) -> None:
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    from lookalike.reports.audit_pictures import suspects

    screen.say(
        f"[bold]{escape(name)}[/]: {_count(found)}, {len(found.classes)} classes, in "
        f"{sum(found.seconds.values()):.2f} s."
    )
    screen.say()
    table = Table.grid(padding=(0, 2, 0, 0))
    for what, told in found.summary().items():
        table.add_row(Text(what, "bold"), told)
    screen.say(table)
    if not found.is_sure:
        screen.say()
        screen.say(
            Text(
                f"The nearest images vote right for only {found.accuracy:.0%} here, so label "
                "issues are guesses: only the strongest are called.",
                "yellow",
            )
        )
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
        draw_suspect(images, found, row, suggested, screen)
    if shown:
        screen.say()
        screen.say("Beside each: its nearest images, with their labels.", style="dim")
    screen.say()
    times = ", ".join(f"{part} {seconds:.2f}" for part, seconds in found.seconds.items())
    screen.say(Text(f"Seconds: {times}"), style="dim")


def draw_suspect(
    images: NDArray[Any], found: Audit, row: int, suggested: Any, screen: Screen
) -> None:
    """Draw an image whose label is suspicious, beside its nearest others."""
    from rich.text import Text

    from lookalike.cli.work.drawing import draw_line
    from lookalike.reports.captions import drawable

    name = found.class_name
    given = int(found.labels[row])
    captions = [
        Text.assemble(
            (f"{name(given)}, or {name(suggested)}?", "bold"),
            (f"\n{found.place(row)}\n{found.self_confidence[row]:.0%} agree", "dim"),
        )
    ]
    neighbors = found.indices[row, :_N_BESIDE].tolist()
    distances = found.distances[row, :_N_BESIDE].tolist()
    for neighbor, distance in zip(neighbors, distances, strict=True):
        label = int(found.labels[neighbor])
        colour = "bold red" if label == given else "bold green" if label == suggested else "bold"
        captions.append(Text.assemble((name(label), colour), (f"\nat {distance:,.4g}", "dim")))
    brightest = max(1, int(images.max()))
    screen.say()
    if (file := found.file(row)) is not None:
        screen.say(Text(drawable(file), "dim"))
    screen.say(
        draw_line(
            [images[own] for own in (row, *neighbors)], captions, screen.out, brightest=brightest
        )
    )

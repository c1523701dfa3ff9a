"""``lookalike audit``: wrong labels, copies, leaks and outliers in a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli import options
from lookalike.cli.screen import Screen, out_folder, say_note

if TYPE_CHECKING:
    from lookalike.evaluation.auditing.result import Audit
    from lookalike.reports.blocks import Report

_N_NEIGHBORS = 10


@options.command
def audit(
    screen: Screen,
    data: options.Data,
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
        options.folder_option(
            "Also write report.html, which opens anywhere, report.json, tables (CSV), pictures "
            "(PNG), and for a folder of pictures moves.sh, to read and run, into this folder."
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
    features: options.Features = options.PIXELS,
    n_jobs: options.Threads = None,
) -> None:
    """Find likely wrong labels, copies, leaks and outliers in a data set.

    Each image, of the training and of the test part if there is one, is looked at beside its
    nearest others. Labels that these do not have are suspicious, the worst first; images too near
    to be chance, also once mirrored, turned or moved, are copies, and leaks if in both parts;
    images too far from all are outliers; broken, blank, tiny and odd-shaped files are listed.
    Nothing is changed.

    Example: lookalike audit mnist --out audit

    Or: lookalike audit pictures --features efficientnet-lite0
    """
    files: list[str] = []
    with out_folder(out) as folder, screen.bar("importing libraries", time_left=True) as bar:
        from dataclasses import replace

        import numpy as np

        from lookalike.evaluation.auditing.audit import audit as run
        from lookalike.matching.feature_choice import turn_into_vectors
        from lookalike.reports.audit import ISSUES_SHOWN, describe
        from lookalike.reports.terminal import show
        from lookalike.reports.write import made_now

        bar.start("loading the data")
        dataset = data.load(
            least_classes=2, test_size=0, skip_broken=True, progress=screen.is_watched
        )
        if no_test:
            dataset = replace(dataset, test=dataset.train.rows(np.arange(0)))
        dataset, (_, network) = turn_into_vectors(dataset, features, n_jobs, bar)
        alone = len(dataset.test) == 0
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
            features=None if network is None else lambda files: pictures.vectors,
            n_jobs=n_jobs,
            progress=bar,
        )
        found = replace(found, images=pictures.shown)
        report = describe(found, name=data, n_issues=max(top, ISSUES_SHOWN))
        names = list(dataset.class_names)
        about = {"data": data, "source": dataset.source, "class_names": names}
        shown = {"data": str(data)}
        if network is not None:
            shown["features"] = str(network.network)
        numbers, parameters = {**about, **report.numbers}, {**shown, **report.parameters}
        report = made_now(report, numbers, n_jobs=n_jobs, parameters=parameters)
        if folder is not None:
            bar.start("writing tables and pictures")
            files = _write(folder, Path(dataset.source), found, report)
    screen.result(dict(report.numbers))
    screen.say(f"{report.title}\n", "bold", indented=True)
    show(report.sections, screen.out, titles=False, most_pictures=top)
    times = ", ".join(f"{part} {seconds:.2f}" for part, seconds in found.seconds.items())
    said = f"\nSeconds: {times}; all {sum(found.seconds.values()):.2f}"
    screen.say(said, "dim", indented=True)
    screen.say_written(", ".join(files), out)


def _write(folder: Path, source: Path, found: Audit, report: Report) -> list[str]:
    from lookalike.evaluation.auditing.moves import moves_script
    from lookalike.reports.audit import audit_galleries
    from lookalike.reports.png import save_png
    from lookalike.reports.write import write_report

    found.to_csv(folder)
    galleries = audit_galleries(found)
    for name in ("label_issues", "duplicates", "leaks", "rejects", "outliers"):
        if name in galleries:
            save_png(folder / f"{name}.png", galleries[name])
    if found.paths is not None and source.is_dir():
        # Names of files are bytes; surrogates stand for those that are no text.
        script = moves_script(found, source)
        (folder / "moves.sh").write_text(script, encoding="utf-8", errors="surrogateescape")
    write_report(folder, report)
    return sorted(path.name for path in folder.iterdir())

"""What an audit of labelled images found: wrong labels, copies, leaks, outliers, and values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.auditing.result import Audit
from lookalike.reports.audit_galleries import ISSUES_SHOWN, audit_galleries, left_out
from lookalike.reports.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Gallery,
    Heading,
    Headline,
    Report,
    Section,
    Table,
    Text,
    Undefined,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ISSUES_LISTED, _REJECTS_LISTED = 50, 50
_IN_NUMBERS = 100  # rows of each list in the JSON
_BINS = 30


def describe(
    audit: Audit, *, name: str = "labelled images", n_issues: int = ISSUES_SHOWN
) -> Report:
    """Return the report of an audit.

    Parameters
    ----------
    audit : Audit
    name : str
        What to call the audited images.
    n_issues : int, default=10
        Suspicious labels to show, at most.
    """
    known = f"{audit.label_noise:.2%}" if audit.is_sure else "unknown"
    headline = [
        Headline("label issues", f"{len(audit.label_issues):,}"),
        Headline("neighbours right", f"{audit.accuracy:.1%}"),
        Headline("estimated share of wrong labels", known),
        Headline("groups of copies", f"{len(audit.duplicates):,}"),
        Headline("images unlike all others", f"{len(audit.outliers):,}"),
    ]
    if audit.leaks is not None:
        note = f"of {audit.n_test:,} test images"
        headline.insert(4, Headline("leaks", f"{len(audit.leaks):,}", note))
    return Report(
        f"An audit of {name}",
        _counts(audit),
        headline,
        [audit_section(audit, n_issues=n_issues)],
        parameters={"n_neighbors": audit.n_neighbors},
        timings=audit.seconds,
        numbers=audit.to_dict(n_rows=_IN_NUMBERS),
    )


def audit_section(
    audit: Audit,
    *,
    n_issues: int = ISSUES_SHOWN,
    title: str = "The labelled images themselves",
) -> Section:
    """Tell what an audit of labelled images found.

    Parameters
    ----------
    audit : Audit
        Pictures are shown if its images are pictures.
    n_issues : int, default=10
        Suspicious labels to show, at most.
    title : str, default="The labelled images themselves"

    Returns
    -------
    Section
        The labels that are likely wrong, each image beside its nearest neighbours; copies, and
        test images that are among them; images unlike all others; and those of least worth.
    """
    galleries = audit_galleries(audit, n_issues=n_issues)
    summary = Table(["", "found"], list(audit.summary().items()), "What the audit found")
    blocks: list[Block] = [summary, Heading("Labels that are likely wrong", detail=True)]
    blocks += _issue_blocks(audit, galleries)
    for heading, some in (
        ("Copies", _copy_blocks(audit, galleries)),
        ("Broken, blank, tiny and odd-shaped files", _reject_blocks(audit, galleries)),
        ("Images unlike all others", _outlier_blocks(audit, galleries)),
        ("What each image is worth to the others", _value_blocks(audit, galleries)),
    ):
        blocks += [Heading(heading, detail=True), *some]
    judged = f"{_counts(audit)}, each judged by its {audit.n_neighbors} nearest others."
    return Section(title, blocks, [judged])


def _counts(audit: Audit) -> str:
    n = f"{len(audit):,} images"
    if audit.n_train is not None:
        n = f"{audit.n_train:,} training images and {audit.n_test:,} test images"
    return f"{n}, {len(audit.classes)} classes"


def _agreement_chart(audit: Audit) -> Chart:
    k = audit.n_neighbors
    counts = np.bincount(np.rint(audit.self_confidence * k).astype(int), minlength=k + 1)
    rows: list[list[Cell]] = [[i, int(n), int(n) / len(audit)] for i, n in enumerate(counts)]

    def draw(axes: Axes) -> None:
        _draw_bars(axes, np.arange(k + 2) - 0.5, counts)
        axes.locator_params(axis="x", integer=True)
        axes.set_xlabel(f"neighbours, of {k}, that have the image's label")

    return Chart(
        draw,
        alt=f"Images by how many of their {k} neighbours have their label: {counts[0]:,} with "
        f"none, {counts[-1]:,} with all.",
        caption="Self-confidence: how many of its neighbours agree with an image's label.",
        table=Table(
            ["neighbours that agree", "images", Column("share", ".3%")],
            rows,
            "Images by the neighbours that have their label",
        ),
        size=(4.8, 3.2),
        detail=True,
    )


def _draw_bars(axes: Axes, edges: NDArray[Any], counts: NDArray[np.int64]) -> None:
    axes.bar((edges[:-1] + edges[1:]) / 2, counts, 0.9 * np.diff(edges), color="C0")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, None)
    axes.grid(axis="x", visible=False)
    axes.set_ylabel("images")


def _issue_blocks(audit: Audit, galleries: dict[str, Gallery]) -> list[Block]:
    issues, blocks = audit.label_issues, list[Block]()
    if not audit.is_sure:
        warning = (
            f"The nearest images vote right for only {audit.accuracy:.1%} of the images, so label "
            "issues are guesses. The share of wrong labels is unknown, and only those labels are "
            "called issues that the neighbours contradict most strongly."
        )
        blocks.append(Text(warning))
    if not issues:
        blocks.append(Text("No label is likely wrong."))
    if "label_issues" in galleries:
        blocks.append(galleries["label_issues"])
    blocks.append(_agreement_chart(audit))
    if issues:
        rows: list[list[Cell]] = [
            [
                _row(audit, issue.row),
                audit.class_name(issue.given),
                audit.class_name(issue.suggested),
                issue.self_confidence,
                issue.suggested_share,
            ]
            for issue in issues[:_ISSUES_LISTED]
        ]
        shares = (Column(name, ".0%") for name in ("agree", "speak for the other"))
        caption = "The most suspicious labels first" + left_out(len(issues) - len(rows))
        blocks.append(Table(["row", "label", "rather", *shares], rows, caption, detail=True))
    return [*blocks, _noise_table(audit)]


def _row(audit: Audit, row: int) -> str:
    """Return what to call a row in a table: its number alone where that says all."""
    is_alone = audit.n_train is None and audit.file(row) is None
    return str(row) if is_alone else audit.name(row)


def _noise_table(audit: Audit) -> Table:
    def known(noise: float) -> Cell:
        why = "neighbours are wrong too often to tell"
        return noise if audit.is_sure else Undefined(why)

    given = [issue.given for issue in audit.label_issues]
    rows: list[list[Cell]] = []
    for label, noise in zip(audit.classes.tolist(), audit.noise_of_class.tolist(), strict=True):
        n = int(np.count_nonzero(audit.labels == label))
        rows.append([audit.class_name(label), n, given.count(label), known(noise)])
    rows.append(["all", len(audit), len(given), known(audit.label_noise)])
    return Table(
        ["label", "images", "likely wrong", Column("estimated share of wrong ones", ".2%")],
        rows,
        "Wrong labels by class, and their share as estimated from the confident joint",
        detail=True,
    )


def _copy_blocks(audit: Audit, galleries: dict[str, Gallery]) -> list[Block]:
    blocks: list[Block] = [galleries[name] for name in ("duplicates", "leaks") if name in galleries]
    if not audit.duplicates:
        whose = "training image" if audit.n_train is None else "image"
        blocks.append(Text(f"No {whose} has a copy.", detail=True))
    if audit.leaks is not None and not audit.leaks:
        blocks.append(Text("No test image is a copy of a training image.", detail=True))
    return blocks or [Text("Copies are counted above.", detail=True)]


def _reject_blocks(audit: Audit, galleries: dict[str, Gallery]) -> list[Block]:
    if not audit.rejects:
        return [Text("There are none.", detail=True)]
    rows: list[list[Cell]] = [
        [
            reject.kind,
            "–" if reject.row is None else audit.place(reject.row),
            "–" if reject.path is None else str(reject.path),
            reject.reason,
        ]
        for reject in audit.rejects[:_REJECTS_LISTED]
    ]
    caption = "Files that can hardly be meant" + left_out(len(audit.rejects) - len(rows))
    table = Table(["", "image", "file", "why"], rows, caption, detail=True)
    return [table, *([galleries["rejects"]] if "rejects" in galleries else [])]


def _outlier_blocks(audit: Audit, galleries: dict[str, Gallery]) -> list[Block]:
    said = (
        f"Outliers are farther than {audit.outlier_cutoff:,.4g} from their neighbour number "
        f"{audit.n_neighbors}: {len(audit.outliers):,} of {len(audit):,} images."
    )
    if np.isnan(audit.outlier_cutoff):
        said = (
            "Half the images or more have so many exact copies that no distance is usual, so no "
            "image can be called unlike the others."
        )
    shown = [galleries["outliers"]] if "outliers" in galleries else []
    return [Text(said, detail=True), *shown]


def _value_blocks(audit: Audit, galleries: dict[str, Gallery]) -> list[Block]:
    # In units of an equal share, so that the numbers do not shrink with the set.
    worth = audit.values * len(audit)
    bound = audit.values_error_bound
    exactness = (
        f"The table of neighbours ends early, which leaves out what all images of a class are "
        f"worth alike: a value is off by at most {bound:.2g}, times the number of images "
        f"{bound * len(audit):,.3g}."
        if bound
        else "The values are exact."
    )
    counts, edges = np.histogram(worth, _BINS)
    rows: list[list[Cell]] = [
        [f"{low:.3g} to {high:.3g}", int(n)]
        for low, high, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]

    def draw(axes: Axes) -> None:
        _draw_bars(axes, edges, counts)
        axes.axvline(0, color="black", linewidth=1)
        axes.set_xlabel("Shapley value × number of images")

    meaning = (
        "The k-NN Shapley value of an image is its part in the score that all images give each "
        "other; an image with a value below 0 misleads more than it helps."
    )
    blocks: list[Block] = [
        Text(f"{meaning} {exactness}", detail=True),
        Chart(
            draw,
            alt=f"Histogram of the values of {len(audit):,} images, from {worth.min():.3g} to "
            f"{worth.max():.3g}; {np.count_nonzero(worth < 0):,} are negative.",
            caption="Images by their value; 1 is an equal share of a perfect score.",
            table=Table(["value × images", "images"], rows, "Images by their value"),
            size=(4.8, 3.2),
            detail=True,
        ),
    ]
    return [*blocks, *([galleries["values"]] if "values" in galleries else [])]

"""What an audit of labelled images found: wrong labels, copies, leaks, outliers, and values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.auditing.duplicates import DuplicateGroup, Leak
from lookalike.evaluation.auditing.result import Audit
from lookalike.reports.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Gallery,
    Heading,
    Headline,
    Picture,
    Report,
    Section,
    Table,
    Text,
    Undefined,
    left_out,
)
from lookalike.reports.pictures import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ISSUES_SHOWN = 10
"""Suspicious labels that reports show as pictures by default."""

_ISSUES_LISTED, _REJECTS_LISTED = 50, 50
_IN_NUMBERS = 100  # rows of each list in the JSON
_BINS = 30
_NEIGHBORS_SHOWN = 5
_GROUPS_SHOWN, _OF_A_GROUP = 8, 6
_SINGLE_SHOWN = 24
_KINDS = {"exact": "the same pixels", "near": "nearly the same", "transformed": "a copy"}


def describe(
    audit: Audit, *, name: str = "labelled images", n_issues: int = ISSUES_SHOWN
) -> Report:
    """Return the report of an audit of what is called ``name``, with up to so many issues shown."""
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


def audit_section(audit: Audit, *, n_issues: int = ISSUES_SHOWN) -> Section:
    """Tell what an audit of labelled images found.

    These are the labels that are likely wrong, each of up to ``n_issues`` images beside its nearest
    neighbours; copies, and test images that are among them; images unlike all others; and those of
    least worth. Pictures are shown if the audited images are pictures.
    """
    galleries = audit_galleries(audit, n_issues=n_issues)
    blocks: list[Block] = [
        Table(["", "found"], list(audit.summary().items()), "What the audit found")
    ]
    for heading, some in (
        ("Labels that are likely wrong", _issue_blocks(audit, galleries)),
        ("Copies", _copy_blocks(audit, galleries)),
        ("Broken, blank, tiny and odd-shaped files", _reject_blocks(audit, galleries)),
        ("Images unlike all others", _outlier_blocks(audit, galleries)),
        ("What each image is worth to the others", _value_blocks(audit, galleries)),
    ):
        blocks += [Heading(heading, detail=True), *some]
    judged = f"{_counts(audit)}, each judged by its {audit.n_neighbors} nearest others."
    return Section("The labelled images themselves", blocks, [judged])


def _counts(audit: Audit) -> str:
    n = f"{len(audit):,} images"
    if audit.n_train is not None:
        n = f"{audit.n_train:,} training images and {audit.n_test:,} test images"
    return f"{n}, {len(audit.classes)} classes"


def _agreement_chart(audit: Audit) -> Chart:
    k = audit.n_neighbors
    counts = np.bincount(np.rint(audit.self_confidence * k).astype(int), minlength=k + 1)

    def draw(axes: Axes) -> None:
        _draw_bars(axes, np.arange(k + 2) - 0.5, counts)
        axes.locator_params(axis="x", integer=True)
        axes.set_xlabel(f"neighbours, of {k}, that have the image's label")

    return Chart(
        draw,
        alt=f"Images by how many of their {k} neighbours have their label: {counts[0]:,} with "
        f"none, {counts[-1]:,} with all.",
        caption="Self-confidence: how many of its neighbours agree with an image's label.",
        table=Table.of(
            range(k + 1),
            {
                "neighbours that agree": lambda i: i,
                "images": lambda i: counts[i],
                Column("share", ".3%"): lambda i: counts[i] / len(audit),
            },
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
    blocks += [*_some(galleries, "label_issues"), _agreement_chart(audit)]
    if issues:
        table = Table.of(
            issues[:_ISSUES_LISTED],
            {
                "row": lambda issue: _row(audit, issue.row),
                "label": lambda issue: audit.class_name(issue.given),
                "rather": lambda issue: audit.class_name(issue.suggested),
                Column("agree", ".0%"): lambda issue: issue.self_confidence,
                Column("speak for the other", ".0%"): lambda issue: issue.suggested_share,
            },
            "The most suspicious labels first" + left_out(len(issues) - _ISSUES_LISTED),
            detail=True,
        )
        blocks.append(table)
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
    blocks: list[Block] = [*_some(galleries, "duplicates", "leaks")]
    if not audit.duplicates:
        whose = "training image" if audit.n_train is None else "image"
        blocks.append(Text(f"No {whose} has a copy.", detail=True))
    if audit.leaks is not None and not audit.leaks:
        blocks.append(Text("No test image is a copy of a training image.", detail=True))
    return blocks or [Text("Copies are counted above.", detail=True)]


def _reject_blocks(audit: Audit, galleries: dict[str, Gallery]) -> list[Block]:
    if not audit.rejects:
        return [Text("There are none.", detail=True)]
    table = Table.of(
        audit.rejects[:_REJECTS_LISTED],
        {
            "": lambda reject: reject.kind,
            "image": lambda reject: "–" if reject.row is None else audit.place(reject.row),
            "file": lambda reject: "–" if reject.path is None else str(reject.path),
            "why": lambda reject: reject.reason,
        },
        "Files that can hardly be meant" + left_out(len(audit.rejects) - _REJECTS_LISTED),
        detail=True,
    )
    return [table, *_some(galleries, "rejects")]


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
    return [Text(said, detail=True), *_some(galleries, "outliers")]


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
    table = Table.of(
        range(_BINS),
        {
            "value × images": lambda i: f"{edges[i]:.3g} to {edges[i + 1]:.3g}",
            "images": lambda i: counts[i],
        },
        "Images by their value",
    )

    def draw(axes: Axes) -> None:
        _draw_bars(axes, edges, counts)
        axes.axvline(0, color="black", linewidth=1)
        axes.set_xlabel("Shapley value × number of images")

    meaning = (
        "The k-NN Shapley value of an image is its part in the score that all images give each "
        "other; an image with a value below 0 misleads more than it helps."
    )
    return [
        Text(f"{meaning} {exactness}", detail=True),
        Chart(
            draw,
            alt=f"Histogram of the values of {len(audit):,} images, from {worth.min():.3g} to "
            f"{worth.max():.3g}; {np.count_nonzero(worth < 0):,} are negative.",
            caption="Images by their value; 1 is an equal share of a perfect score.",
            table=table,
            size=(4.8, 3.2),
            detail=True,
        ),
        *_some(galleries, "values"),
    ]


def _some(galleries: dict[str, Gallery], *names: str) -> list[Gallery]:
    return [galleries[name] for name in names if name in galleries]


def audit_galleries(audit: Audit, *, n_issues: int = ISSUES_SHOWN) -> dict[str, Gallery]:
    """Return the pictures of what was found, by the names of the lists that they are of.

    These are "label_issues", of which at most ``n_issues`` are shown, "duplicates", "leaks",
    "rejects", "outliers" and "values", without those that have nothing to show. There are none if
    the audited images are no pictures.
    """
    if not audit.has_pictures:
        return {}
    show = _Pictures(audit)
    suspects, most = [(i.row, i.suggested) for i in audit.label_issues], "most suspicious labels"
    if not suspects:
        suspects = [(row, audit.suggested[row]) for row in audit.ranking.tolist()]
        most = "labels that are least sure"
    leaks = audit.leaks or []
    rejects = [(reject.row, reject.kind) for reject in audit.rejects if reject.row is not None]
    distances, worth = audit.outlier_distances, audit.values * len(audit)
    farthest = np.argsort(-distances, kind="stable")[:_SINGLE_SHOWN].tolist()
    least = np.argsort(worth, kind="stable")[:_SINGLE_SHOWN].tolist()
    found = {
        "label_issues": (
            [show.suspect(row, suggested) for row, suggested in suspects[:n_issues]],
            f"The {most}, each before its nearest other images and their distances.",
        ),
        "duplicates": (
            [show.group(group) for group in audit.duplicates[:_GROUPS_SHOWN]],
            "Images that are copies of each other, a group in a line"
            + left_out(len(audit.duplicates) - _GROUPS_SHOWN, "groups"),
        ),
        "leaks": (
            [show.leak(leak) for leak in leaks[:_GROUPS_SHOWN]],
            "Test images that are copies of training images, which make scores too good"
            + left_out(len(leaks) - _GROUPS_SHOWN),
        ),
        "rejects": (
            [show.image(row, kind) for row, kind in rejects[:_SINGLE_SHOWN]],
            "Broken, blank, tiny and odd-shaped pictures that could be read"
            + left_out(len(rejects) - _SINGLE_SHOWN),
        ),
        "outliers": (
            [
                show.image(
                    row,
                    f"at {distances[row]:,.4g}",
                    *(["an outlier"] if row in audit.outliers else []),
                )
                for row in farthest
            ],
            f"The images that are farthest from their neighbour number {audit.n_neighbors}, and "
            "its distance.",
        ),
        "values": (
            [show.image(row, f"value {worth[row]:.3g}") for row in least],
            "The images of least value.",
        ),
    }
    return {
        name: Gallery(pictures, caption, detail=name != "label_issues")
        for name, (pictures, caption) in found.items()
        if pictures
    }


class _Pictures:
    """Makes pictures of an audit's images."""

    def __init__(self, audit: Audit) -> None:
        self.audit = audit
        self._brightest = max(float(audit.images.max()), 1e-300)

    def image(self, row: int, *notes: str, **more: Any) -> Picture:
        """Return an image with its label, its name, and notes."""
        audit, label = self.audit, self.audit.class_name(self.audit.labels[row])
        alt = f"Image {audit.name(row)}, labelled {label}"
        caption = [label, *self._where(row), *notes]
        return picture(audit.images[row], self._brightest, alt, caption, **more)

    def suspect(self, row: int, suggested: Any) -> Picture:
        """Return an image with the label that it rather has, and its nearest neighbours."""
        audit = self.audit
        given, rather = audit.class_name(audit.labels[row]), audit.class_name(suggested)
        agree = f"{audit.self_confidence[row]:.0%} agree"
        neighbors = audit.indices[row, :_NEIGHBORS_SHOWN].tolist()
        return picture(
            audit.images[row],
            self._brightest,
            f"Image {audit.name(row)}, labelled {given}, which is likely {rather}",
            [given, f"rather {rather}", *self._where(row), agree],
            neighbors=[
                self.image(neighbor, f"at {distance:,.4g}")
                for neighbor, distance in zip(neighbors, audit.distances[row], strict=False)
            ],
        )

    def group(self, group: DuplicateGroup) -> Picture:
        """Return the first image of a group of copies, with the others."""
        first, *others = group.rows[:_OF_A_GROUP].tolist()
        how = group.how[1:] or ("",) * len(others)
        return self.image(
            first,
            _KINDS[group.kind],
            *(["labels differ"] if group.is_conflicting else []),
            neighbors=[
                self.image(row, *([made] if made else []))
                for row, made in zip(others, how, strict=False)
            ],
            state="wrong" if group.is_conflicting else None,
        )

    def leak(self, leak: Leak) -> Picture:
        """Return a test image with the training image that it is a copy of."""
        audit, row = self.audit, leak.test_row
        said = [leak.how or _KINDS[leak.kind], *(["labels differ"] if leak.is_conflicting else [])]
        more: dict[str, Any] = {
            "neighbors": [self.image(leak.train_row)],
            "state": "wrong" if leak.is_conflicting else None,
        }
        if audit.n_train is not None:
            return self.image(audit.n_train + row, *said, **more)
        name, image = audit.class_name(leak.test_label), audit.test_images[row]
        alt, caption = f"Test image {row:,}, labelled {name}", [name, f"test {row:,}", *said]
        return picture(image, self._brightest, alt, caption, **more)

    def _where(self, row: int) -> list[str]:
        file = self.audit.file(row)
        return [self.audit.place(row), *([] if file is None else [file])]

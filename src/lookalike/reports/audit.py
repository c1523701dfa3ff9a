"""The section on labelled images: likely wrong labels, copies, leaks, outliers, and their worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.auditing.duplicates import DuplicateGroup, Leak
from lookalike.evaluation.auditing.result import Audit, LabelIssue
from lookalike.reports.blocks import (
    Block,
    Cell,
    Chart,
    Column,
    Gallery,
    Heading,
    Picture,
    Section,
    Table,
    Text,
    Undefined,
)
from lookalike.reports.thumbnails import as_pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ISSUES_LISTED, _ISSUES_SHOWN, _NEIGHBORS_SHOWN = 50, 10, 5
_GROUPS_SHOWN, _OF_A_GROUP = 6, 6
_SINGLE_SHOWN = 16
_REJECTS_LISTED = 50
_BINS = 30
_KINDS = {"exact": "the same pixels", "near": "nearly the same", "transformed": "a copy"}


def audit_section(
    audit: Audit,
    images: NDArray[Any],
    *,
    test_images: NDArray[Any] | None = None,
    class_names: Sequence[str] | None = None,
    title: str = "The labelled images themselves",
) -> Section:
    """Tell what an audit of labelled images found.

    Parameters
    ----------
    audit : Audit
    images : ndarray of shape (n, h, w), (n, h, w, c) or (n, d)
        The audited images; pictures are shown of those that are no rows.
    test_images : ndarray, optional
        The test images, to show what leaks.
    class_names : sequence of str, optional
        What to call ``audit.classes``, in their order; else as the audit calls them.
    title : str, default="The labelled images themselves"

    Returns
    -------
    Section
        The labels that are likely wrong, each image beside its nearest neighbours; copies, and
        test images that are among them; images unlike all others; and those of least worth.

    Raises
    ------
    ValueError
        If lengths differ.
    """
    if len(images) != len(audit):
        raise ValueError(
            f"{len(images):,} images but an audit of {len(audit):,}; give the audited images"
        )
    show = _Shower(audit, images, test_images, class_names)
    blocks: list[Block] = [_summary(audit), Heading("Labels that are likely wrong")]
    blocks += [_agreement_chart(audit), *_issue_blocks(audit, show), _noise_table(audit, show)]
    blocks += [Heading("Copies"), *_copy_blocks(audit, show)]
    blocks += [Heading("Broken, blank, tiny and odd-shaped files"), *_reject_blocks(audit, show)]
    blocks += [Heading("Images unlike all others"), *_outlier_blocks(audit, show)]
    blocks += [Heading("What each image is worth to the others"), *_value_blocks(audit, show)]
    intro = [
        f"{len(audit):,} images of {len(audit.classes)} classes, each judged by its "
        f"{audit.n_neighbors} nearest others."
    ]
    return Section(title, blocks, intro)


class _Shower:
    """Makes pictures of images and names of labels."""

    def __init__(
        self,
        audit: Audit,
        images: NDArray[Any],
        test_images: NDArray[Any] | None,
        class_names: Sequence[str] | None,
    ) -> None:
        labels = audit.classes.tolist()
        names = list(map(audit.class_name, labels)) if class_names is None else list(class_names)
        if len(names) != len(labels):
            raise ValueError(
                f"{len(names)} class_names but {len(labels)} classes; give one name for each"
            )
        if test_images is None and audit.n_train is not None:
            test_images = images[audit.n_train :]
        self.audit, self.images, self.test_images = audit, images, test_images
        self._names: dict[Any, str] = dict(zip(labels, names, strict=True))
        self.has_pictures = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3, 4))
        self._brightest = max(float(images.max()), 1e-300) if self.has_pictures else 1.0

    def name(self, label: Any) -> str:
        """Return what a label is called; one of test images alone has no name but itself."""
        return self._names.get(label, str(label))

    def train(self, row: int, caption: Sequence[str] = (), **more: Any) -> Picture:
        name = self.name(self.audit.labels[row].item())
        return self._picture(
            self.images[row],
            f"Image {self.audit.name(row)}, labelled {name}",
            [name, *self._where(row), *caption],
            **more,
        )

    def _where(self, row: int) -> list[str]:
        file = self.audit.file(row)
        return [self.audit.place(row), *([] if file is None else [file])]

    def issue(self, issue: LabelIssue) -> Picture:
        row, audit = issue.row, self.audit
        given, suggested = self.name(issue.given), self.name(issue.suggested)
        return self._picture(
            self.images[row],
            f"Image {audit.name(row)}, labelled {given}, which is likely {suggested}",
            [
                f"{given}, rather {suggested}",
                *self._where(row),
                f"{issue.self_confidence:.0%} agree",
            ],
            neighbors=[
                self.train(int(neighbor), [f"distance {distance:,.4g}"])
                for neighbor, distance in zip(
                    audit.indices[row, :_NEIGHBORS_SHOWN].tolist(),
                    audit.distances[row, :_NEIGHBORS_SHOWN].tolist(),
                    strict=True,
                )
            ],
        )

    def group(self, group: DuplicateGroup) -> Picture:
        first, *others = group.rows[:_OF_A_GROUP].tolist()
        said = [_KINDS[group.kind], *(["labels differ"] if group.is_conflicting else [])]
        how = group.how[1:] or ("",) * len(others)
        neighbors = [
            self.train(row, [told] if told else []) for row, told in zip(others, how, strict=False)
        ]
        return self.train(
            first, said, neighbors=neighbors, state="wrong" if group.is_conflicting else None
        )

    def leak(self, leak: Leak) -> Picture:
        assert self.test_images is not None
        name = self.name(leak.test_label)
        said = leak.how or _KINDS[leak.kind]
        test_row = leak.test_row + (self.audit.n_train or 0)
        file = None if self.audit.n_train is None else self.audit.file(test_row)
        return self._picture(
            self.test_images[leak.test_row],
            f"Test image {leak.test_row:,}, labelled {name}",
            [
                name,
                f"test {leak.test_row:,}",
                *([] if file is None else [file]),
                said,
                *(["labels differ"] if leak.is_conflicting else []),
            ],
            neighbors=[self.train(leak.train_row)],
            state="wrong" if leak.is_conflicting else None,
        )

    def _picture(
        self, image: NDArray[Any], alt: str, caption: Sequence[str], **more: Any
    ) -> Picture:
        return Picture(as_pixels(image, brightest=self._brightest), alt, caption, **more)


def _summary(audit: Audit) -> Table:
    rows: list[list[Cell]] = [["labels that are likely wrong", len(audit.label_issues)]]
    for kind, what in (
        ("exact", "exact copies"),
        ("near", "near copies"),
        ("transformed", "mirrored, turned, moved or otherwise changed copies"),
    ):
        groups = [group for group in audit.duplicates if group.kind == kind]
        rows.append([f"images that have {what}", sum(map(len, groups))])
        conflicting = sum(len(group) for group in groups if group.is_conflicting)
        rows.append([f"of these in groups of different labels, {kind}", conflicting])
    if audit.leaks is None:
        reason = Undefined("no test images were given")
        rows.append(["test images that are copies of training images", reason])
    else:
        rows.append(["test images that are copies of training images", len(audit.leaks)])
        rows.append(["of these with another label", sum(x.is_conflicting for x in audit.leaks)])
    rows.append(["broken, blank, tiny or odd-shaped files", len(audit.rejects)])
    rows.append(["images unlike all others", len(audit.outliers)])
    if audit.values_error_bound == 0:  # of truncated values the sign of small ones tells nothing
        rows.append(["images of negative worth", int(np.count_nonzero(audit.values < 0))])
    return Table(["found", "images"], rows, "What the audit found")


def _agreement_chart(audit: Audit) -> Chart:
    k = audit.n_neighbors
    counts = np.bincount(np.rint(audit.self_confidence * k).astype(int), minlength=k + 1)
    rows: list[list[Cell]] = [[i, int(n), int(n) / len(audit)] for i, n in enumerate(counts)]

    def draw(axes: Axes) -> None:
        axes.bar(np.arange(k + 1), counts, color="C0")
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(0, None)
        axes.locator_params(axis="x", integer=True)
        axes.grid(axis="x", visible=False)
        axes.set_xlabel(f"neighbours, of {k}, that have the image's label")
        axes.set_ylabel("images")

    return Chart(
        draw,
        alt=f"Images by how many of their {k} neighbours have their label: of {counts[0]:,} "
        f"none has, of {counts[-1]:,} all have.",
        caption="Self-confidence: how many of its neighbours agree with an image's label.",
        table=Table(
            ["neighbours that agree", "images", Column("share", ".3%")],
            rows,
            "Images by the neighbours that have their label",
        ),
        size=(4.8, 3.2),
    )


def _issue_blocks(audit: Audit, show: _Shower) -> list[Block]:
    issues = audit.label_issues
    guesses: list[Block] = []
    if not audit.is_sure:
        told = (
            f"The nearest images vote right for only {audit.accuracy:.1%} of the images, so labels "
            "that they contradict are guesses: how many labels are wrong can not be told, and only "
            "those are called that are contradicted as strongly as is right nearly always."
        )
        guesses = [Text(told)]
    if not issues:
        return [*guesses, Text("No label is likely wrong.")]
    rows: list[list[Cell]] = [
        [
            _row(audit, issue.row),
            show.name(issue.given),
            show.name(issue.suggested),
            issue.self_confidence,
            issue.suggested_share,
        ]
        for issue in issues[:_ISSUES_LISTED]
    ]
    rest = len(issues) - len(rows)
    table = Table(
        ["row", "label", "rather", *(Column(c, ".0%") for c in ("agree", "speak for the other"))],
        rows,
        "The most suspicious labels first" + (f"; {rest:,} more are left out" if rest else ""),
    )
    if not show.has_pictures:
        return [*guesses, table]
    caption = "The most suspicious labels, each before its nearest other images."
    gallery = Gallery([show.issue(issue) for issue in issues[:_ISSUES_SHOWN]], caption)
    return [*guesses, gallery, table]


def _row(audit: Audit, row: int) -> str:
    """Return what to call a row in a table: its number alone where that says all."""
    is_alone = audit.n_train is None and audit.file(row) is None
    return str(row) if is_alone else audit.name(row)


def _noise_table(audit: Audit, show: _Shower) -> Table:
    given = [issue.given for issue in audit.label_issues]
    rows: list[list[Cell]] = []
    for label, noise in zip(audit.classes.tolist(), audit.noise_of_class.tolist(), strict=True):
        n = int(np.count_nonzero(audit.labels == label))
        rows.append([show.name(label), n, given.count(label), _known(audit, noise)])
    rows.append(["all", len(audit), len(given), _known(audit, audit.label_noise)])
    return Table(
        ["label", "images", "likely wrong", Column("estimated share of wrong ones", ".2%")],
        rows,
        "Wrong labels by class, and their share as estimated from the confident joint",
    )


def _known(audit: Audit, noise: float) -> Cell:
    return noise if audit.is_sure else Undefined("neighbours are wrong too often to tell")


def _copy_blocks(audit: Audit, show: _Shower) -> list[Block]:
    blocks: list[Block] = []
    if not audit.duplicates:
        blocks.append(
            Text(
                "No training image has a copy." if audit.n_train is None else "No image has a copy."
            )
        )
    elif show.has_pictures:
        shown = audit.duplicates[:_GROUPS_SHOWN]
        rest = len(audit.duplicates) - len(shown)
        caption = "Images that are copies of each other, a group in a line" + (
            f"; {rest:,} more groups are left out." if rest else "."
        )
        blocks.append(Gallery([show.group(group) for group in shown], caption))
    if audit.leaks is not None and not audit.leaks:
        blocks.append(Text("No test image is a copy of a training image."))
    elif audit.leaks and show.has_pictures and show.test_images is not None:
        caption = "Test images that are copies of training images, which make scores too good."
        blocks.append(Gallery([show.leak(leak) for leak in audit.leaks[:_GROUPS_SHOWN]], caption))
    return blocks or [Text("Copies are counted above.")]


def _reject_blocks(audit: Audit, show: _Shower) -> list[Block]:
    if not audit.rejects:
        return [Text("There are none.")]
    rows: list[list[Cell]] = [
        [
            reject.kind,
            "–" if reject.row is None else audit.place(reject.row),
            "–" if reject.path is None else str(reject.path),
            reject.reason,
        ]
        for reject in audit.rejects[:_REJECTS_LISTED]
    ]
    rest = len(audit.rejects) - len(rows)
    left_out = f"; {rest:,} more are left out" if rest else ""
    blocks: list[Block] = [
        Table(["", "image", "file", "why"], rows, "Files that can hardly be meant" + left_out)
    ]
    seen = [reject for reject in audit.rejects if reject.row is not None][:_SINGLE_SHOWN]
    if seen and show.has_pictures:
        pictures = [show.train(r.row, [r.kind]) for r in seen if r.row is not None]
        blocks.append(Gallery(pictures, "Those of them that could be read."))
    return blocks


def _outlier_blocks(audit: Audit, show: _Shower) -> list[Block]:
    if np.isnan(audit.outlier_cutoff):
        return [
            Text(
                "Half the images or more have so many exact copies that no distance is usual, so "
                "nothing can be said to be unlike."
            )
        ]
    said = (
        f"Images farther than {audit.outlier_cutoff:,.4g} from their neighbour number "
        f"{audit.n_neighbors}: {len(audit.outliers):,}."
    )
    if len(audit.outliers) == 0 or not show.has_pictures:
        return [Text(said)]
    pictures = [
        show.train(row, [f"distance {audit.outlier_distances[row]:,.4g}"])
        for row in audit.outliers[:_SINGLE_SHOWN].tolist()
    ]
    return [Gallery(pictures, f"{said} The farthest first.")]


def _value_blocks(audit: Audit, show: _Shower) -> list[Block]:
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
        axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color="C0")
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(0, None)
        axes.axvline(0, color="black", linewidth=1)
        axes.set_xlabel("Shapley value × number of images")
        axes.set_ylabel("images")

    blocks: list[Block] = [
        Text(
            "The k-NN Shapley value of an image is its part in the score that all images give "
            f"each other; below 0 it misleads more than it helps. {exactness}"
        ),
        Chart(
            draw,
            alt=f"Histogram of the values of {len(audit):,} images, from {worth.min():.3g} to "
            f"{worth.max():.3g}; {np.count_nonzero(worth < 0):,} are negative.",
            caption="Images by their value; 1 is an equal share of a perfect score.",
            table=Table(["value × images", "images"], rows, "Images by their value"),
            size=(4.8, 3.2),
        ),
    ]
    if show.has_pictures:
        lowest = np.argsort(worth, kind="stable")[:_SINGLE_SHOWN].tolist()
        pictures = [show.train(row, [f"value {worth[row]:.3g}"]) for row in lowest]
        blocks.append(Gallery(pictures, "The images of least value."))
    return blocks

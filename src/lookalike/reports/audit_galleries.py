"""Pictures of what an audit found: suspicious labels, copies, leaks, rejects and outliers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.auditing.duplicates import DuplicateGroup, Leak
from lookalike.evaluation.auditing.result import Audit
from lookalike.reports.blocks import Gallery, Picture
from lookalike.reports.pictures import picture

ISSUES_SHOWN = 10
"""Suspicious labels that reports show as pictures by default."""

_NEIGHBORS_SHOWN = 5
_GROUPS_SHOWN, _OF_A_GROUP = 8, 6
_SINGLE_SHOWN = 24
_KINDS = {"exact": "the same pixels", "near": "nearly the same", "transformed": "a copy"}


def audit_galleries(audit: Audit, *, n_issues: int = ISSUES_SHOWN) -> dict[str, Gallery]:
    """Return the pictures of what was found, by the names of the lists that they are of.

    Parameters
    ----------
    audit : Audit
    n_issues : int, default=10
        Suspicious labels to show, at most.

    Returns
    -------
    dict of str to Gallery
        "label_issues", "duplicates", "leaks", "rejects", "outliers" and "values", without those
        that have nothing to show. Empty if the audited images are no pictures.
    """
    if not audit.has_pictures:
        return {}
    show = _Pictures(audit)
    suspects, most = _suspects(audit)[:n_issues], "most suspicious labels"
    most = most if audit.label_issues else "labels that are least sure"
    n_groups, n_leaks = len(audit.duplicates), len(audit.leaks or ())
    rejects = [reject for reject in audit.rejects if reject.row is not None]
    farthest = np.argsort(-audit.outlier_distances, kind="stable")[:_SINGLE_SHOWN].tolist()
    found: dict[str, tuple[Iterable[Picture], str]] = {
        "label_issues": (
            (show.suspect(row, suggested) for row, suggested in suspects),
            f"The {most}, each before its nearest other images and their distances.",
        ),
        "duplicates": (
            map(show.group, audit.duplicates[:_GROUPS_SHOWN]),
            "Images that are copies of each other, a group in a line"
            + left_out(n_groups - _GROUPS_SHOWN, "groups"),
        ),
        "leaks": (
            map(show.leak, (audit.leaks or [])[:_GROUPS_SHOWN]),
            "Test images that are copies of training images, which make scores too good"
            + left_out(n_leaks - _GROUPS_SHOWN),
        ),
        "rejects": (
            (show.image(r.row, [r.kind]) for r in rejects[:_SINGLE_SHOWN] if r.row is not None),
            "Broken, blank, tiny and odd-shaped pictures that could be read"
            + left_out(len(rejects) - _SINGLE_SHOWN),
        ),
        "outliers": (
            (
                show.image(
                    row,
                    [
                        f"at {audit.outlier_distances[row]:,.4g}",
                        *(["an outlier"] if row in audit.outliers else []),
                    ],
                )
                for row in farthest
            ),
            f"The images that are farthest from their neighbour number {audit.n_neighbors}, and "
            "its distance.",
        ),
        "values": (
            (
                show.image(row, [f"value {audit.values[row] * len(audit):.3g}"])
                for row in np.argsort(audit.values, kind="stable")[:_SINGLE_SHOWN].tolist()
            ),
            "The images of least value.",
        ),
    }
    lists = {name: (list(pictures), caption) for name, (pictures, caption) in found.items()}
    return {
        name: Gallery(pictures, caption, detail=name != "label_issues")
        for name, (pictures, caption) in lists.items()
        if pictures
    }


def left_out(n: int, what: str = "") -> str:
    """Return the end of a sentence, which says how many more there are.

    Examples
    --------
    >>> left_out(3, "groups"), left_out(0)
    ('; 3 more groups are left out.', '.')
    """
    return f"; {' '.join(filter(None, [f'{n:,} more', what]))} are left out." if n > 0 else "."


class _Pictures:
    """Makes pictures of an audit's images."""

    def __init__(self, audit: Audit) -> None:
        self.audit = audit
        self._brightest = max(float(audit.images.max()), 1e-300)

    def image(self, row: int, caption: Sequence[str] = (), **more: Any) -> Picture:
        name = self.audit.class_name(self.audit.labels[row])
        return self._picture(
            self.audit.images[row],
            f"Image {self.audit.name(row)}, labelled {name}",
            [name, *self._where(row), *caption],
            **more,
        )

    def suspect(self, row: int, suggested: Any) -> Picture:
        audit = self.audit
        given, rather = audit.class_name(audit.labels[row]), audit.class_name(suggested)
        neighbors = audit.indices[row, :_NEIGHBORS_SHOWN].tolist()
        return self._picture(
            audit.images[row],
            f"Image {audit.name(row)}, labelled {given}, which is likely {rather}",
            [
                given,
                f"rather {rather}",
                *self._where(row),
                f"{audit.self_confidence[row]:.0%} agree",
            ],
            neighbors=[
                self.image(neighbor, [f"at {distance:,.4g}"])
                for neighbor, distance in zip(neighbors, audit.distances[row], strict=False)
            ],
        )

    def group(self, group: DuplicateGroup) -> Picture:
        first, *others = group.rows[:_OF_A_GROUP].tolist()
        said = [_KINDS[group.kind], *(["labels differ"] if group.is_conflicting else [])]
        how = group.how[1:] or ("",) * len(others)
        neighbors = [
            self.image(row, [made] if made else []) for row, made in zip(others, how, strict=False)
        ]
        state = "wrong" if group.is_conflicting else None
        return self.image(first, said, neighbors=neighbors, state=state)

    def leak(self, leak: Leak) -> Picture:
        audit, row = self.audit, leak.test_row
        said = [leak.how or _KINDS[leak.kind], *(["labels differ"] if leak.is_conflicting else [])]
        neighbors = [self.image(leak.train_row)]
        state = "wrong" if leak.is_conflicting else None
        if audit.n_train is not None:
            return self.image(audit.n_train + row, said, neighbors=neighbors, state=state)
        name = audit.class_name(leak.test_label)
        return self._picture(
            audit.test_images[row],
            f"Test image {row:,}, labelled {name}",
            [name, f"test {row:,}", *said],
            neighbors=neighbors,
            state=state,
        )

    def _where(self, row: int) -> list[str]:
        file = self.audit.file(row)
        return [self.audit.place(row), *([] if file is None else [file])]

    def _picture(
        self, image: NDArray[Any], alt: str, caption: Sequence[str], **more: Any
    ) -> Picture:
        return picture(image, self._brightest, alt, caption, **more)


def _suspects(audit: Audit) -> list[tuple[int, Any]]:
    """Return rows with suggested labels: the label issues, or the ranking if there are none."""
    if audit.label_issues:
        return [(issue.row, issue.suggested) for issue in audit.label_issues]
    return [(row, audit.suggested[row]) for row in audit.ranking.tolist()]

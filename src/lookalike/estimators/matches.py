"""What stands behind an answer of the matching classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.matching.levels import Bytes, grey
from lookalike.matching.matcher import Matcher


@dataclass(frozen=True, eq=False, repr=False)
class Matches:
    """The training images that answers rest on, nearest first.

    Attributes
    ----------
    indices : ndarray of shape (n_queries, n_neighbors), int64
        Training rows.
    distances : ndarray of shape (n_queries, n_neighbors), float64
        Squared distances in the chosen coordinates relative to local radii; where `deformed`,
        deformation distances relative to theirs. Neither has a unit.
    labels : ndarray of shape (n_queries, n_neighbors)
    variants : ndarray of shape (n_queries, n_neighbors), int64
        Under which of `variant_names` each is a neighbour: 0 as it is.
    variant_names : tuple of str
        "original" first; others if copies of the training images were learnt.
    prediction : ndarray of shape (n_queries,)
    probabilities : ndarray of shape (n_queries, n_classes), float64
    doubtful : ndarray of shape (n_queries,), bool
        Whether the nearest training images were of several classes.
    deformed : ndarray of shape (n_queries,), bool
        Whether distances are deformation distances.
    images : ndarray of shape (n_queries, height, width, channels), uint8
        The queries as they were compared, strokes normalized if that was chosen.
    rows : ndarray of shape (n_queries, n_neighbors), int64
        The neighbours among `matcher.images_`, the training images and copies as they were
        compared.
    matcher : Matcher
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]
    labels: NDArray[Any]
    variants: NDArray[np.int64]
    variant_names: tuple[str, ...]
    prediction: NDArray[Any]
    probabilities: NDArray[np.float64]
    doubtful: NDArray[np.bool_]
    deformed: NDArray[np.bool_]
    images: Bytes
    rows: NDArray[np.int64]
    matcher: Matcher

    def __len__(self) -> int:
        return len(self.indices)

    def displacements(self, query: int) -> NDArray[np.int8]:
        """Return where in each neighbour every pixel of a query finds its like.

        Returns
        -------
        ndarray of shape (n_neighbors, 2, height, width), int8
            By how many pixels down, and to the right.
        """
        own = self.images[query : query + 1]
        return np.asarray(
            self.matcher.deformation.displacements(
                grey(own), grey(self.matcher.images_), self.rows[query : query + 1]
            )[0]
        )

    def __repr__(self) -> str:
        shown = min(len(self), _SHOWN)
        lines = [f"{len(self)} answers by {self.indices.shape[1]} neighbors each"]
        for i in range(shown):
            doubt = ", in doubt" if self.doubtful[i] else ""
            lines.append(
                f"{i}: {self.prediction[i]} ({self.probabilities[i].max():.1%}{doubt}), by "
                + ", ".join(
                    f"{label} ({row})"
                    for label, row in zip(self.labels[i], self.indices[i], strict=True)
                )
            )
        if len(self) > shown:
            lines.append(f"... and {len(self) - shown} more")
        return "\n".join(lines)


_SHOWN = 5

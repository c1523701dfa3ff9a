"""What another classifier changes: the errors it mends and makes, and the image behind each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.explanation import Explanation
from lookalike.evaluation.captions import fitted, save_picture
from lookalike.evaluation.errors.mistakes import surest_mistakes
from lookalike.images.dataset import Dataset
from lookalike.images.variants import Variant

_RIGHT, _WRONG = "#1a7f37", "#c0392b"
_SIDE, _FONT = 1.45, 7  # inches, points


class Changes(NamedTuple):
    """Queries whose prediction changed from wrong to right, and from right to wrong.

    Attributes
    ----------
    mended : ndarray of shape (n_mended,), int64
        In the order of `surest_mistakes` of what was wrong before.
    made : ndarray of shape (n_made,), int64
        In the order of `surest_mistakes` of what is wrong after.
    """

    mended: NDArray[np.int64]
    made: NDArray[np.int64]


def find_changes(before: Explanation, after: Explanation, labels: NDArray[np.int64]) -> Changes:
    """Return the queries whose errors are mended and made.

    Parameters
    ----------
    before, after : Explanation
        Of the same n queries, of one label each.
    labels : ndarray of shape (n,), int64
        The true labels.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(1).fit([[0.0], [4.0], [9.0]], [0, 1, 0])
    >>> queries, labels = [[1.0], [5.0], [8.0]], np.array([0, 0, 0])
    >>> find_changes(knn.explain(queries), knn.set_params(n_neighbors=3).explain(queries), labels)
    Changes(mended=array([1]), made=array([], dtype=int64))
    """
    mended, made = surest_mistakes(before, labels), surest_mistakes(after, labels)
    return Changes(
        mended[after.prediction[mended] == labels[mended]],
        made[before.prediction[made] == labels[made]],
    )


class Decider(NamedTuple):
    """The neighbour that spoke loudest for a prediction.

    Attributes
    ----------
    row : int
        The training image.
    variant : int
        0 for the image as it is, v for its v-th variant.
    label : int
    share : float
        Its part of the vote.
    distance : float
    """

    row: int
    variant: int
    label: int
    share: float
    distance: float


def decider(explanation: Explanation, query: int) -> Decider:
    """Return the neighbour of the largest share among those that voted for the prediction.

    Of equal shares it is the nearest.
    """
    agreeing = explanation.labels[query] == explanation.prediction[query]
    i = int(np.argmax(np.where(agreeing, explanation.shares[query], -1)))
    return Decider(
        int(explanation.indices[query, i]),
        int(explanation.variants[query, i]),
        int(explanation.labels[query, i]),
        float(explanation.shares[query, i]),
        float(explanation.distances[query, i]),
    )


def as_matched(images: NDArray[Any], decided: Decider, variants: Sequence[Variant]) -> NDArray[Any]:
    """Return a training image as the search saw it: as it is, or changed by the variant."""
    image = images[decided.row : decided.row + 1]
    matched: NDArray[Any] = variants[decided.variant - 1].apply(image) if decided.variant else image
    return matched[0]  # type: ignore[no-any-return]


def save_changes_png(
    path: Path,
    data: Dataset,
    before: Explanation,
    after: Explanation,
    rows: NDArray[np.int64],
    variants: Sequence[Variant],
) -> None:
    """Draw test images, each beside the neighbour that decided before and the one after.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    data : Dataset
    before, after : Explanation
        Of all test images, by the training images and by these with their variants.
    rows : ndarray of shape (n,), int64, n at least 1
        The test images to draw.
    variants : sequence of Variant
        Those of ``after``.
    """
    from matplotlib.figure import Figure

    names = data.class_names
    # Two examples a line, each of three pictures, with a narrow empty column between them.
    n_columns = min(2, len(rows))
    n_lines = -(-len(rows) // n_columns)
    height, width = data.train.images.shape[1:3]
    figure = Figure(
        figsize=(4.8 * n_columns + 0.4, (1.55 * height / width + 0.45) * n_lines),
        layout="constrained",
    )
    grid = figure.subplots(
        n_lines,
        4 * n_columns - 1,
        squeeze=False,
        width_ratios=[1, 1, 1, 0.15, 1, 1, 1][: 4 * n_columns - 1],
    )
    brightest = data.brightest
    for axes in grid.ravel():
        axes.set_axis_off()
    places = np.delete(grid, [3] * (n_columns - 1), axis=1).reshape(-1, 3)
    for place, row in zip(places, rows.tolist(), strict=False):
        true = int(data.test.labels[row])
        pictures = [data.test.images[row]]
        titles, colours = [_title(f"test {row:,}", names[true])], ["black"]
        for when, explanation in (("before", before), ("after", after)):
            decided = decider(explanation, row)
            pictures.append(as_matched(data.train.images, decided, variants))
            name = explanation.variant_names[decided.variant]
            moved = f", {name}" if decided.variant else ""
            titles.append(
                _title(f"{when}: {names[decided.label]}", f"train {decided.row:,}{moved}")
            )
            colours.append(_RIGHT if decided.label == true else _WRONG)
        for axes, picture, title, colour in zip(place, pictures, titles, colours, strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=brightest)
            axes.set_title(title, fontsize=_FONT, color=colour, parse_math=False)
    save_picture(figure, path)


def _title(*lines: str) -> str:
    return "\n".join(fitted([line], _SIDE, size=_FONT) for line in lines)

"""The section on errors of a matching classifier, whose answers no vote stands behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.matches import Matches
from lookalike.evaluation.errors.pairs import ConfusedPair
from lookalike.images.dataset import Dataset
from lookalike.reports.blocks import Block, Gallery, Picture, Section
from lookalike.reports.errors import pair_table
from lookalike.reports.pictures import picture

_PAIRS_SHOWN, _OF_A_PAIR = 10, 2


def matched_errors_section(
    data: Dataset,
    predicted: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    explain: Callable[[NDArray[np.uint8]], Matches],
) -> Section:
    """Tell of the errors on the test images.

    Parameters
    ----------
    data : Dataset
        Its train part is what the classifier learnt, in the order of its rows.
    predicted : ndarray of shape (n,), int64
        Of the test images, positions in ``data.class_names``.
    probabilities : ndarray of shape (n,), float64
        Those of the predictions.
    explain : callable
        Of images, gives the training images that are like them.

    Returns
    -------
    Section
        The confused pairs, and the surest mistakes of the most frequent beside what they were
        matched with.
    """
    title = "Errors, and the images behind them"
    labels = data.test.labels
    pairs = _pairs(labels, predicted, probabilities)
    n_wrong = sum(len(pair.rows) for pair in pairs)
    intro = [f"{n_wrong:,} of {len(labels):,} test images are taken for another class."]
    if not pairs:
        return Section(title, intro=intro)
    rows = np.concatenate([pair.rows[:_OF_A_PAIR] for pair in pairs[:_PAIRS_SHOWN]])
    matches = explain(data.test.images[rows])
    brightest = data.brightest
    names = data.class_names

    def shown(i: int) -> Picture:
        row = int(rows[i])
        said = f"{names[labels[row]]}, taken for {names[predicted[row]]}"
        called = data.test.called(row)
        return picture(
            data.test.shown[row],
            brightest,
            f"Test image {called}: {said}",
            [said, f"test {called}", f"probability {probabilities[row]:.0%}"],
            state="wrong",
            neighbors=[neighbour(i, j) for j in range(matches.indices.shape[1])],
        )

    def neighbour(i: int, j: int) -> Picture:
        row, variant = int(matches.indices[i, j]), int(matches.variants[i, j])
        name = names[data.train.labels[row]]
        changed = [matches.variant_names[variant]] if variant else []
        called = data.train.called(row)
        return picture(
            data.train.shown[row],
            brightest,
            f"Training image {called}: {name}",
            [name, f"train {called}", *changed],
            state="right" if data.train.labels[row] == labels[rows[i]] else "wrong",
        )

    caption = (
        f"The surest mistakes of the {min(len(pairs), _PAIRS_SHOWN)} most frequent pairs, each "
        "before the training images that it was matched with."
    )
    blocks: list[Block] = [
        pair_table(pairs, data),
        Gallery([shown(i) for i in range(len(rows))], caption),
    ]
    return Section(title, blocks, intro)


def _pairs(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> list[ConfusedPair]:
    """Return confused pairs as `confused_pairs` does, but surer is what is more probable."""
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-probabilities[wrong], kind="stable")]
    by_pair: dict[tuple[int, int], list[int]] = {}
    for row in surest.tolist():
        by_pair.setdefault((int(labels[row]), int(predicted[row])), []).append(row)
    ordered = sorted(by_pair.items(), key=lambda item: (-len(item[1]), item[0]))
    return [ConfusedPair(*pair, np.array(of_it, dtype=np.int64)) for pair, of_it in ordered]

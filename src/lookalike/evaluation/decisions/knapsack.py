"""The thresholds of several classes that give most answers with few enough errors, exactly.

Each class offers some pairs of answers and errors, one a threshold. To take one of each class such
that the answers are as many as can be is the multiple-choice knapsack problem [1]_, with errors for
weights. The wanted accuracy leaves few errors, so that dynamic programming over them takes
milliseconds: the most answers with at most e errors of the first classes, for every e.

References
----------
.. [1] Kellerer, Pferschy, Pisinger, "Knapsack problems", Springer 2004, chapter 11.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def most_answers(
    offers: Sequence[tuple[Counts, Counts]], accuracy: float
) -> list[int | None] | None:
    """Choose an offer of each class, or none, for the most answers of at least this accuracy.

    Parameters
    ----------
    offers : sequence of (n_answers, n_right)
        For each class two arrays of shape (n_offers,), int64, in which neither answers nor errors
        descend; n_offers may be 0.
    accuracy : float
        The least share of right answers in all.

    Returns
    -------
    list of int or None, or None
        The position of each class's offer, None for no answer; None instead of the list if no
        choice with any answer is so accurate.

    Examples
    --------
    >>> sure, unsure = np.array([5, 10]), np.array([2, 4])
    >>> most_answers([(sure, np.array([5, 9])), (unsure, np.array([1, 2]))], 0.9)
    [1, None]
    """
    # Errors are fewer than the wanted share of all answers; one more for what is rounded.
    n = sum(int(answers[-1]) for answers, _ in offers if len(answers))
    n_wrong = sum(int(answers[-1] - right[-1]) for answers, right in offers if len(answers))
    most = min(n_wrong, int((1 - accuracy) * n) + 1)
    best = np.zeros(most + 1, dtype=np.int64)  # answers with at most so many errors
    steps = []  # for each class the offer that is taken with at most so many errors in all
    for answers, right in offers:
        wrong = answers - right
        last = np.flatnonzero(np.append(np.diff(wrong) > 0, [True] * (len(wrong) > 0)))
        before, best, step = best, best.copy(), np.full(most + 1, -1)
        for i in last[wrong[last] <= most].tolist():
            with_it = before[: most + 1 - wrong[i]] + answers[i]
            better = np.flatnonzero(with_it > best[wrong[i] :]) + wrong[i]
            best[better], step[better] = with_it[better - wrong[i]], i
        steps.append(step)
    right_at_least = best - np.arange(most + 1)
    reached = np.flatnonzero((best > 0) & (right_at_least / np.maximum(best, 1) >= accuracy))
    if len(reached) == 0:
        return None
    left = int(reached[np.argmax(best[reached])])
    chosen: list[int | None] = []
    for step, (answers, right) in zip(reversed(steps), reversed(offers), strict=True):
        i = int(step[left])
        chosen.append(None if i < 0 else i)
        left -= 0 if i < 0 else int(answers[i] - right[i])
    return chosen[::-1]

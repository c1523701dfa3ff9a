"""Shapley values over all subsets and confident joints image by image: right, and slow."""

from itertools import combinations
from math import comb

import numpy as np


def vote(subset, order, is_right, k):
    """The part of k votes that is right, of the k nearest of a subset of rows."""
    return sum(is_right[row] for row in [row for row in order if row in subset][:k]) / k


def shapley_by_subsets(order, is_right, k):
    """Return the mean of what each row adds to all subsets of the others, size by size."""
    n = len(order)
    values = np.zeros(n)
    for row in range(n):
        others = [other for other in range(n) if other != row]
        for size in range(n):
            for subset in combinations(others, size):
                added = vote({*subset, row}, order, is_right, k) - vote(
                    set(subset), order, is_right, k
                )
                values[row] += added / comb(n - 1, size) / n
    return values


def confident_joint(labels, shares):
    n_classes = shares.shape[1]
    thresholds = [
        np.mean([share[j] for share, label in zip(shares, labels, strict=True) if label == j])
        for j in range(n_classes)
    ]
    counts = np.zeros((n_classes, n_classes), dtype=int)
    for share, label in zip(shares, labels, strict=True):
        sure = [j for j in range(n_classes) if share[j] >= max(thresholds[j], 2e-6) - 1e-6]
        if len(sure) == 1:
            counts[label, sure[0]] += 1
        elif sure:
            counts[label, np.argmax(share)] += 1
    for j in range(n_classes):
        counts[j, j] = max(counts[j, j], 1)
    return counts

"""The evidence that a matched neighbour's pixel gives about the true pixel.

A clean neighbour differs from the true image. The confusion K[x', x] is the probability that the
true level is x if a matched neighbour has x'; it is learned from the matches themselves. With the
noise p(v | x),

    Z[v, x'] = sum over x of K[x', x] p(v | x)        the evidence of x' for a noisy value v
    M[v, x'] = sum over x of x K[x', x] p(v | x)      the first moment of the true level
    A[v, x'] = -log(Z + 1e-9), less its least over x'  the cost of the match
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from lookalike.denoising.intensity_scale import N_LEVELS
from lookalike.denoising.noise_table import NoiseTable, Table

COST_STEPS = 64
"""Steps of one nat. This and the next two constants are also in src/core/blending.hpp."""
MOST_COST = 1280
VOTE = 2**20

SHARPNESS = (2.2, 1.0)
"""Sharpness of the weights of matches in both readings: the factor of the costs of neighbouring
pixels. Like the profile, it was chosen on training images."""

PROFILE = np.array([1, 3, 3, 3, 1], dtype=np.uint16)
"""Weights of a window's offsets in either direction, largest near the pixel."""

_LEAST = 1e-9


@dataclass(frozen=True)
class MatchTables:
    """Z, M and A of the module's docstring, in the form that native code takes."""

    costs: NDArray[np.uint16]  # in steps, times the sharpness
    moments: NDArray[np.float32]
    evidences: NDArray[np.float32]


def vote_weights() -> NDArray[np.uint32]:
    """Return the weight of a match for each cost above the least, one row per reading."""
    nats = np.arange(MOST_COST + 1) / (COST_STEPS * SHARPNESS[0])
    weights = np.rint(VOTE * np.exp(-np.outer(SHARPNESS, nats)))
    weights[:, -1] = 0
    return np.asarray(weights, dtype=np.uint32)


def match_tables(noise: NoiseTable, confusion: Table) -> MatchTables:
    """Return the tables, with costs clipped so that 16 bits hold their weighted sum."""
    evidence = noise.likelihood @ confusion.T
    moment = (noise.likelihood * np.arange(N_LEVELS)) @ confusion.T
    cost = -np.log(evidence + _LEAST)
    cost -= cost.min(axis=1, keepdims=True)
    most = (2**16 - 1) // int(PROFILE.sum()) ** 2
    steps = np.minimum(np.rint(cost * (SHARPNESS[0] * COST_STEPS / int(PROFILE.max()) ** 2)), most)
    return MatchTables(
        steps.astype(np.uint16), moment.astype(np.float32), evidence.astype(np.float32)
    )


def first_confusion(prior: Table) -> Table:
    """Return the initial confusion: mostly equal or similar levels, rarely any other."""
    level = np.arange(N_LEVELS)
    apart = np.abs(level[:, None] - level)
    confusion = np.exp(-apart / 12) / 48 + np.exp(-0.5 * (apart / 60) ** 2) / 375
    confusion += 0.05 * prior + 0.05 / N_LEVELS
    # The lowest level, an empty background, mostly matches itself.
    paper = np.where(level == 0, 0, confusion[0])
    confusion[0] = 0.1 * paper / paper.sum()
    confusion[0, 0] = 0.9
    return np.asarray(confusion / confusion.sum(axis=1, keepdims=True))


def confusion_of(joint: NDArray[np.int64], prior: Table) -> Table:
    """Return K from the votes for pairs (matched, true), smoothed among similar levels.

    The lowest level, an empty background, is not similar to any other.
    """
    votes = joint / VOTE
    ink = votes[1:, 1:]
    votes[1:, 1:] = 0.8 * gaussian_filter(ink, 3, mode="nearest") + 0.2 * gaussian_filter(
        ink, (3, 0.5), mode="nearest"
    )
    votes[1:, 0] = gaussian_filter1d(votes[1:, 0], 3, mode="nearest")
    votes[0, 1:] = gaussian_filter1d(votes[0, 1:], 3, mode="nearest")
    votes += 20 * (0.5 * prior + 0.5 / N_LEVELS)
    return np.asarray(votes / votes.sum(axis=1, keepdims=True))

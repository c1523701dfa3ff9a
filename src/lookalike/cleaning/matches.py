"""What a matched pixel says of the true one: the confusion table, and the tables made of it.

A clean neighbour never is the true image. K[x', x] is the probability that the true level is x
where a matched neighbour holds x'; it is learned from the matches themselves. With p(v | x) of the
noise,

    Z[v, x'] = sum over x of K[x', x] p(v | x)        how well x' explains a noisy value
    M[v, x'] = sum over x of x K[x', x] p(v | x)      and the level it then speaks for
    A[v, x'] = -log(Z + 1e-9), less its least over x'  the cost of the match
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from lookalike.cleaning.levels import N_LEVELS
from lookalike.cleaning.noise_table import NoiseTable, Table

COST_STEPS = 64
"""Of one nat; those of src/core/blending.hpp, as the next two."""
MOST_COST = 1280
VOTE = 2**20

SHARPNESS = (2.2, 1.0)
"""How sharply matches are told apart, by each reading of their costs: nats that a nat of cost
counts next to the pixel. Chosen on training images, as the profile."""

PROFILE = np.array([1, 3, 3, 3, 1], dtype=np.uint16)
"""What the offsets of a window count along either direction: those next to the pixel most."""

_LEAST = 1e-9


@dataclass(frozen=True)
class MatchTables:
    """Evidence and moments as above, in the form that native code takes."""

    costs: NDArray[np.uint16]  # in steps, times the sharpness
    moments: NDArray[np.float32]
    evidences: NDArray[np.float32]


def vote_weights() -> NDArray[np.uint32]:
    """What a candidate counts at each cost above the cheapest, a row each reading."""
    nats = np.arange(MOST_COST + 1) / (COST_STEPS * SHARPNESS[0])
    weights = np.rint(VOTE * np.exp(-np.outer(SHARPNESS, nats)))
    weights[:, -1] = 0
    return np.asarray(weights, dtype=np.uint32)


def match_tables(noise: NoiseTable, confusion: Table) -> MatchTables:
    """Return the tables; costs are clipped so that 16 bits hold their weighted sum."""
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
    """A confusion to begin with: equal or near levels mostly, any level at times."""
    level = np.arange(N_LEVELS)
    apart = np.abs(level[:, None] - level)
    confusion = np.exp(-apart / 12) / 48 + np.exp(-0.5 * (apart / 60) ** 2) / 375
    confusion += 0.05 * prior + 0.05 / N_LEVELS
    # Paper: the lowest level is mostly met by itself.
    paper = np.where(level == 0, 0, confusion[0])
    confusion[0] = 0.1 * paper / paper.sum()
    confusion[0, 0] = 0.9
    return np.asarray(confusion / confusion.sum(axis=1, keepdims=True))


def confusion_of(joint: NDArray[np.int64], prior: Table) -> Table:
    """Return K from the votes for each pair (matched, true), smoothed where levels are alike.

    The lowest level, the paper that images are drawn on, is like no other.
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

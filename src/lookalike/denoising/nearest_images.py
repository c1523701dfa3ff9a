"""Estimates from neighbours among clean images, chosen pixel by pixel with small shifts.

The average of whole neighbours is a different image. Here each pixel takes a weighted mean of those
pixels of the neighbours whose surroundings match its own (src/core/blending.hpp has the formula).

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

from lookalike import _core
from lookalike.denoising.image_stacks import N_LEVELS, Floats
from lookalike.denoising.noise_table import NoiseTable, Table
from lookalike.search.machine import cpu_path
from lookalike.search.nearest import NearestNeighbors

SHIFT = 1
ROUNDS = 2
LEARNED_FROM = 400
"""Rounds in which the confusion is learned, and number of images it is learned from."""

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


class NearestImages:
    """Clean images of one size (n, h, w), among which noisy ones have their neighbours."""

    reach = 0
    """Margin in pixels that estimates depend on; 0 because images are never cut into tiles."""

    def __init__(
        self,
        clean: NDArray[np.uint8],
        noise: NoiseTable,
        n_neighbors: int,
        n_threads: int,
        working_memory: float,
    ) -> None:
        self.noise = noise
        self.n_neighbors = n_neighbors
        self.n_threads = n_threads
        self._frame = clean.shape[1:]
        self._rows = clean.reshape(len(clean), -1)
        self._search = NearestNeighbors(
            n_neighbors=n_neighbors, n_jobs=n_threads, working_memory=working_memory
        ).fit(self._rows)
        self._tables = match_tables(noise, first_confusion(noise.prior))

    def learn(self, rows: NDArray[np.uint16], truth: NDArray[np.int64]) -> None:
        """Learn the confusion from noisy versions ``rows`` of the clean images ``truth``."""
        found = self.find(self.noise.expected[rows], truth)
        clean = self._rows[truth].reshape(-1, *self._frame)
        for _ in range(ROUNDS):
            joint = np.zeros((N_LEVELS, N_LEVELS), np.int64)
            self._blend(rows, found, clean, joint)
            self._tables = match_tables(self.noise, confusion_of(joint, self.noise.prior))

    def find(self, estimates: Floats, own: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Return neighbours of estimates (n, h, w), apart from the images ``own`` themselves."""
        queries = np.rint(np.clip(estimates, 0, N_LEVELS - 1)).astype(np.uint8)
        exclude = None if own is None else (own, np.arange(len(self._rows)))
        self._search.n_jobs = self.n_threads
        return self._search.neighbors(queries.reshape(len(queries), -1), exclude=exclude).indices

    def channels(
        self, rows: NDArray[np.uint16], estimate: Floats, own: NDArray[np.int64] | None
    ) -> list[Floats]:
        """Return (estimate, spread) of each reading, each of shape (n, h, w, 1)."""
        found = self.find(estimate[..., 0], own)
        readings = zip(*self._blend(rows[..., 0], found), strict=True)
        return [one[..., None] for both in readings for one in both]

    def _blend(
        self,
        rows: NDArray[np.uint16],
        found: NDArray[np.int64],
        truth: NDArray[np.uint8] | None = None,
        joint: NDArray[np.int64] | None = None,
    ) -> tuple[Floats, Floats]:
        shape = (len(SHARPNESS), *rows.shape)
        estimate, spread = np.empty(shape, np.float32), np.empty(shape, np.float32)
        _core.blend_neighbours(
            np.ascontiguousarray(rows),
            self._rows,
            np.ascontiguousarray(found),
            **vars(self._tables),
            weights=vote_weights(),
            shift=SHIFT,
            profile=PROFILE,
            estimate=estimate,
            spread=spread,
            truth=truth,
            joint=joint,
            cpu=cpu_path(),
            n_threads=self.n_threads,
        )
        return estimate, spread


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
    floats = moment.astype(np.float32), evidence.astype(np.float32)
    return MatchTables(steps.astype(np.uint16), *floats)


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

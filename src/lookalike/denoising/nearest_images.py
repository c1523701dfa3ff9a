"""Estimates from neighbours among clean images, chosen pixel by pixel with small shifts.

The average of whole neighbours is a different image. Here each pixel takes a weighted mean of those
pixels of the neighbours whose surroundings match its own (src/core/blending.hpp has the formula).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike import _core
from lookalike.denoising.intensity_scale import N_LEVELS, Floats
from lookalike.denoising.noise_table import NoiseTable
from lookalike.denoising.pixel_evidence import (
    PROFILE,
    SHARPNESS,
    confusion_of,
    first_confusion,
    match_tables,
    vote_weights,
)
from lookalike.search.machine import cpu_path
from lookalike.search.nearest import NearestNeighbors

SHIFT = 1
ROUNDS = 2
LEARNED_FROM = 400
"""Rounds in which the confusion is learned, and number of images it is learned from."""


class NearestImages:
    """Clean images of one size, among which noisy ones have their neighbours.

    Parameters
    ----------
    clean : ndarray of shape (n, h, w), uint8
    noise : NoiseTable
    n_neighbors : int
    n_threads : int
    working_memory : float
        Limit of a search, in MiB.
    """

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
        self._take(first_confusion(noise.prior))

    def learn(self, rows: NDArray[np.uint16], truth: NDArray[np.int64]) -> None:
        """Learn the confusion from noisy versions ``rows`` of the clean images ``truth``."""
        found = self.find(self.noise.expected[rows], truth)
        clean = self._rows[truth].reshape(-1, *self._frame)
        for _ in range(ROUNDS):
            joint = np.zeros((N_LEVELS, N_LEVELS), np.int64)
            self._blend(rows, found, clean, joint)
            self._take(confusion_of(joint, self.noise.prior))

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

    def _take(self, confusion: NDArray[np.float64]) -> None:
        self._tables = match_tables(self.noise, confusion)

    def _blend(
        self,
        rows: NDArray[np.uint16],
        found: NDArray[np.int64],
        truth: NDArray[np.uint8] | None = None,
        joint: NDArray[np.int64] | None = None,
    ) -> tuple[Floats, Floats]:
        shape = (len(SHARPNESS), *rows.shape)
        estimate, spread = np.empty(shape, np.float32), np.empty(shape, np.float32)
        tables = self._tables
        _core.blend_neighbours(
            np.ascontiguousarray(rows),
            self._rows,
            np.ascontiguousarray(found),
            costs=tables.costs,
            moments=tables.moments,
            evidences=tables.evidences,
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

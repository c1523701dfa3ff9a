"""Denoising in stages, each of which refines the estimates of the stages before it.

Stage 0 is one regression on channels of the pixel itself; later stages are anchored regressions,
which also see the earlier estimates. From the first stage with neighbours=True on, they also see
estimates from the neighbours among the clean training images, or from similar patches of the image
itself. After every stage the estimate is clipped to the bounds that the noise allows, and a table
of mean errors corrects it. Finally, estimates that are almost certainly the lowest or highest value
are set to it.

Every stage is fitted on images of its own if there are enough: earlier stages estimate images that
they were fitted on better than new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.denoising.intensity_scale import N_LEVELS, Floats, Saturation
from lookalike.denoising.nearest_images import NearestImages
from lookalike.denoising.noise_table import NoiseTable
from lookalike.denoising.nonlocal_means import NonLocalMeans
from lookalike.denoising.pair_table import PairTable
from lookalike.denoising.patches import RADIUS
from lookalike.denoising.regression import AnchoredRegression


@dataclass(frozen=True)
class Plan:
    """Settings of one stage."""

    n_anchors: int
    n_pixels: int  # of the images that are drawn for it; each colour counts
    n_samples: int  # pixels among them that the stage learns from
    blend: int = 1
    neighbors: bool = False


PLANS: dict[str, tuple[Plan, ...]] = {
    "fast": (Plan(1, 2_000_000, 400_000), Plan(320, 5_000_000, 700_000)),
    "best": (
        Plan(1, 1_500_000, 400_000),
        Plan(320, 4_000_000, 800_000, blend=2),
        Plan(448, 5_000_000, 1_400_000, blend=3, neighbors=True),
        Plan(448, 5_000_000, 1_400_000, blend=3, neighbors=True),
    ),
}

_VALUE_BINS = 240
_ESTIMATE_STEP = 1.0
_DOUBT_BINS = 30
_SPREAD_STEP = 5.0
_ANGLE_STEP = np.pi / 80


@dataclass(frozen=True)
class Sample:
    """Images to fit a stage on: noisy ones in levels, clean ones, and their training rows."""

    noisy: Floats
    clean: NDArray[np.uint8]
    own: NDArray[np.int64]


class Cascade:
    """All fitted stages of one quality.

    Parameters
    ----------
    quality : {"best", "fast"}
    noise : NoiseTable
    neighbors : NearestImages, NonLocalMeans or None
        Training images to search for neighbours of whole images; or, for images of differing
        sizes, large ones and colour ones, for similar patches. None if the plans use neither.
    images_at_once : int
        Number of images that are processed together.
    """

    def __init__(
        self,
        quality: str,
        noise: NoiseTable,
        neighbors: NearestImages | NonLocalMeans | None,
        n_threads: int,
        images_at_once: int,
    ) -> None:
        self.plans = PLANS[quality]
        self.noise = noise
        self.neighbors = neighbors
        self.n_threads = n_threads
        self.images_at_once = images_at_once
        self._stages: list[tuple[AnchoredRegression, PairTable]] = []
        self._variance: PairTable | None = None
        self._ends: Saturation | None = None

    def on_threads(self, n_threads: int) -> None:
        """Set the number of threads."""
        self.n_threads = n_threads
        if self.neighbors is not None:
            self.neighbors.n_threads = n_threads
        for regression, _ in self._stages:
            regression.n_threads = n_threads

    @property
    def reach(self) -> int:
        """Margin in pixels that an estimate depends on, apart from neighbours of whole images."""
        return RADIUS * len(self.plans) + self.neighbors_reach

    @property
    def neighbors_reach(self) -> int:
        """Margin in pixels that the search for similar patches needs."""
        return 0 if self.neighbors is None else self.neighbors.reach

    def fit_stage(
        self,
        sample: Sample,
        rng: np.random.Generator,
        progress: Callable[[float], None] = lambda share: None,
    ) -> None:
        """Fit the next stage."""
        plan = self.plans[len(self._stages)]
        parts = [self._run(part.noisy, part.own) for part in self._parts(sample)]
        channels = [np.concatenate(each) for each in zip(*(part[0] for part in parts), strict=True)]
        regression = AnchoredRegression(plan.n_anchors, plan.n_samples, plan.blend, self.n_threads)
        regression.fit(channels, sample.clean, rng, progress)
        rows = self.noise.rows_of(sample.noisy)
        table = PairTable(_ESTIMATE_STEP, max(1.0, len(self.noise.likelihood) / _VALUE_BINS))
        estimate = np.concatenate(
            [
                self.noise.within_bounds(regression.predict(part[0]), part_rows)
                for part, part_rows in zip(parts, self._cut(rows), strict=True)
            ]
        )
        table.fit(estimate, rows, sample.clean - estimate)
        self._stages.append((regression, table))
        if isinstance(self.neighbors, NonLocalMeans) and not plan.neighbors:
            self.neighbors.learn(estimate, sample.clean)

    def fit_doubt(self, sample: Sample) -> None:
        """Fit the table of estimates' variances on images that no stage was fitted on."""
        table = PairTable(_ANGLE_STEP, self._doubt_step, least_samples=4, to_mean=True)
        parts = [self._run(part.noisy, part.own) for part in self._parts(sample)]
        estimate = np.concatenate([part[1] for part in parts])
        doubt = np.broadcast_to(np.concatenate([part[2] for part in parts]), estimate.shape)
        free = self.noise.freedom(self.noise.rows_of(sample.noisy)) > 0
        free |= not free.any()
        table.fit(_angle(estimate[free]), doubt[free], (sample.clean - estimate)[free] ** 2)
        self._variance = table
        self._ends = Saturation(estimate, sample.clean)

    def run(self, noisy: Floats) -> tuple[Floats, Floats]:
        """Return estimates and their standard deviations in levels, both of noisy's shape."""
        assert self._variance is not None
        assert self._ends is not None
        _, estimate, doubt = self._run(noisy, None)
        doubt = np.broadcast_to(doubt, estimate.shape)
        deviation = np.sqrt(self._variance(_angle(estimate), doubt))
        # The bounds of the noise also bound the deviation.
        rows = self.noise.rows_of(noisy)
        estimate = self.noise.within_bounds(self._ends(estimate), rows)
        return estimate, np.minimum(deviation, self.noise.freedom(rows) / 2)

    @property
    def _doubt_step(self) -> float:
        if self.neighbors is not None:
            return _SPREAD_STEP
        return max(1.0, len(self.noise.likelihood) / _DOUBT_BINS)

    def _parts(self, sample: Sample) -> Iterator[Sample]:
        cut = [self._cut(stack) for stack in (sample.noisy, sample.clean, sample.own)]
        return (Sample(*part) for part in zip(*cut, strict=True))

    def _cut(self, stack: NDArray[Any]) -> list[NDArray[Any]]:
        return [
            stack[start : start + self.images_at_once]
            for start in range(0, len(stack), self.images_at_once)
        ]

    def _run(
        self, noisy: Floats, own: NDArray[np.int64] | None
    ) -> tuple[list[Floats], Floats, NDArray[Any]]:
        """Run the fitted stages; return the next one's channels, the estimate, its uncertainty."""
        rows = self.noise.rows_of(noisy)
        pixel = [self.noise.expected[rows], noisy]
        if self.noise.has_bounds:
            pixel += [self.noise.low[rows], self.noise.high[rows]]
        estimates: list[Floats] = []
        said: Sequence[Floats] = ()
        for at, plan in enumerate(self.plans):
            if plan.neighbors and not said:
                said = self._ask_neighbors(noisy, rows, estimates[-1], own)
            channels = [*estimates[:-3:-1], *said, *pixel]
            if at == len(self._stages):
                break
            regression, table = self._stages[at]
            estimate = self.noise.within_bounds(regression.predict(channels), rows)
            estimate = self.noise.within_bounds(estimate + table(estimate, rows), rows)
            estimates.append(np.clip(estimate, 0, N_LEVELS - 1))
        return channels, estimates[-1] if estimates else pixel[0], said[1] if said else rows

    def _ask_neighbors(
        self,
        noisy: Floats,
        rows: NDArray[np.uint16],
        estimate: Floats,
        own: NDArray[np.int64] | None,
    ) -> Sequence[Floats]:
        if self.neighbors is None:
            return ()
        if isinstance(self.neighbors, NearestImages):
            return self.neighbors.channels(rows, estimate, own)
        known = np.ones_like(noisy)
        if self.noise.has_bounds:
            known -= self.noise.freedom(rows) / np.float32(N_LEVELS - 1)
        return self.neighbors.channels(noisy, known, estimate)


def _angle(estimate: Floats) -> Floats:
    """Map estimates to a scale that is finest at both ends, where errors change quickly."""
    angle: Floats = np.arcsin(np.sqrt(estimate / np.float32(N_LEVELS - 1)))
    return angle

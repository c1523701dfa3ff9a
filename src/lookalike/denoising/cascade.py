"""Denoising in stages, each of which refines the estimates of the stages before it.

Stage 0 is one regression on channels of the pixel itself; later stages are anchored regressions,
which also see the earlier estimates. From the first stage with neighbors=True on, they also see
estimates from the neighbours among the clean training images, or from similar patches of the image
itself. After every stage the estimate is clipped to the bounds that the noise allows, and a table
of mean errors corrects it. Finally, estimates that are almost certainly the lowest or highest value
are set to it.

Every stage is fitted on images of its own if there are enough: earlier stages estimate images that
they were fitted on better than new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from lookalike.denoising.image_stacks import N_LEVELS, Floats
from lookalike.denoising.nearest_images import NearestImages
from lookalike.denoising.noise_table import NoiseTable
from lookalike.denoising.nonlocal_means import NonLocalMeans
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

_NARROW, _WIDE, _WIDE_SHARE = (1.5, 1.2), 4.0, 0.02
"""A narrow mean, plus a small share of a wide one that takes over in cells with few samples."""

_SURE = 0.95  # least share of estimates in a bin whose true value is the end
_EDGES = np.array([0.5, 1.0, 2.0, 4.0, 8.0]) / (N_LEVELS - 1)
"""Upper edges of the bins: distances from the end, as shares of the range."""

_LEAST_SAMPLES = 100  # in a bin


Sample = tuple[Floats, NDArray[np.uint8], NDArray[np.int64]]
"""Images to fit a stage on: noisy ones in levels, clean ones, and their training rows."""


@dataclass(eq=False)
class Cascade:
    """All fitted stages of one plan.

    ``neighbors`` are training images to search for neighbours of whole images; or, for images of
    differing sizes, large ones and colour ones, the search for similar patches. They are None if
    the plans use neither. ``images_at_once`` is the number of images that are processed together.
    """

    plans: tuple[Plan, ...]
    noise: NoiseTable
    neighbors: NearestImages | NonLocalMeans | None
    n_threads: int
    images_at_once: int
    _stages: list[tuple[AnchoredRegression, PairTable]] = field(default_factory=list, init=False)
    _variance: PairTable = field(init=False)
    _ends: Saturation = field(init=False)

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
        self, sample: Sample, rng: np.random.Generator, progress: Callable[[float], None]
    ) -> None:
        """Fit the next stage."""
        noisy, clean, own = sample
        plan = self.plans[len(self._stages)]
        channels, _, _ = self._run_in_parts(noisy, own)
        regression = AnchoredRegression(plan.n_anchors, plan.n_samples, plan.blend, self.n_threads)
        regression.fit(channels, clean, rng, progress)
        rows = self.noise.rows_of(noisy)
        estimate = self.noise.within_bounds(regression.predict(channels), rows)
        table = PairTable(_ESTIMATE_STEP, max(1.0, len(self.noise.likelihood) / _VALUE_BINS))
        table.fit(estimate, rows, clean - estimate)
        self._stages.append((regression, table))
        if isinstance(self.neighbors, NonLocalMeans) and not plan.neighbors:
            self.neighbors.learn(estimate, clean)

    def fit_doubt(self, sample: Sample) -> None:
        """Fit the table of estimates' variances on images that no stage was fitted on."""
        noisy, clean, own = sample
        step = _SPREAD_STEP
        if self.neighbors is None:
            step = max(1.0, len(self.noise.likelihood) / _DOUBT_BINS)
        table = PairTable(_ANGLE_STEP, step, least_samples=4, to_mean=True)
        _, estimate, doubt = self._run_in_parts(noisy, own)
        doubt = np.broadcast_to(doubt, estimate.shape)
        free = self.noise.freedom(self.noise.rows_of(noisy)) > 0
        free |= not free.any()
        table.fit(_angle(estimate[free]), doubt[free], (clean - estimate)[free] ** 2)
        self._variance = table
        self._ends = Saturation(estimate, clean)

    def run(self, noisy: Floats) -> tuple[Floats, Floats]:
        """Return estimates and their standard deviations in levels, both of noisy's shape."""
        _, estimate, doubt = self._run(noisy, None)
        doubt = np.broadcast_to(doubt, estimate.shape)
        deviation = np.sqrt(self._variance(_angle(estimate), doubt))
        # The bounds of the noise also bound the deviation.
        rows = self.noise.rows_of(noisy)
        estimate = self.noise.within_bounds(self._ends(estimate), rows)
        return estimate, np.minimum(deviation, self.noise.freedom(rows) / 2)

    def _run_in_parts(
        self, noisy: Floats, own: NDArray[np.int64]
    ) -> tuple[list[Floats], Floats, NDArray[Any]]:
        """Run the fitted stages on a few images at a time, and join what `_run` returns."""
        starts = range(0, len(noisy), self.images_at_once)
        slices = [slice(start, start + self.images_at_once) for start in starts]
        parts = [self._run(noisy[some], own[some]) for some in slices]
        channels, estimates, doubts = zip(*parts, strict=True)
        joined = [np.concatenate(each) for each in zip(*channels, strict=True)]
        return joined, np.concatenate(estimates), np.concatenate(doubts)

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
                if isinstance(self.neighbors, NearestImages):
                    said = self.neighbors.channels(rows, estimates[-1], own)
                elif self.neighbors is not None:
                    known = np.ones_like(noisy)
                    if self.noise.has_bounds:
                        known -= self.noise.freedom(rows) / np.float32(N_LEVELS - 1)
                    said = self.neighbors.channels(noisy, known, estimates[-1])
            channels = [*estimates[:-3:-1], *said, *pixel]
            if at == len(self._stages):
                break
            regression, table = self._stages[at]
            estimate = self.noise.within_bounds(regression.predict(channels), rows)
            estimate = self.noise.within_bounds(estimate + table(estimate, rows), rows)
            estimates.append(np.clip(estimate, 0, N_LEVELS - 1))
        return channels, estimates[-1] if estimates else pixel[0], said[1] if said else rows


def _angle(estimate: Floats) -> Floats:
    """Map estimates to a scale that is finest at both ends, where errors change quickly."""
    angle: Floats = np.arcsin(np.sqrt(estimate / np.float32(N_LEVELS - 1)))
    return angle


@dataclass(eq=False)
class PairTable:
    """The conditional mean of a target given two quantities a and b, both in bins.

    Cells with few samples are shrunk towards 0, or with ``to_mean`` towards the mean at their b;
    the shrinkage counts as ``least_samples`` samples.
    """

    step_a: float  # the width of a bin
    step_b: float
    least_samples: float = 2
    to_mean: bool = False

    def fit(self, a: NDArray[Any], b: NDArray[Any], target: Floats) -> None:
        """Fit to samples of a and b, both at least 0, and of the target."""
        i, j = _bins(a, self.step_a), _bins(b, self.step_b)
        self._last = int(i.max()), int(j.max())
        shape = self._last[0] + 1, self._last[1] + 1
        cells = (i * shape[1] + j).ravel()
        size = shape[0] * shape[1]
        count = np.bincount(cells, minlength=size).reshape(shape).astype(np.float64)
        total = np.bincount(cells, target.ravel(), size).reshape(shape)
        pull: Any = 0.0
        if self.to_mean:
            at_b, samples = (gaussian_filter1d(cells.sum(axis=0), 1.0) for cells in (total, count))
            pull = self.least_samples * (at_b + total.sum() / count.sum()) / (samples + 1)
        mean = (_smooth(total) + pull) / (_smooth(count) + self.least_samples)
        # The lowest bin of a is the empty background, unlike its neighbours.
        mean[0] = (total[0] + pull) / (count[0] + self.least_samples)
        self._mean = mean.astype(np.float32)

    def __call__(self, a: NDArray[Any], b: NDArray[Any]) -> Floats:
        """Return the mean target at a and b, which are clipped to the range of the bins."""
        i, j = _bins(a, self.step_a), _bins(b, self.step_b)
        mean: Floats = self._mean[np.minimum(i, self._last[0]), np.minimum(j, self._last[1])]
        return mean


def _bins(values: NDArray[Any], step: float) -> NDArray[np.intp]:
    bins: NDArray[np.intp] = (values / np.float32(step) + np.float32(0.5)).astype(np.intp)
    return bins


def _smooth(cells: NDArray[Any]) -> NDArray[np.float64]:
    narrow = gaussian_filter(cells, _NARROW, mode="constant")
    return np.asarray(narrow + _WIDE_SHARE * gaussian_filter(cells, _WIDE, mode="constant"))


class Saturation:
    """Sets estimates close to the lowest or the highest clean level to that level.

    How close is learned from estimates of clean images that no stage was fitted on.
    """

    def __init__(self, estimate: Floats, truth: NDArray[np.uint8]) -> None:
        self._ends: list[tuple[np.float32, np.float32]] = []
        low, high = np.float32(truth.min()), np.float32(truth.max())
        span = (high - low) or np.float32(1)
        for end, apart in ((low, estimate - low), (high, high - estimate)):
            self._ends.append((end, span * np.float32(_reach(apart / span, truth == end))))

    def __call__(self, estimate: Floats) -> Floats:
        """Return estimates, with those close to an end set to it."""
        for end, reach in self._ends:
            estimate = np.where(np.abs(estimate - end) < reach, end, estimate)
        return estimate


def _reach(apart: Floats, of_end: NDArray[np.bool_]) -> float:
    """Return the farthest edge up to which every bin belongs to the end."""
    bins = np.searchsorted(_EDGES, apart.ravel(), side="right")
    count = np.bincount(bins, minlength=len(_EDGES) + 1)
    sure = np.bincount(bins, of_end.ravel(), len(_EDGES) + 1)
    holds = (count >= _LEAST_SAMPLES) & (sure >= _SURE * count)
    holds[-1] = False  # beyond the last edge
    n_sure = int(np.argmin(holds))
    return float(_EDGES[n_sure - 1]) if n_sure else 0.0

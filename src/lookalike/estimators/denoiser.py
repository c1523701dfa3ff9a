"""The denoiser: it estimates clean images by nearest neighbours and small regressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from lookalike.denoising.cascade import PLANS, Cascade, Sample
from lookalike.denoising.image_stacks import Floats, Images, IntensityScale, as_images
from lookalike.denoising.nearest_images import LEARNED_FROM, NearestImages
from lookalike.denoising.noise_table import prior_of, table_of_noise, table_of_pairs
from lookalike.denoising.nonlocal_means import NonLocalMeans
from lookalike.denoising.patches import TILE, clean_in_tiles, corners, training_tiles
from lookalike.images.noise import Noise, add_noise
from lookalike.images.progress import Meter, Progress
from lookalike.search.machine import count_threads

FRAME_PIXELS = 64 * 64
"""Larger images are cleaned in tiles, without neighbours of whole images."""

BYTES_PER_PIXEL = 250
"""Approximate memory for one noisy value during cleaning."""

LEAST_IMAGES = 3
"""Neighbours of whole images need at least this many times n_neighbors training images."""

STEPS = 100
"""Steps of progress per stage."""


class KNeighborsDenoiser(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Remove noise from images, after training on clean images.

    The mean of the nearest clean images is a poor estimate, because it shows other images. This
    denoiser estimates each pixel from shifted neighbours, weighted by how well they explain the
    surroundings of the pixel; for images without near neighbours, for example photographs, from
    similar patches of the image itself [2]_; and from anchored regressions [1]_ on windows of
    the noisy image, of single-pixel estimates and of earlier estimates. Everything is learned from
    training images. The noise is assumed to be independent from pixel to pixel.

    Parameters
    ----------
    n_neighbors : int, default=80
        Number of neighbours of an image.
    quality : {"best", "fast"}, default="best"
        "fast" uses fewer regressions and neither neighbours nor similar patches.
    random_state : int, RandomState or None, default=None
        Seed of the noise for training and of the choice of training pixels. With an int every
        fit gives the same denoiser, with any number of threads.
    n_jobs : int, default=None
        Number of threads; None means all CPUs.
    working_memory : float, default=256
        MiB that ``predict`` may use in addition to images and result. ``fit`` takes up to 2 GiB
        more for its training samples.
    image_shape : tuple (h, w) or (h, w, c), optional
        Shape of an image, if images are given as rows of pixels.

    Attributes
    ----------
    noise_ : Noise or None
        The noise given to ``fit``; None if it was learned from pairs.
    n_stages_ : int
        Number of regressions in sequence.
    brightest_ : int
        Largest value of the clean images, at least 1, if ``is_of_bytes_``.
    is_of_bytes_ : bool
        Whether all values of the clean images were whole numbers from 0 to 255.
    image_shape_ : tuple or None
        Shape that images must have; None if they may have any size.
    uses_neighbors_ : bool
        Whether neighbours of whole images are used: for grey images of one size of up to 4,096
        pixels, if there are at least three times n_neighbors of them.

    References
    ----------
    .. [1] Timofte, De Smet, Van Gool, "A+: Adjusted Anchored Neighborhood Regression for Fast
       Super-Resolution", ACCV 2014.
    .. [2] Buades, Coll, Morel, "A non-local algorithm for image denoising", CVPR 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from lookalike import KNeighborsDenoiser, UniformNoise, add_noise, load_dataset
    >>> data = load_dataset("digits")
    >>> noise = UniformNoise(0, 6)
    >>> denoiser = KNeighborsDenoiser(quality="fast", random_state=0)
    >>> denoiser = denoiser.fit(clean=data.train.images, noise=noise)
    >>> noisy = add_noise(data.test.images, noise, 0)
    >>> before, after = noisy - 2.5, denoiser.predict(noisy)
    >>> errors = [np.abs(images - data.test.images).mean() for images in (before, after)]
    >>> bool(errors[1] < 0.6 * errors[0])
    True
    """

    def __init__(
        self,
        n_neighbors: int = 80,
        *,
        quality: str = "best",
        random_state: Any = None,
        n_jobs: int | None = None,
        working_memory: float = 256,
        image_shape: Sequence[int] | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.quality = quality
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.working_memory = working_memory
        self.image_shape = image_shape

    def fit(
        self,
        noisy: Any = None,
        clean: Any = None,
        *,
        noise: Noise | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Learn from pairs of noisy and clean images, or from clean images and the noise.

        Parameters
        ----------
        noisy : images, optional
            Noisy images of the same shapes as ``clean``; omit them if ``noise`` is given.
        clean : array-like of shape (n, h, w), (n, h, w, c) or (n, pixels), or list of images
            Clean images; those in a list may differ in size.
        noise : Noise, optional
            For example ``UniformNoise(0, 100)``; training then simulates noisy images.
        progress : callable, optional
            Called as ``progress(done, total)``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, if images are missing, empty, not finite or too small,
            or if noisy and clean ones differ in shape.
        TypeError
            If ``noise`` is not a `Noise`.
        """
        self._check_parameters()
        images, spoilt = self._check_pairs(noisy, clean, noise)
        levels = IntensityScale.of(images.arrays)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        framed = images.frame is not None and int(np.prod(images.frame)) <= FRAME_PIXELS

        def stacked(some: Images) -> NDArray[Any]:
            if framed:
                return some.arrays[0]
            return np.stack([tile for image in some for tile in training_tiles(image)])

        truth = stacked(images)
        clean_levels = levels.of_clean(truth)
        prior = prior_of(clean_levels)
        if spoilt is not None:  # pairs are cut into the same tiles
            seen = levels.of_noisy(stacked(spoilt))
            table = table_of_pairs(seen, clean_levels, prior)
        else:
            assert noise is not None
            table = table_of_noise(noise, levels, truth.dtype, prior, rng)
        n_threads = count_threads(self.n_jobs)

        def sample(chosen: NDArray[np.int64]) -> Sample:
            # Known noise is simulated anew at each stage.
            if noise is None:
                return seen[chosen], clean_levels[chosen], chosen
            simulated = levels.of_noisy(add_noise(truth[chosen], noise, rng))
            return simulated, clean_levels[chosen], chosen

        neighbors: NearestImages | NonLocalMeans | None = None
        plans = PLANS[self.quality]
        if any(plan.neighbors for plan in plans):
            has_enough = len(truth) >= LEAST_IMAGES * self.n_neighbors
            if framed and images.n_channels == 1 and has_enough:
                neighbors = NearestImages(
                    clean_levels[..., 0], table, self.n_neighbors, n_threads, self.working_memory
                )
                noisy_ones, _, own = sample(rng.permutation(len(truth))[:LEARNED_FROM])
                neighbors.learn(table.rows_of(noisy_ones)[..., 0], own)
            else:
                neighbors = NonLocalMeans(n_threads)
        at_once = self._images_at_once(truth.shape[1:], 0 if neighbors is None else neighbors.reach)
        cascade = Cascade(plans, table, neighbors, n_threads, at_once)
        shares = _shares(len(truth), [plan.n_pixels // truth[0].size for plan in plans], rng)
        meter = Meter(STEPS * len(shares), progress)

        def tell(part: float) -> None:
            meter(int((STEPS - 1) * part), STEPS)  # the stage's last step is what follows

        for share in shares[:-1]:
            meter(0, STEPS)
            cascade.fit_stage(sample(share), rng, tell)
            meter.add(STEPS)
        cascade.fit_doubt(sample(shares[-1]))
        meter.end()
        self.noise_ = noise
        self.uses_neighbors_ = isinstance(neighbors, NearestImages)
        self.n_stages_ = len(plans)
        self._levels = levels
        self._cascade = cascade
        self._frame = images.frame if framed else None
        self._n_channels = images.n_channels
        return self

    def predict(self, X: Any, *, return_std: bool = False, progress: Progress | None = None) -> Any:
        """Return estimates of the clean images.

        Parameters
        ----------
        X : images
            Noisy images, in a form that ``fit`` takes. They may have any size, unless the training
            images had one size of up to 4,096 pixels: then they must have that size.
        return_std : bool, default=False
            Return the standard deviation of each value as well.
        progress : callable, optional
            Called as ``progress(done, total)`` with the number of images, or tiles of large ones.

        Returns
        -------
        ndarray of the shape of X, or a list of as many, float32
            Estimates in the units of the clean images and within their range, not rounded.
        std : the same
            Only with ``return_std``: the root mean square error of similar estimates, on training
            images that were not learned from.

        Raises
        ------
        ValueError
            If images differ from the training images in size or channels, are not finite, or hold
            values that the noise cannot produce.
        """
        check_is_fitted(self)
        images = as_images(X, self.image_shape)
        self._check_like_training(images)
        self._cascade.on_threads(count_threads(self.n_jobs))  # fit may have run on another machine
        run = self._run_frames if self._frame is not None else self._run_tiles
        cleaned = run(images, progress)
        values = images.like([self._levels.values(estimate) for estimate, _ in cleaned])
        if not return_std:
            return values
        step = np.float32(self._levels.step)
        return values, images.like([deviation * step for _, deviation in cleaned])

    def transform(self, X: Any) -> Any:
        """Return estimates of the clean images: `predict`, for pipelines."""
        return self.predict(X)

    @property
    def brightest_(self) -> int:
        """Largest value of the clean images, at least 1, if they were bytes."""
        check_is_fitted(self)
        if not self.is_of_bytes_:
            raise AttributeError("the clean images held values other than whole numbers 0 to 255")
        return max(1, int(np.flatnonzero(self._cascade.noise.prior)[-1]))

    @property
    def is_of_bytes_(self) -> bool:
        """Whether all values of the clean images were whole numbers from 0 to 255."""
        check_is_fitted(self)
        return self._levels == IntensityScale()

    @property
    def image_shape_(self) -> tuple[int, ...] | None:
        """Shape that images must have; None if they may have any size."""
        check_is_fitted(self)
        if self._frame is None:
            return None
        height, width = self._frame[:2]
        return (height, width) if self._n_channels == 1 else (height, width, self._n_channels)

    def _run_frames(self, images: Images, progress: Progress | None) -> list[Sequence[Floats]]:
        """Clean images of the training images' size, in batches."""
        (noisy,) = images.arrays
        estimate, deviation = np.empty(noisy.shape, np.float32), np.empty(noisy.shape, np.float32)
        at_once = self._images_at_once(noisy.shape[1:], self._cascade.neighbors_reach)
        meter = Meter(len(noisy), progress)
        for start in range(0, len(noisy), at_once):
            part = slice(start, start + at_once)
            estimate[part], deviation[part] = self._cascade.run(self._levels.of_noisy(noisy[part]))
            meter.add(len(noisy[part]))
        return [(estimate, deviation)]

    def _run_tiles(self, images: Images, progress: Progress | None) -> list[Sequence[Floats]]:
        """Clean images of any size tile by tile."""
        halo = self._cascade.reach
        at_once = self._images_at_once((TILE, TILE, images.n_channels), halo)
        n_tiles = sum(len(corners(image.shape, TILE)) for image in images)
        meter = Meter(n_tiles, progress)

        def clean(image: NDArray[Any]) -> tuple[Floats, Floats]:
            noisy = self._levels.of_noisy(image)
            return clean_in_tiles(noisy, self._cascade.run, halo, at_once, meter.add)

        cleaned = (zip(*map(clean, stack), strict=True) for stack in images.arrays)
        return [[np.stack(each) for each in both] for both in cleaned]

    def _images_at_once(self, shape: Sequence[int], border: int) -> int:
        height, width, n_channels = shape
        pixels = (height + 2 * border) * (width + 2 * border) * n_channels
        return max(1, int(self.working_memory * 2**20 / (BYTES_PER_PIXEL * pixels)))

    def _check_parameters(self) -> None:
        if self.quality not in PLANS:
            raise ValueError(
                f"quality={self.quality!r} is not one of {', '.join(map(repr, PLANS))}"
            )
        if not isinstance(self.n_neighbors, int | np.integer) or not 1 <= self.n_neighbors <= 200:
            raise ValueError(
                f"n_neighbors={self.n_neighbors!r} must be a whole number from 1 to 200"
            )
        if not self.working_memory > 0:
            raise ValueError(f"working_memory={self.working_memory!r} must be positive")

    def _check_pairs(
        self, noisy: Any, clean: Any, noise: Noise | None
    ) -> tuple[Images, Images | None]:
        if clean is None:
            raise ValueError(
                "clean images are missing: fit(noisy, clean), or fit(clean=images, noise=noise)"
            )
        if (noisy is None) == (noise is None):
            raise ValueError("give either noisy images or the noise that makes them")
        if noise is not None and not isinstance(noise, Noise):
            raise TypeError(
                f"noise={noise!r} is not a noise; give for example UniformNoise(0, 100)"
            )
        images = as_images(clean, self.image_shape, "clean")
        if noisy is None:
            return images, None
        spoilt = as_images(noisy, self.image_shape, "noisy")
        shapes = [[stack.shape for stack in each.arrays] for each in (spoilt, images)]
        if shapes[0] != shapes[1]:
            shown = [np.shape(noisy), np.shape(clean)] if spoilt.given != "list" else shapes
            raise ValueError(
                f"noisy images of shape {shown[0]} but clean ones of shape {shown[1]}; give one "
                "noisy image of the same size for each clean one"
            )
        return images, spoilt

    def _check_like_training(self, images: Images) -> None:
        if images.n_channels != self._n_channels:
            kinds = {1: "grey", 3: "colour"}
            given, fitted = (
                f"{kinds.get(n, 'other')} ones ({n} channel{'s' * (n > 1)})"
                for n in (images.n_channels, self._n_channels)
            )
            raise ValueError(
                f"X holds {given} but fit got {fitted}; convert the images, or fit again"
            )
        if self._frame is not None and images.frame != self._frame:
            sizes = sorted({"{} by {}".format(*stack.shape[1:3]) for stack in images.arrays})
            raise ValueError(
                f"X holds images of {', '.join(sizes[:3])} pixels but fit got images of "
                f"{self._frame[0]} by {self._frame[1]}; resize them, or fit images of this size"
            )
        # Unbounded noise may exceed the simulated values.
        table = self._cascade.noise
        sure = table.has_bounds and self.noise_ is not None
        slack = 0.5 + (0 if sure else len(table.likelihood) / 10)
        ends = [table.first - slack, table.first, table.last, table.last + slack]
        least, low, high, most = self._levels.values(np.array(ends, np.float32))
        for stack in images.arrays:
            if stack.min() < least or stack.max() > most:
                noise = "that of the training pairs" if self.noise_ is None else repr(self.noise_)
                raise ValueError(
                    f"X holds values from {stack.min()} to {stack.max()}, but the noise ({noise}) "
                    f"makes values from {low:.4g} to {high:.4g}; check the noise and the scale"
                )


def _shares(n: int, wanted: list[int], rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Return the images that each stage learns from, and finally the held-out ones.

    The shares are disjoint if there are enough images; otherwise each stage draws from all images
    but a held-out tenth.
    """
    order = rng.permutation(n)
    n_held = max(1, min(n // 10, 1000))
    held, rest = order[:n_held], order[n_held:] if n > n_held else order
    if sum(wanted) <= len(rest):
        return [*np.split(rest, np.cumsum(wanted))[:-1], held]
    return [*(rng.permutation(rest)[:share] for share in wanted), held]

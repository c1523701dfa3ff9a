"""The classifier that chooses its representation and distance by held-out images."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from lookalike.estimators.explanation import Explanation, nearness_shares
from lookalike.estimators.labels import encode_labels
from lookalike.images.progress import Meter, Progress
from lookalike.matching.byte_levels import ByteLevels, Bytes, check_images, shrink, working_sides
from lookalike.matching.matcher import Matcher, Representation, Sought, variant_names
from lookalike.matching.memory_needs import check_memory, needed_bytes
from lookalike.matching.model_selection import CHUNK, Choice, choose, units_of
from lookalike.matching.scoring import DEFORMED_CANDIDATES, Calibration, Scorer, Scores, ScoringRule
from lookalike.matching.search_spaces import space_for, space_of
from lookalike.search.machine import count_threads
from lookalike.search.validation import rows_to_keep


class LookalikeClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify images by their nearest training images, in an automatically chosen representation.

    Images become gradients or pixels on few axes, scaled by how little they vary within classes;
    the nearest training images vote, relative to their local density. If they disagree, the
    distance to each class's local hyperplane, and a distance that lets pixels move, are added. The
    choice among these steps minimises errors on held-out training images; see `choices_`.

    Parameters
    ----------
    effort : {"fast", "balanced", "best"}, default="balanced"
        Number of combinations to try, and of neighbours to use. "fast" omits the distance that
        lets pixels move.
    random_state : int, RandomState or None, default=0
        Seed of the choice of held-out images.
    n_jobs : int, default=None
        Number of threads; None means all CPUs. Results do not depend on it.
    max_memory : float, default=None
        MiB that `fit`, `partial_fit` and `remove` may take in addition to the memory in use; None
        means the free memory of the machine or the container. If `estimate` is larger, they raise
        an error before they start. `predict` works in batches of bounded memory.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    representation_ : Representation
        The chosen conversion of images to coordinates.
    scoring_rule_ : ScoringRule
        The chosen evaluation of the neighbour table.
    choices_ : list of Trial
        All combinations that were tried, with their errors on held-out images and their time.
    image_shape_ : tuple of int
    n_samples_fit_ : int

    See Also
    --------
    KNeighborsClassifier : Nearest neighbours by the distance of pixels.

    Notes
    -----
    ``docs/matching.md`` has the formulae and their sources.

    Examples
    --------
    >>> from lookalike import LookalikeClassifier, load_dataset
    >>> data = load_dataset("digits")
    >>> classifier = LookalikeClassifier("fast")
    >>> classifier = classifier.fit(data.train.images, data.train.labels)
    >>> classifier.score(data.test.images, data.test.labels) > 0.98
    True
    """

    max_memory: float | None = None  # for models from older files

    def __init__(
        self,
        effort: Literal["fast", "balanced", "best"] = "balanced",
        *,
        random_state: int | np.random.RandomState | None = 0,
        n_jobs: int | None = None,
        max_memory: float | None = None,
    ) -> None:
        self.effort = effort
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.max_memory = max_memory

    def fit(self, X: Any, y: ArrayLike, *, progress: Progress | None = None) -> Self:
        """Choose a representation and a scoring rule, and fit them to all training images.

        Parameters
        ----------
        X : array-like of shape (n, height, width) or (n, height, width, channels)
            Images of one size, at least 8 x 8 pixels, grey or of up to 4 channels, of any
            numeric dtype.
        y : array-like of shape (n,)
            Classes of the images.
        progress : callable, default=None
            Called from time to time as ``progress(done, total)``. An exception that it raises
            ends the fit and leaves the classifier unchanged.

        Returns
        -------
        self : LookalikeClassifier

        Raises
        ------
        ValueError
            If X is not a stack of finite images of one size, if y does not have one class for
            each image, if effort is unknown, or if memory is too small.
        TypeError
            If X does not hold numbers.
        """
        most = space_of(self.effort).longest_side
        images, labels = _check_pairs(X, y)
        levels = ByteLevels(images)
        classes, codes = _encode(labels)
        n_threads = count_threads(self.n_jobs)
        n, shape = len(images), images.shape[1:]
        check_memory(self.effort, n, shape, len(classes), images.dtype, n_threads, self.max_memory)
        own = levels.to_bytes(images)
        small = shrink(own, working_sides(images.shape[1:3], most), n_threads)
        space = space_for(self.effort, small)
        rng = np.random.default_rng(
            check_random_state(self.random_state).randint(2**31, dtype=np.int64)
        )
        tell = Meter(units_of(space, len(own)) + _FIT_UNITS, progress)
        choice = choose(small, codes, len(classes), space, rng, n_threads, tell.add)
        calibration = Calibration()
        if choice.held_out is not None:
            calibration.fit(*choice.held_out)
        matcher = self._match(small, codes, len(classes), choice)
        tell.end()
        self._choice, self._calibration = choice._replace(held_out=None), calibration
        return self._become(levels, own, labels, classes, matcher)

    def estimate(
        self,
        n: int,
        image_shape: Sequence[int],
        *,
        n_classes: int = 10,
        dtype: DTypeLike = np.uint8,
    ) -> int:
        """Return the approximate peak memory of `fit` in bytes, without the given images.

        It is the need of the costliest choice; other choices may take half.

        Parameters
        ----------
        n : int
            Number of training images.
        image_shape : tuple (h, w) or (h, w, c)
        n_classes : int, default=10
        dtype : dtype, default=uint8
            Dtype of the images.

        Raises
        ------
        ValueError
            If effort is unknown.

        Examples
        --------
        >>> classifier = LookalikeClassifier("fast")
        >>> few, many = (classifier.estimate(n, (256, 256, 3)) for n in (1_000, 100_000))
        >>> few < 2**30 < many
        True
        """
        n_threads, space = count_threads(self.n_jobs), space_of(self.effort)
        return needed_bytes(space, n, image_shape, n_classes, dtype, n_threads)

    def partial_fit(
        self, X: Any, y: ArrayLike, *, relearn: bool = True, progress: Progress | None = None
    ) -> Self:
        """Add training images; the first call is `fit`.

        The choices stay; everything that is learned from images (axes, whitening, local radii) is
        learned again from all of them. Prefer few calls with many images.

        Parameters
        ----------
        X, y
            As in `fit`. New labels are allowed.
        relearn : bool, default=True
            If False, keep axes and whitening and only add the images, which takes milliseconds:
            for a few images that must take effect at once.
        progress : callable, default=None
            As in `fit`, for the first call.

        Raises
        ------
        ValueError, TypeError
            As `fit`, or if the images differ in size from earlier ones.
        """
        if not hasattr(self, "_matcher"):
            return self.fit(X, y, progress=progress)
        new, labels = _check_pairs(X, y)
        self._check_memory(self.n_samples_fit_ + len(new), relearn=relearn)
        own = self._levels.to_bytes(new)
        images = np.concatenate([self._images, own])
        labels = np.concatenate([self._labels, labels])
        if relearn:
            return self._learn(images, labels)
        classes, codes = _encode(labels)
        matcher = self._matcher.appended(self._shrunk(own), codes, len(classes))
        return self._become(self._levels, images, labels, classes, matcher)

    def remove(self, ids: ArrayLike, *, relearn: bool = True) -> Self:
        """Remove training images, and learn everything but the choices again from the others.

        The other images are renumbered, as by `numpy.delete`.

        Parameters
        ----------
        ids : int or array-like of int
            Rows of the training images.
        relearn : bool, default=True
            If False, only remove the images, and keep axes, whitening and radii. An image that was
            added with ``relearn=False`` then leaves no trace.

        Raises
        ------
        ValueError
            If there is no row of an id, if an id is given twice, if no image would remain, or if
            memory is too small.
        TypeError
            If ids are not integers.
        """
        check_is_fitted(self)
        keep = rows_to_keep(ids, self.n_samples_fit_)
        self._check_memory(int(keep.sum()), relearn=relearn)
        images, labels = self._images[keep], self._labels[keep]
        if relearn:
            return self._learn(images, labels)
        classes, codes = _encode(labels)
        matcher = self._matcher.kept(np.flatnonzero(keep), codes, len(classes))
        return self._become(self._levels, images, labels, classes, matcher)

    def predict(self, X: Any, *, progress: Progress | None = None) -> NDArray[Any]:
        """Return the class of each image, shape (n,).

        Raises
        ------
        NotFittedError
            If called before `fit`.
        ValueError, TypeError
            If X is not a stack of finite images of the training images' size.
        """
        parts = self._score_images(X, progress)
        codes = np.concatenate([scores.classes.argmin(axis=1) for scores in parts])
        return np.asarray(self.classes_[codes])

    def predict_proba(self, X: Any, *, progress: Progress | None = None) -> NDArray[np.float64]:
        """Return the probability of each class, calibrated on held-out images.

        Shape (n, n_classes), the classes in the order of `classes_`.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As `predict`.
        """
        parts = self._score_images(X, progress)
        return np.concatenate([self._calibration.probabilities(scores) for scores in parts])

    def explain(
        self, X: Any, n_neighbors: int = 6, *, progress: Progress | None = None
    ) -> Explanation:
        """Return the training images that support each answer, nearest first.

        For doubtful images these are the nearest by the distance that lets pixels move, if it is
        used, with the position that matches each pixel.

        Parameters
        ----------
        X : array-like as for `predict`
        n_neighbors : int, default=6
        progress : callable, default=None
            Called as ``progress(done, total)`` with the number of explained images.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As `predict`, or if n_neighbors exceeds the number of candidates of an image.
        """
        check_is_fitted(self)
        most = self.most_explained_
        if not 1 <= n_neighbors <= most:
            raise ValueError(
                f"n_neighbors={n_neighbors} but {most} training images are compared with each "
                f"image; give 1 to {most}"
            )
        rule = self.scoring_rule_

        def take(reader: Scorer, sought: Sought) -> tuple[NDArray[Any], ...]:
            scores = reader.read(rule)
            table, unsure = reader.scaled(rule.scaling)
            rows = table.indices[:, :n_neighbors].copy()
            distances = table.distances[:, :n_neighbors].copy()
            deformed = np.zeros(len(rows), bool)
            if rule.deformation != "off" and len(unsure):
                near = reader.deformed(rule.scaling, rule.deformation)
                rows[unsure] = near.indices[:, :n_neighbors]
                distances[unsure] = near.distances[:, :n_neighbors]
                deformed[unsure] = True
            return rows, distances, deformed, sought.images, *scores

        parts = [take(*part) for part in self._read(X, progress)]
        rows, distances, deformed, images, *found = map(np.concatenate, zip(*parts, strict=True))
        scores, matcher = Scores(*found), self._matcher
        indices = matcher.parents_[rows]
        return Explanation(
            indices=indices,
            distances=distances,
            labels=self._labels[indices],
            shares=nearness_shares(distances),
            prediction=self.classes_[scores.classes.argmin(axis=1)],
            variants=matcher.variants_[rows],
            variant_names=variant_names(self.representation_.growth),
            classes=self.classes_,
            doubtful=scores.doubtful,
            images=images,
            source=copy.copy(self),
            probabilities=self._calibration.probabilities(scores),
            deformed=deformed,
            rows=rows,
            matcher=matcher.on_threads(count_threads(self.n_jobs)),
        )

    def training_images(self, rows: Any = slice(None)) -> NDArray[Any]:
        """Return training images; see `KNeighborsClassifier.training_images`."""
        check_is_fitted(self)
        return np.asarray(self._levels.from_bytes(self._images[rows]))

    @property
    def levels_(self) -> ByteLevels:
        """The range of values of the training images."""
        return self._levels

    @property
    def training_labels_(self) -> NDArray[Any]:
        """Labels of the training images."""
        return self._labels

    @property
    def most_explained_(self) -> int:
        """Largest n_neighbors of `explain`: the number of candidates of each image."""
        most = min(len(self._matcher.images_), self._matcher.n_neighbors)
        return most if self.scoring_rule_.deformation == "off" else min(most, DEFORMED_CANDIDATES)

    @property
    def representation_(self) -> Representation:
        """The chosen conversion of images to coordinates."""
        return self._choice.representation

    @property
    def scoring_rule_(self) -> ScoringRule:
        """The chosen evaluation of the neighbour table."""
        return self._choice.rule

    @property
    def choices_(self) -> list[Any]:
        """All combinations that were tried."""
        return self._choice.trials

    def _match(
        self, images: Bytes, codes: NDArray[np.int32], n_classes: int, choice: Choice
    ) -> Matcher:
        space = space_of(self.effort)
        matcher = Matcher(
            choice.representation,
            n_components=space.n_components,
            n_neighbors=space.n_neighbors,
            n_threads=count_threads(self.n_jobs),
        )
        matcher.fit(images, codes, n_classes)
        if choice.rule.deformation != "off":
            matcher.deformed_radii()  # otherwise the first doubtful image waits for them
        return matcher

    def _learn(self, images: Bytes, labels: NDArray[Any]) -> Self:
        classes, codes = _encode(labels)
        matcher = self._match(self._shrunk(images), codes, len(classes), self._choice)
        return self._become(self._levels, images, labels, classes, matcher)

    def _shrunk(self, images: Bytes) -> Bytes:
        """Scale images of the training images' size to the size of the matcher."""
        height, width = self._matcher.images_.shape[1:3]
        return shrink(images, (height, width), count_threads(self.n_jobs))

    def _become(
        self,
        levels: ByteLevels,
        images: Bytes,
        labels: NDArray[Any],
        classes: NDArray[Any],
        matcher: Matcher,
    ) -> Self:
        """Take over a new state in one step, so that a failure before it changes nothing."""
        self._levels, self._images, self._labels = levels, images, labels
        self._matcher = matcher
        self.classes_ = classes
        self.image_shape_ = levels.image_shape
        self.n_samples_fit_ = len(images)
        return self

    def _check_memory(self, n: int, *, relearn: bool) -> None:
        """Raise an error if n training images take more memory than there is."""
        check_memory(
            self.effort,
            n,
            self.image_shape_,
            len(self.classes_),
            np.uint8,
            count_threads(self.n_jobs),
            self.max_memory,
            chosen=self.representation_,
            relearn=relearn,
        )

    def _score_images(self, X: Any, progress: Progress | None) -> Iterator[Scores]:
        """Yield the scores of images, batch by batch."""
        return (reader.read(self.scoring_rule_) for reader, _ in self._read(X, progress))

    def _read(self, X: Any, progress: Progress | None) -> Iterator[tuple[Scorer, Sought]]:
        """Yield readers and candidates of images, in batches of bounded memory.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As `predict`.
        """
        check_is_fitted(self)
        images = check_images(X)
        matcher = self._matcher.on_threads(count_threads(self.n_jobs))
        step = max(1, min(CHUNK, _PART_VALUES // images[0].size))
        for i in range(0, len(images), step):
            own = self._shrunk(self._levels.to_bytes(images[i : i + step]))
            sought = matcher.seek(*matcher.project(own))
            yield Scorer(matcher, sought), sought
            if progress is not None:
                progress(min(i + step, len(images)), len(images))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_matcher")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


def predict_by(
    classifier: LookalikeClassifier,
    X: Any,
    rules: Sequence[ScoringRule],
    *,
    progress: Progress | None = None,
) -> list[NDArray[Any]]:
    """Return the class of each image by each of several scoring rules, from one search.

    Parameters
    ----------
    classifier : LookalikeClassifier, fitted
        By its own scoring rule it answers as it predicts.
    X : array-like as for `LookalikeClassifier.predict`
    rules : sequence of ScoringRule
    progress : callable, default=None

    Raises
    ------
    NotFittedError, ValueError, TypeError
        As `LookalikeClassifier.predict`.
    """
    found = [
        [reader.read(own).classes.argmin(axis=1) for own in rules]
        for reader, _ in classifier._read(X, progress)
    ]
    return [classifier.classes_[np.concatenate(codes)] for codes in zip(*found, strict=True)]


_PART_VALUES = 2**26
"""Number of values of images that `predict` converts to bytes at once."""

_FIT_UNITS = 3
"""Time of the final fit, in units of one representation of the first comparison."""


def _encode(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int32]]:
    classes, codes = encode_labels(labels)
    return classes, codes.astype(np.int32)


def _check_pairs(X: Any, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    images = check_images(X)
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = column_or_1d(labels, warn=True)
    if labels.ndim != 1 or len(labels) != len(images):
        raise ValueError(
            f"{len(images)} images but labels of shape {labels.shape}; give one label per image"
        )
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("a label is NaN or infinite; give a class to every image")
    if labels.dtype == object and any(label is None or label != label for label in labels):
        raise ValueError("a label is missing; give a class to every image")
    check_classification_targets(labels)
    return images, labels

"""The classifier that chooses its representation and distance by held-out images."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import _safe_indexing, check_random_state, indexable
from sklearn.utils.validation import _num_samples, check_is_fitted

from lookalike.estimators.explanation import Explanation, explain_matches
from lookalike.estimators.votes import check_class_labels, encode_labels
from lookalike.estimators.weights import check_sample_weight
from lookalike.features.transformers import make_transformer
from lookalike.images.progress import Meter, Progress
from lookalike.matching.byte_levels import ByteLevels, Bytes, shrink, working_sides
from lookalike.matching.feature_choice import AUTO, choose_features_for
from lookalike.matching.matcher import Matcher, Representation, Sought
from lookalike.matching.memory_needs import check_memory, needed_bytes
from lookalike.matching.model_selection import CHUNK, Choice, Trial, choose, units_of
from lookalike.matching.scoring import DEFORMED_CANDIDATES, Calibration, Scorer, ScoringRule
from lookalike.matching.search_spaces import space_for, space_of
from lookalike.matching.vectors import VectorRows, check_inputs, rows_to_images, stack_shape
from lookalike.search.machine import count_threads
from lookalike.search.validation import rows_to_keep

Codes = NDArray[np.int32]
Make = Callable[[Codes, int], Matcher]  # by the codes of classes and their number


class LookalikeClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify images or vectors by their nearest neighbours, in a representation that it chooses.

    Images become gradients or pixels on few axes, scaled by how little they vary within classes;
    the nearest training images vote, relative to their local density. If they disagree, the
    distance to each class's local hyperplane, and a distance that lets pixels move, are added. The
    choice among these steps minimises errors on held-out training images; see `choices_`. Vectors,
    for example the features of a pretrained network, take the same steps but the last one.

    Parameters
    ----------
    effort : {"fast", "balanced", "best"}, default="balanced"
        Number of combinations to try, and of neighbours to use. "fast" omits the distance that
        lets pixels move.
    random_state : int, RandomState or None, default=0
        Seed of the choice of held-out images.
    n_jobs : int, default=None
        Number of threads; None means all CPUs. Results do not depend on it.
    features : str, path, transformer or callable, default=None
        What turns pictures into vectors: the name or the file of a network, as
        `PretrainedFeatures` takes them, or anything with a method ``transform``, or a function.
        `fit` and `predict` then take whatever it takes, for example paths of pictures. By default
        images are compared by their pixels and gradients, and rows of numbers as they are. "auto"
        compares colour pictures, arrays of uint8, by EfficientNet-Lite0 if that is better on a few
        hundred of them, and files always.
    image_shape : tuple (h, w) or (h, w, c), default=None
        Shape of the images if X holds flat rows of pixels, which are otherwise compared as vectors.
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
        (h, w) or (h, w, c); (d,) of vectors.
    features_ : transformer or None
        What turns pictures into vectors.
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

    max_memory: float | None = None  # these are for models from older files
    features: Any = None
    image_shape: Sequence[int] | None = None
    features_: Any = None

    def __init__(
        self,
        effort: Literal["fast", "balanced", "best"] = "balanced",
        *,
        random_state: int | np.random.RandomState | None = 0,
        n_jobs: int | None = None,
        features: Any = None,
        image_shape: Sequence[int] | None = None,
        max_memory: float | None = None,
    ) -> None:
        self.effort = effort
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.features = features
        self.image_shape = image_shape
        self.max_memory = max_memory

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        progress: Progress | None = None,
    ) -> Self:
        """Choose a representation and a scoring rule, and fit them to all training images.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, d)
            Images of one size, at least 8 x 8 pixels, grey or of up to 4 channels, of any
            numeric dtype; or vectors, or rows of pixels with `image_shape`; or, with `features`,
            pictures as it takes them.
        y : array-like of shape (n,)
            Classes of the images.
        sample_weight : array-like of shape (n,), default=None
            How much an error on each image counts where representations and scoring rules are
            compared and probabilities calibrated; 1 by default. Images of weight 0 are left out, as
            if they had not been given. All others are neighbours alike: distances have no weight.
        progress : callable, default=None
            Called from time to time as ``progress(done, total)``. An exception that it raises
            ends the fit and leaves the classifier unchanged. A network's progress comes first.

        Returns
        -------
        self : LookalikeClassifier

        Raises
        ------
        ValueError
            If X is not a stack of finite images of one size, if y does not have one class, or
            sample_weight one weight from 0 on, for each image, if image_shape does not fit, if
            effort is unknown, or if memory is too small.
        TypeError
            If X does not hold numbers.
        """
        most = space_of(self.effort).longest_side
        X = rows_to_images(X, self.image_shape)
        wanted, tried, weights = self.features, list[Trial](), None
        if sample_weight is not None:
            (X,) = indexable(X)
            weights = check_sample_weight(sample_weight, _num_samples(X))
            given, y = np.flatnonzero(weights), check_class_labels(y, len(weights))
            X, y, weights = _safe_indexing(X, given), y[given], weights[given]
        if isinstance(wanted, str) and wanted == AUTO:
            codes = encode_labels(check_class_labels(y, len(X)))[1].astype(np.int32)
            tried, wanted = choose_features_for(X, codes, self.n_jobs)
        features = make_transformer(wanted, self.n_jobs, X, y)
        images = check_inputs(X, features, progress=progress)
        labels = check_class_labels(y, len(images))
        levels = VectorRows(images) if images.ndim == 2 else ByteLevels(images)
        if images.ndim == 2 and features is None and np.asarray(X).dtype == np.uint8:
            warnings.warn(
                f"rows of {images.shape[1]:,} bytes are compared as vectors; if they are pixels, "
                "give images, X.reshape(-1, height, width), or image_shape=(height, width)",
                stacklevel=2,
            )
        classes, numbers = encode_labels(labels)
        codes = numbers.astype(np.int32)
        n_threads = count_threads(self.n_jobs)
        n, shape = len(images), stack_shape(images.shape[1:])
        check_memory(self.effort, n, shape, len(classes), images.dtype, n_threads, self.max_memory)
        own = levels.to_bytes(images)
        small = shrink(own, working_sides(shape[:2], most), n_threads)
        space = space_for(self.effort, small)
        rng = np.random.default_rng(
            check_random_state(self.random_state).randint(2**31, dtype=np.int64)
        )
        tell = Meter(units_of(space, len(own)) + _FIT_UNITS, progress)
        choice = choose(small, codes, len(classes), space, rng, n_threads, tell.add, weights)
        calibration = Calibration()
        if choice.held_out is not None:
            calibration.fit(*choice.held_out)
        matcher = self._match(choice, small, codes, len(classes))
        tell.end()
        self._choice = choice._replace(held_out=None, trials=[*tried, *choice.trials])
        self._calibration = calibration
        self._levels, self.features_ = levels, features
        return self._become(own, labels, lambda codes, n_classes: matcher)

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
        image_shape : tuple (h, w) or (h, w, c), or (d,) of vectors
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
        shape = stack_shape(image_shape)
        space = space_of(self.effort, shape)
        return needed_bytes(space, n, shape, n_classes, dtype, count_threads(self.n_jobs))

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
        new = check_inputs(rows_to_images(X, self.image_shape), self.features_)
        labels = check_class_labels(y, len(new))
        self._check_memory(self.n_samples_fit_ + len(new), relearn=relearn)
        own = self._levels.to_bytes(new)
        images = np.concatenate([self._images, own])
        labels = np.concatenate([self._labels, labels])
        shrunk = self._shrunk(images if relearn else own)
        make = partial(self._match, self._choice) if relearn else self._matcher.appended
        return self._become(images, labels, partial(make, shrunk))

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
            make = partial(self._match, self._choice, self._shrunk(images))
        else:
            make = partial(self._matcher.kept, np.flatnonzero(keep))
        return self._become(images, labels, make)

    def predict(self, X: Any, *, progress: Progress | None = None) -> NDArray[Any]:
        """Return the class of each image, shape (n,).

        Raises
        ------
        NotFittedError
            If called before `fit`.
        ValueError, TypeError
            If X is not a stack of finite images of the training images' size.
        """
        check_is_fitted(self)
        return predict_by(self, X, [self.scoring_rule_], progress=progress)[0]

    def predict_proba(self, X: Any, *, progress: Progress | None = None) -> NDArray[np.float64]:
        """Return the probability of each class, calibrated on held-out images.

        Shape (n, n_classes), the classes in the order of `classes_`.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As `predict`.
        """
        check_is_fitted(self)
        rule, parts = self.scoring_rule_, self._read(X, progress)
        found = [self._calibration.probabilities(reader.read(rule)) for reader, _ in parts]
        return np.concatenate(found)

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
        return explain_matches(self, self._read(X, progress), n_neighbors)

    def training_images(self, rows: Any = slice(None)) -> NDArray[Any]:
        """Return training images, or vectors; see `KNeighborsClassifier.training_images`."""
        check_is_fitted(self)
        return np.asarray(self._levels.from_bytes(self._images[rows]))

    def with_features(self, features: Any) -> Self:
        """Return a copy that turns what it is given into vectors first.

        Parameters
        ----------
        features : fitted transformer or None
            It makes vectors as those of training; with None the copy takes vectors.
        """
        check_is_fitted(self)
        other = copy.copy(self)
        other.features = other.features_ = features
        return other

    @property
    def levels_(self) -> ByteLevels | VectorRows:
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

    def _match(self, choice: Choice, images: Bytes, codes: Codes, n_classes: int) -> Matcher:
        space = space_of(self.effort, images.shape[1:])
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

    def _become(self, images: Bytes, labels: NDArray[Any], make: Make) -> Self:
        """Take other training images in one step, so that a failure before it changes nothing."""
        classes, codes = encode_labels(labels)
        matcher = make(codes.astype(np.int32), len(classes))
        self._images, self._labels, self._matcher = images, labels, matcher
        self.classes_ = classes
        self.image_shape_ = self._levels.image_shape
        self.n_samples_fit_ = len(images)
        if len(self.image_shape_) == 1 and self.features_ is None:
            self.n_features_in_ = self.image_shape_[0]
        return self

    def _shrunk(self, images: Bytes) -> Bytes:
        """Scale images of the training images' size to the size of the matcher."""
        height, width = self._matcher.images_.shape[1:3]
        return shrink(images, (height, width), count_threads(self.n_jobs))

    def _check_memory(self, n: int, *, relearn: bool) -> None:
        """Raise an error if n training images take more memory than there is."""
        check_memory(
            self.effort,
            n,
            stack_shape(self.image_shape_),
            len(self.classes_),
            np.uint8,
            count_threads(self.n_jobs),
            self.max_memory,
            chosen=self.representation_,
            relearn=relearn,
        )

    def _read(self, X: Any, progress: Progress | None) -> Iterator[tuple[Scorer, Sought]]:
        """Yield readers and candidates of images, in batches of bounded memory."""
        check_is_fitted(self)
        X = rows_to_images(X, self.image_shape)
        images = check_inputs(X, self.features_, progress=progress)
        matcher = self._matcher.on_threads(count_threads(self.n_jobs))
        step = max(1, min(CHUNK, _PART_VALUES // images[0].size))
        for i in range(0, len(images), step):
            own = self._shrunk(self._levels.to_bytes(images[i : i + step]))
            sought = matcher.seek(*matcher.project(own))
            yield Scorer(matcher, sought), sought
            if progress is not None:
                progress(min(i + step, len(images)), len(images))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def predict_by(
    classifier: LookalikeClassifier,
    X: Any,
    rules: Sequence[ScoringRule],
    *,
    progress: Progress | None = None,
) -> list[NDArray[Any]]:
    """Return the class of each image by each of several scoring rules, from one search."""
    found = [
        [reader.read(own).classes.argmin(axis=1) for own in rules]
        for reader, _ in classifier._read(X, progress)
    ]
    return [classifier.classes_[np.concatenate(codes)] for codes in zip(*found, strict=True)]


_PART_VALUES = 2**26  # values of images that `predict` converts to bytes at once
_FIT_UNITS = 3  # time of the final fit, in units of one representation of the first comparison

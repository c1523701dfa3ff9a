"""A classifier of images, for the command line and the server.

It has one interface for all estimators: it classifies pictures in any form, answers with class
names, returns the training images behind an answer, and takes corrections at once. If a network
turns pictures into vectors, the form is the network's, and thumbnails stand for training images.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.lookalike import LookalikeClassifier
from lookalike.estimators.search_cv import KNeighborsSearchCV
from lookalike.estimators.vote_calibration import VoteCalibration
from lookalike.features.pretrained import PretrainedFeatures
from lookalike.images.originals import Originals
from lookalike.images.pictures import read_picture
from lookalike.images.preprocessing import Form, Formed, learn_form
from lookalike.models.cleaner import Cleaner
from lookalike.models.file import (
    check_originals,
    is_of_images,
    is_of_vectors,
    open_file,
    save_model,
    why_no_bytes,
)
from lookalike.models.safetensors_map import ModelError

if TYPE_CHECKING:
    from os import PathLike

Bytes = NDArray[np.uint8]

_FORM_SAMPLE, _CLEANER_SAMPLE = 5000, 2000
"""Numbers of training images from which the form, and the denoiser, are learned."""


class Neighbor(NamedTuple):
    """A training image that supports an answer.

    Attributes
    ----------
    row : int
    label : str
    distance : float
        Distance as in the estimator's `explain`.
    share : float
        Share of the vote. `LookalikeClassifier` has no votes; its shares are proportional to
        1 / distance.
    variant : str
        "original", or the change of the image.
    compared : ndarray of shape (height, width, channels), uint8
        The image in the form in which it was compared; its thumbnail if vectors were compared.
    displacement : ndarray of shape (2, height, width), int8, or None
        Move of each pixel of the query to its match, in pixels down and to the right; None if
        pixels do not move.
    file : str or None
        Name of the file of the training image, if known.
    """

    row: int
    label: str
    distance: float
    share: float
    variant: str
    compared: Bytes
    displacement: NDArray[np.int8] | None
    file: str | None


class Explained(NamedTuple):
    """An answer and the neighbours that support it.

    Attributes
    ----------
    probabilities : ndarray of shape (n_classes,), float64
    doubtful : bool
        Whether training images of several classes are near.
    neighbors : list of Neighbour
        Sorted, nearest first.
    """

    probabilities: NDArray[np.float64]
    doubtful: bool
    neighbors: list[Neighbor]


class Model:
    """A fitted classifier of grey or colour images of one size, with its metadata.

    It is not thread-safe.

    Parameters
    ----------
    estimator : KNeighborsClassifier, LookalikeClassifier, or a `KNeighborsSearchCV` of the former
        Fitted to images of whole numbers 0 to 255, in any dtype, with one label each; or with a
        network's features.
    form : Form, optional
        By default it is learned from the training images, or that of the network.
    source : str, optional
        Origin of the training images.
    path : Path, optional
        File of the model.
    originals : Originals, optional
        File names and thumbnails of the training images.
    calibration : VoteCalibration, optional
        Calibration of a `KNeighborsClassifier`. By default it is learned from the training images
        at the first answer.

    Raises
    ------
    ModelError
        If the estimator is not such a classifier.

    Examples
    --------
    >>> from lookalike import load_dataset
    >>> data = load_dataset("digits")
    >>> model = Model(KNeighborsClassifier(3).fit(data.train.images, data.train.labels))
    >>> images = data.test.images[:1]
    >>> model.class_names[model.probabilities(images)[0].argmax()]
    '1'
    >>> [neighbour.label for neighbour in model.explain(images, 3)[0].neighbors]
    ['1', '1', '1']
    """

    def __init__(
        self,
        estimator: Any,
        *,
        form: Form | None = None,
        source: str | None = None,
        path: Path | None = None,
        originals: Originals | None = None,
        calibration: VoteCalibration | None = None,
    ) -> None:
        if isinstance(estimator, KNeighborsSearchCV):
            estimator = getattr(estimator, "best_estimator_", estimator)
        if not isinstance(estimator, KNeighborsClassifier | LookalikeClassifier):
            raise ModelError(
                f"{type(estimator).__name__} does not classify images; give a KNeighborsClassifier "
                "or a LookalikeClassifier"
            )
        self.estimator: Any = estimator
        self._n_jobs = estimator.n_jobs
        self.source, self.path = source, path
        self.is_of_vectors = is_of_vectors(estimator)
        if self.is_of_vectors:
            self.form = _form_of_network(estimator.features_)
        elif not is_of_images(estimator):
            raise ModelError(
                "the classifier was fitted to rows of pixels, or to several labels an image; fit "
                "it to images of shape (n, h, w) or (n, h, w, c) and one label each"
            )
        elif why := why_no_bytes(estimator):
            raise ModelError(why)
        else:
            self.form = learn_form(self._spread(_FORM_SAMPLE)) if form is None else form
        shape = self.form.image_shape if self.is_of_vectors else estimator.image_shape_
        self.image_shape: tuple[int, ...] = tuple(shape)
        self.originals = originals
        if originals is not None:
            check_originals(originals, estimator)
        self._cleaner: Cleaner | None = None
        self._calibration = calibration

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, in the order of probabilities."""
        return [str(label) for label in self.estimator.classes_.tolist()]

    @property
    def n_samples(self) -> int:
        """Number of training images."""
        return int(self.estimator.n_samples_fit_)

    @property
    def class_counts(self) -> dict[str, int]:
        """Number of training images of each class."""
        found, counts = np.unique(self.estimator.training_labels_, return_counts=True)
        known = dict(zip(map(str, found.tolist()), counts.tolist(), strict=True))
        return {name: known.get(name, 0) for name in self.class_names}

    def probabilities(self, images: Bytes) -> NDArray[np.float64]:
        """Return the probability of each class, shape (n, n_classes).

        A `KNeighborsClassifier` of 200 and more images has its votes calibrated; corrections do not
        change the calibration unless they relearn.
        """
        if self._calibration is None and VoteCalibration.can_learn(self.estimator):
            self._calibration = VoteCalibration.learn(self.estimator)
        if self._calibration is None:
            return np.asarray(self.estimator.predict_proba(images))
        return self._calibration.probabilities(self.estimator, images)

    def explain(self, images: Bytes, n_neighbors: int = 6) -> list[Explained]:
        """Return answers with the training images behind them.

        Parameters
        ----------
        images : ndarray of shape (n, h, w[, c]), uint8
        n_neighbors : int, default=6
            Largest number of neighbours. For a `KNeighborsClassifier` only voters are returned.
        """
        options = {}
        if self._matches:
            options["n_neighbors"] = min(n_neighbors, self.estimator.most_explained_)
        found = self.estimator.explain(images, **options)
        if self._matches:
            probabilities = found.class_shares(self.estimator.classes_)
        else:
            probabilities = self.probabilities(images)
        assert found.doubtful is not None  # because images have one label each
        explained = []
        for i in range(len(found)):
            n = min(n_neighbors, found.indices.shape[1])
            has_moved = found.deformed is not None and found.deformed[i]
            moves = found.displacements(i) if has_moved else [None] * n
            neighbors = [
                Neighbor(
                    row=int(found.indices[i, j]),
                    label=str(found.labels[i, j]),
                    distance=float(found.distances[i, j]),
                    share=float(found.shares[i, j]),
                    variant=found.variant_names[found.variants[i, j]],
                    compared=_of_bytes(
                        self.shown(int(found.indices[i, j]))
                        if self.is_of_vectors
                        else found.compared(i, j)
                    ),
                    displacement=moves[j],
                    file=self.file(int(found.indices[i, j])),
                )
                for j in range(n)
            ]
            explained.append(Explained(probabilities[i], bool(found.doubtful[i]), neighbors))
        return explained

    def image(self, row: int) -> Bytes:
        """Return a training image in its original form; of a vector its thumbnail, if known."""
        if self.is_of_vectors:
            thumbnail = None if self.originals is None else self.originals.picture(row)
            return UNKNOWN if thumbnail is None else thumbnail
        return np.asarray(self._some([row])[0])

    def label(self, row: int) -> str:
        """Return the class name of a training image."""
        return str(self.estimator.training_labels_[row])

    def file(self, row: int) -> str | None:
        """Return the name of the file of a training image, if known."""
        return None if self.originals is None else self.originals.name(row)

    def shown(self, row: int) -> Bytes:
        """Return a training image to show: a thumbnail of its file if known, else the image."""
        thumbnail = None if self.originals is None else self.originals.picture(row)
        return self.image(row) if thumbnail is None else thumbnail

    def read(self, picture: str | PathLike[str] | bytes | Bytes) -> Formed:
        """Convert a picture to the form of the training images, and describe doubts about it.

        A file that was in the training set gives exactly its training image.

        Parameters
        ----------
        picture : path, bytes or ndarray of shape (h, w), (h, w, 3) or (h, w, 4), uint8
            A file that Pillow reads, its content, or pixels.

        Raises
        ------
        ValueError
            If the picture cannot be read, or if it has no strokes and the model needs strokes.
        """
        if isinstance(picture, np.ndarray):
            return self.form.read(picture)
        if not isinstance(picture, bytes):
            picture = Path(picture)
        return self.form.read(read_picture(picture, least_size=self.form.least_size).pixels)

    def add(
        self,
        images: Bytes | Sequence[Any],
        labels: Sequence[str],
        *,
        relearn: bool = False,
        originals: Originals | None = None,
    ) -> list[int]:
        """Add training images, with effect on the next answer, and return their rows.

        A model of vectors takes any pictures that its network takes. `originals` describes their
        files, if there are any. `relearn` refits everything that was learned
        from images, as probabilities are, which takes seconds for large training sets.

        Raises
        ------
        ModelError
            If a label cannot be a class of this model.
        """
        known = self.estimator.classes_
        if known.dtype.kind in "iub":
            try:
                new = np.array([int(label) for label in labels])
            except ValueError:
                raise ModelError(
                    f"the model's classes are whole numbers, but {labels[0]!r} is not"
                ) from None
        else:
            new = np.array(list(labels), dtype=object if known.dtype == object else str)
        before = self.n_samples
        self.estimator.partial_fit(images, new, **({"relearn": relearn} if self._matches else {}))
        self._calibration = None if relearn else self._calibration
        if self.is_of_vectors and originals is None:
            originals = Originals.of_pictures(images)
        if self.originals is not None or originals is not None:
            known_before = self.originals or Originals.unknown(before)
            self.originals = known_before.joined(originals or Originals.unknown(len(images)))
        return list(range(before, self.n_samples))

    def remove(self, rows: Sequence[int], *, relearn: bool = False) -> None:
        """Remove training images; later rows are renumbered, as by `numpy.delete`.

        With `relearn`, as in `add`, no trace of the images remains.

        Raises
        ------
        ValueError
            If a row does not exist, or no row would remain.
        """
        self.estimator.remove(rows, **({"relearn": relearn} if self._matches else {}))
        self._calibration = None if relearn else self._calibration
        if self.originals is not None:
            kept = np.delete(np.arange(len(self.originals)), list(rows))
            self.originals = self.originals.rows(kept)

    def save(self, path: str | PathLike[str] | None = None) -> None:
        """Save the model to a file, by default its own; see `save_model`."""
        path = self.path if path is None else Path(path)
        if path is None:
            raise ModelError("the model was not read from a file; give the path of one")
        used, self.estimator.n_jobs = self.estimator.n_jobs, self._n_jobs
        try:
            save_model(
                self.estimator, path, source=self.source, form=self.form, originals=self.originals
            )
        finally:
            self.estimator.n_jobs = used
        self.path = path

    def on_threads(self, n_threads: int) -> None:
        """Set the number of threads; saved files keep the original setting."""
        self.estimator.n_jobs = n_threads
        if self.is_of_vectors:
            self.estimator.features_.n_jobs = n_threads

    def open_network(self) -> None:
        """Open the network now, which the first question does otherwise; errors as by it."""
        self.estimator.features_.transform([np.zeros(self.image_shape, np.uint8)])

    def reopened(self) -> Model:
        """Return the model that its file holds now, on as many threads; errors as `open_model`."""
        assert self.path is not None
        model = open_model(self.path)
        if self.estimator.n_jobs != self._n_jobs:
            model.on_threads(self.estimator.n_jobs)
        return model

    @property
    def can_clean(self) -> bool:
        """Whether there are enough small training images to learn denoising from."""
        is_possible = Cleaner.is_possible(self.image_shape, self.n_samples)
        return is_possible and not self.is_of_vectors

    @property
    def cleaner(self) -> Cleaner:
        """The denoiser, which ignores later corrections and is thread-safe."""
        if self._cleaner is None:
            self._cleaner = Cleaner(self._spread(_CLEANER_SAMPLE))
        return self._cleaner

    @property
    def _matches(self) -> bool:
        return isinstance(self.estimator, LookalikeClassifier)

    def _some(self, rows: ArrayLike) -> Bytes:
        return np.asarray(self.estimator.training_images(rows)).astype(np.uint8, copy=False)

    def _spread(self, most: int) -> Bytes:
        """Return at most `most` training images, spread evenly over all."""
        n = self.n_samples
        return self._some(np.arange(n) if n <= most else np.arange(most) * n // most)


UNKNOWN = np.full((8, 8), 128, np.uint8)
"""The grey image that stands for a vector without a thumbnail."""


def _form_of_network(features: Any) -> Form:
    """Return the form of the network that makes vectors; `ModelError` if none does."""
    if isinstance(features, PretrainedFeatures):
        return features.form_
    if features is None:
        raise ModelError(
            "the classifier was fitted to vectors, so that pictures tell it nothing; give vectors "
            "to load_model(path).predict, in Python"
        )
    raise ModelError(
        "the classifier was trained with features of the user's own, which are not in its file; "
        "give them to load_model(path, features=...), in Python"
    )


def _of_bytes(image: NDArray[Any]) -> Bytes:
    """Return an image of whole numbers 0 to 255, of shape (height, width, channels)."""
    return image.reshape(*image.shape[:2], -1).astype(np.uint8, copy=False)


def open_model(path: str | PathLike[str]) -> Model:
    """Return the classifier of a file with its metadata.

    Raises
    ------
    ModelError
        If the file is not a model, is damaged, or does not hold a classifier of images.
    OSError
        If it can not be read.
    """
    path = Path(path)
    opened = open_file(path)
    try:
        return Model(
            opened.estimator,
            form=opened.form,
            source=opened.description["source"],
            path=path,
            originals=opened.originals,
            calibration=opened.calibration,
        )
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error

"""What ``lookalike evaluate --model`` does: the classifier of a model file on test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import clone

from lookalike.cli.jobs import say_note
from lookalike.cli.screen import Bar
from lookalike.cli.work.evaluating import Asked, Judged, some_of
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.evaluation.auditing.duplicates import row_keys
from lookalike.images.dataset import Dataset, Split
from lookalike.images.files import counted
from lookalike.models.model import Model, open_model
from lookalike.search.machine import count_threads

_N_NEAREST = 6


@dataclass(frozen=True, kw_only=True)
class ModelJudging(Asked):
    """That the classifier of a file is to be judged."""

    file: Path

    def run(self, bar: Bar, *, watched: bool) -> JudgedModel:
        """Do the work. What can be wrong with what was asked for is found before any search."""
        bar.start("opening the model")
        model = open_model(self.file)
        if self.n_jobs is not None:
            model.on_threads(count_threads(self.n_jobs))
        positive = self.class_to_detect(model.class_names)
        why_not = _why_no_threshold(model)
        if positive is not None and why_not:
            raise ValueError(f"--detect {self.detect}: {why_not}; leave it out, or --model")
        bar.start("loading the data")
        loaded = self.data_name.load(progress=watched, form=model.form)
        self.check_test_images(loaded)
        data = _as_the_model_names_it(loaded, self.data_name, model, self.file)
        judged = JudgedModel(self, data, _to_choose_by(model), file=self.file, opened=model)
        judged.look_for_copies()
        judged.test(bar)
        if why_not:
            judged.no_rejection = f"What to leave out is not chosen: {why_not}."
        else:
            judged.decide(positive, bar)
        return judged


@dataclass
class JudgedModel(Judged):
    """The classifier of a file, judged on test images.

    Attributes
    ----------
    data : Dataset
        Its train part is what the model learnt; classes are numbered as the model has them.
    model : KNeighborsClassifier
        The model's own parameters, for labels that are numbers: by it thresholds are chosen.
    file : Path
    opened : Model
    n_copies : int
        Test images that the model has learnt.
    """

    file: Path = field(kw_only=True)
    opened: Model = field(kw_only=True)
    n_copies: int = 0

    def look_for_copies(self) -> None:
        """Count the test images that the model has learnt, and warn if there are any."""
        known = set(row_keys(self.data.train.images))
        self.n_copies = sum(key in known for key in row_keys(self.data.test.images))
        if self.n_copies:
            say_note(f"{self._told_copies()}; judge the model on images that it has not seen")

    def test(self, bar: Bar) -> None:
        """Predict the test images, and measure."""
        bar.start("predicting the test images")
        start = perf_counter()
        estimator, images = self.opened.estimator, self.data.test.images
        most = getattr(estimator, "most_explained_", 0)
        n_nearest = (min(_N_NEAREST, most),) if most else ()
        found = estimator.explain(images, *n_nearest, progress=bar).coded()
        self.explanation = found
        self.seconds["predicting the test images"] = perf_counter() - start
        self.measure(found.prediction, found.class_shares(found.classes), found.classes, bar)

    def told(self) -> tuple[str, str]:
        """Return the file's name, and in a sentence what it holds and on what it was judged."""
        source = "" if self.opened.source is None else f" from {self.opened.source}"
        return str(self.file), f"{self._told_model()}{source}; {self._told_images()}"

    def titles(self) -> tuple[str, str]:
        """Return title and subtitle of the report."""
        copies = f". {self._told_copies()}." if self.n_copies else ""
        return (
            f"{self.file.name} on {self.asked.data_name}",
            f"{self._told_model()}; {self._told_images()}{copies}",  # and no source: see `write`
        )

    def parameters(self) -> dict[str, Any]:
        """Return what the results depend on."""
        estimator = self.opened.estimator
        known = estimator.get_params(deep=False)
        augmentation = known.get("augmentation")
        weights = known.get("weights")
        return {
            "data": self.asked.data_name,
            "source": self.data.source,
            "n_train": self.opened.n_samples,
            "n_test": len(self.data.test),
            "model": str(self.file),
            "estimator": type(estimator).__name__,
            "trained_on": self.opened.source,
            "n_copies": self.n_copies,
            "n_neighbors": known.get("n_neighbors"),
            "weights": weights if weights is None or isinstance(weights, str) else repr(weights),
            "augmentation": None if augmentation is None else repr(augmentation),
            "chosen_by_cross_validation": None,  # a file does not tell
            "cv_accuracy": None,
        }

    def _told_model(self) -> str:
        estimator = " ".join(repr(self.opened.estimator).split())
        return f"{estimator}, {counted(self.opened.n_samples, 'training image')}"

    def _told_images(self) -> str:
        return f"judged on the {len(self.data.test):,} test images of {self.asked.data_name}"

    def _told_copies(self) -> str:
        n = self.n_copies
        return (
            f"{n:,} of {counted(len(self.data.test), 'test image')} "
            f"{'is an exact copy' if n == 1 else 'are exact copies'} of training images of "
            f"{self.file.name}, so that the numbers look better than they are"
        )


def _as_the_model_names_it(data: Dataset, name: str, model: Model, file: Path) -> Dataset:
    """Return the model's training images and the test images of a data set, numbered alike.

    Raises
    ------
    ValueError
        If the test images are of another size, or of a class that the model does not know.
    """
    shape, wanted = data.test.images.shape[1:], model.image_shape
    if _sides(shape) != _sides(wanted):
        raise ValueError(
            f"{name} has images of {_told_shape(shape)}, but {file} was trained on images of "
            f"{_told_shape(wanted)}; judge it on images like those"
        )
    known = {own: code for code, own in enumerate(model.class_names)}
    there = [data.class_names[code] for code in np.unique(data.test.labels).tolist()]
    unknown = [own for own in there if own not in known]
    if unknown:
        raise ValueError(
            f"{name} has test images of {_classes(unknown)}, which {file} does not know; it knows "
            f"{some_of(model.class_names)}; rename classes, or add images by lookalike add {file}"
        )
    codes = np.array([known.get(own, -1) for own in data.class_names])
    test = Split(data.test.images.reshape(-1, *wanted), codes[data.test.labels])
    rows = range(model.n_samples)
    train = Split(
        np.stack([model.image(row) for row in rows]),
        np.array([known[model.label(row)] for row in rows]),
    )
    return Dataset(train, test, tuple(model.class_names), data.source)


def _to_choose_by(model: Model) -> Any:
    """Return an unfitted classifier with the model's parameters, for classes that are numbers."""
    estimator = clone(model.estimator)
    if isinstance(estimator, KNeighborsClassifier):
        own = estimator.class_weight
        if isinstance(own, dict):
            classes = model.estimator.classes_.tolist()
            own = {code: own[label] for code, label in enumerate(classes) if label in own}
        estimator.set_params(reject=None, reject_label=None, class_weight=own)
    return estimator


def _why_no_threshold(model: Model) -> str:
    """Return why none can be chosen, if so: it takes predictions of unseen training images."""
    estimator = model.estimator
    if not isinstance(estimator, KNeighborsClassifier):
        return (
            f"thresholds are chosen on training images that were left out, for which a "
            f"{type(estimator).__name__} would have to be trained again"
        )
    if np.ptp(estimator.sample_weight_) > 0:
        return "the model's training images have weights, which choosing a threshold does not take"
    return ""


def _sides(shape: Sequence[int]) -> tuple[int, ...]:
    return (*shape, 1)[:3]


def _told_shape(shape: Sequence[int]) -> str:
    height, width, n_channels = _sides(shape)
    colours = {1: "grey", 3: "colour"}.get(n_channels, f"{n_channels} channels")
    return f"{height} × {width} pixels in {colours}"


def _classes(names: Sequence[str]) -> str:
    return f"class {names[0]}" if len(names) == 1 else f"classes {some_of(names)}"

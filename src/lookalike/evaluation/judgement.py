"""A neighbour classifier on test images: chosen parameters, metrics, errors and decisions.

All choices are made on the training images. The classifier is fitted once, and the test images are
searched once: predictions, decisions and errors are read off the same neighbour table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from lookalike.estimators.cached_search import searched_once
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.cross_val import cross_val_predict
from lookalike.estimators.explanation import Explanation
from lookalike.estimators.lookalike import LookalikeClassifier
from lookalike.estimators.reject_option import N_NEIGHBORS
from lookalike.estimators.search_cv import KNeighborsSearchCV
from lookalike.evaluation.auditing.duplicates import row_keys
from lookalike.evaluation.decisions.chosen import list_splits
from lookalike.evaluation.decisions.curves import Coverage, OperatingPoint
from lookalike.evaluation.decisions.selective import RejectingClassifier, choose_rejection
from lookalike.evaluation.decisions.threshold import ThresholdClassifier, choose_threshold
from lookalike.evaluation.folds import choose_folds
from lookalike.evaluation.metrics.evaluate import evaluate_predictions
from lookalike.evaluation.metrics.evaluation import Evaluation
from lookalike.images.augmentation import Augmentation
from lookalike.images.dataset import Dataset
from lookalike.images.progress import StagedProgress
from lookalike.results import Result
from lookalike.search.nearest import NearestNeighbors

_MOST_FOLDS, _MOST_NEIGHBORS = 5, 20
_N_MATCHED = 6  # neighbours that a matching classifier names
_EQUAL = 1e-4  # distance of vectors, as a share of their length
_WEIGHTS = ("uniform", "distance")
ACCURACY = 0.999
"""The accuracy asked of the answers that remain when unsure images get none."""


@dataclass(frozen=True)
class Wanted:
    """A class to detect, and what for.

    Attributes
    ----------
    name : str
        The name of the class.
    code : int
        Its position in the class names of the data.
    aim : dict of str to float
        "precision", "recall" or "beta", as of `choose_threshold`.
    """

    name: str
    code: int
    aim: Mapping[str, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class Judgement(Result):
    """A neighbour classifier, judged on test images.

    Attributes
    ----------
    data : Dataset
        Its train part is what the classifier learnt.
    title, subtitle : str
        What was judged, and on what.
    parameters : mapping of str to str, number, bool or None
        What the results depend on.
    explanation : Explanation
        It explains all test images; labels are positions in the class names of ``data``.
    evaluation : Evaluation
    rejection, coverage : RejectingClassifier and Coverage, or None
        The classifier that leaves out unsure images, and its coverage of the test images.
    no_rejection : str
        The reason if there is no rejection.
    wanted, threshold, tested : Wanted, ThresholdClassifier and OperatingPoint, or None
        The class to detect, if one was asked for, with the threshold and what it does on the test
        images.
    seconds : mapping of str to float
    """

    _described_by = "evaluation"

    data: Dataset
    title: str
    subtitle: str
    parameters: Mapping[str, Any]
    explanation: Explanation
    evaluation: Evaluation
    rejection: RejectingClassifier | None = None
    coverage: Coverage | None = None
    no_rejection: str = ""
    wanted: Wanted | None = None
    threshold: ThresholdClassifier | None = None
    tested: OperatingPoint | None = None
    seconds: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers, as JSON takes them."""
        rejection: dict[str, Any] = {"reason": self.no_rejection}
        if self.rejection is not None and self.coverage is not None:
            rejection = {
                "accuracy": ACCURACY,
                "threshold": float(self.rejection.thresholds),
                "train": self.rejection.promise_.to_dict(),
                "test": self.coverage.to_dict(),
            }
        detection = None
        if self.threshold is not None and self.tested is not None and self.wanted is not None:
            detection = {
                "class": self.wanted.name,
                "aim": str(self.threshold.aim_),
                "train": self.threshold.promise_.to_dict(),
                "test": self.tested.to_dict(),
            }
        return {
            **self.parameters,
            "evaluation": self.evaluation.to_dict(),
            "rejection": rejection,
            "detection": detection,
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
        }


def train_and_judge(
    data: Dataset,
    name: str,
    progress: StagedProgress,
    *,
    n_neighbors: int | None = None,
    weights: str | None = None,
    augmentation: Augmentation | None = None,
    effort: Literal["fast", "balanced", "best"] | None = None,
    wanted: Wanted | None = None,
    n_jobs: int | None = None,
) -> Judgement:
    """Train a neighbour classifier on data of this name, and judge it on the test images.

    The number of neighbours and the weights are chosen by cross-validation of the training images
    if they are not given. With an effort a `LookalikeClassifier` is trained instead. It is a
    ValueError if there are fewer training images than neighbours, or no threshold serves the aim.
    """
    train, seconds = data.train, dict[str, float]()
    about = {"data": name, "source": data.source, "n_train": len(train), "n_test": len(data.test)}
    sizes = f"{len(train):,} training and {len(data.test):,} test images"
    if effort is not None:
        matcher = LookalikeClassifier(effort, n_jobs=n_jobs)
        progress.start("trying what matches images best")
        with _timed(seconds, "choosing how to match"):
            matcher.fit(train.inputs, train.labels, progress=progress)
        return judge_fitted(
            matcher,
            data,
            progress,
            seconds,
            title=f"{name}, classified by LookalikeClassifier",
            subtitle=f'LookalikeClassifier("{effort}"); {sizes}',
            parameters={**about, "model": None, "effort": effort},
        )
    metric = "minkowski" if train.vectors is None else "cosine"
    model = KNeighborsClassifier(n_jobs=n_jobs, augmentation=augmentation, metric=metric)
    given = {"n_neighbors": n_neighbors, "weights": weights}
    model.set_params(**{name: value for name, value in given.items() if value is not None})
    cv_accuracy = None
    if None in given.values():
        folds = choose_folds(train.labels, most=_MOST_FOLDS)
        every = {
            "n_neighbors": range(1, min(_MOST_NEIGHBORS, folds.most_neighbors) + 1),
            "weights": _WEIGHTS,
        }
        grid = {name: every[name] for name, value in given.items() if value is None}
        search = KNeighborsSearchCV(model, grid, cv=folds.cv, refit=False)
        progress.start("choosing k and weights within the training images")
        with _timed(seconds, "choosing k and weights"):
            search.fit(train.inputs, train.labels, progress=progress)
        model.set_params(**search.best_params_)
        cv_accuracy = float(search.best_score_)
    progress.start("building the index")
    with _timed(seconds, "fitting"):
        model.fit(train.inputs, train.labels)
    how = "as given" if cv_accuracy is None else "chosen on the training images"
    return _judge(
        model,
        data,
        progress,
        seconds,
        wanted,
        title=f"{name}, classified by its neighbours",
        subtitle=f"k = {model.n_neighbors}, weights: {model.weights} ({how}); {sizes}",
        parameters={
            **about,
            "model": None,
            **_parameters_of(model),
            "chosen_by_cross_validation": cv_accuracy is not None,
            "cv_accuracy": cv_accuracy,
        },
    )


def judge_fitted(
    estimator: Any,
    data: Dataset,
    progress: StagedProgress,
    seconds: dict[str, float] | None = None,
    *,
    title: str,
    subtitle: str,
    parameters: Mapping[str, Any],
    wanted: Wanted | None = None,
) -> Judgement:
    """Judge a fitted classifier on test images; nothing is chosen but thresholds.

    The train part of the data is what the `KNeighborsClassifier` or `LookalikeClassifier` learnt,
    with its classes numbered as the estimator has them. The estimator's parameters are added to
    those given. It is a ValueError to ask for a class to detect where `why_undecided` has a reason.
    """
    why_not = why_undecided(estimator)
    if wanted is not None and why_not:
        raise ValueError(f"{wanted.name} cannot be detected: {why_not}")
    parameters = {
        **parameters,
        **_parameters_of(estimator),
        "chosen_by_cross_validation": None,  # a file does not say
        "cv_accuracy": None,
    }
    about = {"title": title, "subtitle": subtitle, "parameters": parameters}
    timed = {} if seconds is None else seconds
    return _judge(_coded(estimator), data, progress, timed, wanted, why_not=why_not, **about)


def count_copies(data: Dataset) -> int:
    """Return how many test images are exact copies of training images.

    Copies have the same vectors, but for what a network rounds in batches of other sizes.
    """
    if data.train.vectors is not None and data.test.vectors is not None:
        search = NearestNeighbors(n_neighbors=1).fit(data.train.vectors)
        distances = search.kneighbors(data.test.vectors)[0][:, 0]
        lengths = np.linalg.norm(data.test.vectors, axis=1)
        return int((distances <= _EQUAL * lengths).sum())
    known = set(row_keys(data.train.images))
    return sum(key in known for key in row_keys(data.test.images))


def why_undecided(estimator: Any) -> str:
    """Return why no threshold can be chosen, or "" if one can."""
    if not isinstance(estimator, KNeighborsClassifier):
        return (
            f"thresholds are chosen on training images that were left out, for which a "
            f"{type(estimator).__name__} would have to be trained again"
        )
    if np.ptp(estimator.sample_weight_) > 0:
        return "the model's training images have weights, which choosing a threshold does not take"
    return ""


def _parameters_of(estimator: Any) -> dict[str, Any]:
    known = estimator.get_params(deep=False)
    weights, augmentation = known.get("weights"), known.get("augmentation")
    return {
        "n_neighbors": known.get("n_neighbors"),
        "weights": weights if weights is None or isinstance(weights, str) else repr(weights),
        "augmentation": None if augmentation is None else repr(augmentation),
    }


def _judge(
    model: Any,
    data: Dataset,
    progress: StagedProgress,
    seconds: dict[str, float],
    wanted: Wanted | None,
    *,
    why_not: str = "",
    **about: Any,
) -> Judgement:
    test = data.test
    progress.start("searching neighbours of the test images")
    with _timed(seconds, "predicting the test images"):
        if isinstance(model, KNeighborsClassifier):
            model = searched_once(model, test.inputs, N_NEIGHBORS, progress=progress)
            found = model.explain(test.inputs)
        else:
            n_nearest = min(_N_MATCHED, model.most_explained_)
            found = model.explain(test.inputs, n_nearest, progress=progress).coded()
    classes = found.classes
    assert classes is not None  # of one label each
    progress.start("measuring")
    with _timed(seconds, "measuring"):
        evaluation = evaluate_predictions(
            test.labels,
            found.prediction,
            found.class_shares(classes),
            classes=classes,
            class_names=[data.class_names[code] for code in classes.tolist()],
        )
    assert isinstance(evaluation, Evaluation)  # labels are of one dimension
    if why_not:
        about["no_rejection"] = f"What to leave out is not chosen: {why_not}."
    else:
        progress.start("choosing what to leave out within the training images")
        with _timed(seconds, "choosing what to leave out"):
            about |= _reject(data, model, progress)
        if wanted is not None:
            progress.start("choosing a threshold within the training images")
            with _timed(seconds, "choosing a threshold"):
                about |= _detect(data, model, wanted, progress)
    return Judgement(
        data=data, explanation=found, evaluation=evaluation, wanted=wanted, seconds=seconds, **about
    )


def _reject(data: Dataset, model: KNeighborsClassifier, progress: StagedProgress) -> dict[str, Any]:
    """Return what a `Judgement` says of the rejection."""
    frozen, train = FrozenEstimator(model), data.train
    try:
        chosen = choose_rejection(
            frozen, train.inputs, train.labels, accuracy=ACCURACY, progress=progress
        )
    except ValueError as error:
        return {"no_rejection": str(error)}
    return {"rejection": chosen, "coverage": chosen.evaluate(data.test.inputs, data.test.labels)}


def _detect(
    data: Dataset, model: KNeighborsClassifier, wanted: Wanted, progress: StagedProgress
) -> dict[str, Any]:
    """Return what a `Judgement` says of the class to detect."""
    train, test = data.train, data.test
    is_positive = train.labels == wanted.code
    class_weight, weights = model.class_weight, None
    if isinstance(class_weight, dict):  # for classes that are one class in this task
        weights = np.array([class_weight.get(code, 1.0) for code in train.labels.tolist()])
        class_weight = None
    folds = choose_folds(train.labels, most=_MOST_FOLDS)
    scores = cross_val_predict(
        clone(model).set_params(class_weight=class_weight),
        train.inputs,
        is_positive,
        cv=list_splits(train.inputs, is_positive, folds.cv, None),
        method="predict_proba",
        params={"sample_weight": weights},
        progress=progress,
    )[:, 1]
    detector = model.relabelled(is_positive, weights, class_weight=class_weight)
    chosen = choose_threshold(
        FrozenEstimator(detector),
        train.inputs,
        is_positive,
        positive=True,
        scores=scores,
        **wanted.aim,  # type: ignore[arg-type]
    )
    tested = chosen.evaluate(test.inputs, test.labels == wanted.code)
    return {"threshold": chosen, "tested": tested}


def _coded(estimator: Any) -> Any:
    """Return a neighbour classifier with positions of classes for labels, without rejection."""
    if not isinstance(estimator, KNeighborsClassifier):
        return estimator
    classes, own = estimator.classes_.tolist(), estimator.class_weight
    if isinstance(own, dict):
        own = {code: own[label] for code, label in enumerate(classes) if label in own}
    codes = np.searchsorted(estimator.classes_, estimator.training_labels_)
    return estimator.relabelled(codes, reject=None, reject_label=None, class_weight=own)


@contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    start = perf_counter()
    yield
    seconds[what] = perf_counter() - start

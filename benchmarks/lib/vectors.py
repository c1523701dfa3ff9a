"""What `features.py` measures, each in a process of its own: classifiers of the same vectors.

Every other classifier is tuned on the training vectors that it gets, by a cross-validation of their
own: the form of the vectors, and its strength. With one vector a class nothing can be held out, and
the first of its settings is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.harness import Reading, reading

Array = NDArray[Any]

N_FOLDS = 5
OURS = {"fast": "lookalike fast", "balanced": "lookalike balanced"}
KNN, MEAN, LOGISTIC = "k-NN, cosine", "nearest class mean", "logistic regression"
SVM, FOREST = "SVM, RBF", "random forest, 300 trees"
LINEAR = (LOGISTIC, SVM)
OTHERS = (KNN, MEAN, LOGISTIC, SVM, FOREST)


class Vectors(NamedTuple):
    """Labelled vectors in a file, with a part to train on and one to test on."""

    title: str
    file: Path

    def load(self) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Return vectors, labels, and which are of the training part."""
        with np.load(self.file) as arrays:
            return arrays["X"], arrays["y"], arrays["is_training"]


# --- Classifiers ---------------------------------------------------------------------------------


def to_unit_length(X: Array) -> Array:
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    units: Array = X / np.where(lengths > 0, lengths, 1)
    return units


def roots_to_unit_length(X: Array) -> Array:
    return to_unit_length(np.sqrt(np.maximum(X, 0)))


def _forms(X: Array) -> list[Any]:
    """The forms of vectors that are tried; roots, the usual one, where no value is negative."""
    from sklearn.preprocessing import FunctionTransformer

    ways = [roots_to_unit_length, to_unit_length] if X.min() >= 0 else [to_unit_length]
    return [FunctionTransformer(way) for way in ways]


def _steps(name: str, n_threads: int) -> tuple[Any, dict[str, list[Any]]]:
    """Return a classifier, and the settings that are tried, the usual one first."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
    from sklearn.svm import SVC

    if name == KNN:
        weights = ["uniform", "distance"]
        return KNeighborsClassifier(metric="cosine"), {
            "n_neighbors": [1, 3, 5, 10],
            "weights": weights,
        }
    if name == MEAN:
        return NearestCentroid(), {}
    if name == LOGISTIC:
        return LogisticRegression(tol=1e-3, max_iter=200), {"C": [10.0, 1.0, 100.0]}
    if name == SVM:
        return SVC(), {"C": [10.0, 1.0, 100.0], "gamma": ["scale", 0.5]}
    return RandomForestClassifier(300, random_state=0, n_jobs=n_threads), {}


def _fit(name: str, X: Array, y: Array, n_threads: int) -> Any:
    """Fit ours, or tune and fit another."""
    from sklearn.pipeline import Pipeline

    from lookalike import LookalikeClassifier
    from lookalike.evaluation.comparison.models import OnOneThread, Tuned

    for effort, own in OURS.items():
        if name == own:
            return LookalikeClassifier(effort, n_jobs=n_threads).fit(X, y)  # type: ignore[arg-type]
    classifier, settings = _steps(name, n_threads)
    forms = _forms(X)
    pipeline = Pipeline([("form", forms[0]), ("classifier", classifier)])
    if name == FOREST:  # no form changes the order of values much, by which trees split
        return pipeline.fit(X, y)
    grid = {"form": forms, **{f"classifier__{key}": own for key, own in settings.items()}}
    if name == KNN:
        # In folds of so few vectors there are at least half of them to find neighbours among.
        grid["classifier__n_neighbors"] = [k for k in settings["n_neighbors"] if k <= len(y) // 2]
    tuned = Tuned(pipeline, grid, N_FOLDS)
    # Its products are small: on several threads they take many times as long on a busy machine.
    return (OnOneThread(tuned) if name == LOGISTIC else tuned).fit(X, y)


def _chosen(classifier: Any) -> str:
    if hasattr(classifier, "choices_"):
        return f"{classifier.representation_}; {classifier.scoring_rule_}"
    while hasattr(classifier, "estimator_"):
        classifier = classifier.estimator_
    if not hasattr(classifier, "best_params_"):
        return ""
    params = dict(classifier.best_params_)
    form = params.pop("form").func.__name__.replace("_", " ")
    own = [f"{key.removeprefix('classifier__')} = {value}" for key, value in params.items()]
    return ", ".join([form, *own])


# --- Measurements, each in its own process -------------------------------------------------------


class Answers(NamedTuple):
    """Which vectors were predicted rightly, and what was chosen in each fit."""

    right: NDArray[np.bool_]
    chosen: list[str]


def measure_test(data: Vectors, name: str, n_threads: int) -> Reading:
    """Fit to the training part, and predict the test part."""
    X, y, is_training = data.load()
    return _measure(
        name, X, y, [(np.flatnonzero(is_training), np.flatnonzero(~is_training))], n_threads
    )


def measure_folds(data: Vectors, name: str, n_threads: int) -> Reading:
    """Fit and predict each fold of all vectors."""
    from sklearn.model_selection import StratifiedKFold

    X, y, _ = data.load()
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    return _measure(name, X, y, list(folds.split(X, y)), n_threads)


def _measure(
    name: str, X: Array, y: Array, splits: Sequence[tuple[Array, Array]], n_threads: int
) -> Reading:
    right = np.zeros(len(y), np.bool_)
    chosen = []
    seconds = dict.fromkeys(("fit", "predict"), 0.0)
    with reading() as taken:
        for train, test in splits:
            start = perf_counter()
            classifier = _fit(name, X[train], y[train], n_threads)
            fitted = perf_counter()
            right[test] = classifier.predict(X[test]) == y[test]
            seconds["fit"] += fitted - start
            seconds["predict"] += perf_counter() - fitted
            chosen.append(_chosen(classifier))
    taken.seconds |= seconds
    tested = np.sort(np.concatenate([test for _, test in splits]))
    taken.answer = Answers(right[tested], chosen)
    return taken


def measure_few(
    data: Vectors, name: str, sizes: Sequence[int], n_draws: int, n_threads: int
) -> Reading:
    """Fit to few vectors of each class, drawn anew each time from the training part.

    The answer is the share of the test part that is wrong, shape (n_sizes, n_draws).
    """
    from lookalike.evaluation.few_labels import draw_of_each_class

    X, y, is_training = data.load()
    own, own_labels = X[is_training], y[is_training]
    test, test_labels = X[~is_training], y[~is_training]
    errors = np.empty((len(sizes), n_draws))
    with reading() as taken, taken.stage("all draws"):
        for i, size in enumerate(sizes):
            for seed in range(n_draws):
                rows = draw_of_each_class(own_labels, size, seed)
                classifier = _fit(name, own[rows], own_labels[rows], n_threads)
                errors[i, seed] = (classifier.predict(test) != test_labels).mean()
    taken.answer = errors
    return taken


# --- Wrong labels --------------------------------------------------------------------------------


AUDITS = ("audit by vectors", "audit by pixels", "logistic regression, self-confidence")


def measure_audit(
    data: Vectors, pixels: Array, n_wrong: int, n_draws: int, n_threads: int
) -> Reading:
    """Plant wrong labels and rank all by suspicion: by our audit of vectors, and of pixels.

    The usual recipe stands beside: the probability of the given label by logistic regression on the
    same vectors, cross-validated (the self-confidence of cleanlab). The answer is for each draw how
    many planted ones come first, in places as many as there are, twice and four times so many; and
    how many that take the first places did so before anything was planted.
    """
    from lookalike import audit

    def rank(labels: Array) -> dict[str, Array]:
        vectors, images = (
            audit(pixels, labels, features=features, transformed=False, n_jobs=n_threads)
            for features in (lambda pictures: X, None)
        )
        order = _self_confidence(X, labels).argsort(kind="stable")
        return dict(zip(AUDITS, (vectors.ranking, images.ranking, order), strict=True))

    X, y, _ = data.load()
    n_classes = int(y.max()) + 1
    before = rank(y)
    taken = Reading(answer={name: [] for name in AUDITS})
    for seed in range(n_draws):
        rng = np.random.default_rng(seed)
        wrong = rng.choice(len(y), n_wrong, replace=False)
        labels = y.copy()
        labels[wrong] = (y[wrong] + rng.integers(1, n_classes, n_wrong)) % n_classes
        for name, ranking in rank(labels).items():
            counts = [int(np.isin(ranking[: most * n_wrong], wrong).sum()) for most in (1, 2, 4)]
            others = np.setdiff1d(ranking[:n_wrong], wrong)
            counts.append(int(np.isin(others, before[name][:n_wrong]).sum()))
            taken.answer[name].append(counts)
    return taken


def _self_confidence(X: Array, labels: Array) -> Array:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    model = LogisticRegression(C=10.0, tol=1e-3, max_iter=200)
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    units = roots_to_unit_length(X)
    with threadpool_limits(1):
        shares = cross_val_predict(model, units, labels, cv=folds, method="predict_proba")
    own: Array = shares[np.arange(len(labels)), labels]
    return own


# --- Features ------------------------------------------------------------------------------------

FROM_FILES, FROM_IMAGES, ALONE = "ours, files", "ours, images of its size", "onnxruntime alone"


def measure_speed(files: Sequence[Path], folder: Path, rounds: int, n_threads: int) -> Reading:
    """Compute features of pictures by ours and by onnxruntime alone, in turns.

    Ours gets the files, and the same pictures decoded and brought to the network's size;
    onnxruntime gets the latter as the floats that it takes. The answers must be the same.
    """
    import onnxruntime

    from lookalike import PretrainedFeatures
    from lookalike.features.efficientnet import write_network
    from lookalike.features.network import EFFICIENTNET, Network
    from lookalike.images.pictures import read_picture

    features = PretrainedFeatures(cache=False, n_jobs=n_threads).fit()
    preparation = Network(EFFICIENTNET, n_threads=n_threads).preparation
    network = folder / "network.onnx"
    write_network(network)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    session = onnxruntime.InferenceSession(str(network), options, ["CPUExecutionProvider"])
    (given,), form = session.get_inputs(), preparation.form
    images = [form.apply(read_picture(file.read_bytes(), name=str(file)).pixels) for file in files]
    size = features.batch_size
    batches = [
        preparation.values(np.stack(images[i : i + size])) for i in range(0, len(images), size)
    ]

    def run_alone() -> Array:
        return np.concatenate([session.run(None, {given.name: one})[0] for one in batches])

    ways: dict[str, Callable[[], Array]] = {
        FROM_FILES: lambda: features.transform(files),
        FROM_IMAGES: lambda: features.transform(images),
        ALONE: run_alone,
    }
    taken = Reading(answer={name: [] for name in ways})
    for _ in range(rounds):
        found = {}
        for name, way in ways.items():
            start = perf_counter()
            found[name] = way()
            taken.answer[name].append(perf_counter() - start)
        for name in (FROM_FILES, FROM_IMAGES):
            np.testing.assert_allclose(found[name], found[ALONE], atol=1e-4)
    return taken

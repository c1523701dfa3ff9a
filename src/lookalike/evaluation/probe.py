"""`probe`: how good vectors of a network are, by nearest neighbours and by a linear classifier.

The k-NN protocol is that of self-supervised vision, as DINOv2's evaluation has it: vectors of unit
length, cosine similarity, one search for the largest k, and votes by a softmax of similarities.
Nothing is tuned in it, so it judges the vectors and no classifier. Ours and logistic regression,
which are tuned on training vectors, say what can be got out of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.utils.validation import check_array

from lookalike.array_types import FloatArray
from lookalike.estimators.lookalike import LookalikeClassifier
from lookalike.estimators.votes import check_class_labels, encode_labels
from lookalike.estimators.weights import Softmax
from lookalike.evaluation.comparison.models import OnOneThread, Tuned
from lookalike.evaluation.few_labels import draw_of_each_class
from lookalike.evaluation.metrics.intervals import share_interval
from lookalike.images.progress import Meter, Progress
from lookalike.results import Result, number, numbers
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.validation import check_count

Codes = NDArray[np.int64]

KS = (10, 20, 100, 200)
TEMPERATURE = 0.07
LINEAR = "logistic regression"

_STRENGTHS = (10.0, 1.0, 100.0)
"""Inverse regularizations of logistic regression on vectors of unit length, the usual one first."""

_N_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Probed:
    """What one classifier did with so many vectors a class.

    Attributes
    ----------
    name : str
    per_class : int or None
        Training vectors of each class; None for all.
    n_right : ndarray of shape (n_tries,), int64
        Test vectors that were predicted rightly, after each draw of training vectors.
    n_test : int
    seconds : float
        The time of all tries. The searches of all k are one, and have one time.
    """

    name: str
    per_class: int | None
    n_right: NDArray[np.int64]
    n_test: int
    seconds: float

    @property
    def accuracy(self) -> float:
        """The mean share of test vectors that were predicted rightly."""
        return float(self.n_right.mean() / self.n_test)

    @property
    def spread(self) -> float:
        """The standard deviation of the share over tries; NaN of a single one."""
        return float(self.n_right.std(ddof=1) / self.n_test) if len(self.n_right) > 1 else math.nan

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the interval of the accuracy.

        It is Wilson's, for other test vectors, if there was one try, and else Student's of the
        mean, for other draws of training vectors.
        """
        n = len(self.n_right)
        if n == 1:
            return share_interval(int(self.n_right[0]), self.n_test, confidence)
        half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * self.spread / math.sqrt(n)
        return max(0.0, self.accuracy - half), min(1.0, self.accuracy + half)


@dataclass(frozen=True, eq=False)
class Probe(Result):
    """How well classifiers predict from vectors, as `probe` returns it.

    Attributes
    ----------
    rows : tuple of Probed
        For each number of training vectors a class, all of them first: k-NN at each k, ours, and
        logistic regression.
    n_train, n_test, n_classes, n_features : int
    temperature : float
        The temperature of the softmax by which the neighbours of k-NN vote.
    confidence : float
        That of intervals.
    left_out : tuple of int
        The k that are larger than the number of training vectors.
    """

    _described_by = "probe"

    rows: tuple[Probed, ...]
    n_train: int
    n_test: int
    n_classes: int
    n_features: int
    temperature: float
    confidence: float
    left_out: tuple[int, ...] = ()

    @property
    def best(self) -> Probed:
        """The row of the highest accuracy with all training vectors."""
        return max(
            (row for row in self.rows if row.per_class is None), key=lambda row: row.accuracy
        )

    def accuracy(self, name: str, per_class: int | None = None) -> float:
        """Return the accuracy of a classifier with so many vectors a class, or with all.

        Raises
        ------
        ValueError
            If there is none of this name and number.
        """
        for row in self.rows:
            if (row.name, row.per_class) == (name, per_class):
                return row.accuracy
        known = ", ".join(dict.fromkeys(row.name for row in self.rows))
        raise ValueError(f"no {name!r} with per_class={per_class}; the classifiers are {known}")

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers, as JSON takes them: None stands for what is undefined."""
        return {
            "n_train": self.n_train,
            "n_test": self.n_test,
            "n_classes": self.n_classes,
            "n_features": self.n_features,
            "temperature": self.temperature,
            "confidence": self.confidence,
            "left_out_k": list(self.left_out),
            "results": [self._entry(row) for row in self.rows],
        }

    def _entry(self, row: Probed) -> dict[str, Any]:
        low, high = row.interval(self.confidence)
        return {
            "name": row.name,
            "per_class": row.per_class,
            "n_tries": len(row.n_right),
            "accuracy": row.accuracy,
            "low": low,
            "high": high,
            "standard_deviation": number(row.spread),
            "n_right": numbers(row.n_right),
            "seconds": round(row.seconds, 3),
        }


def probe(
    X: ArrayLike,
    y: ArrayLike,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    ks: Sequence[int] = KS,
    temperature: float = TEMPERATURE,
    per_class: int | Sequence[int] = (),
    n_tries: int = 5,
    effort: Literal["fast", "balanced", "best"] | None = "balanced",
    linear: bool = True,
    confidence: float = 0.95,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> Probe:
    """Judge vectors by how well classifiers predict from them.

    Parameters
    ----------
    X, X_test : array-like of shape (n, d) and (n_test, d)
        Finite vectors, for example those of `PretrainedFeatures`.
    y, y_test : array-like of shape (n,) and (n_test,)
        Classes; those of the test part are among those of training.
    ks : sequence of int, default=(10, 20, 100, 200)
        Numbers of neighbours, from one search. Those larger than the number of training vectors
        are left out.
    temperature : float, default=0.07
        A neighbour of cosine similarity s has exp(s / temperature) votes.
    per_class : int or sequence of int, default=()
        So many training vectors of each class are drawn as well, each number ``n_tries`` times.
    n_tries : int, default=5
    effort : {"fast", "balanced", "best"} or None, default="balanced"
        The effort of our classifier; None leaves it out.
    linear : bool, default=True
        Whether logistic regression takes part. Its regularization is chosen by cross-validation
        on training vectors.
    confidence : float, default=0.95
        The confidence of intervals.
    random_state : int, default=0
        Seed of the draws.
    n_jobs : int, default=None
        Threads; None means all CPUs.
    progress : callable, default=None
        Called as ``progress(done, total)`` with fits.

    Returns
    -------
    Probe
        Accuracies with intervals and seconds.

    Raises
    ------
    ValueError
        If vectors are not finite or of two lengths, if labels do not fit them, if there is a single
        class or a test class is not in training, if no k fits, or if a class has fewer vectors than
        ``per_class``.
    TypeError
        If a number is not one.

    References
    ----------
    Oquab et al., "DINOv2: Learning robust visual features without supervision", TMLR 2024: the
    protocol, after Wu et al., CVPR 2018, and Caron et al., ICCV 2021.

    Examples
    --------
    >>> from lookalike import load_dataset, probe
    >>> digits = load_dataset("digits")
    >>> X, X_test = (part.images.reshape(len(part), -1) for part in (digits.train, digits.test))
    >>> found = probe(X, digits.train.labels, X_test, digits.test.labels, effort=None, linear=False)
    >>> [row.name for row in found.rows], round(found.accuracy("k-NN, k = 10"), 3)
    (['k-NN, k = 10', 'k-NN, k = 20', 'k-NN, k = 100', 'k-NN, k = 200'], 0.978)
    """
    train, test = (_check_vectors(rows, name) for rows, name in ((X, "X"), (X_test, "X_test")))
    if train.shape[1] != test.shape[1]:
        raise ValueError(
            f"X has {train.shape[1]:,} features but X_test {test.shape[1]:,}; give vectors of the "
            "same network"
        )
    for part, of_part, name in ((train, y, ""), (test, y_test, "_test")):
        if np.shape(of_part) != (len(part),):
            raise ValueError(
                f"X{name} has {len(part):,} vectors but y{name} labels of shape "
                f"{np.shape(of_part)}; give one label for each vector"
            )
    classes, numbered = encode_labels(check_class_labels(y, len(train)))
    codes = numbered.astype(np.int64)
    if len(classes) < 2:
        one = classes.tolist()[0]
        raise ValueError(f"all labels are {one!r}; give vectors of two classes or more")
    test_codes = _encode_test(check_class_labels(y_test, len(test)), classes)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r} is not between 0 and 1; give one such as 0.95")
    wanted = sorted({check_count(k, "ks") for k in ks})
    few = [per_class] if isinstance(per_class, int) else list(per_class)
    sizes = sorted({check_count(size, "per_class") for size in few})
    weights, n_tries = Softmax(temperature), check_count(n_tries, "n_tries")
    rows: list[Probed] = []
    left_out: set[int] = set()
    meter = Meter((1 + len(sizes) * n_tries) * (1 + (effort is not None) + linear), progress)
    for size in (None, *sizes):
        draws = [
            np.arange(len(codes))
            if size is None
            else draw_of_each_class(codes, size, random_state + i)
            for i in range(1 if size is None else n_tries)
        ]
        fitting = [k for k in wanted if k <= len(draws[0])]
        left_out.update(set(wanted) - set(fitting) if size is None else ())
        if size is None and not fitting:
            raise ValueError(f"ks={list(ks)} but only {len(train):,} vectors; lower ks")
        names = [f"k-NN, k = {k}" for k in fitting]
        vote = _voter(fitting, weights, len(classes), n_jobs)
        contestants: list[tuple[list[str], _Predict]] = [(names, vote)] if names else []
        if effort is not None:
            contestants.append(([f"lookalike ({effort})"], _ours(effort, n_jobs)))
        if linear:
            contestants.append(([LINEAR], _predict_linearly))
        for own_names, predict in contestants:
            start = perf_counter()
            right = []
            for draw in draws:
                answers = predict(train[draw], codes[draw], test)
                right.append([int((answer == test_codes).sum()) for answer in answers])
                meter.add(1)
            seconds = perf_counter() - start
            rows += [
                Probed(name, size, np.array(n_right), len(test), seconds)
                for name, n_right in zip(own_names, zip(*right, strict=True), strict=True)
            ]
    meter.end()
    return Probe(
        tuple(rows),
        n_train=len(train),
        n_test=len(test),
        n_classes=len(classes),
        n_features=train.shape[1],
        temperature=temperature,
        confidence=confidence,
        left_out=tuple(sorted(left_out)),
    )


_Predict = Callable[[FloatArray, Codes, FloatArray], Sequence[Codes]]


def _check_vectors(rows: ArrayLike, name: str) -> FloatArray:
    array = np.asarray(rows)
    if array.ndim > 2:
        raise ValueError(
            f"{name} has shape {array.shape}; give vectors, (n, d), as "
            "PretrainedFeatures().fit_transform(pictures) returns them"
        )
    checked: FloatArray = check_array(rows, dtype=[np.float64, np.float32], input_name=name)
    return checked


def _encode_test(labels: NDArray[Any], classes: NDArray[Any]) -> Codes:
    if labels.dtype.kind in "US" and classes.dtype.kind not in "US":
        raise ValueError(
            f"test labels are text, such as {labels.tolist()[0]!r}, but those of training are "
            "numbers; give both as one kind"
        )
    unknown = np.setdiff1d(labels, classes)
    if len(unknown):
        raise ValueError(
            f"test class {unknown.tolist()[0]!r} is not among the {len(classes):,} classes of "
            "training; leave it out of the test part, or add training vectors of it"
        )
    return np.searchsorted(classes, labels)


def _voter(ks: Sequence[int], weights: Softmax, n_classes: int, n_jobs: int | None) -> _Predict:
    """Return a function that predicts by the k nearest, for each k, from one search."""

    def predict(train: FloatArray, codes: Codes, test: FloatArray) -> Sequence[Codes]:
        search = NearestNeighbors(metric="cosine", n_jobs=n_jobs).fit(train)
        distances, indices = search.kneighbors(test, ks[-1])
        return list(vote_at(ks, weights(distances), codes[indices], n_classes))

    return predict


def vote_at(ks: Sequence[int], votes: FloatArray, codes: Codes, n_classes: int) -> Iterator[Codes]:
    """Yield the class of most votes among the k nearest neighbours, for each k, ascending.

    Examples
    --------
    >>> votes, codes = np.array([[0.5, 0.3, 0.3]]), np.array([[0, 1, 1]])
    >>> [own.tolist() for own in vote_at([1, 3], votes, codes, 2)]
    [[0], [1]]
    """
    queries = np.arange(len(votes))
    sums = np.zeros((len(votes), n_classes))
    for i in range(ks[-1]):
        sums[queries, codes[:, i]] += votes[:, i]
        if i + 1 in ks:
            yield sums.argmax(axis=1)


def _ours(effort: Any, n_jobs: int | None) -> _Predict:
    def predict(train: FloatArray, codes: Codes, test: FloatArray) -> Sequence[Codes]:
        classifier = LookalikeClassifier(effort, n_jobs=n_jobs)
        return [classifier.fit(train, codes).predict(test)]

    return predict


def _predict_linearly(train: FloatArray, codes: Codes, test: FloatArray) -> Sequence[Codes]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    model = make_pipeline(Normalizer(), LogisticRegression(tol=1e-3, max_iter=200))
    tuned = Tuned(model, {"logisticregression__C": _STRENGTHS}, _N_FOLDS)
    # The products of its steps are too small for threads, which only wait for each other.
    return [OnOneThread(tuned).fit(train, codes).predict(test)]

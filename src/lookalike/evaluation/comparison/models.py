"""The classifiers of the book's chapter, with settings that a few thousand small images allow.

All of scikit-learn's get values scaled to 0 to 1 or to unit variance where they want it. The
settings are for comparing in seconds, not the best there are: whoever compares in earnest tunes
each, as is done for vectors of a network.

Boosting and logistic regression run on one thread. Their parallel loops are so short that on busy
CPUs several threads wait for each other many times as long as the work takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.utils import get_tags
from sklearn.utils.validation import _num_samples, check_is_fitted
from threadpoolctl import threadpool_limits

from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.lookalike import LookalikeClassifier
from lookalike.matching.vectors import NormalizeVectors
from lookalike.search.machine import count_threads

MOST_SVM_IMAGES = 2_000
"""Images that the RBF SVM is trained on, whose time grows with their square."""


DESCRIPTIONS = {
    "lookalike": "lookalike, its representation chosen on held-out images",
    "knn": "lookalike k-NN, k = 4, weights 1 / distance",
    "sgd": "linear SVM by stochastic gradient descent",
    "logistic": "logistic regression, on one thread",
    "forest": "random forest of 100 trees",
    "boosting": "gradient boosting on 40 principal components, on one thread",
    "svm": f"RBF SVM, trained on at most {MOST_SVM_IMAGES:,} images",
    "dummy": "always the most frequent class",
}
"""What each of `chapter_classifiers` is, in words."""

VECTOR_DESCRIPTIONS = DESCRIPTIONS | {
    "knn": "lookalike k-NN, k = 4, cosine, weights 1 / distance",
    "logistic": "logistic regression, tuned on training folds, on one thread",
    "svm": f"RBF SVM, tuned on training folds, trained on at most {MOST_SVM_IMAGES:,} images",
}
"""What each of `vector_classifiers` is, in words."""

_STRENGTHS = (10.0, 1.0, 100.0)
"""Values of C that are tried, the usual one first."""


def chapter_classifiers(*, random_state: int = 0, n_jobs: int | None = None) -> dict[str, Any]:
    """Return the classifiers that the chapter meets, by the names that ``lookalike compare`` knows.

    Parameters
    ----------
    random_state : int, default=0
    n_jobs : int or None, default=None
        Threads of ours, and of the random forest. Boosting and logistic regression have one
        thread, whatever this is.

    Returns
    -------
    dict of str to classifier
        "lookalike" (ours, which chooses how to match), "knn" (ours, 4 neighbours, weighted by
        1 / distance), "sgd" (a linear SVM by stochastic gradient
        descent), "logistic" regression, random "forest", gradient "boosting" of small trees on the
        leading 40 principal components, RBF "svm" on at most 2,000 images, and "dummy", which
        always names the most frequent class. Ours take images, the others rows.

    Examples
    --------
    >>> list(chapter_classifiers())
    ['lookalike', 'knn', 'sgd', 'logistic', 'forest', 'boosting', 'svm', 'dummy']
    """
    from sklearn.decomposition import PCA
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler
    from sklearn.svm import SVC

    sgd = SGDClassifier(random_state=random_state)
    # As many steps as leave the accuracy where it is; to the end it would take ten times as many.
    logistic = LogisticRegression(C=0.1, tol=0.001, max_iter=200)
    boosting = HistGradientBoostingClassifier(
        max_iter=50,
        max_leaf_nodes=12,
        learning_rate=0.2,
        max_bins=63,
        l2_regularization=1.0,
        random_state=random_state,
    )
    svm = make_pipeline(MinMaxScaler(), SVC(C=5))
    return {
        "lookalike": LookalikeClassifier(n_jobs=n_jobs),
        "knn": KNeighborsClassifier(4, weights="distance", n_jobs=n_jobs),
        "sgd": make_pipeline(MinMaxScaler(), sgd),
        "logistic": OnOneThread(make_pipeline(MinMaxScaler(), logistic)),
        "forest": RandomForestClassifier(100, random_state=random_state, n_jobs=n_jobs),
        "boosting": OnOneThread(make_pipeline(PCA(40, random_state=random_state), boosting)),
        "svm": TrainedOnSubset(svm, MOST_SVM_IMAGES, random_state),
        "dummy": DummyClassifier(),
    }


def vector_classifiers(*, random_state: int = 0, n_jobs: int | None = None) -> dict[str, Any]:
    """Return the classifiers of `chapter_classifiers` as they suit vectors of a network.

    k-NN takes the cosine distance. Logistic regression and the SVM get vectors of unit length, of
    roots or not, and choose between these and their strength by folds of what they are fitted to.

    Parameters
    ----------
    random_state, n_jobs
        As of `chapter_classifiers`.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.svm import SVC

    def tuned(classifier: Any) -> Tuned:
        steps = [("vectors", NormalizeVectors()), ("classifier", classifier)]
        return Tuned(
            Pipeline(steps), {"vectors__roots": (True, False), "classifier__C": _STRENGTHS}, 3
        )

    svm = TrainedOnSubset(tuned(SVC()), MOST_SVM_IMAGES, random_state)
    return chapter_classifiers(random_state=random_state, n_jobs=n_jobs) | {
        "knn": KNeighborsClassifier(4, weights="distance", metric="cosine", n_jobs=n_jobs),
        "logistic": OnOneThread(tuned(LogisticRegression(tol=1e-3, max_iter=200))),
        "svm": svm,
    }


def few_label_classifiers(
    largest: float, *, n_jobs: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """Return classifiers to learn from few labels: ours, and others at fixed settings.

    ``largest`` is the largest value that a pixel can have; the SVM and the forest get it as 1.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    from sklearn.svm import SVC

    rows = FunctionTransformer(_as_shares, kw_args={"largest": max(largest, 1.0)})
    n_threads = count_threads(n_jobs)
    forest = RandomForestClassifier(100, random_state=seed, n_jobs=n_threads)
    return {
        "lookalike (fast)": LookalikeClassifier("fast", n_jobs=n_jobs),
        "k-NN": KNeighborsClassifier(3, weights="distance", n_jobs=n_jobs),
        "RBF SVM": make_pipeline(rows, SVC(C=5)),
        "random forest": make_pipeline(rows, forest),
    }


def _as_shares(images: NDArray[Any], largest: float) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = images.reshape(len(images), -1) / largest
    return shares


class _Wrapped(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier around another, whose fitted clone is ``estimator_``."""

    estimator: Any

    def _fit(self, X: ArrayLike, y: ArrayLike, estimator: Any = None) -> Self:
        self.estimator_ = clone(estimator or self.estimator).fit(X, y)
        self.classes_ = self.estimator_.classes_
        return self

    @property
    def n_features_in_(self) -> int:
        """Number of values of an image."""
        return int(self.estimator_.n_features_in_)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict by the fitted clone."""
        check_is_fitted(self)
        predicted: NDArray[Any] = self.estimator_.predict(X)
        return predicted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags


class TrainedOnSubset(_Wrapped):
    """A classifier that learns from at most ``n_images`` of the training images.

    They are chosen by chance, of each class as large a share as of all. `train_test_split` raises
    ValueError if they are fewer than there are classes.
    """

    def __init__(self, estimator: Any, n_images: int = 2_000, random_state: int = 0) -> None:
        self.estimator = estimator
        self.n_images = n_images
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit a clone to some of the images."""
        if _num_samples(X) > self.n_images:
            X, _, y, _ = train_test_split(
                X, y, train_size=self.n_images, stratify=y, random_state=self.random_state
            )
        return self._fit(X, y)


class Tuned(_Wrapped):
    """A classifier whose settings are chosen by stratified folds of what it is fitted to.

    ``grid`` has the values of each setting, the usual one first; these are taken if a class has a
    single image, so that none can be held out. The number of folds is at most that of the images of
    the smallest class.
    """

    def __init__(self, estimator: Any, grid: Mapping[str, Sequence[Any]], n_folds: int = 5) -> None:
        self.estimator = estimator
        self.grid = grid
        self.n_folds = n_folds

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose the settings, and fit a clone with these."""
        usual = {name: values[0] for name, values in self.grid.items()}
        model = clone(self.estimator).set_params(**usual)
        n_folds = min(self.n_folds, int(np.unique(y, return_counts=True)[1].min()))
        if n_folds > 1:
            folds = StratifiedKFold(n_folds, shuffle=True, random_state=0)
            grid = {name: list(values) for name, values in self.grid.items()}
            model = GridSearchCV(model, grid, cv=folds)
        return self._fit(X, y, model)


class OnOneThread(_Wrapped):
    """A classifier whose OpenMP and BLAS run on one thread, with the same answers."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit a clone on one thread."""
        with threadpool_limits(1):
            return self._fit(X, y)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict by the fitted clone, on one thread."""
        with threadpool_limits(1):
            return super().predict(X)

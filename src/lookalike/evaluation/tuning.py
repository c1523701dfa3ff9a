"""The curve of a score against the number of neighbours, and what to choose from it.

The best mean score is an estimate with an error of its own, so that other settings may be as
good. The one-standard-error rule takes the simplest of those within one standard error of the
best [1]_ [2]_. For nearest neighbours the simplest is the one of most neighbours: its decision
boundary is the smoothest.

References
----------
.. [1] Breiman, Friedman, Olshen, Stone, "Classification and Regression Trees", 1984, section 3.4.
.. [2] Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 2nd edition, 2009,
   section 7.10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from lookalike.array_types import FloatArray


class TuningChoice(NamedTuple):
    """One point of a curve.

    Attributes
    ----------
    weights : str
    n_neighbors : int
    mean, standard_error : float
        The mean score over the splits, and the standard error of that mean.
    """

    weights: str
    n_neighbors: int
    mean: float
    standard_error: float

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON, the mean as an accuracy."""
        return {
            "n_neighbors": self.n_neighbors,
            "weights": self.weights,
            "accuracy": self.mean,
            "standard_error": self.standard_error,
        }


@dataclass(frozen=True, eq=False)
class Curve:
    """The scores of one weighting.

    Attributes
    ----------
    weights : str
        The weighting, as it prints.
    n_neighbors : ndarray of shape (n,), int64, ascending
    mean : ndarray of shape (n,), float64
        Over the splits.
    standard_error : ndarray of shape (n,), float64
        The standard error of the mean: the standard deviation of a split's score, estimated from
        the splits, divided by the square root of their number. NaN for a single split.
    """

    weights: str
    n_neighbors: NDArray[np.int64]
    mean: FloatArray
    standard_error: FloatArray

    def point(self, i: int | np.integer[Any]) -> TuningChoice:
        """Return one point of the curve."""
        return TuningChoice(
            self.weights,
            int(self.n_neighbors[i]),
            float(self.mean[i]),
            float(self.standard_error[i]),
        )


@dataclass(frozen=True, eq=False)
class Tuning:
    """The curves of a search over ``n_neighbors`` and ``weights``, and the choices from them.

    Attributes
    ----------
    curves : list of Curve
        One a weighting, in the order of the candidates.
    best : TuningChoice
        The candidate with the highest mean score; the first among equal ones, as in scikit-learn.
    one_standard_error : TuningChoice
        The most neighbours whose mean is within one standard error of the best, of either
        weighting; of equally many the higher mean, then the earlier curve. The best itself where
        its standard error is not known.
    """

    curves: list[Curve]
    best: TuningChoice
    one_standard_error: TuningChoice

    def to_dict(self) -> dict[str, Any]:
        """Return the choices and all points for JSON."""
        points = [curve.point(i) for curve in self.curves for i in range(len(curve.n_neighbors))]
        return {
            "best": self.best.to_dict(),
            "one_standard_error": self.one_standard_error.to_dict(),
            "candidates": [point.to_dict() for point in points],
        }


def read_tuning(search: Any, *, metric: str = "score", n_images: int | None = None) -> Tuning:
    """Read the curves of a search over hyperparameters.

    Parameters
    ----------
    search : KNeighborsSearchCV or GridSearchCV, fitted
        Over ``n_neighbors``, ``weights`` or both, of a predictor or of the last step of a
        pipeline, and over nothing else. What it does not vary is the estimator's own.
    metric : str, default="score"
        Which of several scores.
    n_images : int, optional
        The number of images of a single split, such as leave-one-out, whose score is an accuracy.
        The standard error is then that of a share, ``sqrt(mean * (1 - mean) / n_images)``.

    Returns
    -------
    Tuning

    Raises
    ------
    ValueError
        If the search varies other parameters, there is no such score, or all scores are NaN.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from lookalike import KNeighborsClassifier, KNeighborsSearchCV
    >>> X, y = load_digits(return_X_y=True)
    >>> search = KNeighborsSearchCV(KNeighborsClassifier(), {"n_neighbors": range(1, 9)}, cv=5)
    >>> tuning = read_tuning(search.fit(X, y))
    >>> tuning.best.n_neighbors, tuning.one_standard_error.n_neighbors
    (2, 3)
    """
    results = search.cv_results_
    if f"mean_test_{metric}" not in results:
        known = [key.removeprefix("mean_test_") for key in results if key.startswith("mean_test_")]
        raise ValueError(f"metric={metric!r} is not a score of this search; use one of {known}")
    mean = np.asarray(results[f"mean_test_{metric}"], dtype=np.float64)
    if np.isnan(mean).all():
        raise ValueError(f"all {len(mean)} candidates score NaN; mend what failed and fit again")
    if search.n_splits_ > 1:
        # scikit-learn's is the standard deviation of the splits there are, that of a sample of
        # splits is larger by sqrt(n / (n - 1)).
        error = results[f"std_test_{metric}"] / np.sqrt(search.n_splits_ - 1)
    elif n_images is not None:
        error = np.sqrt(mean * (1 - mean) / n_images)
    else:
        error = np.full(len(mean), np.nan)

    settings = _list_settings(search.estimator, results["params"])
    curves = []
    for weights in dict.fromkeys(weights for weights, _ in settings):
        of_it = [i for i, setting in enumerate(settings) if setting[0] == weights]
        order = np.array(sorted(of_it, key=lambda i: settings[i][1]))
        k = np.array([settings[i][1] for i in order], dtype=np.int64)
        curves.append(Curve(weights, k, mean[order], error[order]))
    i = int(np.nanargmax(mean))
    best = TuningChoice(*settings[i], float(mean[i]), float(error[i]))
    # NaN, where the error of the best is not known, leaves none within.
    points = [curve.point(i) for curve in curves for i in range(len(curve.n_neighbors))]
    within = [point for point in points if point.mean >= best.mean - best.standard_error]
    simplest = max(within, key=lambda point: (point.n_neighbors, point.mean), default=best)
    return Tuning(curves, best, simplest)


def _list_settings(estimator: Any, params: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Return the weighting, as it prints, and the number of neighbours of each candidate."""
    last = f"{estimator.steps[-1][0]}__" if isinstance(estimator, Pipeline) else ""
    names = (f"{last}weights", f"{last}n_neighbors")
    others = {
        name: {repr(candidate.get(name)) for candidate in params}
        for candidate in params
        for name in candidate
        if name not in names
    }
    varied = sorted(name for name, values in others.items() if len(values) > 1)
    if varied:
        raise ValueError(
            f"the search varies {', '.join(varied)} too, so that a weighting has several curves; "
            f"search over {names[1]} and {names[0]} alone, the others at one value each"
        )
    own = estimator.get_params()
    return [
        (
            _name_weights(candidate.get(names[0], own[names[0]])),
            int(candidate.get(names[1], own[names[1]])),
        )
        for candidate in params
    ]


def _name_weights(weights: Any) -> str:
    if weights is None:
        return "uniform"
    return weights if isinstance(weights, str) else getattr(weights, "__name__", repr(weights))

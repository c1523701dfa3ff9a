"""The candidates of a search over hyperparameters, the work they share, and parameters of ``fit``.

Candidates that differ only in `KNeighborsPredictor._reading_params`, for example ``n_neighbors``,
read one neighbour table. Others with the same transformers share the transformed images.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pickle import PicklingError
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import _check_method_params, _num_samples

from lookalike.estimators.base import KNeighborsPredictor
from lookalike.estimators.weights import check_weights
from lookalike.search.validation import check_count, check_parameters


@dataclass(frozen=True, eq=False)
class Candidate:
    """One setting of the parameters: its number, and an unfitted estimator that has them."""

    number: int
    params: dict[str, Any]
    estimator: Any

    @property
    def predictor(self) -> KNeighborsPredictor:
        """The estimator, or the last step of the pipeline."""
        return own_predictor(self.estimator)

    @property
    def transformers(self) -> list[tuple[str, Any]]:
        """The steps before the last, without those that pass data through."""
        if not isinstance(self.estimator, Pipeline):
            return []
        steps: list[tuple[str, Any]] = self.estimator.steps[:-1]
        return [(name, step) for name, step in steps if step not in (None, "passthrough")]


SharedSearch = list[Candidate]
"""Candidates that read the same neighbour table."""

SharedImages = list[SharedSearch]
"""Searches among the same images, after the same transformers if there are any."""


def last_step(estimator: Any) -> Any:
    """Return the last step of a pipeline, or the estimator itself."""
    return estimator.steps[-1][1] if type(estimator) is Pipeline else estimator


def own_predictor(estimator: Any) -> KNeighborsPredictor:
    """Return the predictor of this package that an estimator is, or that a pipeline ends with."""
    predictor = last_step(estimator)
    if isinstance(predictor, KNeighborsPredictor):
        return predictor
    kinds = [
        f"{type(one).__module__.partition('.')[0]}'s {type(one).__name__}"
        for one in ([estimator] if predictor is estimator else [estimator, predictor])
    ]
    raise TypeError(
        f"estimator is {' that ends with '.join(kinds)}, which has no neighbour table; give "
        "lookalike's KNeighborsClassifier or KNeighborsRegressor, or a scikit-learn Pipeline that "
        "ends with one, or use sklearn.model_selection.GridSearchCV"
    )


def list_candidates(
    estimator: Any, param_grid: Any, n_iter: int | None, random_state: Any
) -> list[Candidate]:
    """Return the candidates of a grid, or n_iter random samples from distributions.

    Errors of parameters that do not depend on the images are raised here.
    """
    if n_iter is None:
        every_params = list(ParameterGrid(param_grid))
    elif param_grid:
        every_params = list(ParameterSampler(param_grid, n_iter, random_state=random_state))
    else:
        every_params = []
    if not any(every_params):
        raise ValueError(
            f"param_grid={param_grid!r} holds nothing to choose from; give each parameter the "
            "values to try, for example {'n_neighbors': [1, 3, 5]}"
        )
    candidates = [
        Candidate(number, params, _configure(estimator, params))
        for number, params in enumerate(every_params)
    ]
    for candidate in candidates:
        check_count(candidate.predictor.n_neighbors, "n_neighbors")
        check_weights(candidate.predictor.weights)
        check_parameters(candidate.predictor._new_search().get_params(deep=False))
    return candidates


def share_work(candidates: Iterable[Candidate]) -> list[SharedImages]:
    """Group candidates by their transformers, and then by the parameters of their search."""
    images: dict[Hashable, dict[Hashable, SharedSearch]] = defaultdict(lambda: defaultdict(list))
    for candidate in candidates:
        key = _search_key(candidate.predictor)
        images[_key(candidate.transformers)][key].append(candidate)
    return [list(searches.values()) for searches in images.values()]


def learning_key(predictor: KNeighborsPredictor) -> Hashable:
    """Return a key that is equal for predictors that learn the same from the same targets."""
    return _keys_of(predictor, predictor._learning_params)


def _search_key(predictor: KNeighborsPredictor) -> Hashable:
    read = predictor._reading_params | predictor._learning_params
    return type(predictor), _keys_of(predictor, predictor.get_params(deep=False).keys() - read)


def _keys_of(predictor: KNeighborsPredictor, names: Iterable[str]) -> Hashable:
    params = predictor.get_params(deep=False)
    return tuple((name, _key(params[name])) for name in sorted(names))


def _key(value: Any) -> Hashable:
    """Return a key that is equal for values that are identical to the last bit."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        return type(value), _key(sorted(value.get_params(deep=False).items()))
    if isinstance(value, list | tuple):
        return tuple(map(_key, value))
    try:
        return str(joblib.hash(value))
    except (PicklingError, AttributeError, TypeError):  # for example, a lambda
        return id(value)


def _configure(estimator: Any, params: dict[str, Any]) -> Any:
    configured = clone(estimator)
    try:
        # Clone the parameters too, because one may be a fitted estimator.
        return configured.set_params(**clone(params, safe=False))
    except ValueError as error:
        names = list(estimator.get_params())
        unknown = next((name for name in params if name not in names), None)
        if unknown is None:
            raise
        near = difflib.get_close_matches(unknown, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(
            f"param_grid names {unknown!r}, which is not a parameter of {estimator!r}; {hint}"
            f"its parameters are {', '.join(sorted(names))}"
        ) from error


class FitParams:
    """The parameters of an estimator's ``fit``, for any subset of rows.

    ``params`` are arrays with one entry per image of ``X``, or other values.
    """

    def __init__(self, estimator: Any, X: Any, params: dict[str, Any]) -> None:
        self.X = X
        self._predictor = estimator.steps[-1][0] if isinstance(estimator, Pipeline) else ""
        self._of_steps = _share_out(estimator, params)
        unknown = self._of_steps.get(self._predictor, {}).keys() - {"sample_weight"}
        if unknown:
            raise TypeError(
                f"fit got {sorted(unknown)} for the predictor, whose fit takes X, y and "
                "sample_weight"
            )

    def of_step(self, name: str, rows: NDArray[np.int64]) -> dict[str, Any]:
        """Return the parameters of one step of the pipeline for a fit to these rows."""
        return dict(_check_method_params(self.X, self._of_steps.get(name, {}), indices=rows))

    def sample_weight(self, rows: NDArray[np.int64] | None = None) -> Any:
        """Return the predictor's weights of these rows, by default of all, or None."""
        if rows is None:
            rows = np.arange(_num_samples(self.X))
        return self.of_step(self._predictor, rows).get("sample_weight")


def _share_out(estimator: Any, params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the parameters by step name, which is "" for a predictor without pipeline."""
    if not isinstance(estimator, Pipeline):
        return {"": params}
    if not params:
        return {}
    if get_config()["enable_metadata_routing"]:
        routed = process_routing(estimator, "fit", **params)
        return {name: routed[name].get("fit_transform") or routed[name].fit for name in routed}
    of_steps: dict[str, dict[str, Any]] = {name: {} for name, _ in estimator.steps}
    for key, value in params.items():
        name, _, param = key.partition("__")
        if not param or name not in of_steps:
            raise ValueError(
                f"fit got {key!r}, but the step of the pipeline that it is for is missing; name it "
                f"<step>__{param or key} with a step among {', '.join(of_steps)}"
            )
        of_steps[name][param] = value
    return of_steps

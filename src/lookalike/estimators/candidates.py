"""The candidates of a search over hyperparameters, grouped by the work that they share.

Candidates that differ only in `KNeighborsPredictor._reading_params`, for example ``n_neighbors``,
read one neighbour table. Others with the same transformers share the transformed images.
"""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from pickle import PicklingError
from typing import Any

import joblib
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.pipeline import Pipeline

from lookalike.estimators.base import KNeighborsPredictor
from lookalike.estimators.weights import check_weights
from lookalike.search.validation import check_count, check_parameters


@dataclass(frozen=True, eq=False)
class Candidate:
    """One setting of the parameters, as a candidate of the search.

    Attributes
    ----------
    number : int
        Index among the candidates.
    params : dict
    estimator : estimator
        An unfitted clone with these parameters.
    """

    number: int
    params: dict[str, Any]
    estimator: Any

    @property
    def predictor(self) -> KNeighborsPredictor:
        """The estimator, or the last step of the pipeline."""
        return last_step(self.estimator)

    @property
    def transformers(self) -> list[tuple[str, Any]]:
        """The steps before the last, without those that pass data through."""
        if not isinstance(self.estimator, Pipeline):
            return []
        steps: list[tuple[str, Any]] = self.estimator.steps[:-1]
        return [(name, step) for name, step in steps if step not in (None, "passthrough")]


@dataclass(eq=False)
class SharedSearch:
    """Candidates that read the same neighbour table."""

    candidates: list[Candidate] = field(default_factory=list)

    @property
    def predictor(self) -> KNeighborsPredictor:
        """A predictor with the parameters of the search."""
        return self.candidates[0].predictor

    @property
    def n_neighbors(self) -> int:
        """The largest n_neighbors of the candidates."""
        return max(int(candidate.predictor.n_neighbors) for candidate in self.candidates)


@dataclass(eq=False)
class SharedImages:
    """Searches among the same images, after the same transformers if there are any."""

    transformers: list[tuple[str, Any]]
    searches: list[SharedSearch] = field(default_factory=list)


def last_step(estimator: Any) -> KNeighborsPredictor:
    """Return the predictor that an estimator is, or that a pipeline ends with.

    Raises
    ------
    TypeError
        If there is no predictor of this package.
    """
    predictor = estimator.steps[-1][1] if type(estimator) is Pipeline else estimator
    if isinstance(predictor, KNeighborsPredictor):
        return predictor
    what = _whose(estimator)
    if predictor is not estimator:
        what += f" that ends with {_whose(predictor)}"
    raise TypeError(
        f"estimator is {what}, which has no neighbour table; give lookalike's "
        "KNeighborsClassifier or KNeighborsRegressor, or a scikit-learn Pipeline that ends with "
        "one, or use sklearn.model_selection.GridSearchCV"
    )


def _whose(estimator: Any) -> str:
    kind = type(estimator)
    return f"{kind.__module__.partition('.')[0]}'s {kind.__name__}"


def list_candidates(
    estimator: Any, param_grid: Any, n_iter: int | None, random_state: Any
) -> list[Candidate]:
    """Return the candidates of a grid, or n_iter random samples from distributions.

    Raises
    ------
    ValueError
        If there are no candidates, a parameter is unknown, or a value is out of range.
    TypeError
        If the grid or a value has the wrong type, or a candidate replaces the predictor by one of
        another package.
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


def check_enough_images(candidates: Iterable[Candidate], n_train: int, where: str) -> None:
    """Raise ValueError if a candidate asks for more neighbours than n_train images."""
    for candidate in candidates:
        n_neighbors = candidate.predictor.n_neighbors
        if n_neighbors > n_train:
            raise ValueError(
                f"n_neighbors={n_neighbors} but {where} {n_train} training images; lower "
                "n_neighbors in param_grid, or add images"
            )


def share_work(candidates: Iterable[Candidate]) -> list[SharedImages]:
    """Group candidates by their transformers, and then by the parameters of their search."""
    images: dict[Hashable, SharedImages] = {}
    searches: dict[Hashable, SharedSearch] = {}
    for candidate in candidates:
        of_images = _key(candidate.transformers)
        of_search = (of_images, _search_key(candidate.predictor))
        if of_images not in images:
            images[of_images] = SharedImages(candidate.transformers)
        if of_search not in searches:
            searches[of_search] = SharedSearch()
            images[of_images].searches.append(searches[of_search])
        searches[of_search].candidates.append(candidate)
    return list(images.values())


def learning_key(predictor: KNeighborsPredictor) -> Hashable:
    """Return a key that is equal for predictors that learn the same from the same targets."""
    params = predictor.get_params(deep=False)
    return tuple((name, _key(params[name])) for name in sorted(predictor._learning_params))


def _search_key(predictor: KNeighborsPredictor) -> Hashable:
    read = predictor._reading_params | predictor._learning_params
    params = predictor.get_params(deep=False)
    searching = tuple((name, _key(params[name])) for name in sorted(params.keys() - read))
    return type(predictor), searching


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

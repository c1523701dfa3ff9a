"""Searches over hyperparameters, ours and scikit-learn's, each measured in a process of its own.

scikit-learn fits and predicts anew for every candidate in every fold: 30 times for six candidates
and five folds. Those fits are alike, so a few of them tell what all take:

    whole job ≈ folds · Σ (one fit and score of each candidate) + refit

The ones measured are those of the least and the most neighbours of each weighting, in the first
fold; the neighbours between them are taken to cost the mean of the two.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from lib.harness import Reading, reading
from lib.images import StoredImages
from lib.peers import WARM_UP

if TYPE_CHECKING:
    from lookalike.evaluation.peers import Differences

N_SPLITS = 5

Grid = Mapping[str, Sequence[Any]]
GRID: Grid = {"weights": ["uniform", "distance"], "n_neighbors": [3, 4, 5]}
LARGE_GRID: Grid = {"weights": ["uniform", "distance"], "n_neighbors": list(range(1, 31))}
Candidate = tuple[str, int]
"""Weights and n_neighbors."""
Place = tuple[Candidate, int | None]
"""A candidate and the fold that it is scored in; None is the test set."""


@dataclass(frozen=True)
class Found:
    """What a search over hyperparameters found.

    Attributes
    ----------
    split_scores : dict of Candidate to list of float
        The accuracy in each fold; in the first alone where no more were searched.
    mean_scores : dict of Candidate to float
        Over all folds.
    best : Candidate
    best_score : float or None
        The mean score of the best; None where only some fits were made.
    test_score : float
        Of the best, fitted to all training images; where only some fits were made it is of the
        candidate that was asked for.
    """

    split_scores: dict[Candidate, list[float]]
    mean_scores: dict[Candidate, float]
    best: Candidate
    best_score: float | None
    test_score: float

    def score(self, place: Place) -> float | None:
        """The accuracy in one place, if it is known."""
        candidate, fold = place
        if fold is None:
            return self.test_score if candidate == self.best else None
        scores = self.split_scores.get(candidate, [])
        return scores[fold] if fold < len(scores) else None


def candidates(grid: Grid) -> list[Candidate]:
    """All of a grid."""
    return list(product(grid["weights"], grid["n_neighbors"]))


def measured_candidates(grid: Grid) -> list[Candidate]:
    """Those whose fits are measured, to tell what all of the grid take."""
    neighbors = grid["n_neighbors"]
    return list(product(grid["weights"], dict.fromkeys((min(neighbors), max(neighbors)))))


def as_text(candidate: Candidate) -> str:
    """A candidate as it prints."""
    weights, n_neighbors = candidate
    return f"{weights}, k={n_neighbors}"


# --- Inside the process that measures ------------------------------------------------------------


def search_ours(data: StoredImages, grid: Grid, cv: int | str, n_threads: int) -> Reading:
    """Ours, whole: stages "fit" with the refit, and "score" on the test images."""
    from lookalike import KNeighborsClassifier, KNeighborsSearchCV

    def new_search() -> Any:
        return KNeighborsSearchCV(KNeighborsClassifier(n_jobs=n_threads), grid, cv=cv)

    return _search_whole(new_search, data, None)


def search_sklearn(data: StoredImages, grid: Grid, dtype: str, n_threads: int) -> Reading:
    """scikit-learn's, whole, with the same stages."""
    from sklearn.model_selection import GridSearchCV

    def new_search() -> Any:
        return GridSearchCV(_sklearn_classifier(n_threads), grid, cv=N_SPLITS)

    return _search_whole(new_search, data, dtype)


def _search_whole(new_search: Callable[[], Any], data: StoredImages, dtype: str | None) -> Reading:
    rows, labels = data.training(dtype)
    test_rows, test_labels = data.test(dtype)
    new_search().fit(rows[:WARM_UP], labels[:WARM_UP])
    with reading() as result:
        with result.stage("fit"):
            search = new_search().fit(rows, labels)
        with result.stage("score"):
            test_score = search.score(test_rows, test_labels)
    scores = search.cv_results_
    names = [(params["weights"], params["n_neighbors"]) for params in scores["params"]]
    by_split = [scores[f"split{i}_test_score"].tolist() for i in range(search.n_splits_)]
    result.answer = Found(
        split_scores=dict(zip(names, map(list, zip(*by_split, strict=True)), strict=True)),
        mean_scores=dict(zip(names, scores["mean_test_score"].tolist(), strict=True)),
        best=names[search.best_index_],
        best_score=float(search.best_score_),
        test_score=float(test_score),
    )
    return result


def fit_sklearn_singly(
    data: StoredImages, measured: Sequence[Candidate], best: Candidate, dtype: str, n_threads: int
) -> Reading:
    """Some of scikit-learn's fits, each as its search makes it: one candidate in the first fold.

    Stages are the candidates, "refit" of what is taken for the best to all training images, and
    "score".
    """
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    rows, labels = data.training(dtype)
    test_rows, test_labels = data.test(dtype)
    model = _sklearn_classifier(n_threads)
    model.fit(rows[:WARM_UP], labels[:WARM_UP]).predict(rows[:WARM_UP])
    first_fold = [next(StratifiedKFold(N_SPLITS).split(rows, labels))]
    scores = {}
    with reading() as result:
        for weights, n_neighbors in measured:
            grid = {"weights": [weights], "n_neighbors": [n_neighbors]}
            search = GridSearchCV(model, grid, cv=first_fold, refit=False)
            with result.stage(as_text((weights, n_neighbors))):
                search.fit(rows, labels)
            scores[weights, n_neighbors] = search.cv_results_["split0_test_score"].tolist()
        with result.stage("refit"):
            model.set_params(weights=best[0], n_neighbors=best[1]).fit(rows, labels)
        with result.stage("score"):
            test_score = model.score(test_rows, test_labels)
    result.answer = Found(scores, {}, best, None, float(test_score))
    return result


def differences(
    data: StoredImages, places: Sequence[Place], dtype: str, n_threads: int
) -> list[Differences]:
    """The images that ours and scikit-learn predict differently in some places, and the ties."""
    from sklearn.model_selection import StratifiedKFold

    from lookalike import KNeighborsClassifier
    from lookalike.evaluation.peers import find_differences

    rows, labels = data.training()
    test_rows, _ = data.test()
    folds = list(StratifiedKFold(N_SPLITS).split(rows, labels))
    found = []
    for (weights, n_neighbors), fold in places:
        train, test = (rows, test_rows) if fold is None else (rows[part] for part in folds[fold])
        y = labels if fold is None else labels[folds[fold][0]]
        model = KNeighborsClassifier(n_neighbors, weights=weights, n_jobs=n_threads).fit(train, y)
        peer = _sklearn_classifier(n_threads)
        peer.set_params(weights=weights, n_neighbors=n_neighbors).fit(train.astype(dtype), y)
        prediction = peer.predict(test.astype(dtype))
        found.append(find_differences(model, model.explain(test), test, prediction))
    return found


def _sklearn_classifier(n_threads: int) -> Any:
    """Its exact search is fastest by brute force, and on all threads in one fit after another."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(algorithm="brute", n_jobs=n_threads)


# --- What single fits tell of all ----------------------------------------------------------------


def extrapolate(single: Reading, grid: Grid) -> Reading:
    """The whole job, stages "fit" and "score", from a reading of `fit_sklearn_singly`."""
    measured = measured_candidates(grid)
    fits = 0.0
    for weights in grid["weights"]:
        costs = [single.seconds[as_text(one)] for one in measured if one[0] == weights]
        fits += statistics.mean(costs) * len(grid["n_neighbors"])
    seconds = {
        "fit": N_SPLITS * fits + single.seconds["refit"],
        "score": single.seconds["score"],
    }
    return Reading(seconds, peak_bytes=single.peak_bytes, answer=single.answer)

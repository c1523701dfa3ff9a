"""How the error of classifiers that learn from the same images falls with the number of labels.

Each number of labels a class is drawn several times, for with few labels it matters which they
are. All classifiers learn from the same draws and predict the same test images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from lookalike.images.progress import Progress
from lookalike.results import Result, numbers

if TYPE_CHECKING:
    from lookalike.images.dataset import Split


@dataclass(frozen=True, eq=False)
class FewLabels(Result):
    """Error rates by the number of labels a class.

    Attributes
    ----------
    sizes : sequence of int
        Labels a class, ascending.
    errors : mapping of str to sequence of ndarray of shape (n_draws,), float64
        The error rates of the draws of each classifier, for each of ``sizes``.
    n_test : int
        Images that each error rate is of.

    Examples
    --------
    >>> errors = {"a": [np.array([0.2, 0.4])], "b": [np.array([0.1, 0.1])]}
    >>> FewLabels([10], errors, 100).ranking(0)
    ['b', 'a']
    """

    _described_by = "training"

    sizes: Sequence[int]
    errors: Mapping[str, Sequence[NDArray[np.float64]]]
    n_test: int

    @property
    def n_draws(self) -> list[int]:
        """Draws of each size."""
        return [len(draws) for draws in next(iter(self.errors.values()))]

    def means(self, name: str) -> NDArray[np.float64]:
        """Return the mean error rate of a classifier, for each size."""
        return np.array([draws.mean() for draws in self.errors[name]])

    def spreads(self, name: str) -> NDArray[np.float64]:
        """Return the standard deviation over draws, for each size; nan of a single draw."""
        return np.array(
            [draws.std(ddof=1) if len(draws) > 1 else np.nan for draws in self.errors[name]]
        )

    def ranking(self, i: int) -> list[str]:
        """Return the classifiers, that of the lowest mean error at the ``i``-th size first."""
        return sorted(self.errors, key=lambda name: float(self.means(name)[i]))

    def verdict(self) -> str:
        """Say who errs the least with the fewest labels, and by how much."""
        size, names = self.sizes[0], self.ranking(0)
        first = {name: float(self.means(name)[0]) for name in names}
        lowest = first[names[0]]
        best = [name for name in names if math.isclose(first[name], lowest, abs_tol=1e-12)]
        others = names[len(best) :]
        labels = "1 label" if size == 1 else f"{size:,} labels"
        if len(best) > 1:
            together = f"{', '.join(best[:-1])} and {best[-1]}"
            return f"With {labels} a class {together} err the least, {lowest:.1%} each."
        said = f"With {labels} a class {best[0]} errs the least, {lowest:.1%}"
        if not others:
            return f"{said}."
        said += f"; the next is {others[0]} with {first[others[0]]:.1%}"
        last = self.sizes[-1]
        if last > size and all(self.means(name)[-1] > lowest for name in others):
            said += f", and even with {last:,} labels none of the others errs as little"
        return f"{said}."

    def to_dict(self) -> dict[str, Any]:
        """Return all of it for JSON; a standard deviation of a single draw is None."""
        return {
            "labels_a_class": list(self.sizes),
            "n_draws": self.n_draws,
            "n_test": self.n_test,
            "classifiers": {
                name: {
                    "errors": [numbers(draws) for draws in of_sizes],
                    "mean": numbers(self.means(name)),
                    "standard_deviation": numbers(self.spreads(name)),
                }
                for name, of_sizes in self.errors.items()
            },
        }


def draw_of_each_class(labels: NDArray[Any], size: int, seed: int) -> NDArray[np.int64]:
    """Return rows of so many images of each class, which must have them, by chance; ascending.

    Examples
    --------
    >>> draw_of_each_class(np.array([0, 0, 1]), 1, seed=0).tolist()
    [1, 2]
    """
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < size:
        raise ValueError(
            f"{size:,} labels a class but class {classes[counts.argmin()]} has {counts.min():,} "
            "images; draw at most as many"
        )
    rng = np.random.default_rng(seed)
    chosen = [rng.choice(np.flatnonzero(labels == one), size, replace=False) for one in classes]
    return np.sort(np.concatenate(chosen))


def measure_few_labels(
    estimators: Mapping[str, Any],
    train: Split,
    test: Split,
    n_draws: Mapping[int, int],
    *,
    progress: Progress | None = None,
) -> FewLabels:
    """Fit classifiers on few labels of each class, and predict all test images.

    Clones of the classifiers are fitted, to as many draws as ``n_draws`` says for each number of
    labels a class.

    Examples
    --------
    >>> from lookalike import KNeighborsClassifier, load_dataset
    >>> data = load_dataset("digits")
    >>> knn = {"k-NN": KNeighborsClassifier(1)}
    >>> found = measure_few_labels(knn, data.train, data.test, {10: 2, 100: 1})
    >>> bool(found.means("k-NN")[1] < found.means("k-NN")[0])
    True
    """
    sizes = sorted(n_draws)
    errors: dict[str, list[NDArray[np.float64]]] = {name: [] for name in estimators}
    # A fit takes about as long as there are labels.
    done, total = 0, len(estimators) * sum(size * n for size, n in n_draws.items())
    for size in sizes:
        draws = [draw_of_each_class(train.labels, size, seed) for seed in range(n_draws[size])]
        for name, estimator in estimators.items():
            rates = []
            for rows in draws:
                fitted = clone(estimator).fit(train.images[rows], train.labels[rows])
                rates.append(np.mean(fitted.predict(test.images) != test.labels))
                done += size
                if progress is not None:
                    progress(done, total)
            errors[name].append(np.array(rates))
    return FewLabels(sizes, errors, len(test))

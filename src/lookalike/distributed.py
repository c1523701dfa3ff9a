"""Searches and predictions on the workers of a dask cluster, with the answers of one machine.

The extra ``lookalike[dask]`` brings dask. `DaskNearestNeighbors` searches; the predictors vote on
what it finds; `predict_blocks` shares out the images for any other estimator.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self
from weakref import WeakKeyDictionary

import numpy as np
from distributed import Client
from numpy.typing import ArrayLike, NDArray

from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.regressor import KNeighborsRegressor
from lookalike.images.progress import Progress
from lookalike.search.cluster import find_client, results_of, retried, workers_of
from lookalike.search.cluster_rows import BLOCKS_A_THREAD, DistributedRows, Part, RowSources
from lookalike.search.dask_nearest import DaskNearestNeighbors, OnCluster
from lookalike.search.machine import ELSEWHERE
from lookalike.search.nearest import NearestNeighbors

__all__ = [
    "DaskKNeighborsClassifier",
    "DaskKNeighborsRegressor",
    "DaskNearestNeighbors",
    "predict_blocks",
    "searching",
]


class DaskPredictor(OnCluster):
    """A predictor whose search is a `DaskNearestNeighbors`."""

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Place the training images on the workers, and keep their targets here.

        Parameters
        ----------
        X
            As in `DaskNearestNeighbors.fit`.
        y : array-like or dask array of shape (n,) or (n, n_outputs)
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError, RuntimeError
            As `DaskNearestNeighbors.fit` and `KNeighborsClassifier.fit`.
        """
        return super().fit(RowSources(self.client, X), np.asarray(y), sample_weight)  # type: ignore[misc, no-any-return]

    def _new_search(self) -> NearestNeighbors:
        local = super()._new_search()  # type: ignore[misc]
        search = DaskNearestNeighbors(**local.get_params(deep=False))
        search.client, search.replicate = self.client, self.replicate
        return search

    @property
    def placement_(self) -> str:
        """A sentence that tells where the training images are."""
        text: str = self._search.placement_  # type: ignore[attr-defined]
        return text


class DaskKNeighborsClassifier(DaskPredictor, KNeighborsClassifier):
    """`KNeighborsClassifier` whose training images are on the workers of a dask cluster.

    Parameters, attributes and answers are those of `KNeighborsClassifier`; ``client``,
    ``replicate`` and ``placement_`` those of `DaskNearestNeighbors`. Labels stay in this process.

    Examples
    --------
    >>> from distributed import Client
    >>> from sklearn.datasets import load_digits
    >>> from lookalike.distributed import DaskKNeighborsClassifier
    >>> images, labels = load_digits(return_X_y=True)
    >>> with Client(processes=False, n_workers=2, dashboard_address=None):
    ...     knn = DaskKNeighborsClassifier(4).fit(images[:1500], labels[:1500])
    ...     round(knn.score(images[1500:], labels[1500:]), 3)
    0.96
    """


class DaskKNeighborsRegressor(DaskPredictor, KNeighborsRegressor):
    """`KNeighborsRegressor` whose training images are on the workers of a dask cluster.

    Parameters, attributes and answers are those of `KNeighborsRegressor`; ``client``,
    ``replicate`` and ``placement_`` those of `DaskNearestNeighbors`. Targets stay in this process.

    Examples
    --------
    >>> from distributed import Client
    >>> from lookalike.distributed import DaskKNeighborsRegressor
    >>> with Client(processes=False, n_workers=1, dashboard_address=None):
    ...     knn = DaskKNeighborsRegressor(2).fit([[0.0], [1.0], [9.0]], [1.0, 3.0, 20.0])
    ...     knn.predict([[0.4]])
    array([2.])
    """


@contextmanager
def searching(client: Client | None = None) -> Iterator[None]:
    """Let the workers of a cluster do all longer searches among rows of this process.

    The rows are copied to every worker once, and queries are shared out in blocks. Whatever
    searches inside the context does so: predictors, cross-validation, audits.

    Parameters
    ----------
    client : distributed.Client, default=None
        None takes the one that was made last.

    Raises
    ------
    RuntimeError
        If there is no open client; within, if workers end again and again.

    Examples
    --------
    >>> from distributed import Client
    >>> from lookalike import KNeighborsClassifier
    >>> from lookalike.distributed import searching
    >>> knn = KNeighborsClassifier(1).fit([[0], [9]], ["low", "high"])
    >>> with Client(processes=False, n_workers=1, dashboard_address=None), searching():
    ...     knn.predict([[1], [7]])
    array(['low', 'high'], dtype='<U4')
    """
    open_client = find_client(client)
    placed: WeakKeyDictionary[Any, DistributedRows] = WeakKeyDictionary()

    def place(searcher: Any) -> DistributedRows:
        if searcher not in placed:
            part = Part([searcher], searcher.n_rows)
            like = copy.copy(searcher)  # so that the key is not kept by its value
            placed[searcher] = DistributedRows(open_client, [part], {"n_jobs": 1}, like, True)
        return placed[searcher]

    token = ELSEWHERE.set(place)
    try:
        yield
    finally:
        ELSEWHERE.reset(token)


def predict_blocks(
    estimator: Any,
    X: Any,
    *,
    method: str = "predict",
    client: Client | None = None,
    progress: Progress | None = None,
) -> NDArray[Any]:
    """Predict on the workers of a cluster what the estimator predicts here.

    The estimator is copied to every worker, for example a `LookalikeClassifier`, and the images are
    shared out in blocks.

    Parameters
    ----------
    estimator : fitted estimator that can be pickled
    X : array-like or dask array of shape (n, ...), or sequence of n images
    method : str, default="predict"
        A method of the estimator that gives one row for each image, such as "predict_proba".
    client : distributed.Client, default=None
        None takes the one that was made last.
    progress : callable, default=None
        Called as ``progress(done, total)`` with the number of images.

    Returns
    -------
    ndarray of shape (n, ...)

    Raises
    ------
    RuntimeError
        If there is no open client, if there are no workers, or if they end again and again.
    Exception
        What the method raises.

    Examples
    --------
    >>> from distributed import Client
    >>> from lookalike import KNeighborsClassifier
    >>> from lookalike.distributed import predict_blocks
    >>> knn = KNeighborsClassifier(1).fit([[0], [9]], ["low", "high"])
    >>> with Client(processes=False, n_workers=1, dashboard_address=None):
    ...     predict_blocks(knn, [[1], [7]])
    array(['low', 'high'], dtype='<U4')
    """
    client = find_client(client)
    X = X if isinstance(X, list) else np.asarray(X)
    n_threads = sum(one["nthreads"] for one in workers_of(client).values())
    size = max(1, -(-len(X) // (BLOCKS_A_THREAD * n_threads)))
    blocks = [X[i : i + size] for i in range(0, len(X), size)]

    def predict() -> list[Any]:
        sent = client.scatter(estimator, broadcast=True, hash=False)
        futures = [
            client.submit(_predict, sent, method, client.scatter(block, hash=False), pure=False)
            for block in blocks
        ]
        return results_of(client, futures, [len(block) for block in blocks], progress)

    return np.concatenate(retried(client, predict, lambda: None))


def _predict(estimator: Any, method: str, block: Any) -> Any:
    return getattr(estimator, method)(block)

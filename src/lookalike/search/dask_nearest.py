"""`DaskNearestNeighbors`: the search whose rows are on the workers of a dask cluster."""

from __future__ import annotations

import copy
from typing import Any, Self

from distributed import Client

from lookalike.images.progress import Progress
from lookalike.search.cluster import find_client
from lookalike.search.cluster_rows import RowSources, place_rows
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.neighbors import Neighbors, stacked
from lookalike.search.sklearn_fallback import SklearnFallback


class OnCluster:
    """The client of an estimator, and how its rows are placed.

    Attributes
    ----------
    client : distributed.Client
        The client that is set, or else the one that was made last.
    replicate : bool or None, default=None
        Whether every worker gets all rows, so that they share the queries. Otherwise parts of the
        rows are on different workers, which all get the queries. None takes the first if all rows
        and their index fit in 40 % of each worker's memory.
    """

    _client: Client | None = None
    replicate: bool | None = None

    @property
    def client(self) -> Client:
        """The client that is set, or else the one that was made last."""
        return find_client(self._client)

    @client.setter
    def client(self, client: Client | None) -> None:
        self._client = client

    def __sklearn_clone__(self) -> Self:
        made = super().__sklearn_clone__()  # type: ignore[misc]
        made._client, made.replicate = self._client, self.replicate
        return made  # type: ignore[no-any-return]


class DaskNearestNeighbors(OnCluster, NearestNeighbors):
    """Exact nearest neighbours among rows on the workers of a dask cluster.

    Parameters and answers are those of `NearestNeighbors`, to the last bit, for every division of
    the rows and number of workers. ``n_jobs`` is the number of threads of one task, by default 1.
    ``client`` and ``replicate`` are attributes.

    Attributes
    ----------
    placement_ : str
        A sentence that tells where the rows are.

    Examples
    --------
    >>> import numpy as np
    >>> from distributed import Client
    >>> from lookalike.distributed import DaskNearestNeighbors
    >>> with Client(processes=False, n_workers=2, dashboard_address=None):
    ...     parts = [np.array([[0], [4]]), np.array([[3]])]
    ...     DaskNearestNeighbors(n_neighbors=1).fit(parts).kneighbors([[2]])
    (array([[1.]]), array([[2]]))
    """

    placement_: str

    def fit(self, X: Any, y: Any = None) -> Self:
        """Place the rows on the workers and index them there.

        Parameters
        ----------
        X : dask array, sequence of paths of ``.npy`` files, of `Delayed` or of arrays, or array
            Rows of shape (n, d) or images of shape (n, h, w[, c]). A dask array is divided by its
            chunks; paths are read by the workers; an array is divided among the workers.
        y : ignored

        Returns
        -------
        self : DaskNearestNeighbors

        Raises
        ------
        ValueError, TypeError
            As `NearestNeighbors.fit`, or if the metric is not a native one.
        RuntimeError
            If there is no open client, if there are no workers, or if they end again and again.
        """
        sources = X if isinstance(X, RowSources) else RowSources(self.client, X)
        fitted = NearestNeighbors(**self.get_params(deep=False)).fit(sources.first)
        if isinstance(fitted._searcher, SklearnFallback):
            raise ValueError(
                f"metric={self.metric!r} is none that workers search by; give a native one, such "
                "as 'euclidean', 'cosine' or 'manhattan', without metric_params"
            )
        shape = fitted.image_shape_ if self.image_shape is None else self.image_shape
        params = {**self.get_params(deep=False), "n_jobs": self.n_jobs or 1, "image_shape": shape}
        rows, text = place_rows(sources, params, fitted._searcher, self.replicate)
        changed = copy.copy(self)
        changed.__dict__.update(fitted.__dict__, placement_=text, n_jobs=self.n_jobs)
        return self._become(changed, rows)  # type: ignore[arg-type]

    def _find(
        self,
        X: Any,
        n_neighbors: int | None,
        exclude: Any,
        progress: Progress | None,
        may_lack: bool = False,
    ) -> Neighbors:
        if not hasattr(X, "to_delayed") or exclude is not None:
            return super()._find(X, n_neighbors, exclude, progress, may_lack)
        # A chunk of a dask array of queries is here only while it is sent to the workers.
        chunks = (X.blocks[i].compute() for i in range(X.numblocks[0]))
        find = super()._find
        return stacked([find(chunk, n_neighbors, None, None, may_lack) for chunk in chunks])

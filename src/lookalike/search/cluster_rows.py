"""Rows in parts on the workers of a cluster, searched like those of one machine.

Each part has an index, on the worker that holds it. A block of queries goes to all parts; tables of
k pairs come back, and are merged on the way, a few at a time. Where each worker can hold all rows,
these are copied to every worker, and the blocks are shared out among them instead: one search in
all rows takes less time than one in each of several parts.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Self, Unpack

import numpy as np
from dask.sizeof import sizeof
from distributed import Client, Future
from numpy.typing import NDArray

from lookalike.images.variants import Variant
from lookalike.search.augmented import AugmentedRows
from lookalike.search.cluster import finish, results_of, retried, workers_of
from lookalike.search.index import IndexedRows
from lookalike.search.nearest import NearestNeighbors
from lookalike.search.neighbors import Neighbors, SearchOptions, merge, stacked

MOST_QUERIES, FEWEST_QUERIES, BLOCKS_A_THREAD = 4096, 256, 4
"""Queries of a block: so many blocks for each thread of the workers, within these limits. Fewer
queries take longer each; with fewer blocks, workers are idle at the end."""
FAN_IN = 8
"""Tables merged by one task."""
MEMORY_SHARE, INDEX_SHARE = 0.4, 2.0
"""Rows are copied to every worker if they and their index, which together take up to so many times
the rows' bytes, need at most this share of a worker's memory."""

Searcher = IndexedRows | AugmentedRows
Task = tuple[Any, ...]  # a function and its arguments

log = logging.getLogger("lookalike.distributed")


class RowSources:
    """Where the rows of each part come from; the workers have looked at them once.

    Parameters
    ----------
    client : Client
    given : dask array, sequence of paths of ``.npy`` files, of `Delayed` or of arrays, or an array
        Rows of shape (n, d) or images of shape (n, h, w[, c]). A dask array is divided as its
        chunks are along the first axis, a single array into one part for each worker. Empty parts
        are left out.

    Attributes
    ----------
    counts : list of int
        Number of rows of each part.
    shape : tuple of int
    dtype : dtype that holds all of them
    first : ndarray of shape (1, ...)
        The first row or image.

    Raises
    ------
    ValueError
        If there are no rows, if parts differ in the shape of a row, or if some hold whole numbers
        and others floats.
    FileNotFoundError, ...
        What reading a part raises on its worker.
    """

    def __init__(self, client: Client, given: Any) -> None:
        self.client = client
        every = list(_list_sources(given, len(workers_of(client))))
        arrays = [isinstance(source, np.ndarray) for source in every]
        if all(arrays):
            seen = list(map(_look, every))
        else:
            futures = [client.submit(_look, send(client, source), pure=False) for source in every]
            seen = results_of(client, futures)
        filled = [i for i, rows in enumerate(seen) if rows.shape[0]]
        kinds = {seen[i].dtype.kind in "biu" for i in filled}
        if len({seen[i].shape[1:] for i in filled}) != 1 or len(kinds) != 1:
            shapes = [(rows.shape, str(rows.dtype)) for rows in seen]
            raise ValueError(
                f"parts of the shapes and dtypes {shapes}; give at least one row, rows of one "
                "shape, and only whole numbers or only floats"
            )
        self.sources = [every[i] for i in filled]
        self.counts = [seen[i].shape[0] for i in filled]
        self.first = seen[filled[0]].first
        self.shape: tuple[int, ...] = (sum(self.counts), *self.first.shape[1:])
        self.dtype = np.result_type(*(seen[i].dtype for i in filled))

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


class Seen(NamedTuple):
    """What a worker tells of the rows of a part."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    first: NDArray[Any]


class Part(NamedTuple):
    """Rows that have one index: from one source, or from all of them, but for those removed.

    A source may also be indexed rows, which then are the part.
    """

    sources: list[Any]
    n_rows: int
    keep: NDArray[np.bool_] | None = None


class DistributedRows:
    """Rows on a cluster, with the same methods as `IndexedRows`.

    Parameters
    ----------
    client : Client
    parts : sequence of Part, none of them empty
    params : dict
        Parameters of `NearestNeighbors`, with which each part is fitted.
    like : IndexedRows or AugmentedRows
        A search in one of the rows, fitted with the same parameters.
    replicate : bool
        Whether every worker gets a copy of each part.
    searchers : sequence of Future, default=()
        The indexed rows of the first parts, if they are there already.
    """

    def __init__(
        self,
        client: Client,
        parts: Sequence[Part],
        params: dict[str, Any],
        like: Searcher,
        replicate: bool,
        searchers: Sequence[Future | None] = (),
    ) -> None:
        self.client, self.parts, self.params, self.like = client, list(parts), params, like
        self.metric = like.metric
        self.variants: tuple[Variant, ...] = like.variants
        self.replicate = replicate
        self.searchers = [*searchers, *[None] * (len(self.parts) - len(searchers))]
        self._starts = np.cumsum([0, *(part.n_rows for part in self.parts)])
        retried(client, self._place, self._forget)

    def __getstate__(self) -> Any:
        raise TypeError(
            "a search on a cluster can not be pickled or copied, because its rows are with the "
            "workers; fit KNeighborsClassifier or NearestNeighbors to have one to keep"
        )

    def _forget(self) -> None:
        """Forget the indexes that were lost together with what they were made of."""
        for i, one in enumerate(self.searchers):
            if one is not None and one.status in ("lost", "cancelled", "error"):
                self.searchers[i] = None

    def _place(self) -> None:
        """Send the rows of parts without an index, and index them where they are."""
        client, made = self.client, []
        for i, part in enumerate(self.parts):
            if self.searchers[i] is None:
                rows = [send(client, source) for source in part.sources]
                made.append(client.submit(_index, rows, part.keep, self.params, pure=False))
                self.searchers[i] = made[-1]
        finish(client, made)
        if self.replicate and made:
            client.replicate(made)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self._starts[-1])

    @property
    def scale(self) -> Literal["bytes", "shares"] | None:
        """What the rows look like, if they are pixels: not known here."""
        return None

    @property
    def rows(self) -> NDArray[Any]:
        """The rows, brought to this process."""
        return np.concatenate(self._ask(lambda: [(_rows_of, one) for one in self.searchers]))

    def take(self, which: Any) -> NDArray[Any]:
        """Return ``rows[which]``; only these are brought to this process."""
        numbers = np.arange(self.n_rows)[which]
        owners = np.searchsorted(self._starts, numbers, "right") - 1
        asked = [(i, numbers[owners == i] - self._starts[i]) for i in np.unique(owners)]
        found = self._ask(lambda: [(_rows_of, self.searchers[i], own) for i, own in asked])
        taken = np.empty((len(numbers), *found[0].shape[1:]), np.result_type(*found))
        for (i, _), rows in zip(asked, found, strict=True):
            taken[owners == i] = rows
        return taken

    def build(self, n_threads: int, n_neighbors: int = 0) -> Self:
        """Return it as it is: the workers have built the indexes."""
        return self

    def query(self, queries: NDArray[Any], k: int, **options: Unpack[SearchOptions]) -> Neighbors:
        """Find the k nearest rows of each query."""
        client, n = self.client, len(queries)
        progress = options.pop("progress", None)
        n_threads = sum(one["nthreads"] for one in workers_of(client).values())
        size = -(-n // (BLOCKS_A_THREAD * n_threads))
        size = min(MOST_QUERIES, max(FEWEST_QUERIES, size))
        blocks = [slice(i, min(i + size, n)) for i in range(0, n, size)]

        def search() -> list[Neighbors]:
            self._place()
            tables = [self._search(queries[own], own, k, options) for own in blocks]
            return results_of(client, tables, [own.stop - own.start for own in blocks], progress)

        return stacked(retried(client, search, self._forget))

    def _search(
        self, queries: NDArray[Any], block: slice, k: int, options: SearchOptions
    ) -> Future:
        """Return the table of a block, which the workers will make."""
        client, tables = self.client, []
        sent = client.scatter(queries, broadcast=not self.replicate, hash=False)
        query_groups, row_groups = options.get("query_groups"), options.get("row_groups")
        for i, searcher in enumerate(self.searchers):
            first, last = self._starts[i : i + 2].tolist()
            own: SearchOptions = {**options, "n_threads": self.params["n_jobs"] or 1}
            if query_groups is not None and row_groups is not None:
                own["query_groups"] = query_groups[block]
                own["row_groups"] = row_groups[first:last]
            tables.append(client.submit(_query, searcher, sent, k, first, own, pure=False))
        while len(tables) > 1:
            groups = [tables[i : i + FAN_IN] for i in range(0, len(tables), FAN_IN)]
            tables = [client.submit(_merge, group, k, pure=False) for group in groups]
        return tables[0]

    def _ask(self, tasks: Callable[[], list[Task]]) -> list[Any]:
        """Return the results of tasks on the indexed rows."""

        def ask() -> list[Any]:
            self._place()
            futures = [self.client.submit(*task, pure=False) for task in tasks()]
            return results_of(self.client, futures)

        found: list[Any] = retried(self.client, ask, self._forget)
        return found

    def appended(self, rows: NDArray[Any], n_threads: int) -> DistributedRows:
        """Return the same search with more rows, in a part of their own."""
        return self._of([*self.parts, Part([rows], len(rows))], self.searchers)

    def without(self, keep: NDArray[np.bool_], n_threads: int) -> DistributedRows:
        """Return the same search with only the rows marked True; other parts are sent anew."""
        parts: list[Part] = []
        searchers: list[Future | None] = []
        for i, part in enumerate(self.parts):
            own = keep[self._starts[i] : self._starts[i + 1]]
            if not own.any():
                continue
            kept = np.ones(part.n_rows, dtype=bool) if part.keep is None else part.keep.copy()
            kept[kept] = own
            changed = part._replace(keep=kept, n_rows=int(own.sum()))
            parts.append(part if own.all() else changed)
            searchers.append(self.searchers[i] if own.all() else None)
        return self._of(parts, searchers)

    kept = without

    def _of(self, parts: Sequence[Part], searchers: Sequence[Future | None]) -> DistributedRows:
        return DistributedRows(
            self.client, parts, self.params, self.like, self.replicate, searchers
        )


def place_rows(
    sources: RowSources, params: dict[str, Any], like: Searcher, replicate: bool | None
) -> tuple[DistributedRows, str]:
    """Return the rows on the workers of a cluster, and a sentence that tells how they are placed.

    ``replicate`` tells whether all rows are copied to every worker; None if they fit.
    """
    workers = workers_of(sources.client)
    limits = [one["memory_limit"] for one in workers.values() if one["memory_limit"]]
    if replicate is None:
        need = INDEX_SHARE * sources.nbytes
        replicate = not limits or need <= MEMORY_SHARE * min(limits)
    parts = [Part([one], n) for one, n in zip(sources.sources, sources.counts, strict=True)]
    text = f"{len(sources):,} rows ({sources.nbytes / 2**20:,.0f} MiB)"
    if replicate:
        parts = [Part(sources.sources, len(sources))]
        text = f"all {text} are on each of {len(workers)} workers, which share the queries"
    else:
        text = f"{text} are in {len(parts)} parts on {len(workers)} workers, which get all queries"
    log.info(text)
    rows = DistributedRows(sources.client, parts, params, like, replicate)
    return rows, text


def send(client: Client, source: Any) -> Future:
    """Return the rows of a source, on their way to a worker."""
    if isinstance(source, np.ndarray | IndexedRows | AugmentedRows):
        return client.scatter(source, hash=False)
    if isinstance(source, str):
        return client.submit(_load, source, pure=False)
    return client.compute(source)


def _list_sources(given: Any, n_workers: int) -> Iterator[Any]:
    if hasattr(given, "to_delayed"):
        whole = given.rechunk(dict.fromkeys(range(1, given.ndim), -1))
        yield from whole.to_delayed().ravel()
    elif not hasattr(given, "__array__") and all(map(_is_part, given)):
        yield from (os.fspath(one) if isinstance(one, os.PathLike) else one for one in given)
    else:  # an array, or lists of numbers
        yield from np.array_split(np.asarray(given), n_workers)


def _is_part(one: Any) -> bool:
    is_file = isinstance(one, str | os.PathLike)
    return is_file or isinstance(one, np.ndarray) or hasattr(one, "__dask_graph__")


# --- On the workers ------------------------------------------------------------------------------


def _load(path: str) -> NDArray[Any]:
    rows: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return rows


def _look(rows: Any) -> Seen:
    rows = np.asarray(rows)
    return Seen(rows.shape, rows.dtype, rows[:1].copy())


def _index(rows: Sequence[Any], keep: Any, params: dict[str, Any]) -> Searcher:
    if isinstance(rows[0], IndexedRows | AugmentedRows):  # it builds its index at the first query
        return rows[0]
    own = np.asarray(rows[0]) if len(rows) == 1 else np.concatenate(rows)
    searcher: Searcher = (
        NearestNeighbors(**params).fit(own if keep is None else own[keep])._searcher
    )
    return searcher


def _query(
    searcher: Searcher, queries: Any, k: int, first: int, options: SearchOptions
) -> Neighbors:
    wanted = min(k, searcher.n_rows * (1 + len(searcher.variants)))
    return searcher.query(queries, wanted, **options).padded(wanted, first)


def _merge(tables: Sequence[Neighbors], k: int) -> Neighbors:
    return merge(tables, [0] * len(tables), k)


def _rows_of(searcher: Searcher, numbers: Any = slice(None)) -> NDArray[Any]:
    return searcher.take(numbers)


@sizeof.register((IndexedRows, AugmentedRows))  # type: ignore[untyped-decorator]
def _size_of(searcher: Searcher) -> int:
    # The scheduler moves small results to idle workers, and the index would be built there again.
    return int(INDEX_SHARE * searcher.n_rows * searcher.take([0]).nbytes)

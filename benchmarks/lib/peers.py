"""Who searches: ours and the peers, each fitted and queried the way its own users do it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from threadpoolctl import threadpool_info

from lib.agreement import Agreement, compare
from lib.data import StoredData, load_rows
from lib.harness import Contender, Reading, alternate, in_fresh_process, reading, total_seconds
from lookalike import _core

WARM_UP = 1000
"""Rows of a small search before the clock starts, so that libraries are loaded and threads up."""

FEW_QUERIES, FEW_ROUNDS = 1_000, 3
"""As many tell which of two dtypes is faster."""


@dataclass(frozen=True)
class Peer:
    """A way to search.

    Attributes
    ----------
    name : str
    module, distribution : str
        What is imported, and what pip installs.
    fit : callable
        ``fit(rows, n_threads)`` returns ``query(queries, k)``, which returns indices of shape
        (n_queries, k), having computed the distances too.
    dtype : str or None
        What rows and queries are converted to before the clock starts; None is as they are.
    slow : bool
        So slow that few rounds are enough.
    """

    name: str
    module: str
    distribution: str
    fit: Callable[[NDArray[Any], int], Callable[[NDArray[Any], int], NDArray[Any]]]
    dtype: str | None
    slow: bool = False

    @property
    def is_installed(self) -> bool:
        return find_spec(self.module) is not None


def _fit_ours(rows: NDArray[Any], n_threads: int) -> Any:
    from lookalike import NearestNeighbors

    model = NearestNeighbors(n_jobs=n_threads).fit(rows)
    return lambda queries, k: model.kneighbors(queries, k)[1]


def _fit_faiss(rows: NDArray[Any], n_threads: int) -> Any:
    import faiss

    faiss.omp_set_num_threads(n_threads)
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    return lambda queries, k: index.search(queries, k)[1]


def _fit_sklearn(rows: NDArray[Any], n_threads: int) -> Any:
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(algorithm="brute", n_jobs=n_threads).fit(rows)
    return lambda queries, k: model.kneighbors(queries, k)[1]


def _fit_intelex(rows: NDArray[Any], n_threads: int) -> Any:
    from sklearnex.neighbors import NearestNeighbors

    model = NearestNeighbors(algorithm="brute", n_jobs=n_threads).fit(rows)
    return lambda queries, k: model.kneighbors(queries, k)[1]


_SKLEARN = ("sklearn", "scikit-learn", _fit_sklearn)
_INTELEX = ("sklearnex", "scikit-learn-intelex", _fit_intelex)

OURS = Peer("lookalike", "lookalike", "lookalike", _fit_ours, None)
PEERS = {
    "faiss": Peer("FAISS IndexFlatL2", "faiss", "faiss-cpu", _fit_faiss, "float32"),
    "sklearn-uint8": Peer("scikit-learn uint8", *_SKLEARN, "uint8", slow=True),
    "sklearn-float32": Peer("scikit-learn float32", *_SKLEARN, "float32", slow=True),
    "sklearn-float64": Peer("scikit-learn float64", *_SKLEARN, "float64", slow=True),
    "intelex": Peer("scikit-learn-intelex", *_INTELEX, "float32", slow=True),
}


def choose_peers(names: Sequence[str], dtype: np.dtype[Any]) -> tuple[list[Peer], list[str]]:
    """The peers to measure on data of some dtype, and why any of them is left out."""
    chosen, left_out = [], []
    for name, peer in PEERS.items():
        if not any(name == wanted or name.startswith(wanted + "-") for wanted in names):
            continue
        if not peer.is_installed:
            left_out.append(f"{peer.name}: not installed (pip install {peer.distribution})")
        elif peer.dtype == "uint8" and dtype != np.uint8:
            left_out.append(f"{peer.name}: not for {dtype} data")
        else:
            chosen.append(peer)
    return chosen, left_out


def measure(
    args: argparse.Namespace,
    data: StoredData,
    peers: Sequence[Peer],
    n_rows: int,
    what: str,
    progress: Progress,
) -> tuple[dict[str, list[Reading]], dict[str, Agreement]]:
    """Measure ours and some peers in turns on the first rows of the data.

    Returns
    -------
    readings : dict of str to list of Reading
        By name, ours first; stages "fit" and "query".
    agreements : dict of str to Agreement
        How far each peer's neighbours are ours.
    """
    contenders = [
        Contender(
            peer.name,
            search_once,
            (peer, data.files, n_rows, args.k, args.threads),
            args.repeat_slow if peer.slow else args.repeat,
            blas_environment(peer.module),
        )
        for peer in (OURS, *peers)
    ]
    readings = alternate(
        contenders,
        n_threads=args.threads,
        environment=args.environment,
        progress=progress,
        what=what,
    )
    ours, *theirs = (taken[0].answer for taken in readings.values())
    agreements = {
        peer.name: compare(data.rows[:n_rows], data.queries, ours, answer, peer.dtype or "float32")
        for peer, answer in zip(peers, theirs, strict=True)
    }
    return readings, agreements


def blas_environment(module: str) -> dict[str, str]:
    """What a peer has to be told so that its BLAS takes the best kernel for this CPU.

    An OpenBLAS older than the CPU (FAISS's wheels bring 0.3.15) takes it for the first of its
    family and multiplies four times slower than it can.
    """
    kernel = in_fresh_process(_blas_kernel, module)
    if kernel not in ("Prescott", "Core2", "Nehalem", "Generic"):
        return {}
    paths = _core.available_cpu_paths()
    better = "SkylakeX" if "avx512vnni" in paths else "Haswell" if "avx2" in paths else None
    return {"OPENBLAS_CORETYPE": better} if better else {}


def _blas_kernel(module: str) -> str | None:
    import_module(module)
    own = Path(find_spec(module).origin or "").parent  # type: ignore[union-attr]
    for library in threadpool_info():
        if library["internal_api"] == "openblas" and own.name in library["filepath"]:
            return str(library["architecture"])
    return None


def fastest_sklearn(
    args: argparse.Namespace, files: tuple[Path, Path], k: int, progress: Progress
) -> tuple[Peer, dict[str, list[Reading]]]:
    """The float dtype that scikit-learn searches fastest in, by searches with few queries.

    Returns
    -------
    peer : Peer
        Of `PEERS`.
    readings : dict of str to list of Reading
        Of both; stages "fit" and "query". Empty if the run is a quick one, which tries neither.
    """
    peers = PEERS["sklearn-float32"], PEERS["sklearn-float64"]
    if args.quick:
        return peers[1], {}
    contenders = [
        Contender(
            peer.name, search_once, (peer, files, None, k, args.threads, FEW_QUERIES), FEW_ROUNDS
        )
        for peer in peers
    ]
    readings = alternate(
        contenders, n_threads=args.threads, progress=progress, what=f"{FEW_QUERIES:,} queries"
    )
    return min(peers, key=lambda peer: total_seconds(readings[peer.name], "query").median), readings


def choice_of_dtype(peer: Peer, readings: Mapping[str, Sequence[Reading]]) -> str:
    """Say why the peer takes the dtype that it takes."""
    if not readings:
        return f"The peer's dtype is {peer.dtype}, untried."
    taken = [f"{name} {total_seconds(rounds, 'query')} s" for name, rounds in readings.items()]
    return f"Its dtype was chosen by {FEW_QUERIES:,} queries: {', '.join(taken)}."


def search_once(
    peer: Peer,
    files: tuple[Path, Path],
    n_rows: int | None,
    k: int,
    n_threads: int,
    n_queries: int | None = None,
) -> Reading:
    """Fit and query once, in the process this is called in; the answer is the indices."""
    rows = load_rows(files[0], n_rows, peer.dtype)
    queries = load_rows(files[1], n_queries, peer.dtype)
    peer.fit(rows[:WARM_UP].copy(), n_threads)(queries[:WARM_UP], min(k, WARM_UP))
    with reading() as result:
        with result.stage("fit"):
            query = peer.fit(rows, n_threads)
        with result.stage("query"):
            result.answer = query(queries, k)
    return result


def measure_model(
    new_model: Callable[[], Any], rows: NDArray[Any], targets: NDArray[Any], queries: NDArray[Any]
) -> Reading:
    """Fit a new model and predict, both once; the answer is the prediction."""
    new_model().fit(rows[:WARM_UP], targets[:WARM_UP]).predict(queries[:WARM_UP])
    with reading() as result:
        with result.stage("fit"):
            model = new_model().fit(rows, targets)
        with result.stage("predict"):
            result.answer = model.predict(queries)
    return result


def cpu_path_in_use() -> str:
    """Which native path ours takes in this environment."""
    from lookalike.search.machine import cpu_path

    return cpu_path()

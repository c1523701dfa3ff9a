"""Checks of users' input: images or rows, parameters, numbers of neighbours, groups, row numbers.

Every error has scikit-learn's exception type and names the value, the limit and the cure.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, prod
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from lookalike.images.checks import stack_images
from lookalike.search.dtypes import HALVES, NATIVE, VALUES_AT_ONCE, are_moderate
from lookalike.search.machine import count_threads
from lookalike.search.mapped import mapping_of
from lookalike.search.stages import MOST_LAZY_ROWS
from lookalike.search.tree import MOST_VALUES

GRAPH_FORMATS = ("csr", "csc", "coo", "lil")
MOST_WORKING_MEMORY = 2**40  # MiB; the number of bytes still fits an int64
ALGORITHMS = ("auto", "ball_tree", "kd_tree", "brute")

NATIVE_DTYPES = frozenset(NATIVE)

Codes = NDArray[np.int64]


def validate_rows(
    estimator: Any, X: Any, *, reset: bool, allow_nan: bool = False
) -> tuple[Any, tuple[int, ...] | None, bool]:
    """Check images or rows; return them as C-contiguous or CSR rows.

    Also return the shape of the images, if X held any, and whether the rows are searched as they
    are, whatever the metric. Otherwise `to_native` and `check_magnitude` have to follow; the dtype
    of the rows has not changed. With ``reset``, as in `fit`, ``n_features_in_`` and
    ``feature_names_in_`` of the estimator are set; otherwise X must match these and its
    ``image_shape_``.
    """
    is_ready = _is_ready(estimator, X, reset)
    if is_ready is not None:
        image_shape = X.shape[1:] if X.ndim > 2 else None
        rows = np.asarray(X).reshape(len(X), -1) if X.ndim > 2 else np.asarray(X)
        if reset:
            estimator.n_features_in_ = rows.shape[1]
            vars(estimator).pop("feature_names_in_", None)
        return rows, image_shape, is_ready
    image_shape = None
    X = stack_images(X)
    # Frames keep their column names, and sparse matrices their zeros, for `validate_data`.
    if not issparse(X) and not hasattr(X, "columns"):
        X = _read_array(X)
        if X.ndim == 1 and X.dtype.kind in "USO" and len(X):
            raise ValueError(
                f"X holds objects of type {type(X[0]).__name__}, for example {str(X[0])[:40]!r}, "
                "instead of pixels; read each picture as np.asarray(PIL.Image.open(file)) and "
                "np.stack them, or read a folder of pictures with load_dataset"
            )
        if not reset:
            _check_shape(estimator, X)
        if X.ndim in (3, 4):
            image_shape = X.shape[1:]
            X = X.reshape(len(X), prod(image_shape))
    with np.errstate(invalid="ignore"):  # validate_data sums float32 to find NaN
        rows = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse="csr",
            order="C",
            ensure_all_finite="allow-nan" if allow_nan else True,
        )
    return rows, image_shape, False


def _is_ready(estimator: Any, X: Any, reset: bool) -> bool | None:
    """Return whether X is an array that is searched as it is, whatever the metric.

    None means that X is no array of numbers that the native index takes, or may have a fault to
    tell of. scikit-learn's validation takes longer than a search for one query.
    """
    if type(X) not in (np.ndarray, np.memmap):
        return None
    if X.dtype not in NATIVE_DTYPES and X.dtype.name not in HALVES:
        return None
    flags, shape = X.flags, X.shape
    if not (1 < len(shape) < 5 and X.size and flags.c_contiguous and flags.aligned):
        return None
    if not reset:
        width = shape[1] if len(shape) == 2 else prod(shape[1:])
        if width != estimator.n_features_in_ or hasattr(estimator, "feature_names_in_"):
            return None
        if len(shape) > 2 and estimator.image_shape_ not in (None, shape[1:]):
            return None
    if reset and is_checked_later(X):
        return False
    if X.dtype in NATIVE_DTYPES:
        return are_moderate(X) or None
    rows = X.reshape(len(X), -1)
    if X.dtype.kind != "f":  # scikit-learn does not know bfloat16
        check_finite(rows)
    return False if first_not_finite(rows) is None else None


def is_checked_later(X: NDArray[Any]) -> bool:
    """Return whether rows are read once, and their values looked at when `fit` indexes them."""
    width = prod(X.shape[1:])
    return mapping_of(X) is not None and len(X) > MOST_LAZY_ROWS and width > MOST_VALUES


def check_finite(rows: NDArray[Any]) -> None:
    """Raise a ValueError if there is a NaN or an infinity."""
    row = first_not_finite(rows)
    if row is not None:
        raise ValueError(
            f"Input X contains NaN or infinity in row {row}; leave such rows out, or replace these "
            "values, as by np.nan_to_num"
        )


def first_not_finite(rows: NDArray[Any]) -> int | None:
    """Return the first row with a NaN or an infinity, or None, looking at a few rows at once."""
    step = max(1, VALUES_AT_ONCE // rows.shape[1])
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        finite = np.isfinite(part.astype(np.float32) if part.itemsize == 2 else part).all(axis=1)
        if not finite.all():
            return start + int(np.argmin(finite))
    return None


def _read_array(X: Any) -> NDArray[Any]:
    if isinstance(X, np.ndarray):
        return X
    try:
        return np.asarray(X)
    except ValueError as error:
        if isinstance(X, list | tuple):
            raise ValueError(
                f"X is ragged ({error}); every row needs the same length and every image the "
                "same shape: pad, crop or resize them"
            ) from error
        raise
    except (TypeError, RuntimeError) as error:
        raise TypeError(
            f"X of type {type(X).__name__} can not be read as an array ({error}); "
            f"{_cure_of_tensor(X)}"
        ) from error


def _cure_of_tensor(X: Any) -> str:
    dtype = str(getattr(X, "dtype", "float32")).removeprefix("torch.")
    # The package ml_dtypes, once it is imported, gives NumPy further dtypes, which are no numbers.
    if not hasattr(np, dtype):
        return f"NumPy has no {dtype}: pass X.float()"
    return "a tensor must be dense and lie in CPU memory without gradient: X.detach().cpu()"


def _check_shape(estimator: Any, X: NDArray[Any]) -> None:
    """Raise an error if images or rows have another shape than those of `fit`.

    The error about the width is scikit-learn's with a cure; it checks all other cases itself.
    """
    name, fitted = type(estimator).__name__, estimator.image_shape_
    if X.shape == fitted:
        cure = "if X is one image, pass a batch of one image: X[None]"
    else:
        cure = "convert queries to the shape of the fitted data, or fit again"
    if X.ndim in (3, 4) and fitted is not None and X.shape[1:] != fitted:
        raise ValueError(
            f"X holds images of shape {X.shape[1:]}, but {name} was fitted on images of shape "
            f"{fitted}; {cure}"
        )
    width = prod(X.shape[1:])
    if X.ndim in (2, 3, 4) and width not in (0, estimator.n_features_in_):
        raise ValueError(
            f"X has {width} features, but {name} is expecting {estimator.n_features_in_} features "
            f"as input; {cure}"
        )


def check_parameters(params: dict[str, Any]) -> None:
    """Check `working_memory` and the parameters shared with scikit-learn's `NearestNeighbors`.

    `metric` and `metric_params` are checked elsewhere.
    """
    for name in ("n_neighbors", "leaf_size"):
        if params[name] is not None:
            check_count(params[name], name)
    if params["algorithm"] not in ALGORITHMS:
        raise ValueError(f"algorithm={params['algorithm']!r} is not one of {ALGORITHMS}")
    if params["radius"] is not None:
        _check_real("radius", params["radius"], ">= 0", allow_zero=True)
    if params["p"] is not None:
        _check_real("p", params["p"], "> 0")
    count_bytes(params["working_memory"])
    count_threads(params["n_jobs"], is_short=True)


def check_shape_of_images(
    given: Any, fitted: tuple[int, ...] | None, width: int
) -> tuple[int, ...] | None:
    """Check the `image_shape` parameter; return the shape of the images, or None if unknown."""
    if given is None:
        return fitted
    shape = tuple(check_count(size, "image_shape") for size in given)
    if len(shape) not in (2, 3) or prod(shape) != width:
        raise ValueError(
            f"image_shape={shape} does not fit rows of {width} values; give (h, w) or (h, w, c) "
            f"whose product is {width}"
        )
    if fitted is not None and shape != fitted:
        raise ValueError(
            f"image_shape={shape} but X holds images of shape {fitted}; leave image_shape out"
        )
    return shape


def check_graph_format(X: Any) -> None:
    """Refuse sparse formats of precomputed distances that may drop a stored distance of 0."""
    if issparse(X) and X.format not in GRAPH_FORMATS:
        raise TypeError(
            f"precomputed distances in the sparse format {X.format!r} are not supported due to "
            f"its handling of explicit zeros, only {', '.join(GRAPH_FORMATS)} are; pass X.tocsr()"
        )


def check_count(value: Any, name: str) -> int:
    """Return `value` as an int, or raise an error if it is not a positive integer."""
    if not isinstance(value, (int, Integral)) or isinstance(value, bool):
        raise TypeError(
            f"{name} does not take {type(value)} value, enter integer value; got {value!r}"
        )
    if value <= 0:
        raise ValueError(f"Expected {name} > 0. Got {value}; give at least 1")
    return int(value)


def _check_real(
    name: str, value: Any, limit: str, *, allow_zero: bool = False, most: float = inf
) -> None:
    if not isinstance(value, (int, float, Real)) or isinstance(value, bool):
        raise TypeError(f"{name}={value!r} is not a number; give a number {limit}")
    number: Any = value  # every Real has an order, but its type does not say so
    if not (0 < number <= most or (allow_zero and number == 0)):
        raise ValueError(f"{name}={value!r} is out of range; give a number {limit}")


def count_bytes(working_memory: float, name: str = "working_memory") -> int:
    """Convert MiB to bytes; `name` is the parameter's name in error messages."""
    limit = f"of MiB > 0 and <= {MOST_WORKING_MEMORY}"
    _check_real(name, working_memory, limit, most=MOST_WORKING_MEMORY)
    return max(1, int(float(working_memory) * 2**20))


def check_enough_rows(
    n_neighbors: int,
    n_rows: int,
    n_queries: int,
    groups: tuple[Codes, Codes] | None,
    *,
    leave_one_out: bool,
    forms: int = 1,
) -> None:
    """Check that every query has `n_neighbors` rows to choose from.

    ``groups`` are those of `encode_groups`, and ``forms`` counts the variants of each row, the row
    itself included.
    """
    if n_neighbors > (n_rows - leave_one_out) * forms:
        raise ValueError(
            f"Expected n_neighbors {'<' if leave_one_out else '<='} n_samples_fit, but "
            f"n_neighbors = {n_neighbors}, n_samples_fit = {n_rows}, n_samples = {n_queries}; "
            "lower n_neighbors or add rows"
        )
    if groups is None:
        return
    excluded = excluded_counts(*groups)
    short = np.flatnonzero((n_rows - excluded) * forms < n_neighbors)
    if short.size:
        query = int(short[0])
        raise ValueError(
            f"n_neighbors={n_neighbors} but for query {query} only "
            f"{n_rows - int(excluded[query])} of {n_rows} rows remain outside its own group, and "
            f"too few for {short.size} of {n_queries} queries; lower n_neighbors, add rows or "
            "make the groups smaller"
        )


def rows_to_keep(ids: Any, n_rows: int) -> NDArray[np.bool_]:
    """Check the numbers of the rows to remove, and return a mask of the rows to keep."""
    ids = np.atleast_1d(np.asarray(ids))
    if ids.size == 0:
        return np.ones(n_rows, dtype=bool)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise TypeError(
            f"ids must be a flat list of row numbers, got {ids.dtype} of shape {ids.shape}; "
            "turn a mask into ids with numpy.flatnonzero(mask)"
        )
    wrong = ids[(ids < 0) | (ids >= n_rows)]
    if wrong.size:
        raise ValueError(f"id {wrong[0]} is not a row: rows are numbered 0 to {n_rows - 1}")
    unique, counts = np.unique(ids, return_counts=True)
    if unique.size < ids.size:
        raise ValueError(f"id {unique[counts > 1][0]} is given more than once; give each row once")
    if unique.size == n_rows:
        raise ValueError(f"all {n_rows} rows would be removed; keep at least one, or fit again")
    keep = np.ones(n_rows, dtype=bool)
    keep[ids] = False
    return keep


def encode_groups(exclude: Any, n_queries: int | None, n_rows: int) -> tuple[Codes, Codes]:
    """Return one code for each query and each row: equal codes stand for equal group labels.

    ``exclude`` is that of `NearestNeighbors.kneighbors`. Without queries (None, leave-one-out) the
    rows are the queries, and by default each row is a group of its own.
    """
    if n_queries is None:
        if exclude is None:
            groups = np.arange(n_rows, dtype=np.int64)
        else:
            groups = _encode(_labels(exclude, n_rows, "rows"))
        return groups, groups
    if not isinstance(exclude, tuple | list) or len(exclude) != 2:
        raise TypeError(
            "exclude must be the pair (query_groups, row_groups) when X is given, "
            f"got {type(exclude).__name__}"
        )
    of_queries = _labels(exclude[0], n_queries, "queries")
    codes = _encode(of_queries + _labels(exclude[1], n_rows, "rows"))
    return codes[:n_queries], codes[n_queries:]


def excluded_counts(query_groups: Codes, row_groups: Codes) -> Codes:
    """Return how many rows share the group of each query."""
    groups, counts = np.unique(row_groups, return_counts=True)
    at = np.minimum(np.searchsorted(groups, query_groups), len(groups) - 1)
    return np.where(groups[at] == query_groups, counts[at], 0)


def _labels(labels: Any, n_expected: int, of_what: str) -> list[Any]:
    """Return the labels as Python objects, which hash several times faster than NumPy's."""
    if hasattr(labels, "__array__"):
        labels = np.asarray(labels)
        if labels.ndim != 1:
            raise ValueError(f"exclude holds groups of shape {labels.shape}; give one label a row")
        # tolist() would turn dates into plain numbers, and NaT into a number like any other.
        labels = labels if labels.dtype.kind in "mM" else labels.tolist()
    elif isinstance(labels, str) or not isinstance(labels, Iterable):
        raise TypeError(f"exclude must hold one group label per row, got {labels!r}")
    listed = list(labels)
    if len(listed) != n_expected:
        raise ValueError(
            f"exclude gives {len(listed)} group labels for {n_expected} {of_what}; give one each"
        )
    return listed


def _encode(labels: list[Any]) -> Codes:
    seen: dict[Any, int] = {}
    codes = np.fromiter((seen.setdefault(label, len(seen)) for label in labels), np.int64)
    for label in seen:
        if _is_missing(label):
            raise ValueError(
                f"exclude holds the missing group label {label!r}, which equals no other label and "
                "would exclude nothing; fill missing labels, each with a label of its own or all "
                "with the same one"
            )
    return codes


def _is_missing(label: Any) -> bool:
    if isinstance(label, tuple):
        return any(map(_is_missing, label))
    try:
        return bool(label != label)
    except TypeError:  # pandas.NA != pandas.NA is neither true nor false
        return True

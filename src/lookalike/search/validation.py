"""Checks of users' input: images or rows, parameters, numbers of neighbours, row numbers.

Every error has scikit-learn's exception type and names the value, the limit and the cure.
"""

from __future__ import annotations

from math import prod
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from lookalike.images.checks import stack_images
from lookalike.search.machine import count_threads

GRAPH_FORMATS = ("csr", "csc", "coo", "lil")
MOST_WORKING_MEMORY = 2**40  # MiB; the number of bytes still fits an int64
ALGORITHMS = ("auto", "ball_tree", "kd_tree", "brute")


def validate_rows(
    estimator: Any, X: Any, *, reset: bool, allow_nan: bool = False
) -> tuple[Any, tuple[int, ...] | None]:
    """Check images or rows and arrange them as rows, without a change of dtype.

    Parameters
    ----------
    estimator : estimator
        If `reset`, its `n_features_in_` and `feature_names_in_` are set; otherwise X must match
        these and its `image_shape_`.
    X : array-like of shape (n, d), (n, h, w) or (n, h, w, c), DataFrame, sparse matrix, or \
            array or Series of images as objects
    reset : bool
        True in `fit`.
    allow_nan : bool, default=False

    Returns
    -------
    rows : ndarray of shape (n, d), C-contiguous, or CSR matrix
    image_shape : tuple of int or None
        ``(h, w)`` or ``(h, w, c)`` if X held images.

    Raises
    ------
    ValueError
        If X is empty or ragged, differs in width or image shape from the fitted rows, or holds
        NaN, infinity, complex numbers or text.
    TypeError
        If X can not be read as an array, for instance a tensor on a GPU.
    """
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
        if X.ndim in (3, 4):
            image_shape = X.shape[1:]
            if not reset:
                _check_image_shape(estimator, X)
            X = X.reshape(len(X), prod(image_shape))
        if not reset:
            _check_width(estimator, X)
    with np.errstate(invalid="ignore"):  # validate_data sums float32 to find NaN
        rows = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse="csr",
            order="C",
            ensure_all_finite="allow-nan" if allow_nan else True,
        )
    return rows, image_shape


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
    try:
        np.dtype(dtype)
    except TypeError:
        return f"NumPy has no {dtype}: pass X.float()"
    return "a tensor must be dense and lie in CPU memory without gradient: X.detach().cpu()"


def _check_image_shape(estimator: Any, X: NDArray[Any]) -> None:
    fitted, shape = estimator.image_shape_, X.shape[1:]
    if fitted is not None and shape != fitted:
        raise ValueError(
            f"X holds images of shape {shape}, but {type(estimator).__name__} was fitted on "
            f"images of shape {fitted}; {_cure(estimator, X)}"
        )


def _check_width(estimator: Any, X: NDArray[Any]) -> None:
    """Raise scikit-learn's error with a cure added; it checks the other cases itself."""
    if X.ndim == 2 and X.shape[1] not in (0, estimator.n_features_in_):
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input; {_cure(estimator, X)}"
        )


def _cure(estimator: Any, X: NDArray[Any]) -> str:
    if X.shape == estimator.image_shape_:
        return "if X is one image, pass a batch of one image: X[None]"
    return "convert queries to the shape of the fitted data, or fit again"


def check_parameters(params: dict[str, Any]) -> None:
    """Check `working_memory` and the parameters shared with scikit-learn's `NearestNeighbors`.

    `metric` and `metric_params` are checked elsewhere.
    """
    for name in ("n_neighbors", "leaf_size"):
        if params[name] is not None:
            check_count(params[name], name)
    if params["algorithm"] not in ALGORITHMS:
        raise ValueError(f"algorithm={params['algorithm']!r} is not one of {ALGORITHMS}")
    _check_real("radius", params["radius"], allow_zero=True)
    _check_real("p", params["p"], allow_zero=False)
    count_bytes(params["working_memory"])
    count_threads(params["n_jobs"])


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
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(
            f"{name} does not take {type(value)} value, enter integer value; got {value!r}"
        )
    if value <= 0:
        raise ValueError(f"Expected {name} > 0. Got {value}; give at least 1")
    return int(value)


def _check_real(name: str, value: Any, *, allow_zero: bool) -> None:
    if value is None:
        return
    limit = ">= 0" if allow_zero else "> 0"
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name}={value!r} is not a number; give a number {limit}")
    if not (float(value) > 0 or (allow_zero and value == 0)):
        raise ValueError(f"{name}={value!r} is out of range; give a number {limit}")


def count_bytes(working_memory: float, name: str = "working_memory") -> int:
    """Convert MiB to bytes; `name` is the parameter's name in error messages."""
    limit = f"give a number of MiB > 0 and <= {MOST_WORKING_MEMORY}"
    if not isinstance(working_memory, Real) or isinstance(working_memory, bool):
        raise TypeError(f"{name}={working_memory!r} is not a number; {limit}")
    if not 0 < working_memory <= MOST_WORKING_MEMORY:
        raise ValueError(f"{name}={working_memory!r} is out of range; {limit}")
    return max(1, int(float(working_memory) * 2**20))


def check_enough_rows(
    n_neighbors: int,
    n_rows: int,
    n_queries: int,
    excluded: NDArray[np.int64] | None,
    *,
    leave_one_out: bool,
    forms: int = 1,
) -> None:
    """Check that every query has `n_neighbors` rows to choose from.

    Parameters
    ----------
    n_neighbors : int
    n_rows : int
    n_queries : int
    excluded : ndarray of shape (n_queries,), int64, or None
        Number of rows that each query excludes.
    leave_one_out : bool
        Whether each row excludes at least itself.
    forms : int, default=1
        Number of variants of each row, the row itself included.

    Raises
    ------
    ValueError
        If a query has too few rows; the message gives the first such query.
    """
    if n_neighbors > (n_rows - leave_one_out) * forms:
        raise ValueError(
            f"Expected n_neighbors {'<' if leave_one_out else '<='} n_samples_fit, but "
            f"n_neighbors = {n_neighbors}, n_samples_fit = {n_rows}, n_samples = {n_queries}; "
            "lower n_neighbors or add rows"
        )
    if excluded is None:
        return
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
    """Check the numbers of rows to remove and return a mask of the rows to keep.

    Parameters
    ----------
    ids : int or array-like of int
        Numbers in 0..n_rows-1, without duplicates.
    n_rows : int

    Returns
    -------
    ndarray of shape (n_rows,), bool

    Raises
    ------
    TypeError
        If an id is not an integer.
    ValueError
        If an id is out of range or given twice, or if no row would remain.
    """
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

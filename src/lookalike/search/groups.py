"""Groups: rows that must not be neighbours of one another, for instance the rows of a fold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]


def encode_groups(exclude: Any, n_queries: int | None, n_rows: int) -> tuple[Codes, Codes]:
    """Convert the `exclude` argument of a search to one int64 code per query and per row.

    Parameters
    ----------
    exclude : None, array-like of shape (n_rows,), or pair of array-likes
        Without queries (leave-one-out) the group of every row; None makes each row its own
        group. With queries the pair ``(query_groups, row_groups)``.
    n_queries : int or None
        None means leave-one-out: the rows are the queries.
    n_rows : int

    Returns
    -------
    query_groups : ndarray of shape (n_queries,), int64
    row_groups : ndarray of shape (n_rows,), int64
        Two codes are equal exactly if their labels are equal.

    Raises
    ------
    ValueError
        If the number of labels differs from that of the queries or rows, or if a label is
        missing (NaN, NaT or pandas.NA, which do not equal themselves).
    TypeError
        If `exclude` has the wrong form, or if a label is not hashable.
    """
    if n_queries is None:
        if exclude is None:
            groups = np.arange(n_rows, dtype=np.int64)
        else:
            groups = _encode(exclude, n_rows, "rows")
        return groups, groups
    if not isinstance(exclude, tuple | list) or len(exclude) != 2:
        raise TypeError(
            "exclude must be the pair (query_groups, row_groups) when X is given, "
            f"got {type(exclude).__name__}"
        )
    query_labels, row_labels = (list(_labels(labels)) for labels in exclude)
    _check_length(query_labels, n_queries, "queries")
    _check_length(row_labels, n_rows, "rows")
    codes = _encode(query_labels + row_labels, n_queries + n_rows, "queries and rows")
    return codes[:n_queries], codes[n_queries:]


def _encode(labels: Any, n_expected: int, of_what: str) -> Codes:
    labels = list(_labels(labels))
    _check_length(labels, n_expected, of_what)
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


def _labels(labels: Any) -> Iterable[Any]:
    """Return the labels as Python objects, which hash several times faster than NumPy's."""
    if hasattr(labels, "__array__"):
        labels = np.asarray(labels)
        if labels.ndim != 1:
            raise ValueError(f"exclude holds groups of shape {labels.shape}; give one label a row")
        # tolist() would turn dates into plain numbers, and NaT into a number like any other.
        return list(labels) if labels.dtype.kind in "mM" else labels.tolist()
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise TypeError(f"exclude must hold one group label per row, got {labels!r}")
    return labels


def _check_length(labels: list[Any], n_expected: int, of_what: str) -> None:
    if len(labels) != n_expected:
        raise ValueError(
            f"exclude gives {len(labels)} group labels for {n_expected} {of_what}; give one each"
        )

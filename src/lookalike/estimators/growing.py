"""Arrays that grow at their end without a copy of what they hold, for `partial_fit`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SPARE = 0.5  # of the rows; memory is taken only as they come


class _Buffer(np.ndarray[Any, Any]):
    """The memory of a grown array, with the number of rows that some array has taken."""

    n_taken = 0


def appended(array: NDArray[Any], more: NDArray[Any]) -> NDArray[Any]:
    """Return ``np.concatenate([array, more])``, in time that grows with the new rows alone.

    Now and then all rows are copied, into a buffer with space for `SPARE` of their number. The
    array is a part of it from then on. A later call with the grown array fills the space, unless
    other rows were appended to the same array before.

    Examples
    --------
    >>> grown = appended(np.array([1, 2]), np.array([3]))
    >>> appended(grown, np.array([4])), appended(grown, np.array([5]))
    (array([1, 2, 3, 4]), array([1, 2, 3, 5]))
    """
    n, n_grown, dtype = len(array), len(array) + len(more), np.result_type(array, more)
    buffer = getattr(array.base, "base", None)  # the array is a view of a part of it
    if (
        not isinstance(buffer, _Buffer)
        or buffer.dtype != dtype
        or buffer.n_taken != n
        or len(buffer) < n_grown
    ):
        buffer = _Buffer((int(n_grown * (1 + SPARE)), *array.shape[1:]), dtype)
        buffer[:n] = array
    buffer[n:n_grown] = more
    buffer.n_taken = n_grown
    return buffer[:n_grown].view(np.ndarray)

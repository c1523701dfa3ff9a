"""A distance between images whose pixels may move a little (image deformation model)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike import _core
from lookalike.matching.byte_levels import Bytes
from lookalike.search.machine import cpu_path
from lookalike.search.neighbors import Neighbors


class DeformationModel:
    """The image deformation model: each pixel finds its best match nearby, at a cost.

    Images are compared by their gradients, and by the doubled angles of their gradients, in a
    window around each pixel; ``src/core/deformation.hpp`` has the formulae. The distance is not a
    metric: it is not symmetric, and the triangle inequality does not hold. It is a whole number,
    and the same on every CPU.

    Parameters
    ----------
    shift : int, default=2
        Largest move of a pixel along each axis, in pixels; at most 3.
    window : int, default=2
        Radius of the windows that are compared, in pixels; at most 2.
    penalty : int, default=70
        Cost of a move by one pixel; it grows with the square of the move.

    References
    ----------
    Keysers, Deselaers, Gollan, Ney, "Deformation models for image recognition", IEEE Trans.
    Pattern Analysis and Machine Intelligence 29 (2007).

    Examples
    --------
    >>> images = np.zeros((2, 12, 12), np.uint8)
    >>> images[0, 4:8, 4:8] = 255
    >>> images[1, 4:8, 5:9] = 255
    >>> model = DeformationModel(penalty=0)
    >>> model.distances(images[:1], images, np.array([[0, 1]]))
    array([[0, 0]])
    """

    def __init__(self, shift: int = 2, window: int = 2, penalty: int = 70) -> None:
        if not (0 <= shift <= 3 and 0 <= window <= 2):
            raise ValueError(f"shift={shift}, window={window}; give 0 to 3, and 0 to 2")
        if not 0 <= penalty * 2 * shift**2 <= 2000:
            raise ValueError(f"penalty={penalty}; a move by {shift} pixels may cost 2,000 at most")
        self.shift = shift
        self.window = window
        self.penalty = penalty

    def distances(
        self,
        queries: Bytes,
        images: Bytes,
        candidates: NDArray[np.int64],
        *,
        backward: bool = False,
        fields: NDArray[np.int8] | None = None,
        n_threads: int = 1,
    ) -> NDArray[np.int64]:
        """Return the distances of each query to its candidates, shape (n_queries, n_candidates).

        Parameters
        ----------
        queries : ndarray of shape (n_queries, height, width), uint8
        images : ndarray of shape (n, height, width), uint8
        candidates : ndarray of shape (n_queries, n_candidates), int64
            Rows of `images`.
        backward : bool, default=False
            Move the pixels of the query instead of those of the other image.
        fields : ndarray of shape (n_queries, n_candidates, 2, height, width), int8, optional
            Receives the `displacements`.
        n_threads : int, default=1
        """
        moves = np.arange(-self.shift, self.shift + 1) ** 2
        penalties = (self.penalty * (moves[:, np.newaxis] + moves)).astype(np.uint16)
        distances = np.empty(candidates.shape, np.int64)
        _core.deformation_distances(
            *map(np.ascontiguousarray, (queries, images, candidates)),
            penalties=penalties,
            window=self.window,
            backward=backward,
            distances=distances,
            fields=fields,
            cpu=cpu_path(),
            n_threads=n_threads,
        )
        return distances

    def refine(
        self, table: Neighbors, queries: Bytes, images: Bytes, *, n_threads: int = 1
    ) -> Neighbors:
        """Return the neighbours of a table sorted by deformation distance, nearest first.

        Examples
        --------
        >>> images = np.zeros((2, 12, 12), np.uint8)
        >>> images[0, 4:8, 4:8] = 255
        >>> table = Neighbors(np.array([[1, 0]]), np.array([[2.0, 3.0]]))
        >>> DeformationModel().refine(table, images[:1], images).indices
        array([[0, 1]])
        """
        distances = self.distances(queries, images, table.indices, n_threads=n_threads)
        order = np.lexsort((table.indices, distances))
        indices = np.take_along_axis(table.indices, order, axis=1)
        return Neighbors(indices, np.take_along_axis(distances, order, axis=1).astype(np.float64))

    def displacements(
        self, queries: Bytes, images: Bytes, candidates: NDArray[np.int64]
    ) -> NDArray[np.int8]:
        """Return the position in each candidate that matches each pixel of the query.

        Returns
        -------
        ndarray of shape (n_queries, n_candidates, 2, height, width), int8
            Moves in pixels, down and to the right.
        """
        fields = np.empty((*candidates.shape, 2, *images.shape[1:]), np.int8)
        self.distances(queries, images, candidates, fields=fields)
        return fields

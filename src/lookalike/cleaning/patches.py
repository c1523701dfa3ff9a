"""Training patches: windows from which pixels are predicted, and keys for the nearest anchor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.cleaning.levels import Floats
from lookalike.cleaning.windows import Positions, padded, windows

RADIUS = 3
KEY_RADIUS = 2

INTERCEPT = 100.0
"""Value of the constant feature, so large that its weight is hardly penalised."""


class Patches:
    """Pixels of images with their windows, keys and targets.

    Parameters
    ----------
    channels : sequence of ndarray of shape (n, h, w, c)
        The key is taken from the first, which has the same shape as ``truth``.
    truth : ndarray of shape (n, h, w, outputs), uint8
    at : tuple of three ndarray (image, y, x)
        Positions of the pixels.
    """

    def __init__(self, channels: Sequence[Floats], truth: NDArray[np.uint8], at: Positions) -> None:
        self._stack = padded(channels, RADIUS)
        self._at = at
        self.target = truth[at].astype(np.float32)
        planes = np.ascontiguousarray(self._stack[..., : truth.shape[3]])
        self.keys = windows(planes, KEY_RADIUS, at, centre=RADIUS)

    def __len__(self) -> int:
        return len(self.target)

    @property
    def n_features(self) -> int:
        """Number of values of a window, plus the intercept."""
        return (2 * RADIUS + 1) ** 2 * int(self._stack.shape[3]) + 1

    def products(self, part: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return X'X and X'y of a part of the pixels."""
        seen = self._seen(part)
        # The products of the intercept are the windows' sums: this saves a column of constants.
        sums = INTERCEPT * (np.ones(len(seen), np.float32) @ seen)
        gram = np.empty((self.n_features, self.n_features), np.float32)
        gram[:-1, :-1] = seen.T @ seen
        gram[-1, :-1] = gram[:-1, -1] = sums
        gram[-1, -1] = INTERCEPT**2 * len(seen)
        target = self.target[part]
        moments = np.append(seen.T @ target, INTERCEPT * target.sum(axis=0, keepdims=True), axis=0)
        return gram, moments

    def predict(self, weights: Floats, part: NDArray[np.intp]) -> Floats:
        """Return the predictions of a regression for a part, of shape (part, outputs)."""
        predicted: Floats = self._seen(part) @ weights[:-1] + INTERCEPT * weights[-1]
        return predicted

    def _seen(self, part: NDArray[np.intp]) -> Floats:
        image, y, x = self._at
        return windows(self._stack, RADIUS, (image[part], y[part], x[part]))

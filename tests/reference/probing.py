"""The k-NN protocol of DINOv2's evaluation, as its formulae say it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def vote_by_softmax(
    train: NDArray[Any],
    codes: NDArray[Any],
    test: NDArray[Any],
    ks: list[int],
    temperature: float,
) -> dict[int, NDArray[np.int64]]:
    """Return the class of each test vector, for each k."""
    train, test = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (train, test))
    similarity = test @ train.T
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, : max(ks)]
    logits = np.take_along_axis(similarity, nearest, axis=1) / temperature
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    one_hot = np.eye(codes.max() + 1)[codes[nearest]]
    weighted = one_hot * shares[:, :, np.newaxis]
    return {k: weighted[:, :k].sum(axis=1).argmax(axis=1) for k in ks}

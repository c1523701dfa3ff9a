"""Methods of denoising side by side: how near the clean images they come, and how readable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lib.cleaning import noisy_test_images
from lib.filter_tuning import ALONE, BOUNDS, TABLE, as_bytes
from lib.harness import seconds, table
from lib.images import StoredImages
from lib.noisy import NoisyImages, ValueTable
from lookalike import KNeighborsClassifier
from lookalike.evaluation.fidelity import peak_signal_noise_ratio, structural_similarity
from lookalike.evaluation.metrics.intervals import accuracy

HEADERS = {ALONE: "alone", TABLE: "+ table", BOUNDS: "+ bounds"}


@dataclass(frozen=True)
class Method:
    """What a method makes of the noisy test images, or of the first of them.

    Attributes
    ----------
    name : str
    images : dict of str to ndarray of shape (n, h, w)
        By finish; the last is the best.
    seconds : float or None
        For 1,000 images.
    """

    name: str
    images: dict[str, NDArray[Any]]
    seconds: float | None = None

    @property
    def best(self) -> NDArray[Any]:
        return list(self.images.values())[-1]


class Scorer:
    """Scores images against the clean test images, and by the tuned classifier of clean ones."""

    def __init__(self, data: StoredImages, n_threads: int) -> None:
        rows, labels = data.training()
        test_rows, self.labels = data.test()
        self.data = data
        self.clean = data.as_images(test_rows)
        self._classifier = KNeighborsClassifier(4, weights="distance", n_jobs=n_threads)
        self._classifier.fit(data.as_images(rows), labels)
        self.clean_accuracy = self.accuracy(self.clean)

    def noisy(self, kind: str, posterior: ValueTable) -> NoisyImages:
        """The noisy test images."""
        return NoisyImages(kind, noisy_test_images(self.data, kind), self.clean, posterior)

    def fidelity(self, images: NDArray[Any]) -> tuple[float, float]:
        """The mean peak signal-to-noise ratio and structural similarity of the first images."""
        pair = as_bytes(images), self.clean[: len(images)]
        return float(peak_signal_noise_ratio(*pair).mean()), float(
            structural_similarity(*pair).mean()
        )

    def accuracy(self, images: NDArray[Any]) -> float:
        """The share of the first images whose labels the classifier finds."""
        labels = self.labels[: len(images)]
        return accuracy(labels, self._classifier.predict(images)).value


def scores(methods: Sequence[Method], scorer: Scorer) -> list[dict[str, Any]]:
    """All figures of all methods: by finish the ratio, the similarity and the accuracy."""
    return [
        {
            "name": method.name,
            "finishes": {
                finish: (*scorer.fidelity(images), scorer.accuracy(images))
                for finish, images in method.images.items()
            },
            "seconds": method.seconds,
            "n_images": len(method.best),
        }
        for method in methods
    ]


def scores_table(scored: Sequence[dict[str, Any]], finishes: Sequence[str]) -> str:
    """The figures as a Markdown table."""
    header = [""]
    for finish in finishes:
        header += [f"{HEADERS[finish]}: dB", "SSIM", "accuracy"]
    lines = []
    for one in scored:
        line = [one["name"]]
        for finish in finishes:
            found = one["finishes"].get(finish)
            line += [f"{found[0]:.2f}", *(f"{x:.4f}" for x in found[1:])] if found else ["–"] * 3
        taken = "–" if one["seconds"] is None else seconds(one["seconds"])
        lines.append([*line, taken, f"{one['n_images']:,}"])
    return table([*header, "s / 1,000", "images"], lines)

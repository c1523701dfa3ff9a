"""Our denoiser on one noise: both qualities on the clock, then at levels not fitted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

import lookalike
from lib.cleaning import clean_by_ours, noisy_test_images
from lib.harness import Contender, Reading, alternate, in_fresh_process, table
from lib.images import StoredImages
from lib.methods import Scorer
from lib.noisy import noise_text

BEST, FAST = "best", "fast"
LEVELS: tuple[float, ...] = (1, 0.5, 2)
"""Levels of noise in the test images; the denoiser is fitted for the first."""


@dataclass(frozen=True)
class Ours:
    """What our denoiser took and made of the test images.

    Attributes
    ----------
    readings : dict of str to Reading
        By quality; the answers are cleaned images by level.
    fitted_there : dict of float to ndarray
        By level, cleaned by a denoiser of the best quality that was fitted for that level.
    """

    readings: Mapping[str, Reading]
    fitted_there: Mapping[float, NDArray[np.uint8]]

    def cleaned(self, quality: str) -> NDArray[np.uint8]:
        """The test images at level 1."""
        images: NDArray[np.uint8] = self.readings[quality].answer[1]
        return images


def measure_ours(data: StoredImages, kind: str, n_threads: int, progress: Progress) -> Ours:
    """Fit and clean in fresh processes, one round each."""
    contenders = [
        Contender(named(quality), clean_by_ours, (data, kind, 1, LEVELS, quality, n_threads), 1)
        for quality in (BEST, FAST)
    ]
    taken = alternate(contenders, n_threads=n_threads, progress=progress, what=kind)
    readings = {quality: taken[named(quality)][0] for quality in (BEST, FAST)}
    there: dict[float, NDArray[np.uint8]] = {1: readings[BEST].answer[1]}
    for level in LEVELS[1:]:
        progress.console.print(f"{kind}: fitted for level {level}")
        fitted = in_fresh_process(clean_by_ours, data, kind, level, (level,), BEST, n_threads)
        there[level] = fitted.answer[level]
    return Ours(readings, there)


def named(quality: str) -> str:
    """How the reports call it."""
    return f"lookalike, {quality}"


def level_scores(kind: str, ours: Ours, scorer: Scorer) -> list[dict[str, Any]]:
    """Ratio and similarity at each level, of three: noisy, cleaned, and cleaned as fitted there."""
    return [
        {
            "noise": noise_text(kind, level),
            "noisy": scorer.fidelity(noisy_test_images(scorer.data, kind, level)),
            "cleaned": scorer.fidelity(ours.readings[BEST].answer[level]),
            "fitted there": scorer.fidelity(ours.fitted_there[level]),
            "estimated": _estimated_noise(noisy_test_images(scorer.data, kind, level), scorer),
        }
        for level in sorted(LEVELS)
    ]


def levels_table(scored: list[dict[str, Any]], kind: str) -> str:
    """The figures as a Markdown table."""
    fitted = f"fitted for {noise_text(kind)}"
    header = ["noise", "noisy: dB", "SSIM", f"{fitted}: dB", "SSIM", "fitted for it: dB", "SSIM"]
    lines = []
    for one in scored:
        line = [one["noise"]]
        for name in ("noisy", "cleaned", "fitted there"):
            line += [f"{one[name][0]:.2f}", f"{one[name][1]:.4f}"]
        lines.append([*line, one["estimated"]])
    return table([*header, "estimate_noise"], lines)


def _estimated_noise(noisy: NDArray[Any], scorer: Scorer) -> str:
    rows = scorer.data.rows[:2000]
    return str(lookalike.estimate_noise(noisy, scorer.data.as_images(rows)))

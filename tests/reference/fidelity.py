"""Ratios and similarities of images, one window at a time: obviously right, and slow."""

import numpy as np


def peak_signal_noise_ratio(image, truth, data_range):
    error = max(np.mean((image.astype(float) - truth) ** 2), 1e-3 * (data_range / 255) ** 2)
    return 10 * np.log10(data_range**2 / error)


def structural_similarity(image, truth, data_range):
    """Return the similarity of one grey image (h, w), from its windows of 7 × 7."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    height, width = image.shape
    windows = []
    for top in range(height - 6):
        for left in range(width - 6):
            x, y = (
                one[top : top + 7, left : left + 7].astype(float).ravel() for one in (image, truth)
            )
            (xx, xy), (_, yy) = np.cov(x, y)
            luminance = (2 * x.mean() * y.mean() + c1) / (x.mean() ** 2 + y.mean() ** 2 + c1)
            windows.append(luminance * (2 * xy + c2) / (xx + yy + c2))
    return np.mean(windows)

"""Formulas at their edges; the rest is measured through `evaluate`."""

from __future__ import annotations

import numpy as np

from lookalike.evaluation.metrics.formulas import measure_reliability


def test_a_bin_holds_its_upper_edge_and_the_first_one_0_too() -> None:
    confidence = np.array([0.0, 0.5, 0.51, 1.0])
    found = measure_reliability(confidence, np.array([True, False, True, True]), n_bins=2)
    np.testing.assert_array_equal(found.n, [2, 2])
    np.testing.assert_allclose(found.confidence, [0.25, 0.755])
    np.testing.assert_allclose(found.accuracy, [0.5, 1.0])

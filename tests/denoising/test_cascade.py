"""Which estimates stand for the lowest or the highest value."""

import numpy as np
from numpy.testing import assert_array_equal

from lookalike.denoising.cascade import Saturation


def held(rng, low, high, share_of_paper=0.98):
    """Estimates between 0 and 255: those below 2 of paper mostly, others of what they say."""
    estimate = np.append(rng.uniform(0, 2, 5000), rng.uniform(2, 255, 5000)).astype(np.float32)
    truth = np.rint(estimate)
    truth[:5000] = np.where(rng.random(5000) < share_of_paper, 0, 40)
    scale = (high - low) / 255
    return low + scale * estimate, (low + scale * truth).astype(np.uint8)


def test_what_is_nearly_always_paper_is_told_as_paper():
    ends = Saturation(*held(np.random.default_rng(0), 0, 255))
    estimate = np.array([0, 0.3, 1.9, 2.25, 100, 253, 255], np.float32)
    assert_array_equal(ends(estimate), [0, 0, 0, 2.25, 100, 253, 255])


def test_the_same_is_done_where_paper_is_white():
    estimate, truth = held(np.random.default_rng(0), 0, 255)
    ends = Saturation(255 - estimate, 255 - truth)
    assert_array_equal(ends(np.array([0.3, 252, 254], np.float32)), [np.float32(0.3), 252, 255])


def test_a_narrow_range_counts_in_its_own_parts():
    ends = Saturation(*held(np.random.default_rng(0), 0, 51))
    assert_array_equal(ends(np.array([0.3, 0.5], np.float32)), np.array([0, 0.5], np.float32))


def test_doubt_leaves_estimates_as_they_are():
    rng = np.random.default_rng(0)
    ends = Saturation(*held(rng, 0, 255, share_of_paper=0.9))
    few = Saturation(*(part[:50] for part in held(rng, 0, 255)))
    constant = Saturation(np.full(500, 7.0, np.float32), np.full(500, 7, np.uint8))
    estimate = np.array([0.1, 7, 41, 254.9], np.float32)
    for one in (ends, few, constant):
        assert_array_equal(one(estimate), estimate)

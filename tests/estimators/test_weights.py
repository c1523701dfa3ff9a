"""Weights of neighbours: by distance, by row, by class."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.base import clone
from tests.reference import votes as reference

from lookalike import KNeighborsClassifier, Softmax
from lookalike.estimators.weights import (
    check_sample_weight,
    class_weights,
    distance_weights,
    prefix_weights,
    vote_weights,
)

distances = npst.arrays(
    np.float64,
    npst.array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.sampled_from([0.0, 1e-9, 0.5, 1.0, 3.0, 1e9]),
)


@given(distances, st.sampled_from([None, "uniform", "distance", np.square]))
def test_distance_weights_equal_the_reference(d, weights):
    expected = [reference.neighbor_weights(row, weights) for row in d]
    np.testing.assert_allclose(distance_weights(d, weights), expected, rtol=1e-15)


def test_distances_too_small_to_invert_count_as_zero():
    w = distance_weights(np.array([[5e-324, 1e-308, 1.0], [1.0, 2.0, 4.0]]), "distance")
    np.testing.assert_array_equal(w, [[1, 1, 0], [1, 0.5, 0.25]])


def test_a_callable_can_not_change_the_table():
    d = np.array([[1.0, 2.0]])

    def in_place(given):
        given[:] = 7
        return given

    np.testing.assert_array_equal(distance_weights(d, in_place), [[7, 7]])
    np.testing.assert_array_equal(d, [[1, 2]])


@given(distances, st.floats(1e-3, 1e3))
def test_softmax_is_exp_of_similarity_up_to_a_factor_a_query(d, temperature):
    w = Softmax(temperature)(d)
    assert (w.max(axis=1) == 1).all()
    np.testing.assert_allclose(w, np.exp((d.min(axis=1, keepdims=True) - d) / temperature))


def test_softmax_gives_the_shares_of_the_formula():
    similarity = np.array([[0.9, 0.8, 0.3]])
    expected = np.exp(similarity / 0.07)
    w = Softmax(0.07)(1 - similarity)
    np.testing.assert_allclose(w / w.sum(), expected / expected.sum(), rtol=1e-12)


@pytest.mark.parametrize("temperature", [1e-300, 1e300])
def test_softmax_never_overflows(temperature):
    w = Softmax(temperature)([[0.0, 2.0]])
    assert np.isfinite(w).all()
    assert w[0, 0] == 1


def test_softmax_is_a_plain_value():
    softmax = Softmax(0.1)
    assert repr(softmax) == "Softmax(temperature=0.1)"
    assert pickle.loads(pickle.dumps(softmax)) == softmax
    assert clone(KNeighborsClassifier(weights=softmax)).weights == softmax
    assert hash(softmax) == hash(Softmax(0.1))


@pytest.mark.parametrize("temperature", [0, -1, np.nan, np.inf])
def test_softmax_refuses_a_temperature_that_is_not_positive(temperature):
    with pytest.raises(ValueError, match=r"temperature=.* positive finite.*use 0\.07"):
        Softmax(temperature)


def test_row_weights_multiply_those_of_distance():
    table = np.array([[2, 0]]), np.array([[1.0, 2.0]])
    w = vote_weights(table[1], table[0], "distance", np.array([3.0, 9.0, 5.0]))
    np.testing.assert_array_equal(w, [[5.0, 1.5]])


def test_all_zero_weights_of_a_query_are_refused():
    with pytest.raises(ValueError, match=r"zero weights.*1 of 2 queries, first query 1"):
        vote_weights(np.ones((2, 1)), np.array([[0], [1]]), "uniform", np.array([1.0, 0.0]))


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_weights_that_can_not_count_votes_are_refused(value):
    with pytest.raises(ValueError, match=r"callable gives .* at least 0; use weights='distance'"):
        distance_weights(np.ones((2, 2)), lambda d: np.full_like(d, value))
    with pytest.raises(ValueError, match=r"sample_weight gives .* set the weight"):
        check_sample_weight([1.0, value], 2)
    with pytest.raises(ValueError, match=r"class_weight=.* gives .* at least 0"):
        class_weights({0: value}, np.array([0, 1]))


def test_a_callable_must_keep_the_shape():
    with pytest.raises(ValueError, match=r"returned shape \(2,\) for distances of shape \(2, 3\)"):
        distance_weights(np.ones((2, 3)), lambda d: d.sum(axis=1))


def test_class_weights_of_several_outputs_are_multiplied():
    y = np.array([[0, 0], [0, 1], [1, 1]])
    w = class_weights([{0: 2.0, 1: 3.0}, {0: 5.0, 1: 7.0}], y)
    np.testing.assert_array_equal(w, [10, 14, 21])


def test_balanced_class_weights_make_classes_count_alike():
    np.testing.assert_allclose(class_weights("balanced", np.array(list("aaab"))), [2 / 3] * 3 + [2])


# 1 / 1e-308 is finite and 2 / 1e-308 is not.
near_zero = st.sampled_from([0.0, 5e-309, 1e-308, 3e-308, 1e-307, 0.5, 1.0])


@given(
    npst.arrays(
        np.float64, npst.array_shapes(min_dims=2, max_dims=2, max_side=30), elements=near_zero
    ),
    st.sampled_from([None, "uniform", "distance"]),
    st.data(),
)
def test_prefix_weights_are_those_of_the_nearest_alone(d, weights, data):
    d.sort(axis=1)
    ks = sorted(data.draw(st.sets(st.integers(1, d.shape[1]), min_size=1)))
    found = prefix_weights(d, weights, ks)
    if found is None:
        assert weights == "distance"
        assert ks[0] < ks[-1]
        assert ((d > 0) & (d < 1e-306)).any()
        return
    for k in ks:
        np.testing.assert_array_equal(found[:, :k], distance_weights(d[:, :k], weights))


def test_there_are_no_prefix_weights_of_callables_and_of_what_is_no_distance():
    assert prefix_weights(np.ones((1, 2)), Softmax(1.0), [1, 2]) is None
    assert prefix_weights(np.array([[1.0, 0.0]]), "distance", [1, 2]) is None
    assert prefix_weights(np.array([[1.0, np.nan]]), "distance", [1, 2]) is None

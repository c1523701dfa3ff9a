"""Labels as codes; votes and averages of a table, against a loop over queries and neighbours."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tests.reference import votes as reference

from lookalike.estimators.votes import (
    MANY_ROWS,
    class_probabilities,
    class_votes,
    encode_labels,
    encode_outputs,
    target_averages,
    winning_classes,
    winning_classes_at,
    winning_classes_of_outputs,
)

TINY = 1e-5  # MiB: batches of one query


@st.composite
def tables(draw):
    """A neighbour table: indices, weights of which one a query is positive, number of rows."""
    n_rows = draw(st.integers(1, 12))
    k = draw(st.integers(1, n_rows))
    indices = np.array(
        draw(st.lists(st.permutations(range(n_rows)).map(lambda p: p[:k]), min_size=1, max_size=9))
    )
    weights = draw(
        npst.arrays(np.float64, indices.shape, elements=st.sampled_from([0, 0.1, 0.25, 1, 3, 1e6]))
    )
    weights[~weights.any(axis=1), 0] = 1.0
    return indices, weights, n_rows


@given(tables(), st.data())
def test_votes_equal_the_reference(table, data):
    indices, weights, n_rows = table
    n_classes = data.draw(st.integers(1, 5))
    codes = data.draw(npst.arrays(np.uint8, n_rows, elements=st.integers(0, n_classes - 1)))
    expected = [
        reference.class_votes(neighbors, w, codes, n_classes)
        for neighbors, w in zip(indices, weights, strict=True)
    ]

    votes = class_votes(indices, weights, codes, n_classes)
    np.testing.assert_array_equal(votes, expected)

    for memory in (TINY, 256):
        winners, won = winning_classes(indices, weights, codes, n_classes, working_memory=memory)
        np.testing.assert_array_equal(winners, [*map(reference.winning_class, expected)])
        shares = class_probabilities(indices, weights, codes, n_classes, working_memory=memory)
        np.testing.assert_array_equal(shares.max(axis=1), won)
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-15)
        np.testing.assert_allclose(shares, np.array(expected) / np.sum(expected, 1)[:, None])


@given(tables(), st.data())
def test_winners_at_several_k_equal_the_reference(table, data):
    indices, weights, n_rows = table
    weights[:, : data.draw(st.integers(0, 2))] = 0.0  # as of muted images
    n_classes = data.draw(st.integers(1, 5))
    codes = data.draw(npst.arrays(np.uint8, n_rows, elements=st.integers(0, n_classes - 1)))
    ks = sorted(data.draw(st.sets(st.integers(1, indices.shape[1]), min_size=1)))
    winners = winning_classes_at(indices, weights, codes, n_classes, ks)
    assert winners.dtype == np.int32
    expected = [
        reference.winning_classes_at(neighbors, w, codes, n_classes, ks)
        for neighbors, w in zip(indices, weights, strict=True)
    ]
    np.testing.assert_array_equal(winners, expected)


@given(tables(), st.sampled_from([np.uint8, np.uint16]), st.integers(0, 7), st.data())
def test_winners_of_many_outputs_equal_the_reference(table, dtype, n_outputs, data):
    indices, weights, n_rows = table
    top = int(np.iinfo(dtype).max)  # the last classes that the dtype can tell
    codes = data.draw(npst.arrays(dtype, (n_rows, n_outputs), elements=st.integers(top - 3, top)))
    for n_threads in (1, 3):
        winners = winning_classes_of_outputs(indices, weights, codes, n_threads=n_threads)
        assert winners.dtype == dtype
        expected = [
            [
                reference.winning_class(reference.class_votes(rows, w, column - (top - 3), 4))
                for column in codes.T.astype(np.int64)
            ]
            for rows, w in zip(indices, weights, strict=True)
        ]
        np.testing.assert_array_equal(
            winners.astype(np.int64) - (top - 3), np.reshape(expected, winners.shape)
        )


def test_winners_of_many_outputs_refuse_rows_that_are_not_there():
    codes = np.zeros((3, 2), dtype=np.uint8)
    for row in (-1, 3):
        with pytest.raises(ValueError, match="neighbours must be rows of the codes"):
            winning_classes_of_outputs(np.array([[row]]), np.ones((1, 1)), codes)


@pytest.mark.parametrize("ks", [[0], [3], [2, 1], [-1]])
def test_winners_at_refuses_other_numbers_of_neighbors(ks):
    indices = np.zeros((1, 2), dtype=np.int64)
    with pytest.raises(ValueError, match="ks must ascend from 1 to k"):
        winning_classes_at(indices, np.ones((1, 2)), np.array([0]), 1, ks)
    with pytest.raises(ValueError, match=r"codes must be in range\(n_classes\)"):
        winning_classes_at(indices, np.ones((1, 2)), np.array([1]), 1, [1])


@given(tables(), st.sampled_from([np.uint8, np.int32, np.float16, np.float32, np.float64, bool]))
def test_averages_equal_the_reference(table, dtype):
    indices, weights, n_rows = table
    targets = np.random.default_rng(0).integers(0, 200, (n_rows, 3)).astype(dtype)
    expected = [
        reference.target_average(neighbors, w, targets)
        for neighbors, w in zip(indices, weights, strict=True)
    ]
    for memory in (TINY, 256):
        averages = target_averages(indices, weights, targets, working_memory=memory)
        assert averages.dtype == np.float64
        np.testing.assert_allclose(averages, expected, rtol=1e-13)


def test_equal_votes_go_to_the_lowest_class():
    indices, weights = np.array([[0, 1, 2, 3]]), np.array([[0.3, 0.2, 0.2, 0.3]])
    assert winning_classes(indices, weights, np.array([2, 1, 2, 1]), 3)[0] == [1]


def test_two_classes_with_the_same_weights_tie_whatever_the_others_are():
    # 0.1 + 0.2 + 0.3 depends on the order of addition; both classes get it nearest first.
    indices = np.arange(6)[np.newaxis]
    weights = np.array([[0.3, 0.3, 0.2, 0.2, 0.1, 0.1]])
    votes = class_votes(indices, weights, np.array([1, 0, 0, 1, 1, 0]), 2)
    assert votes[0, 0] == votes[0, 1]


def test_the_average_of_equal_targets_is_that_target():
    targets = np.full((7, 1), 3.0)
    assert (target_averages(np.array([[1, 3, 5]]), np.ones((1, 3)), targets) == 3.0).all()


@pytest.mark.slow("traces each allocation")
@pytest.mark.parametrize("reader", ["classes", "averages"])
def test_memory_stays_within_working_memory(reader):
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 3000, (10_000, 5))
    weights = rng.random((10_000, 5))
    tracemalloc.start()
    try:
        if reader == "classes":
            winning_classes(indices, weights, np.arange(3000), 3000, working_memory=8)
            answer = 10_000 * 16
        else:
            targets = rng.integers(0, 256, (3000, 784), dtype=np.uint8)
            tracemalloc.reset_peak()
            answer = target_averages(indices, weights, targets, working_memory=8).nbytes
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < answer + (8 + 4) * 2**20  # beside the readers' own batches, the table's copy


LABELS = st.one_of(
    st.lists(st.integers(-(2**40), 2**40), min_size=1),
    st.lists(st.text(min_size=1, max_size=5), min_size=1),
)


@given(LABELS, st.booleans())
def test_codes_stand_for_their_labels(labels, as_objects):
    array = np.array(labels, dtype=object) if as_objects else np.array(labels)
    classes, codes = encode_labels(array)
    assert classes[codes].tolist() == array.tolist()
    assert classes.tolist() == sorted(set(array.tolist()))


@given(
    st.sampled_from(["uint8", "int8", "uint16", "int16"]).flatmap(
        lambda dtype: npst.arrays(dtype, st.integers(1, 300))
    )
)
def test_small_integers_are_numbered_as_by_unique(labels):
    classes, codes = encode_labels(labels)
    expected, inverse = np.unique(labels, return_inverse=True)
    assert classes.dtype == labels.dtype
    np.testing.assert_array_equal(classes, expected)
    np.testing.assert_array_equal(codes, inverse)


@given(LABELS, st.data())
def test_declared_classes_are_the_classes(labels, data):
    more = data.draw(st.permutations(sorted(set(labels))))
    classes, codes = encode_labels(np.array(labels[:1]), declared=more)
    assert classes.tolist() == np.unique(np.array(more)).tolist()
    assert classes[codes].tolist() == np.array(labels[:1]).tolist()


@pytest.mark.parametrize(("n_classes", "itemsize"), [(1, 1), (256, 1), (257, 2), (65_537, 4)])
def test_codes_are_as_small_as_they_can_be(n_classes, itemsize):
    _, codes = encode_labels(np.arange(n_classes))
    assert codes.itemsize == itemsize
    assert codes.max() == n_classes - 1


def test_a_label_that_was_not_declared_is_refused():
    with pytest.raises(ValueError, match=r"y contains \[3, 7\] but classes=\[1, 2\]; declare"):
        encode_labels(np.array([1, 3, 7]), declared=[1, 2])


@pytest.mark.parametrize("n", [1, MANY_ROWS - 1, MANY_ROWS, 3 * MANY_ROWS + 7])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "bool", "float32"])
def test_outputs_are_numbered_one_by_one(n, dtype):
    rng = np.random.default_rng(n)
    labels = (rng.integers(0, 256, (n, 5)) // [1, 2, 16, 128, 256]).astype(dtype)
    for n_threads in (1, 3):
        classes, codes = encode_outputs(labels, n_threads=n_threads)
        assert codes.flags.c_contiguous
        for column, own, own_codes in zip(labels.T, classes, codes.T, strict=True):
            expected, expected_codes = encode_labels(column)
            assert own.dtype == labels.dtype
            np.testing.assert_array_equal(own, expected)
            np.testing.assert_array_equal(own_codes, expected_codes)

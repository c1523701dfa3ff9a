"""Labels as codes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lookalike.estimators.labels import MANY_ROWS, encode_labels, encode_outputs

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

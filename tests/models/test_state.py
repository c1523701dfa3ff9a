"""Values as JSON and arrays, and back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.models.round_trips import same

from lookalike.models.safetensors_map import ModelError
from lookalike.models.state import from_state, to_state

NUMBERS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from([np.float32(0.1), np.int8(-3), np.str_("ü"), np.bool_(True)]),
    st.sampled_from([np.datetime64("2026-11-26"), np.timedelta64(3, "ns")]),
)
ARRAYS = hnp.arrays(
    st.one_of(
        hnp.boolean_dtypes(),
        hnp.integer_dtypes(),
        hnp.unsigned_integer_dtypes(),
        hnp.floating_dtypes(sizes=(16, 32, 64)),
        hnp.unicode_string_dtypes(),
        hnp.datetime64_dtypes(),
        hnp.timedelta64_dtypes(),
    ),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
).filter(lambda array: "\\ud" not in ascii(array.tolist()))  # which is refused: no valid text
HASHABLE = st.one_of(st.booleans(), st.integers(), st.text())
VALUES = st.recursive(
    NUMBERS | ARRAYS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(HASHABLE, inner, max_size=3),
        st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3)),
    ),
    max_leaves=8,
)


def equal(first, second):
    if isinstance(first, np.ndarray | np.generic):
        native = first.dtype.newbyteorder("=")
        return type(first) is type(second) and same(first.astype(native), second)
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return len(first) == len(second) and all(
            equal(a, b) for a, b in zip(first.items(), second.items(), strict=True)
        )
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    return first == second or first != first


@given(VALUES)
def test_any_value_comes_back(value):
    state, arrays = to_state(value)
    text = json.dumps(state, allow_nan=False)
    assert equal(value, from_state(json.loads(text), arrays))


def test_shared_arrays_stay_shared():
    array = np.arange(12.0).reshape(3, 4)
    state, arrays = to_state({"one": array, "other": array.reshape(-1), "view": array[1:]})
    assert len(arrays) == 2
    value = from_state(state, arrays)
    assert np.shares_memory(value["one"], value["other"])
    np.testing.assert_array_equal(value["view"], array[1:])


def test_what_holds_itself():
    value = {"list": []}
    value["list"].append(value)
    with pytest.raises(ModelError, match=r"list\[0\] contains itself"):
        to_state(value)


@pytest.mark.parametrize(
    "array", [np.zeros(3, complex), np.zeros(3, "S2"), np.zeros(3, "i4,f8"), np.zeros(3, "V3")]
)
def test_arrays_of_other_types(array):
    with pytest.raises(ModelError, match=r"^X is an array of .*; give numbers, strings or dates"):
        to_state({"X": array})

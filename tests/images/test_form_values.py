"""A form as plain values, and back: of a file that may be hostile."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.web import hands

from lookalike.images.preprocessing import Form, Strokes

DRAWN = hands.draw(hands.write(4, 1))
MNIST = Form((28, 28), 0, Strokes(255, 20, "mass", (13.995, 14.004), (1.746, 3.234)))


@pytest.mark.parametrize("form", [MNIST, Form((9, 8, 3), 255, None), Form((9, 8), 0, None)])
def test_plain_values_and_back(form: Form) -> None:
    assert Form.from_dict(json.loads(json.dumps(form.to_dict()))) == form


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "resize"),
        ("kind", None),
        ("image_shape", [28]),
        ("image_shape", [28, 28, 3]),
        ("image_shape", [28, 28, 1, 1]),
        ("image_shape", [28, True]),
        ("image_shape", [28, 28.0]),
        ("image_shape", [0, 28]),
        ("image_shape", [4097, 28]),
        ("image_shape", "28"),
        ("image_shape", {"0": 28, "1": 28}),
        ("ground", 256),
        ("ground", -1),
        ("ground", 0.0),
        ("ground", None),
        ("ground", 10**400),
        ("ground", "0" * 100_000),
        ("strokes", None),
        ("strokes", []),
        ("strokes", {}),
        ("value", 0),
        ("value", 1e3),
        ("side", 29),
        ("side", 0),
        ("side", "20"),
        ("centre", "middle"),
        ("centre", ["mass"]),
        ("at", [14]),
        ("at", [14, float("nan")]),
        ("at", [float("inf"), 14]),
        ("at", [14, 5000]),
        ("at", 14),
        ("line", [3, 2]),
        ("line", [-1, 2]),
        ("line", [1, 11]),
        ("line", ["1", 2]),
    ],
)
def test_hostile_values_are_refused(name: str, value: object) -> None:
    values = MNIST.to_dict()
    (values if name in values else values["strokes"])[name] = value
    with pytest.raises(ValueError, match=r"=.{1,60}; it must be") as error:
        Form.from_dict(values)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("values", [None, 3, "form", [], {}, {**MNIST.to_dict(), "more": 1}])
def test_what_is_no_form_is_refused(values: object) -> None:
    with pytest.raises(
        ValueError, match="it must be an object with fit, ground, image_shape, kind"
    ):
        Form.from_dict(values)


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


_plausible = st.one_of(
    st.integers(1, 28),
    st.lists(st.integers(8, 40), min_size=2, max_size=2),
    st.lists(st.floats(0.5, 9), min_size=2, max_size=2).map(sorted),
    st.sampled_from(["mass", "box"]),
)


@given(st.sampled_from([*MNIST.to_dict(), *MNIST.to_dict()["strokes"]]), _plain | _plausible)
def test_no_value_does_harm(name: str, value: object) -> None:
    values = MNIST.to_dict()
    (values if name in values else values["strokes"])[name] = value
    try:
        form = Form.from_dict(values)
    except ValueError:
        return
    assert form.apply(DRAWN).shape == form.image_shape

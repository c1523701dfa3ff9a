"""Augmentations: their variants, their manners of scikit-learn, sums and products."""

from __future__ import annotations

import pickle
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from lookalike import AffineWarps, ElasticWarps, Flips, Rotations, Scalings, Shifts
from lookalike.images import augmentation as module
from lookalike.images.augmentation import Augmentation, Product, Sum
from lookalike.images.expression import parse_augmentation
from lookalike.images.variants import Composed, Flip, Shift, Variant, compose

ALL = [
    Shifts(),
    Shifts(2, diagonal=True),
    Flips(),
    Flips(up_down=True),
    Rotations([-10, 10]),
    Rotations(np.array([-10.0, 10.0])),
    Scalings(0.9),
    AffineWarps(2, rotation=3, random_state=5),
    ElasticWarps(3, alpha=8.0, sigma=2.0),
    Shifts(1) + Flips(),
    Shifts(1) * Rotations([-10, 10]),
    (Shifts(1) + Flips()) * (Scalings([0.9]) * Rotations([5])) + (Shifts(2) + Shifts(1)),
]
# [-10, 10] is printed as it was given, and equals [-10.0, 10.0]
EQUAL = {repr(augmentation): {repr(augmentation)} for augmentation in ALL}
EQUAL["Rotations([-10, 10])"] = EQUAL["Rotations([-10.0, 10.0])"] = {
    "Rotations([-10, 10])",
    "Rotations([-10.0, 10.0])",
}


def names(augmentation: Augmentation, shape: tuple[int, ...] = (28, 28)) -> list[str]:
    return [str(variant) for variant in augmentation.variants(shape)]


def test_shifts_are_in_the_order_of_the_book() -> None:
    assert Shifts(1).variants((28, 28)) == (Shift(0, 1), Shift(0, -1), Shift(1, 0), Shift(-1, 0))
    assert names(Shifts(2))[4:] == ["right 2", "left 2", "down 2", "up 2"]


@given(reach=st.integers(1, 6))
def test_shifts_are_all_there_and_begin_with_fewer(reach: int) -> None:
    straight, diagonal = (Shifts(reach, d).variants((7, 9)) for d in (False, True))
    distances = range(-reach, reach + 1)
    assert {(v.dy, v.dx) for v in diagonal} == set(product(distances, distances)) - {(0, 0)}
    assert {(v.dy, v.dx) for v in straight} == {
        (dy, dx) for dy, dx in product(distances, distances) if (dy == 0) != (dx == 0)
    }
    assert len(diagonal) == (2 * reach + 1) ** 2 - 1
    assert diagonal[: len(straight)] == straight
    assert straight[:4] == Shifts(1).variants((7, 9))


def test_names_of_variants() -> None:
    assert [str(Shift(dy, dx)) for dy, dx in ((1, 0), (-1, 2), (3, -4))] == [
        "down 1",
        "right 2, up 1",
        "left 4, down 3",
    ]
    assert names(Rotations([10, -2.5]) + Scalings(1.1)) == [
        "rotated 10°",
        "rotated -2.5°",
        "scaled 1.1",
    ]
    assert names(Flips(up_down=True)) == [
        "flipped left-right",
        "flipped up-down",
        "flipped both ways",
    ]
    assert names(Flips(left_right=False, up_down=True)) == ["flipped up-down"]
    assert names(AffineWarps(1) + ElasticWarps(2)) == ["affine 1", "elastic 1", "elastic 2"]
    assert names(Rotations(10) * Shifts(1))[-1] == "rotated 10°, then up 1"


def test_what_is_the_original_or_there_already_is_left_out() -> None:
    assert names(Rotations([-360, -10, 0, 10, 350, 370 - 360, 10])) == [
        "rotated -10°",
        "rotated 10°",
    ]
    assert names(Rotations([-180, 180])) == ["rotated 180°"]
    assert names(Scalings([1, 1.1, 1.1])) == ["scaled 1.1"]
    assert names(Shifts(2) + Shifts(1)) == names(Shifts(2))
    assert names(Flips() * Flips()) == names(Flips())
    assert names(Flips(up_down=True), (5, 1)) == ["flipped up-down"]


@pytest.mark.parametrize("augmentation", ALL, ids=repr)
def test_manners_of_scikit_learn(augmentation: Augmentation) -> None:
    copy = clone(augmentation)
    assert copy is not augmentation
    assert copy == augmentation
    assert hash(copy) == hash(augmentation)
    assert repr(copy) == repr(augmentation)
    parsed = parse_augmentation(repr(augmentation))
    assert repr(parsed) == repr(augmentation)
    assert parsed == augmentation
    assert parsed.variants((16, 12)) == augmentation.variants((16, 12))
    unpickled = pickle.loads(pickle.dumps(augmentation))
    assert unpickled == augmentation
    variants = augmentation.variants((16, 12, 3))
    assert isinstance(variants, tuple)
    assert pickle.loads(pickle.dumps(variants)) == variants
    assert len(set(variants)) == len(variants)
    assert all(str(variant) for variant in variants)
    assert {repr(other) for other in ALL if other == augmentation} <= EQUAL[repr(augmentation)]
    assert augmentation != repr(augmentation)


def test_expressions_print_as_they_are_written() -> None:
    assert repr(Shifts(1) * Rotations([-10, 10])) == "Shifts(1) * Rotations([-10, 10])"
    assert repr(Shifts(np.int64(2), True)) == "Shifts(2, diagonal=True)"
    assert repr(Flips()) == "Flips()"
    assert repr(Flips(False, True)) == "Flips(left_right=False, up_down=True)"
    assert repr(AffineWarps(shear=2)) == "AffineWarps(4, shear=2)"
    a, b, c = Shifts(1), Flips(), Scalings(0.9)
    assert repr(a + b + c) == "Shifts(1) + Flips() + Scalings(0.9)"
    assert repr(a + (b + c)) == "Shifts(1) + (Flips() + Scalings(0.9))"
    assert repr(a * (b * c)) == "Shifts(1) * (Flips() * Scalings(0.9))"
    assert repr((a + b) * c) == "(Shifts(1) + Flips()) * Scalings(0.9)"
    assert repr(a + b * c) == "Shifts(1) + Flips() * Scalings(0.9)"


def test_parameters_are_reached_through_sums_and_products() -> None:
    grown = Shifts(1) * Rotations([5]) + Flips()
    assert grown.get_params()["first__first__reach"] == 1
    changed = clone(grown).set_params(first__first__reach=2, second__up_down=True)
    assert repr(changed) == "Shifts(2) * Rotations([5]) + Flips(up_down=True)"
    assert repr(grown) == "Shifts(1) * Rotations([5]) + Flips()"
    assert changed != grown


@pytest.mark.parametrize("other", [1, "Shifts(1)", None])
def test_only_augmentations_are_joined(other: Any) -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        Shifts(1) + other
    with pytest.raises(TypeError, match=r"unsupported operand|can't multiply"):
        other * Shifts(1)


IMAGES = np.random.default_rng(0).integers(0, 256, (3, 6, 5), dtype=np.uint8)
exact = st.one_of(
    st.builds(Shift, st.integers(-3, 3), st.integers(-3, 3)).filter(lambda s: s.dy or s.dx),
    st.sampled_from([Flip(True, False), Flip(False, True), Flip(True, True)]),
)


def in_a_row(parts: list[Variant]) -> Variant | None:
    result: Variant | None = None
    for part in parts:
        result = part if result is None else compose(result, part)
    return result


@given(parts=st.lists(exact, min_size=1, max_size=6))
def test_a_simplified_row_does_the_same(parts: list[Variant]) -> None:
    expected = IMAGES
    for part in parts:
        expected = part.apply(expected)
    simplified = in_a_row(parts)
    result = IMAGES if simplified is None else simplified.apply(IMAGES)
    np.testing.assert_array_equal(result, expected)
    if simplified is not None and expected.any():
        assert not np.array_equal(result, IMAGES)  # what changes nothing is None


@given(one=st.lists(exact, max_size=4), other=st.lists(exact, max_size=4))
def test_rows_of_the_same_effect_are_equal(one: list[Variant], other: list[Variant]) -> None:
    images = np.arange(1, 1 + 30 * 30, dtype=np.int64).reshape(1, 30, 30)  # nothing leaves it whole
    results = []
    for parts in (one, other):
        changed = images
        for part in parts:
            changed = part.apply(changed)
        results.append(changed)
    assert np.array_equal(*results) == (in_a_row(one) == in_a_row(other))


@given(parts=st.lists(exact, min_size=3, max_size=3))
def test_rows_are_associative(parts: list[Variant]) -> None:
    first, second, third = parts
    left, right = compose(first, second), compose(second, third)
    from_left = third if left is None else compose(left, third)
    from_right = first if right is None else compose(first, right)
    assert from_left == from_right


def test_shifts_of_like_direction_stay_one_shift() -> None:
    assert compose(Shift(1, 0), Shift(2, -3)) == Shift(3, -3)
    assert compose(Shift(1, 0), Shift(-1, 0)) == Composed((Shift(1, 0), Shift(-1, 0)))
    assert compose(Shift(2, 1), Shift(-1, 1)) == Composed((Shift(2, 2), Shift(-1, 0)))
    variants = (Shifts(1) * Shifts(1)).variants((28, 28))
    assert set(Shifts(1, diagonal=True).variants((28, 28))) < set(variants)
    assert Shift(2, 0) in variants


def test_sum_and_product_list_their_variants() -> None:
    a, b = Shifts(1), Rotations([5, 10])
    assert (a + b).variants((9, 9)) == a.variants((9, 9)) + b.variants((9, 9))
    assert names(Rotations([5]) * Scalings([0.9, 1.1]), (9, 9)) == [
        "scaled 0.9",
        "scaled 1.1",
        "rotated 5°",
        "rotated 5°, then scaled 0.9",
        "rotated 5°, then scaled 1.1",
    ]
    assert len((a * b).variants((9, 9))) == 5 * 3 - 1
    assert isinstance(a + b, Sum)
    assert isinstance(a * b, Product)


@settings(deadline=None)
@given(
    parts=st.lists(
        st.sampled_from([Shifts(1), Flips(up_down=True), Shifts(1, diagonal=True), Flips()]),
        min_size=2,
        max_size=3,
    ),
    plus=st.booleans(),
)
def test_no_two_variants_do_the_same(parts: list[Augmentation], plus: bool) -> None:
    grown = parts[0]
    for part in parts[1:]:
        grown = grown + part if plus else grown * part
    image = np.arange(1, 1 + 12 * 12, dtype=np.uint8).reshape(1, 12, 12)
    results = {image.tobytes(), *(v.apply(image).tobytes() for v in grown.variants((12, 12)))}
    assert len(results) == 1 + len(grown.variants((12, 12)))


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        (Shifts(30), r"Shifts\(30\) moves images of 28 × 20 .* by 30.*give a reach of 1 to 19"),
        (Shifts(20), "give a reach of 1 to 19"),
        (Shifts(0), "reach=0 of Shifts is not a whole number of at least 1"),
        (Shifts(1.0), "reach=1.0"),
        (Shifts(True), "reach=True"),
        (Shifts("1"), "reach='1'"),
        (Shifts(1, diagonal=2), "diagonal=2 of Shifts is neither True nor False"),
        (Flips(False), r"Flips\(left_right=False\) makes no variants.*set left_right or up_down"),
        (Flips("yes"), "left_right='yes'"),
        (Rotations([]), r"Rotations\(\[\]\) makes no variants.*at least one angle"),
        (Rotations([0, 360]), "makes no variants"),
        (Rotations([5, float("nan")]), r"degrees=\[5, nan\] of Rotations holds nan; give numbers"),
        (Rotations([361]), "holds 361; give numbers from -360 to 360"),
        (Rotations("10"), "holds '10'"),
        (Rotations([[10]]), r"holds \(10,\)"),
        (Rotations(None), "holds None"),
        (Rotations(True), "holds True"),
        (Scalings([1]), "at least one factor other than 1"),
        (Scalings([0.4]), r"holds 0\.4; give numbers from 0\.5 to 2"),
        (Scalings(-1), "holds -1"),
        (AffineWarps(0), "n=0"),
        (AffineWarps(10**9), "makes 1,000,000,000 variants .* limit is 10,000"),
        (AffineWarps(rotation=-1), "rotation=-1 of AffineWarps holds -1; give numbers from 0"),
        (AffineWarps(translation=20), "translation=20 .* from 0 to 19"),
        (AffineWarps(scale=0.6), "from 0 to 0.5"),
        (AffineWarps(shear=90), "from 0 to 60"),
        (AffineWarps(rotation=0, scale=0, shear=0, translation=0), "leaves images as they are"),
        (AffineWarps(random_state=None), "random_state=None of AffineWarps is not a whole number"),
        (AffineWarps(random_state=np.random.default_rng(0)), "random_state="),
        (AffineWarps(random_state=2**32), "seeds go up to 4294967295"),
        (ElasticWarps(sigma=0), "sigma=0 of ElasticWarps holds 0; give numbers above 0 to 20"),
        (ElasticWarps(sigma=1e9), "above 0 to 20"),
        (ElasticWarps(alpha=float("inf")), "alpha=inf"),
        (ElasticWarps(alpha=1e6), "above 0 to 500"),
        (Shifts(1) + Shifts(25), "reach of 1 to 19"),
        (Rotations(5) * Flips(False), "makes no variants"),
        (Shifts(15) * Shifts(15), "leaves nothing of images of 28 × 20 .* 'right 20'.* move them"),
        (Shifts(10, diagonal=True) * Shifts(10, diagonal=True), "makes 194,480 variants"),
    ],
)
def test_parameters_that_make_no_sense(augmentation: Augmentation, message: str) -> None:
    clone(augmentation)  # constructors only store
    repr(augmentation)
    with pytest.raises(ValueError, match=message):
        augmentation.variants((28, 20))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            None,
            r"Shifts\(1\) needs the image shape.*give image_shape, or images of shape \(n, h, w\)",
        ),
        ((784,), r"image_shape=\(784,\) is not the shape of an image; give \(height, width\)"),
        (784, "image_shape=784 is not the shape"),
        ((28, 0), "is not the shape"),
        ((28.0, 28), "is not the shape"),
        ((1, 2, 3, 4), "is not the shape"),
        ((1, 28), "they are too small to shift"),
    ],
)
def test_shapes_of_no_images(shape: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Shifts(1).variants(shape)


def test_limit_of_variants_holds_for_users_own_augmentations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Own(Augmentation):
        def __init__(self, n: int = 1) -> None:
            self.n = n

        def _variants(self, height: int, width: int) -> list[Variant]:
            return [Shift(1, i) for i in range(self.n)]

    assert names(Own(2)) == ["down 1", "right 1, down 1"]
    assert repr(Own(2) + Shifts()) == "Own(2) + Shifts(1)"
    monkeypatch.setattr(module, "MAX_VARIANTS", 5)
    with pytest.raises(ValueError, match=r"Own\(6\) makes 6 variants of every image but the limit"):
        Own(6).variants((28, 28))

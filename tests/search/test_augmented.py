"""Searching images with their variants against searching what `expand` makes of them."""

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import (
    Flips,
    NearestNeighbors,
    Rotations,
    Shifts,
    expand,
    load_dataset,
    shift,
)
from lookalike.images.augmentation import Augmentation
from lookalike.search.augmented import AugmentationWarning
from lookalike.search.index import ExactIndex

DTYPES = ("uint8", "int8", "int16", "float32", "float64", "bool")
AUGMENTATIONS = (
    Shifts(1),
    Shifts(2, diagonal=True),
    Flips(),
    Rotations([-20, 30]),
    Shifts(1) + Flips(),
    Flips() + Shifts(1),
    Shifts(1) * Rotations([10]),
)


def check_equal(
    images: np.ndarray, queries: np.ndarray, augmentation: Augmentation, k: int, **params: Any
) -> None:
    """Same neighbours in the same order, same distances to the last bit."""
    n = len(images)
    everything, _ = expand(images, None, augmentation)
    wanted = NearestNeighbors(**params).fit(everything).kneighbors(queries, k)
    search = NearestNeighbors(**params, augmentation=augmentation).fit(images)
    distances, indices, variants = search.kneighbors(queries, k, return_variant=True)
    np.testing.assert_array_equal(distances, wanted[0])
    np.testing.assert_array_equal(variants * n + indices, wanted[1])


def make_images(rng: np.random.Generator, n: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    values = rng.integers(0, 4, (n, *shape)) * 37  # many ties
    if dtype.startswith("float"):
        return (values + rng.standard_normal((n, *shape))).astype(dtype)
    return (values > 50) if dtype == "bool" else values.astype(dtype)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 40),
    height=st.integers(3, 9),
    width=st.integers(3, 9),
    channels=st.sampled_from([0, 1, 3]),
    dtype=st.sampled_from(DTYPES),
    augmentation=st.sampled_from(AUGMENTATIONS),
    metric=st.sampled_from(["euclidean", "sqeuclidean", "cosine", "manhattan"]),
    blank=st.booleans(),
)
def test_as_if_the_variants_were_fitted(
    seed: int,
    n: int,
    height: int,
    width: int,
    channels: int,
    dtype: str,
    augmentation: Augmentation,
    metric: str,
    blank: bool,
) -> None:
    rng = np.random.default_rng(seed)
    shape = (height, width) if channels == 0 else (height, width, channels)
    images = make_images(rng, n, shape, dtype)
    if blank:
        images[:, [0, -1]] = 0
        images[:, :, [0, -1]] = 0
    queries = np.concatenate([images[:2], make_images(rng, 5, shape, dtype)])
    k = int(rng.integers(1, 2 * n))
    check_equal(images, queries, augmentation, k, metric=metric)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("reach", [1, 3])
def test_with_the_filter_at_work(dtype: str, reach: int) -> None:
    rng = np.random.default_rng(0)
    centres = rng.integers(0, 200, (30, 8, 8))
    images = centres[rng.integers(0, 30, 1500)] + rng.integers(0, 40, (1500, 8, 8))
    images, queries = images[:1300].astype(dtype), images[1300:].astype(dtype)
    images[:600, [0, -1]] = 0  # half of them lose ink over two edges only
    check_equal(images, queries, Shifts(reach, diagonal=True), 7)
    check_equal(images, queries, Shifts(reach), 40, n_jobs=2, working_memory=0.1)


@pytest.mark.mnist
def test_on_mnist() -> None:
    data = load_dataset("mnist")
    images, queries = data.train.images[:20_000], data.test.images[:1000]
    check_equal(images, queries, Shifts(1), 5)


def test_an_image_is_not_its_own_neighbor_in_any_variant() -> None:
    images = make_images(np.random.default_rng(1), 30, (6, 6), "uint8")
    search = NearestNeighbors(augmentation=Shifts(1)).fit(images)
    _, indices = search.kneighbors(n_neighbors=29 * 5)
    for i, row in enumerate(indices):
        assert np.bincount(row, minlength=30).tolist() == [5] * i + [0] + [5] * (29 - i)
    with pytest.raises(ValueError, match="Expected n_neighbors < n_samples_fit"):
        search.kneighbors(n_neighbors=29 * 5 + 1)


@pytest.mark.parametrize("augmentation", [Shifts(1), Shifts(1) + Rotations([15])])
def test_groups_hold_for_all_variants(augmentation: Augmentation) -> None:
    rng = np.random.default_rng(2)
    images, groups = make_images(rng, 40, (6, 6), "uint8"), rng.integers(0, 4, 40)
    search = NearestNeighbors(augmentation=augmentation).fit(images)
    distances, indices, variants = search.kneighbors(
        n_neighbors=8, exclude=groups, return_variant=True
    )
    assert (groups[indices] != groups[:, None]).all()
    for group in range(4):
        own = groups == group
        others = NearestNeighbors(augmentation=augmentation).fit(images[~own])
        wanted = others.kneighbors(images[own], 8, return_variant=True)
        np.testing.assert_array_equal(distances[own], wanted[0])
        np.testing.assert_array_equal(indices[own], np.flatnonzero(~own)[wanted[1]])
        np.testing.assert_array_equal(variants[own], wanted[2])


@pytest.mark.parametrize("augmentation", [Shifts(1), Shifts(1) + Flips()])
def test_rows_added_and_removed(augmentation: Augmentation) -> None:
    rng = np.random.default_rng(3)
    images, queries = make_images(rng, 900, (5, 5), "uint8"), make_images(rng, 9, (5, 5), "uint8")
    whole = NearestNeighbors(augmentation=augmentation).fit(images)
    grown = NearestNeighbors(augmentation=augmentation).fit(images[:600]).partial_fit(images[600:])
    for search in (grown, pickle.loads(pickle.dumps(grown))):
        for found, wanted in zip(
            search.kneighbors(queries, 9, return_variant=True),
            whole.kneighbors(queries, 9, return_variant=True),
            strict=True,
        ):
            np.testing.assert_array_equal(found, wanted)
    kept = grown.remove(np.arange(100))
    wanted = NearestNeighbors(augmentation=augmentation).fit(images[100:]).kneighbors(queries)
    np.testing.assert_array_equal(kept.kneighbors(queries)[0], wanted[0])


@pytest.mark.parametrize("faint", [0, 1])
def test_rows_added_that_lose_more_than_all_before(faint: int) -> None:
    # The index is made of images with (almost) nothing at their edges; those added later have much
    # there, of which a shift loses a column. Each query is an added image, so shifted.
    rng = np.random.default_rng(8)
    centres = rng.integers(0, 200, (20, 10, 10))
    images = centres[rng.integers(0, 20, 1500)] + rng.integers(0, 40, (1500, 10, 10))
    images = images.astype(np.uint8)
    images[:, [0, -1]] = 0
    images[:, :, [0, -1]] = faint
    added = images[1300:].copy()
    added[:, :, -1] = 255
    queries = shift(added, 0, 1)
    search = NearestNeighbors(augmentation=Shifts(1)).fit(images[:1300]).partial_fit(added)
    everything, _ = expand(np.concatenate([images[:1300], added]), None, Shifts(1))
    wanted = NearestNeighbors().fit(everything).kneighbors(queries, 3)
    distances, indices, variants = search.kneighbors(queries, 3, return_variant=True)
    np.testing.assert_array_equal(distances, wanted[0])
    np.testing.assert_array_equal(variants * 1500 + indices, wanted[1])


def test_progress_is_of_queries_and_ends_with_all() -> None:
    images = make_images(np.random.default_rng(4), 2000, (8, 8), "uint8")
    told: list[tuple[int, int]] = []
    search = NearestNeighbors(augmentation=Shifts(1) + Rotations([5, -5])).fit(images)
    search.kneighbors(images[:500], progress=lambda *pair: told.append(pair))
    assert told == sorted(told)
    assert told[-1] == (500, 500)


def test_the_same_on_every_number_of_threads_and_in_any_memory() -> None:
    images = make_images(np.random.default_rng(5), 1200, (8, 8), "uint8")
    augmentation = Shifts(1) + Rotations([5])
    base = NearestNeighbors(n_jobs=1, augmentation=augmentation).fit(images[:1000])
    wanted = base.kneighbors(images[1000:], return_variant=True)
    for params in ({"n_jobs": 2}, {"working_memory": 1e-6}):
        other = NearestNeighbors(augmentation=augmentation, **params).fit(images[:1000])
        for a, b in zip(other.kneighbors(images[1000:], return_variant=True), wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_flat_rows_with_a_shape() -> None:
    images = make_images(np.random.default_rng(6), 30, (4, 6), "uint8")
    flat = NearestNeighbors(augmentation=Shifts(1), image_shape=(4, 6)).fit(images.reshape(30, -1))
    search = NearestNeighbors(augmentation=Shifts(1)).fit(images)
    np.testing.assert_array_equal(
        flat.kneighbors(images[:3].reshape(3, -1))[1], search.kneighbors(images[:3])[1]
    )
    assert search.variant_names_ == ("original", "right 1", "left 1", "down 1", "up 1")


def test_the_index_grows_by_no_more_than_a_quarter() -> None:
    images = make_images(np.random.default_rng(7), 3000, (12, 12), "uint8").reshape(3000, -1)
    plain = ExactIndex(images).nbytes
    for reach in (1, 3, 6):
        variants = Shifts(reach, diagonal=True).variants((12, 12))
        shifts = [(v.dy, v.dx) for v in variants]  # type: ignore[attr-defined]
        grown = ExactIndex(images, shifts=shifts, frame=(12, 12, 1)).nbytes
        assert plain < grown <= 1.25 * plain


def test_what_is_made_anew_is_announced() -> None:
    images = np.zeros((3000, 20, 20), dtype=np.uint8)
    with pytest.warns(AugmentationWarning, match=r"2 MiB of variants.*'rotated 5°'.*expand\(\)"):
        NearestNeighbors(augmentation=Rotations([5, 9])).fit(images)
    with pytest.warns(AugmentationWarning, match="'right 1'"):
        NearestNeighbors(metric="cosine", augmentation=Shifts(1)).fit(images)
    with warnings.catch_warnings(action="error"):
        NearestNeighbors(augmentation=Shifts(1)).fit(images)
        NearestNeighbors(augmentation=Rotations([5])).fit(images[:100])


@pytest.mark.parametrize(
    ("params", "X", "error", "message"),
    [
        ({"augmentation": Shifts(1)}, np.zeros((9, 16)), ValueError, "image_shape"),
        ({"augmentation": Shifts(4)}, np.zeros((9, 4, 4)), ValueError, "give a reach of 1 to 3"),
        ({"augmentation": "Shifts(1)"}, np.zeros((9, 4, 4)), TypeError, "give for example"),
        (
            {"augmentation": Shifts(1), "image_shape": (4, 5)},
            np.zeros((9, 16)),
            ValueError,
            r"image_shape=\(4, 5\) does not fit rows of 16",
        ),
        (
            {"augmentation": Shifts(1), "image_shape": (2, 8)},
            np.zeros((9, 4, 4)),
            ValueError,
            "leave image_shape out",
        ),
        (
            {"augmentation": Shifts(1), "metric": "chebyshev"},
            np.zeros((9, 4, 4)),
            ValueError,
            "use a native metric",
        ),
        ({"augmentation": Shifts(1)}, np.full((9, 4, 4), np.nan), ValueError, "NaN"),
    ],
)
def test_bad_input(params: dict[str, Any], X: Any, error: type[Exception], message: str) -> None:
    search = NearestNeighbors(**params)
    with warnings.catch_warnings(action="ignore"), pytest.raises(error, match=message):
        search.fit(X)
    assert not hasattr(search, "_searcher")


def test_what_scikit_learn_does_knows_no_variants() -> None:
    search = NearestNeighbors(augmentation=Shifts(1)).fit(np.zeros((9, 4, 4)))
    with pytest.raises(ValueError, match="fit the images"):
        search.radius_neighbors(np.zeros((1, 4, 4)))
    with pytest.raises(ValueError, match="use kneighbors"):
        search.kneighbors_graph(np.zeros((1, 4, 4)))

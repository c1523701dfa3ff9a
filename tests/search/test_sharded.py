"""Rows in parts, and tables of parts that are merged, against one search among all rows."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import (
    ElasticWarps,
    KNeighborsClassifier,
    KNeighborsSearchCV,
    NearestNeighbors,
    Shifts,
    audit,
    cross_val_predict,
    load_dataset,
)
from lookalike.search import Neighbors, RowParts, merge
from lookalike.search.neighbors import NO_ROW

METRICS = ("euclidean", "sqeuclidean", "cosine", "manhattan")
KINDS = ("uint8", "int8", "int16", "copies", "noisy copies", "near-equal")


def make_rows(rng: np.random.Generator, n: int, d: int, kind: str) -> np.ndarray:
    if kind == "copies":
        return rng.integers(0, 3, (max(1, n // 4), d)).astype(np.uint8)[rng.integers(0, n // 4, n)]
    if kind == "noisy copies":
        centres = rng.standard_normal((max(1, n // 4), d))[rng.integers(0, max(1, n // 4), n)]
        return (centres + 1e-7 * rng.standard_normal((n, d))).astype(np.float32)
    if kind == "near-equal":  # squares that differ, and roots that do not
        return 1e3 + rng.standard_normal(d) + 1e-13 * rng.standard_normal((n, d))
    return rng.integers(0, 4, (n, d)).astype(kind)  # many ties


def cut(rng: np.random.Generator, rows: np.ndarray, n_parts: int) -> list[np.ndarray]:
    """Cut rows at random places, also at the same one."""
    return np.split(rows, np.sort(rng.integers(0, len(rows) + 1, n_parts - 1)))


def assert_same(found: Neighbors, wanted: Neighbors) -> None:
    np.testing.assert_array_equal(found.distances, wanted.distances)
    np.testing.assert_array_equal(found.indices, wanted.indices)
    assert found.squared == wanted.squared
    assert (found.variants is None) == (wanted.variants is None)
    if wanted.variants is not None:
        np.testing.assert_array_equal(found.variants, wanted.variants)


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(4, 700),
    d=st.sampled_from([1, 3, 8, 17, 40]),
    n_parts=st.integers(1, 6),
    kind=st.sampled_from(KINDS),
    metric=st.sampled_from(METRICS),
)
def test_merged_tables_are_the_table_of_all_rows(
    seed: int, n: int, d: int, n_parts: int, kind: str, metric: str
) -> None:
    rng = np.random.default_rng(seed)
    rows = make_rows(rng, n, d, kind)
    queries = np.concatenate([rows[:3], make_rows(rng, 4, d, kind)])
    k, parts = int(rng.integers(1, n + 1)), cut(rng, rows, n_parts)
    offsets = np.cumsum([0, *map(len, parts)])[:-1]
    pairs = [
        (NearestNeighbors(metric=metric).fit(own).table(queries, k), offset)
        for own, offset in zip(parts, offsets, strict=True)
        if len(own)
    ]
    wanted = NearestNeighbors(metric=metric).fit(rows).table(queries, k)
    while len(pairs) > 1:  # merged in any order, some at a time
        rng.shuffle(pairs)  # type: ignore[arg-type]
        some = pairs[: int(rng.integers(2, len(pairs) + 1))]
        pairs = [*pairs[len(some) :], (merge(*zip(*some, strict=True)), 0)]
    assert_same(merge(*zip(*pairs, strict=True)), wanted)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(6, 300),
    n_parts=st.integers(1, 7),
    kind=st.sampled_from(KINDS),
    metric=st.sampled_from(METRICS),
    n_folds=st.integers(2, 4),
)
def test_parts_leave_out_groups_and_the_query_itself(
    seed: int, n: int, n_parts: int, kind: str, metric: str, n_folds: int
) -> None:
    rng = np.random.default_rng(seed)
    rows, folds = make_rows(rng, n, 6, kind), np.arange(n) % n_folds  # interleaved
    one = NearestNeighbors(metric=metric).fit(rows)
    parted = NearestNeighbors(metric=metric).fit(RowParts(cut(rng, rows, n_parts)))
    k = int(rng.integers(1, n - (n + n_folds - 1) // n_folds + 1))
    assert_same(parted.neighbors(n_neighbors=n - 1), one.neighbors(n_neighbors=n - 1))
    assert_same(
        parted.neighbors(n_neighbors=k, exclude=folds), one.neighbors(None, k, exclude=folds)
    )
    queries = rows[: n // 2].astype(np.float32) + np.float32(0.25)
    pair = folds[: n // 2], folds
    assert_same(parted.neighbors(queries, k, exclude=pair), one.neighbors(queries, k, exclude=pair))
    # More than there are.
    assert_same(parted.table(exclude=folds, n_neighbors=n), one.table(exclude=folds, n_neighbors=n))


@pytest.mark.parametrize("augmentation", [Shifts(1), ElasticWarps(2) + Shifts(1)])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_variants_in_parts(augmentation: Any, metric: str) -> None:
    rng = np.random.default_rng(5)
    images = rng.integers(0, 3, (60, 7, 7)).astype(np.uint8) * 50
    images[30:] = images[:30]
    params = {"metric": metric, "augmentation": augmentation}
    one = NearestNeighbors(**params).fit(images)
    parted = NearestNeighbors(**params).fit(RowParts([images[:1], images[1:35], images[35:]]))
    for k in (1, 9, 100):
        assert_same(parted.table(images[:9], k), one.table(images[:9], k))
        assert_same(parted.table(n_neighbors=k), one.table(n_neighbors=k))
    tables = [
        NearestNeighbors(**params).fit(own).table(images[:9], 70)
        for own in (images[:2], images[2:])
    ]
    assert_same(merge(tables[::-1], [2, 0]), one.table(images[:9], 70))


def test_roots_would_be_merged_wrongly() -> None:
    # Two squares that differ, with the same root: the second row is the nearer one.
    near, far = 1.0, np.nextafter(1.0, 2)
    assert np.sqrt(near) == np.sqrt(far)
    tables = [
        Neighbors(np.array([[0]]), np.array([[square]]), squared=True) for square in (far, near)
    ]
    assert merge(tables, [0, 1]).indices.tolist() == [[1]]
    assert merge([table.rooted() for table in tables], [0, 1]).indices.tolist() == [[0]]


@pytest.mark.parametrize("rows", [np.zeros((700, 2), np.float32), np.zeros((5, 40), np.uint8)])
def test_slots_without_a_row(rows: np.ndarray) -> None:
    groups = np.zeros(len(rows), int)
    table = NearestNeighbors().fit(rows).table(n_neighbors=2, exclude=groups)
    assert (table.indices == NO_ROW).all()
    assert np.isinf(table.distances).all()
    merged = merge([table, NearestNeighbors().fit(rows[:1]).table(rows, 1)], [7, 3])
    assert merged.indices.tolist() == [[3, NO_ROW]] * len(rows)


def test_a_table_votes_as_its_queries_do() -> None:
    data = load_dataset("digits")
    images, labels, queries = data.train.images, data.train.labels, data.test.images
    for weights in ("uniform", "distance"):
        knn = KNeighborsClassifier(3, weights=weights).fit(images, labels)
        table = merge(
            [
                NearestNeighbors().fit(own).table(queries, 20)
                for own in (images[:500], images[500:])
            ],
            [0, 500],
        )
        for k in (1, 5, 20):
            knn.set_params(n_neighbors=k)
            np.testing.assert_array_equal(knn.predict(table), knn.predict(queries))
            np.testing.assert_array_equal(knn.predict_proba(table), knn.predict_proba(queries))
        found, wanted = knn.explain(table), knn.explain(queries)
        np.testing.assert_array_equal(found.shares, wanted.shares)
        np.testing.assert_array_equal(found.distances, wanted.distances)
    lacking = NearestNeighbors().fit(images[:2]).table(queries, 20)
    assert set(knn.predict(lacking)) <= set(labels[:2])
    with pytest.raises(ValueError, match="slots without a row"):
        knn.explain(lacking)
    with pytest.raises(ValueError, match="the table has only 20"):
        knn.set_params(n_neighbors=21).predict(table)
    with pytest.raises(ValueError, match="the row 5000"):
        knn.set_params(n_neighbors=1).predict(Neighbors(np.array([[5000]]), np.ones((1, 1))))


def test_what_uses_a_search_takes_parts() -> None:
    data = load_dataset("digits")
    images, labels = data.train.images[:400], data.train.labels[:400]
    parts = RowParts([images[:50], images[50:50], images[50:390], images[390:]])
    assert parts.shape == images.shape
    queries = data.test.images[:50]
    one, many = (
        KNeighborsClassifier(3, weights="distance").fit(X, labels) for X in (images, parts)
    )
    np.testing.assert_array_equal(many.predict_proba(queries), one.predict_proba(queries))
    np.testing.assert_array_equal(many.predict(None), one.predict(None))
    np.testing.assert_array_equal(many.explain(None).images, one.explain(None).images)
    grid = {"n_neighbors": [1, 3, 5], "weights": ["uniform", "distance"]}
    tuned = [
        KNeighborsSearchCV(KNeighborsClassifier(), grid, cv=3).fit(X, labels)
        for X in (images, parts)
    ]
    assert tuned[0].best_params_ == tuned[1].best_params_
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(tuned[0].cv_results_[name], tuned[1].cv_results_[name])
    np.testing.assert_array_equal(
        *(cross_val_predict(one, X, labels, cv=4) for X in (images, parts))
    )
    found, wanted = audit(parts, labels), audit(images, labels)
    np.testing.assert_array_equal(found.ranking, wanted.ranking)
    np.testing.assert_array_equal(found.values, wanted.values)
    assert found.duplicates == wanted.duplicates


def test_parts_grow_and_shrink() -> None:
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 9, (5200, 8)).astype(np.uint8)
    search = NearestNeighbors().fit(RowParts([rows[:4500], rows[4500:5000]]))
    search.partial_fit(rows[5000:])
    again = pickle.loads(pickle.dumps(search))
    for own in (search, again):
        assert_same(own.neighbors(rows[:9]), NearestNeighbors().fit(rows).neighbors(rows[:9]))
    gone = [0, 7, 4999, *range(4500, 4600)]
    search.remove(gone)
    wanted = NearestNeighbors().fit(np.delete(rows, gone, axis=0))
    assert_same(search.neighbors(rows[:9]), wanted.neighbors(rows[:9]))
    np.testing.assert_array_equal(search.training_rows_[[3, 0]], wanted.training_rows_[[3, 0]])
    search.remove(np.arange(4498))  # the whole first part
    assert len(search._searcher.parts) == 1
    assert search.n_samples_fit_ == len(wanted.training_rows_) - 4498


def test_progress_is_of_queries() -> None:
    rows, told = np.random.default_rng(0).normal(size=(900, 9)), []
    search = NearestNeighbors().fit(RowParts([rows[:300], rows[300:]]))
    search.kneighbors(progress=lambda *pair: told.append(pair))
    assert told == sorted(told)
    assert told[-1] == (900, 900)


@pytest.mark.parametrize(
    ("tables", "offsets", "message"),
    [
        ([], [], "at least one table"),
        ([Neighbors(np.zeros((1, 1), int), np.ones((1, 1)))], [0, 1], "1 tables and 2 offsets"),
        (
            [Neighbors(np.zeros((n, 1), int), np.ones((n, 1))) for n in (1, 2)],
            [0, 1],
            "same queries",
        ),
        (
            [
                Neighbors(np.zeros((1, 1), int), np.ones((1, 1)), squared=own)
                for own in (True, False)
            ],
            [0, 1],
            "whether they are squared",
        ),
    ],
)
def test_bad_tables(tables: Any, offsets: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        merge(tables, offsets)


def test_bad_parts() -> None:
    with pytest.raises(ValueError, match="rows of one shape"):
        RowParts([np.zeros((2, 3)), np.zeros((2, 4))])
    with pytest.raises(ValueError, match="at least one"):
        RowParts([np.zeros((0, 3))])

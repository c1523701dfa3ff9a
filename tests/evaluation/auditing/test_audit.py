"""`audit` as a whole: what it finds in digits, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from lookalike import load_dataset
from lookalike.evaluation.auditing import audit as audit_module
from lookalike.evaluation.auditing.audit import audit
from lookalike.evaluation.auditing.result import Audit

Labelled = tuple[NDArray[np.uint8], NDArray[np.int64]]

N_WRONG = 15


@pytest.fixture(scope="module")
def digits() -> Labelled:
    bunch = load_digits()
    return bunch.images.astype(np.uint8), bunch.target


@pytest.fixture(scope="module")
def wrong_rows() -> NDArray[np.int64]:
    return np.random.default_rng(7).choice(1500, N_WRONG, replace=False)


@pytest.fixture(scope="module")
def found(digits: Labelled, wrong_rows: NDArray[np.int64]) -> Audit:
    images, labels = digits
    labels = labels[:1500].copy()
    labels[wrong_rows] = (labels[wrong_rows] + 1 + np.arange(N_WRONG) % 9) % 10
    return audit(images[:1500], labels, test=(images[1500:], digits[1][1500:]))


def test_wrong_labels_come_first_and_the_right_ones_are_suggested(
    found: Audit, digits: Labelled, wrong_rows: NDArray[np.int64]
) -> None:
    assert set(wrong_rows) <= set(found.ranking[: 2 * N_WRONG])
    issues = {issue.row: issue for issue in found.label_issues}
    assert len(set(wrong_rows) & set(issues)) >= N_WRONG - 1
    for row in wrong_rows.tolist():
        assert found.suggested[row] == digits[1][row]
    for row, issue in issues.items():
        assert (issue.given, issue.suggested) == (found.labels[row], found.suggested[row])
    assert N_WRONG <= len(issues) < 2 * N_WRONG
    assert found.label_noise == pytest.approx(N_WRONG / 1500, abs=0.01)
    assert sorted(found.ranking.tolist()) == list(range(1500))


def test_issues_are_in_the_order_of_the_ranking(found: Audit) -> None:
    place = np.argsort(found.ranking)
    places = [place[issue.row] for issue in found.label_issues]
    assert places == sorted(places)
    confidence = [issue.self_confidence for issue in found.label_issues]
    assert confidence == sorted(confidence)
    assert all(issue.suggested_share > issue.self_confidence for issue in found.label_issues)


def test_one_table_is_read(found: Audit, digits: Labelled) -> None:
    rows = digits[0][:1500].reshape(1500, -1).astype(float)
    distances, _ = NearestNeighbors(n_neighbors=10, algorithm="brute").fit(rows).kneighbors()
    np.testing.assert_allclose(found.distances, distances)
    own = found.labels[found.indices] == found.labels[:, np.newaxis]
    np.testing.assert_array_equal(found.self_confidence, own.mean(axis=1))
    np.testing.assert_allclose(found.outlier_distances, distances[:, 9])


def test_values_of_few_images_are_exact(found: Audit, wrong_rows: NDArray[np.int64]) -> None:
    assert found.values_error_bound == 0
    assert found.values.sum() == pytest.approx(found.self_confidence.mean())
    assert np.isin(np.argsort(found.values)[: 2 * N_WRONG], wrong_rows).sum() >= 0.8 * N_WRONG


def test_values_of_many_images_keep_within_the_bound_that_is_told(
    found: Audit, digits: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "_CELLS", 1)
    truncated = audit(digits[0][:1500], found.labels)
    assert truncated.values_error_bound == 1 / 100
    assert 0 < np.abs(truncated.values - found.values).max() <= 1 / 100
    np.testing.assert_array_equal(truncated.self_confidence, found.self_confidence)
    wide = audit(digits[0][:1500], found.labels, n_neighbors=120)
    assert wide.values_error_bound == 1 / 120
    assert len(wide.indices[0]) == 120


def test_labels_of_any_kind(digits: Labelled) -> None:
    images, labels = digits[0][:400], digits[1][:400]
    numbers = audit(images, labels)
    for names in (
        np.array([f"digit {label}" for label in labels]),
        np.array([f"digit {label}" for label in labels], dtype=object),
        labels.astype(float) / 2,
        labels.tolist(),
        labels.astype(np.uint8),
        labels.astype("S1"),
        np.datetime64("2020-01-01") + labels,
    ):
        other = audit(images, names)
        np.testing.assert_array_equal(other.ranking, numbers.ranking)
        np.testing.assert_array_equal(other.values, numbers.values)
        json.dumps(other.to_dict(), allow_nan=False)
    named = audit(images, [f"digit {label}" for label in labels])
    assert [issue.suggested for issue in named.label_issues] == [
        f"digit {issue.suggested}" for issue in numbers.label_issues
    ]


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_layouts_and_metrics(digits: Labelled, metric: str) -> None:
    images, labels = digits[0][:300], digits[1][:300]
    as_images = audit(images, labels, metric=metric)
    as_floats = audit(images.reshape(300, -1).astype(np.float32), labels, metric=metric)
    in_colour = audit(np.repeat(images[..., np.newaxis], 3, axis=3), labels, metric=metric)
    np.testing.assert_array_equal(as_images.ranking, as_floats.ranking)
    np.testing.assert_array_equal(as_images.self_confidence, in_colour.self_confidence)


def test_the_answer_does_not_depend_on_threads_or_memory(digits: Labelled) -> None:
    images, labels = digits[0][:300], digits[1][:300]
    one = audit(images, labels, n_jobs=1, working_memory=1).to_dict()
    two = audit(images, labels, n_jobs=2).to_dict()
    assert one | {"seconds": None} == two | {"seconds": None}


def test_copies_and_leaks_are_found_in_any_dtype(digits: Labelled) -> None:
    images, labels = digits[0][:302].copy(), digits[1][:302].copy()
    images[300], labels[300] = images[4], (labels[4] + 1) % 10
    test = digits[0][400:450].astype(float)
    test[7] = images[11]
    found = audit(images, labels, test=(test, digits[1][400:450]))
    exact = [group for group in found.duplicates if group.kind == "exact"]
    assert [group.rows.tolist() for group in exact] == [[4, 300]]
    assert exact[0].is_conflicting
    assert found.leaks is not None
    assert (found.leaks[0].kind, found.leaks[0].test_row, found.leaks[0].train_row) == (
        "exact",
        7,
        11,
    )


def test_near_copies_are_found_however_few_vote(digits: Labelled) -> None:
    images, labels = digits[0][:302].copy(), digits[1][:302].copy()
    images[300] = images[4]
    images[300, 3, 3] += 1
    images[301] = images[6]
    images[301, 4, 4] += 1
    test = images[[20]].copy()
    test[0, 3, 3] += 1
    for k in (1, 2, 10):
        found = audit(images, labels, n_neighbors=k, test=(test, labels[[20]]))
        near = [group.rows.tolist() for group in found.duplicates if group.kind == "near"]
        assert [4, 300] in near
        assert [6, 301] in near
        assert [(leak.kind, leak.train_row) for leak in found.leaks or []] == [("near", 20)]
        assert found.near_cutoff > 0
        assert found.distances.shape == (302, k)


def test_an_image_of_noise_is_the_first_outlier(digits: Labelled) -> None:
    images, labels = digits[0][:500].copy(), digits[1][:500]
    images[123] = np.random.default_rng(0).integers(0, 2, (8, 8)) * 16
    assert audit(images, labels).outliers[0] == 123


def test_neighbors_that_err_make_no_estimate_and_few_issues() -> None:
    rng = np.random.default_rng(3)
    images, labels = rng.normal(size=(600, 5)), rng.integers(0, 6, 600)
    # One class alone is told well; labels within it that differ are strong evidence.
    labels[:150], images[:150] = 6, rng.normal(size=(150, 5)) * 0.3 + 9
    labels[[7, 70]] = 2
    found = audit(images, labels)
    assert found.accuracy < 0.5
    assert not found.is_sure
    assert np.isnan(found.label_noise)
    assert np.isnan(found.noise_of_class).all()
    assert {issue.row for issue in found.label_issues} == {7, 70}
    assert "guesses, since neighbours err" in repr(found)
    assert found.to_dict()["label_noise"] is None


def test_the_test_part_is_audited_with_the_training_part(digits: Labelled) -> None:
    images, labels = digits[0][:400].copy(), digits[1][:400].copy()
    images[350], images[20] = images[10], images[11]
    labels[380] = (labels[380] + 1) % 10
    found = audit(images, labels, n_train=300, class_names=[f"d{i}" for i in range(10)])
    assert (len(found), found.n_test) == (400, 100)
    assert [(leak.test_row, leak.train_row) for leak in found.leaks or []] == [(50, 10)]
    assert found.place(350) == "test 50"
    issues = {(entry["part"], entry["row"]): entry for entry in found.to_dict()["label_issues"]}
    assert issues["test", 80]["class"] == f"d{labels[380]}"


def test_all_equal_images_are_all_copies() -> None:
    found = audit(np.zeros((12, 2, 2), dtype=np.uint8), np.arange(12) % 3, n_neighbors=3)
    (group,) = found.duplicates
    assert (group.kind, len(group), group.is_conflicting) == ("exact", 12, True)
    assert np.isnan(found.outlier_cutoff)
    assert "undefined: half the images or more" in repr(found)
    assert (found.near_cutoff, "near ones unknown: no distance is usual" in repr(found)) == (
        0,
        True,
    )
    assert max(map(len, repr(found).splitlines())) <= 100
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.values.sum() == pytest.approx(found.self_confidence.mean())


def test_as_few_images_as_there_may_be() -> None:
    found = audit([[0.0], [1.0]], ["a", "b"], n_neighbors=1)
    assert found.self_confidence.tolist() == [0, 0]
    np.testing.assert_allclose(found.values, [0, 0])
    assert found.suggested.tolist() == ["b", "a"]


def test_progress_ascends_to_the_end_and_can_stop(digits: Labelled) -> None:
    images, labels = digits[0][:300], digits[1][:300]
    seen: list[tuple[int, int]] = []
    audit(images, labels, test=(images[:50], labels[:50]), progress=lambda *at: seen.append(at))
    assert {total for _, total in seen} == {350}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (350, 350)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit(images, labels, progress=stop)


class Neither:
    """As pandas' NA: whether it is like another can not be told."""

    def __ne__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise TypeError("ambiguous")

    __hash__ = None  # type: ignore[assignment]


NEITHER = Neither()
IMAGES = np.arange(60.0).reshape(15, 2, 2)
LABELS = np.arange(15) % 2


@pytest.mark.parametrize(
    ("arguments", "options", "match"),
    [
        ((IMAGES[:10], LABELS[:10]), {}, "n_neighbors=10 but only 10 images, each with 9 others"),
        ((IMAGES, LABELS), {"n_neighbors": 0}, "Expected n_neighbors > 0. Got 0"),
        ((IMAGES, np.zeros(15)), {}, "all 15 labels are .*0.0.*; an audit of labels needs at"),
        ((IMAGES, LABELS[:14]), {}, "15 images but 14 labels; give one label for each image"),
        ((IMAGES, LABELS[:, None]), {}, r"labels of shape \(15, 1\); give one label"),
        ((IMAGES, np.where(LABELS, np.nan, 1)), {}, "7 labels are missing, the first of row 1"),
        ((IMAGES, [None, *"ababababababab"]), {}, "1 labels are missing, the first of row 0"),
        ((IMAGES * np.nan, LABELS), {}, "NaN"),
        ((IMAGES, LABELS), {"test": IMAGES}, "test is a ndarray that is no pair"),
        ((IMAGES, LABELS), {"test": (IMAGES, LABELS[:3])}, "15 test images and 3 test labels"),
        ((IMAGES, [NEITHER, *"ababababababab"]), {}, "1 labels are missing, the first of row 0"),
        (
            (IMAGES, LABELS),
            {"test": (IMAGES, LABELS.astype(str))},
            "test labels are of the kind str, such as '0', but training labels number, such as 0",
        ),
        ((IMAGES, LABELS), {"test": (IMAGES[:0], [])}, "0 test images and 0 test labels"),
        (
            (IMAGES, LABELS),
            {"test": (IMAGES[:, :1], LABELS)},
            r"shape \(15, 1, 2\) have not the 4 values of a training image",
        ),
        ((IMAGES, LABELS), {"n_train": 16}, "n_train=16 of 15 images; give 1 to 15"),
        ((IMAGES, LABELS), {"n_train": 9, "test": (IMAGES, LABELS)}, "both n_train and test"),
        ((IMAGES, LABELS), {"paths": [None]}, "1 paths but 15 images"),
        ((IMAGES, LABELS), {"class_names": ["a"]}, "1 class_names but labels from"),
        ((np.eye(15), LABELS), {"metric": "precomputed"}, "precomputed distances show no pixels"),
    ],
)
def test_refuses(arguments: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        audit(*arguments, **options)


@pytest.mark.mnist
@pytest.mark.slow("audits MNIST")
def test_of_1_percent_wrong_labels_98_percent_are_in_the_first_2_percent() -> None:
    train = load_dataset("mnist").train
    labels = train.labels.copy()
    rng = np.random.default_rng(20)
    rows = rng.choice(len(labels), 600, replace=False)
    labels[rows] = (labels[rows] + rng.integers(1, 10, 600)) % 10
    found = audit(train.images, labels)
    assert np.isin(rows, found.ranking[:1200]).mean() >= 0.98
    assert found.label_noise == pytest.approx(0.01, abs=0.005)
    assert np.isin(rows, [issue.row for issue in found.label_issues]).mean() >= 0.93
    assert [group for group in found.duplicates if group.kind != "transformed"] == []
    # MNIST has no copies: what is called is a false alarm, of which 1 in 1,000 images is allowed.
    assert sum(map(len, found.duplicates)) < len(train) / 1000
    assert found.values_error_bound == 1 / 100


def test_labels_of_two_kinds_are_refused_with_the_cure():
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8)).astype(np.uint8)
    labels = np.array([0, "one"] * 10, dtype=object)
    with pytest.raises(TypeError, match=r"labels of the kinds int and str .* as one kind"):
        audit(images, labels, n_neighbors=3)
    assert len(audit(images, [str(label) for label in labels], n_neighbors=3)) == 20


def test_vectors_of_features_are_compared_and_pictures_shown(tmp_path) -> None:
    """Colours of one mean are alike whatever their pixels; the label of another mean is wrong."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 40, (40, 10, 10))
    noise -= noise.mean(axis=(1, 2), keepdims=True)
    images = (np.repeat([124, 132], 20)[:, None, None] + noise).clip(0, 255).astype(np.uint8)
    labels = np.repeat(["dark", "light"], 20)
    labels[7] = "light"
    asked = []

    def describe(pictures):
        asked.append(list(pictures))
        return np.array([[np.mean(one) - 128, 2.0] for one in pictures])

    found = audit(images, labels, n_neighbors=5, features=describe)
    assert [issue.row for issue in found.label_issues] == [7]
    assert np.array_equal(np.array(asked[0]), images)
    assert np.array_equal(found.images, images)
    assert found.accuracy == 39 / 40
    assert audit(images, labels, n_neighbors=5).accuracy < 0.9

    asked.clear()
    test = images[:3].copy(), labels[:3]
    leaks = audit(images, labels, n_neighbors=5, features=describe, test=test).leaks
    assert [leak.test_row for leak in leaks] == [0, 1, 2]
    assert [len(pictures) for pictures in asked] == [40, 3]

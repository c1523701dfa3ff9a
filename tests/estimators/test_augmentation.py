"""Predictors that grow their training set, and a cross-validation that does not leak."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from lookalike import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    KNeighborsSearchCV,
    Rotations,
    Shifts,
    expand,
    load_dataset,
)

GROWING = [Shifts(1), Shifts(1) + Rotations([12])]


@pytest.fixture(scope="module")
def digits():
    data = load_dataset("digits")
    return data.train.images[:600], data.train.labels[:600], data.test.images, data.test.labels


@pytest.mark.parametrize("augmentation", GROWING)
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_predictions_are_those_of_the_expanded_set(digits, augmentation, weights) -> None:
    images, labels, queries, _ = digits
    everything, all_labels = expand(images, labels, augmentation)
    ours = KNeighborsClassifier(4, weights=weights, augmentation=augmentation).fit(images, labels)
    theirs = KNeighborsClassifier(4, weights=weights).fit(everything, all_labels)
    np.testing.assert_array_equal(ours.predict(queries), theirs.predict(queries))
    np.testing.assert_array_equal(ours.predict_proba(queries), theirs.predict_proba(queries))

    numbers = np.stack([labels, -labels], axis=1)
    averaged = KNeighborsRegressor(4, weights=weights, augmentation=augmentation)
    wanted = KNeighborsRegressor(4, weights=weights).fit(
        everything, np.tile(numbers, (len(everything) // len(images), 1))
    )
    np.testing.assert_allclose(
        averaged.fit(images, numbers).predict(queries), wanted.predict(queries), rtol=1e-12
    )


def test_explain_names_the_image_and_the_variant(digits) -> None:
    images, labels, queries, _ = digits
    augmentation = Shifts(1)
    explanation = (
        KNeighborsClassifier(3, augmentation=augmentation).fit(images, labels).explain(queries)
    )
    assert explanation.variant_names == ("original", "right 1", "left 1", "down 1", "up 1")
    assert set(np.unique(explanation.variants)) == {0, 1, 2, 3, 4}
    everything, _ = expand(images, None, augmentation)
    rows = explanation.variants * len(images) + explanation.indices
    differences = everything[rows].astype(float) - queries[:, None]
    np.testing.assert_allclose(
        np.sqrt((differences**2).sum(axis=(2, 3))), explanation.distances, rtol=1e-12
    )
    assert "variant\n" in repr(explanation)
    assert explanation[:2].variants.shape == (2, 3)
    plain = KNeighborsClassifier(3).fit(images, labels).explain(queries)
    assert not plain.variants.any()
    assert "variant" not in repr(plain)


def scores_by_hand(
    images: NDArray[np.uint8], labels: NDArray[np.int64], augmentation, cv, k: int
) -> list[float]:
    """Grow the training images of each fold alone, and test on images as they are."""
    scores = []
    for train, test in cv.split(images, labels):
        grown, grown_labels = expand(images[train], labels[train], augmentation)
        knn = KNeighborsClassifier(k, weights="distance").fit(grown, grown_labels)
        scores.append(knn.score(images[test], labels[test]))
    return scores


@pytest.mark.parametrize("augmentation", GROWING)
def test_cross_validation_grows_training_images_only(digits, augmentation) -> None:
    images, labels = digits[:2]
    cv = StratifiedKFold(5)
    knn = KNeighborsClassifier(weights="distance", augmentation=augmentation)
    search = KNeighborsSearchCV(knn, {"n_neighbors": [1, 4]}, cv=cv).fit(images, labels)
    for candidate, k in enumerate([1, 4]):
        ours = [search.cv_results_[f"split{i}_test_score"][candidate] for i in range(5)]
        assert ours == scores_by_hand(images, labels, augmentation, cv, k)
        plainly = cross_val_score(clone(knn).set_params(n_neighbors=k), images, labels, cv=cv)
        assert ours == plainly.tolist()


def test_expanding_before_cross_validating_measures_a_lie() -> None:
    # Labels by chance: nobody can do better than one in ten. Images so smooth that each is nearest
    # to itself moved by one pixel.
    rng = np.random.default_rng(0)
    noise = np.zeros((300, 24, 24))
    noise[:, 6:18, 6:18] = rng.standard_normal((300, 12, 12))
    images, labels = gaussian_filter(noise, (0, 2, 2)), rng.integers(0, 10, 300)
    everything, all_labels = expand(images, labels, Shifts(1))
    shuffled = StratifiedKFold(5, shuffle=True, random_state=0)
    naive = cross_val_score(KNeighborsClassifier(1), everything, all_labels, cv=shuffled).mean()
    assert naive > 0.6
    knn = KNeighborsClassifier(1, augmentation=Shifts(1))
    for cv in (5, "loo"):
        honest = KNeighborsSearchCV(knn, {"n_neighbors": [1]}, cv=cv).fit(images, labels)
        assert honest.best_score_ < 0.2


def test_leave_one_out_leaves_all_variants_out(digits) -> None:
    images, labels = digits[0][:120], digits[1][:120]
    knn = KNeighborsClassifier(3, weights="distance", augmentation=Shifts(1))
    search = KNeighborsSearchCV(knn, {"n_neighbors": [3]}, cv="loo").fit(images, labels)
    right = 0
    for i in range(len(images)):
        others = np.arange(len(images)) != i
        grown, grown_labels = expand(images[others], labels[others], Shifts(1))
        fitted = KNeighborsClassifier(3, weights="distance").fit(grown, grown_labels)
        right += int(fitted.predict(images[i : i + 1])[0] == labels[i])
    assert search.best_score_ == right / len(images)
    np.testing.assert_array_equal(
        clone(knn).fit(images, labels).predict(None) == labels,
        knn.fit(images, labels).explain().prediction == labels,
    )


def test_groups_are_kept_apart_in_all_variants(digits) -> None:
    images, labels = digits[0][:200], digits[1][:200]
    groups = np.arange(200) // 10
    cv = list(GroupKFold(4).split(images, labels, groups))
    knn = KNeighborsClassifier(2, augmentation=Shifts(1))
    search = KNeighborsSearchCV(knn, {"n_neighbors": [2]}, cv=GroupKFold(4))
    search.fit(images, labels, groups=groups)
    by_hand = cross_val_score(knn, images, labels, cv=cv)
    assert [search.cv_results_[f"split{i}_test_score"][0] for i in range(4)] == by_hand.tolist()


def test_searching_over_augmentations(digits) -> None:
    images, labels = digits[:2]
    grid = {"augmentation": [None, Shifts(1), Shifts(1, diagonal=True)], "n_neighbors": [1, 4]}
    search = KNeighborsSearchCV(KNeighborsClassifier(weights="distance"), grid, cv=3)
    search.fit(images, labels)
    for params, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        knn = KNeighborsClassifier(weights="distance", **params)
        assert score == cross_val_score(knn, images, labels, cv=3).mean()
    assert search.best_estimator_.augmentation == search.best_params_["augmentation"]
    nested = KNeighborsSearchCV(
        KNeighborsClassifier(augmentation=Shifts(1)),
        {"augmentation__diagonal": [False, True]},
        cv=3,
    ).fit(images, labels)
    assert len(nested.cv_results_["params"]) == 2


@pytest.mark.parametrize(
    ("augmentation", "flat", "message"),
    [
        (Shifts(8), False, "give a reach of 1 to 7"),
        (Shifts(1), True, "image_shape"),
        ("Shifts(1)", False, "give for example"),
    ],
)
def test_what_is_wrong_is_found_before_any_search(digits, augmentation, flat, message) -> None:
    images, labels = digits[0][:100], digits[1][:100]
    grid = {"augmentation": [None, augmentation]}
    told = []
    search = KNeighborsSearchCV(KNeighborsClassifier(), grid, cv=2)
    with pytest.raises((ValueError, TypeError), match=message):
        search.fit(
            images.reshape(100, -1) if flat else images,
            labels,
            progress=lambda *pair: told.append(pair),
        )
    assert not told
    assert not hasattr(search, "cv_results_")


def test_in_a_pipeline_of_flat_rows(digits) -> None:
    images, labels, queries, _ = digits
    flat = make_pipeline(
        FunctionTransformer(lambda X: X.reshape(len(X), -1)),
        KNeighborsClassifier(3, augmentation=Shifts(1), image_shape=(8, 8)),
    )
    direct = KNeighborsClassifier(3, augmentation=Shifts(1)).fit(images, labels)
    predicted = flat.fit(images, labels).predict(queries)
    np.testing.assert_array_equal(predicted, direct.predict(queries))


def test_images_added_and_removed(digits) -> None:
    images, labels, queries, _ = digits
    whole = KNeighborsClassifier(3, augmentation=Shifts(1)).fit(images, labels)
    grown = KNeighborsClassifier(3, augmentation=Shifts(1)).fit(images[:400], labels[:400])
    grown.partial_fit(images[400:], labels[400:])
    np.testing.assert_array_equal(grown.predict(queries), whole.predict(queries))
    kept = KNeighborsClassifier(3, augmentation=Shifts(1)).fit(images[50:], labels[50:])
    grown.remove(np.arange(50))
    np.testing.assert_array_equal(grown.predict(queries), kept.predict(queries))


@pytest.mark.mnist
@pytest.mark.slow("searches MNIST with its shifts")
def test_mnist_with_one_pixel_shifts() -> None:
    data = load_dataset("mnist")
    knn = KNeighborsClassifier(4, weights="distance", augmentation=Shifts(1))
    knn.fit(data.train.images, data.train.labels)
    assert knn.score(data.test.images, data.test.labels) == 0.9763
    knn.set_params(n_neighbors=5)
    assert knn.score(data.test.images, data.test.labels) == 0.9766

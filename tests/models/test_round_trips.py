"""Every estimator of the package comes back from its file as it was, to the last bit."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from tests.models.round_trips import (
    DIGITS,
    GRID,
    MORE,
    MORE_Y,
    NAMES,
    QUERIES,
    X,
    Y,
    again,
    answers,
    flat,
    same,
)

from lookalike import (
    AffineWarps,
    ElasticWarps,
    Flips,
    GaussianNoise,
    KNeighborsClassifier,
    KNeighborsDenoiser,
    KNeighborsRegressor,
    KNeighborsSearchCV,
    LookalikeClassifier,
    NearestNeighbors,
    Rotations,
    SaltAndPepper,
    Scalings,
    Shifts,
    Softmax,
    UniformNoise,
    add_noise,
)
from lookalike.matching.axes import WithinClassWhitening
from lookalike.matching.features import OrientedGradients
from lookalike.matching.stroke_normalization import NormalizeStroke
from lookalike.models.file import load_model, open_file, save_model

pytestmark = pytest.mark.filterwarnings(
    "ignore::lookalike.search.sklearn_fallback.SklearnFallbackWarning"
)

CLASSIFIERS = {
    "plain": KNeighborsClassifier(3),
    "distance": KNeighborsClassifier(4, weights="distance", metric="manhattan"),
    "none": KNeighborsClassifier(4, weights=None, metric="cosine", n_jobs=1),
    "softmax": KNeighborsClassifier(7, weights=Softmax(0.3), metric="cosine"),
    "sqeuclidean": KNeighborsClassifier(2, metric="sqeuclidean", working_memory=1.5),
    "p": KNeighborsClassifier(3, p=1),
    "balanced": KNeighborsClassifier(5, class_weight="balanced"),
    "class weights": KNeighborsClassifier(5, class_weight={np.int64(1): 2.5, 3: 0.5, 8: np.pi}),
    "reject": KNeighborsClassifier(5, reject=0.7),
    "reject label": KNeighborsClassifier(5, reject=0.7, reject_label=-7),
    "shifts": KNeighborsClassifier(3, augmentation=Shifts(2, diagonal=True)),
    "rotations": KNeighborsClassifier(3, augmentation=Rotations(10), weights="distance"),
    "sum": KNeighborsClassifier(3, augmentation=Shifts(1) + Rotations((-5, 5))),
    "product": KNeighborsClassifier(3, augmentation=Shifts(1) * (Flips() + Scalings((0.9, 1.1)))),
    "manhattan shifts": KNeighborsClassifier(3, metric="manhattan", augmentation=Shifts(1)),
    "affine": KNeighborsClassifier(2, augmentation=AffineWarps(2, random_state=3)),
    "elastic": KNeighborsClassifier(2, augmentation=ElasticWarps(2, random_state=3)),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier(path, name):
    classifier = clone(CLASSIFIERS[name]).fit(X, Y)
    loaded = again(classifier, path, QUERIES)
    assert same(loaded.predict(None), classifier.predict(None))


HANDED_OVER = {
    "chebyshev": {"metric": "chebyshev"},
    "p": {"p": 3, "algorithm": "kd_tree", "leaf_size": 7},
    "ball tree": {"metric": "canberra", "algorithm": "ball_tree"},
    "weights": {"metric": "minkowski", "metric_params": {"w": np.linspace(0, 1, 64)}},
    "seuclidean": {"metric": "seuclidean", "metric_params": {"V": np.linspace(1, 2, 64)}},
}


@pytest.mark.parametrize("name", HANDED_OVER)
def test_what_scikit_learn_searches(path, name):
    classifier = KNeighborsClassifier(3, **HANDED_OVER[name]).fit(flat(X), Y)
    loaded = again(classifier, path, flat(QUERIES))
    for one in (classifier, loaded):
        one.partial_fit(flat(MORE), MORE_Y).remove([0, 5])
    assert same(answers(loaded, flat(QUERIES)), answers(classifier, flat(QUERIES)))


@pytest.mark.parametrize(
    "rows",
    [
        sparse.csr_matrix(flat(X).astype(float)),
        sparse.csr_array(flat(X).astype(np.float32)),
        sparse.csc_matrix(flat(X).astype(float)),
        sparse.csr_matrix(flat(X).astype(float))[:, ::-1],  # indices unsorted
    ],
)
def test_sparse_rows(path, rows):
    queries = sparse.csr_matrix(flat(QUERIES).astype(float))
    classifier = KNeighborsClassifier(3).fit(rows, Y)
    loaded = again(classifier, path, queries)
    for one in (classifier, loaded):
        one.partial_fit(queries[:5], Y[:5]).remove([0, 5])
    assert same(answers(loaded, queries), answers(classifier, queries))


def test_precomputed_distances(path):
    table = NearestNeighbors(n_neighbors=119).fit(X).kneighbors_graph(mode="distance").toarray()
    again(KNeighborsClassifier(3, metric="precomputed").fit(table, Y), path, table[:9])


LABELS = {
    "text": NAMES[Y],
    "long and short": np.array(["ein Adler", "ü", "日本", "", "\U0001f600", *"abcde"])[Y],
    "objects": np.array(["ein Adler", "ü", "日本", "", "\U0001f600", *"abcde"], object)[Y],
    "bool": Y > 4,
    "uint8": Y.astype(np.uint8),
    "int64": Y.astype(np.int64) - 2**62,
    "float": Y.astype(float),
    "two outputs": np.stack([Y, Y % 3], axis=1),
    "outputs of text": np.stack([NAMES[Y], NAMES[Y % 3]], axis=1),
    "outputs of bytes": np.stack([Y, Y % 3, Y > 4], axis=1).astype(np.uint8),
    "one column": Y[:, np.newaxis],
}


@pytest.mark.filterwarnings("ignore:A column-vector y")
@pytest.mark.parametrize("name", LABELS)
def test_labels(path, name):
    classifier = KNeighborsClassifier(3).fit(X, LABELS[name])
    loaded = again(classifier, path, QUERIES)
    assert same(loaded.classes_, classifier.classes_)
    assert same(loaded.explain(QUERIES).labels, classifier.explain(QUERIES).labels)
    for one in (classifier, loaded):
        one.partial_fit(MORE, LABELS[name][:20]).remove([3, 4])
    assert same(answers(loaded, QUERIES), answers(classifier, QUERIES))


def test_big_endian_labels_come_back_in_the_order_of_the_file(path):
    classifier = KNeighborsClassifier(3).fit(X, Y.astype(">i4"))
    save_model(classifier, path)
    predicted = load_model(path).predict(QUERIES)
    assert predicted.dtype == "<i4"
    np.testing.assert_array_equal(predicted, classifier.predict(QUERIES))


@pytest.mark.parametrize("name", ["text", "objects", "bool", "int64", "long and short"])
def test_labels_of_matched_images(path, name):
    classifier = LookalikeClassifier("fast").fit(X, LABELS[name])
    assert same(again(classifier, path, QUERIES).classes_, classifier.classes_)


def test_class_names_stand_in_the_file(path):
    save_model(KNeighborsClassifier(1).fit(X, LABELS["long and short"]), path)
    names = open_file(path).description["class_names"]
    assert names == sorted(["ein Adler", "ü", "日本", "", "\U0001f600", *"abcde"])
    save_model(KNeighborsClassifier(1).fit(X, LABELS["two outputs"]), path)
    assert open_file(path).description["class_names"] == [list("0123456789"), list("012")]
    save_model(KNeighborsRegressor(1).fit(X, Y), path)
    assert open_file(path).description["class_names"] is None


def test_declared_classes_and_sample_weights(path):
    weights = np.linspace(0, 2, len(Y))
    classifier = KNeighborsClassifier(5).partial_fit(
        X, Y, classes=np.arange(20), sample_weight=weights
    )
    loaded = again(classifier, path, QUERIES)
    with pytest.raises(ValueError, match="99"):
        loaded.partial_fit(MORE[:1], [99])
    assert same(loaded.partial_fit(MORE[:1], [15]).classes_, np.arange(20))


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int8, np.int16, np.float32, np.float64, np.uint16, bool]
)
def test_rows_of_any_type(path, dtype):
    again(KNeighborsClassifier(3).fit(X.astype(dtype), Y), path, QUERIES.astype(dtype))


def test_data_frames(path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(flat(X), columns=[f"pixel {i}" for i in range(64)])
    loaded = again(KNeighborsClassifier(3).fit(frame, Y), path, frame[:9])
    assert loaded.feature_names_in_.tolist() == list(frame.columns)


def test_colour_images(path):
    images = np.random.default_rng(0).integers(0, 256, (40, 9, 8, 3), np.uint8)
    for classifier in (KNeighborsClassifier(3), LookalikeClassifier("fast")):
        again(classifier.fit(images, Y[:40]), path, images[:5] // 2)


def test_search(path):
    search = NearestNeighbors(n_neighbors=4, radius=20, augmentation=Flips())
    loaded = again(search.fit(X), path, QUERIES)
    assert loaded.variant_names_ == search.variant_names_
    plain = NearestNeighbors(metric="cosine").fit(X)
    assert same(again(plain, path, QUERIES).kneighbors(), plain.kneighbors())
    weird = NearestNeighbors(metric="chebyshev", radius=9).fit(X)
    found, expected = (
        one.radius_neighbors(QUERIES) for one in (again(weird, path, QUERIES), weird)
    )
    assert all(same(list(ours), list(theirs)) for ours, theirs in zip(found, expected, strict=True))


@pytest.mark.parametrize("targets", [Y, Y / 3, flat(X).astype(float)[:, :5]])
def test_regressor(path, targets):
    regressor = KNeighborsRegressor(4, weights="distance", augmentation=Shifts(1)).fit(X, targets)
    loaded = again(regressor, path, QUERIES)
    for one in (regressor, loaded):
        one.partial_fit(MORE, targets[:20]).remove(7)
    assert same(answers(loaded, QUERIES), answers(regressor, QUERIES))


SEARCHES = {
    "plain": {},
    "loo": {"cv": "loo"},
    "KFold": {"cv": KFold(3, shuffle=True, random_state=4)},
    "StratifiedKFold": {"cv": StratifiedKFold(3)},
    "RepeatedKFold": {"cv": RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)},
    "RepeatedStratifiedKFold": {"cv": RepeatedStratifiedKFold(n_splits=3, n_repeats=1)},
    "ShuffleSplit": {"cv": ShuffleSplit(2, random_state=0)},
    "StratifiedShuffleSplit": {"cv": StratifiedShuffleSplit(2, test_size=30, random_state=0)},
    "PredefinedSplit": {"cv": PredefinedSplit(np.arange(120) % 3)},
    "LeaveOneOut": {"cv": LeaveOneOut(), "param_grid": {"n_neighbors": [1, 3]}},
    "splits": {"cv": [(np.arange(100), np.arange(100, 120)), (np.arange(50), np.arange(60, 80))]},
    "scoring": {"scoring": "balanced_accuracy", "return_train_score": True},
    "scorings": {"scoring": ["accuracy", "f1_macro"], "refit": "f1_macro"},
    "scorings of a dict": {"scoring": {"own": "accuracy"}, "refit": "own"},
    "grids": {"param_grid": [GRID, {"metric": ["manhattan"], "n_neighbors": np.arange(1, 4)}]},
    "drawn": {"n_iter": 3, "random_state": 0, "param_grid": {"n_neighbors": [1, 2, 3, 4]}},
    "augmentation": {"param_grid": {"augmentation": [None, Shifts(1), Shifts(1) * Flips()]}},
}


@pytest.mark.parametrize("name", SEARCHES)
def test_search_of_hyperparameters(path, name):
    search = KNeighborsSearchCV(
        KNeighborsClassifier(), **{"param_grid": GRID, "cv": 3, **SEARCHES[name]}
    ).fit(X, Y)
    loaded = again(search, path, QUERIES)
    assert loaded.best_params_ == search.best_params_
    assert loaded.score(QUERIES, Y[:30]) == search.score(QUERIES, Y[:30])
    assert loaded.cv_results_.keys() == search.cv_results_.keys()
    for key, column in search.cv_results_.items():
        if not key.startswith("param"):
            assert same(loaded.cv_results_[key], column)
    assert loaded.cv_results_["params"] == search.cv_results_["params"]


@pytest.mark.parametrize("cv", [GroupKFold(3), StratifiedGroupKFold(3)])
def test_search_of_hyperparameters_by_groups(path, cv):
    search = KNeighborsSearchCV(KNeighborsClassifier(), GRID, cv=cv)
    again(search.fit(X, Y, groups=np.arange(120) // 10), path, QUERIES)


def test_search_of_hyperparameters_without_a_best(path):
    search = KNeighborsSearchCV(KNeighborsRegressor(), GRID, cv=3, refit=False).fit(X, Y)
    save_model(search, path)
    loaded = load_model(path)
    assert loaded.best_params_ == search.best_params_
    with pytest.raises(AttributeError, match="has no attribute"):
        loaded.predict(QUERIES)


@pytest.mark.parametrize(
    ("effort", "n"),
    [
        ("fast", 40),
        ("fast", 120),
        *(
            pytest.param(effort, 80, marks=pytest.mark.slow("tries many representations"))
            for effort in ("balanced", "best")
        ),
    ],
)
def test_matched_images(path, effort, n):
    classifier = LookalikeClassifier(effort, n_jobs=2).fit(X[:n], Y[:n])
    loaded = again(classifier, path, QUERIES)
    assert loaded.choices_ == classifier.choices_
    for one in (classifier, loaded):
        one.partial_fit(MORE, MORE_Y, relearn=False).remove([1, 2], relearn=False)
    assert same(answers(loaded, QUERIES), answers(classifier, QUERIES))
    for one in (classifier, loaded):
        one.partial_fit(MORE[:5], MORE_Y[:5]).remove([0])
    ours, theirs = (one.explain(QUERIES, 4) for one in (loaded, classifier))
    assert same(answers(loaded, QUERIES), answers(classifier, QUERIES))
    for name in ("indices", "distances", "labels", "variants", "rows", "probabilities"):
        assert same(getattr(ours, name), getattr(theirs, name)), name


@pytest.mark.slow("learns with the effort best")
def test_few_images_that_were_grown(path):
    classifier = LookalikeClassifier("best").fit(X[:12], Y[:12])
    assert again(classifier, path, QUERIES).representation_ == classifier.representation_


NOISES = {
    "gaussian": GaussianNoise(3),
    "uniform": UniformNoise(0, 6),
    "salt and pepper": SaltAndPepper(0.2),
    "several": GaussianNoise(1) + SaltAndPepper(0.1),
}


@pytest.mark.slow("fits a denoiser for each noise")
@pytest.mark.parametrize("name", NOISES)
def test_denoiser(path, name):
    noise = NOISES[name]
    denoiser = KNeighborsDenoiser(10, quality="fast", random_state=0)
    denoiser.fit(clean=DIGITS.train.images[:60], noise=noise)
    noisy = add_noise(QUERIES, noise, 0)
    loaded = again(denoiser, path, noisy)
    assert same(loaded.predict(noisy, return_std=True), denoiser.predict(noisy, return_std=True))
    assert loaded.noise_ == denoiser.noise_


@pytest.mark.slow("fits a denoiser with neighbours")
def test_denoiser_by_neighbors_and_from_pairs(path):
    clean = DIGITS.train.images[:60]
    denoiser = KNeighborsDenoiser(10, random_state=0)
    denoiser.fit(add_noise(clean, GaussianNoise(3), 0), clean)
    assert denoiser.uses_neighbors_
    again(denoiser, path, add_noise(QUERIES, GaussianNoise(3), 1))


@pytest.mark.slow("fits denoisers of colours")
@pytest.mark.parametrize("quality", ["fast", "best"])
def test_denoiser_of_photographs(path, quality):
    from sklearn.datasets import load_sample_image

    photograph = load_sample_image("china.jpg")[100:140, 100:148]
    denoiser = KNeighborsDenoiser(quality=quality, random_state=0)
    denoiser.fit(clean=[photograph, photograph[:32, :30]], noise=GaussianNoise(20))
    noisy = [add_noise(photograph, GaussianNoise(20), 1)]
    again(denoiser, path, noisy)


@pytest.mark.parametrize(
    "part", [NormalizeStroke(), OrientedGradients(), OrientedGradients(4, n_cells=3, root=False)]
)
def test_parts_of_matching(path, part):
    again(clone(part).fit(X), path, QUERIES)


@pytest.mark.parametrize("power", [0, 0.6])
def test_whitening(path, power):
    rows = np.random.default_rng(0).normal(size=(120, 9))
    again(WithinClassWhitening(power).fit(rows, Y), path, rows[:7])

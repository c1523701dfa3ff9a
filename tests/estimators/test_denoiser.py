"""The denoiser: what it reaches on small data, what it promises, what it refuses."""

import pickle
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from lookalike import (
    GaussianNoise,
    KNeighborsClassifier,
    KNeighborsDenoiser,
    SaltAndPepper,
    UniformNoise,
    add_noise,
    load_dataset,
)

NOISES = {
    "uniform": UniformNoise(0, 100),
    "gaussian": GaussianNoise(50),
    "salt and pepper": SaltAndPepper(0.2),
}


@pytest.fixture(scope="module")
def digits():
    """Small digits in the full range of bytes: 700 to learn from, 200 others alike."""
    images = np.random.default_rng(0).permutation(load_dataset("digits").train.images)
    scaled = np.rint(images * (255 / images.max())).astype(np.uint8)
    return scaled[:700], scaled[700:900]


def error(estimate, truth):
    return float(((estimate - truth.astype(np.float64)) ** 2).mean())


@pytest.fixture(scope="module")
def fit(digits):
    """A function that fits a denoiser with neighbours to the digits and a noise, once."""
    return cache(
        lambda name: KNeighborsDenoiser(20, random_state=0).fit(clean=digits[0], noise=NOISES[name])
    )


slow = pytest.mark.slow("fits a denoiser with neighbours in seconds; one noise is enough at hand")


@pytest.fixture(
    params=[
        "uniform",
        pytest.param("gaussian", marks=slow),
        pytest.param("salt and pepper", marks=slow),
    ]
)
def fitted(request, fit):
    return NOISES[request.param], fit(request.param)


def test_it_beats_the_mean_of_neighbors_and_each_pixel_by_itself(fitted, digits):
    noise, denoiser = fitted
    noisy = add_noise(digits[1], noise, 1)
    table = denoiser._cascade.noise
    alone = error(
        table.expected[table.rows_of(noisy.astype(np.float32))][..., None][..., 0], digits[1]
    )
    estimate = denoiser.predict(noisy)
    assert denoiser.uses_neighbors_
    assert estimate.shape == noisy.shape
    assert estimate.dtype == np.float32
    assert error(estimate, digits[1]) < 0.7 * alone
    assert 0 <= estimate.min() <= estimate.max() <= 255


def test_estimates_keep_within_what_the_noise_allows(digits):
    denoiser = KNeighborsDenoiser(20, random_state=0, quality="fast")
    denoiser.fit(clean=digits[0], noise=UniformNoise(0, 100))
    noisy = add_noise(digits[1], UniformNoise(0, 100), 1)
    estimate = denoiser.predict(noisy)
    assert (estimate <= noisy).all()
    assert (estimate >= noisy - 99.0).all()
    pepper = KNeighborsDenoiser(20, random_state=0, quality="fast")
    pepper.fit(clean=digits[0], noise=SaltAndPepper(0.2))
    spoilt = add_noise(digits[1], SaltAndPepper(0.2), 1)
    known = (spoilt > 0) & (spoilt < 255)
    assert_array_equal(pepper.predict(spoilt)[known], spoilt[known])


def test_the_deviation_is_that_of_the_errors(fitted, digits):
    noise, denoiser = fitted
    noisy = add_noise(digits[1], noise, 2)
    estimate, deviation = denoiser.predict(noisy, return_std=True)
    squared = (estimate - digits[1]) ** 2
    assert deviation.shape == estimate.shape
    assert 0.75 < squared.mean() / (deviation**2).mean() < 1.35
    # Not only on the whole: where it says more, errors are larger.
    order = np.argsort(deviation, axis=None)
    for part in np.array_split(order, 4)[2:]:
        told, made = (deviation.ravel()[part] ** 2).mean(), squared.ravel()[part].mean()
        assert 0.5 < made / told < 2


@pytest.mark.parametrize(
    "quality",
    ["fast", pytest.param("best", marks=pytest.mark.slow("fits with neighbours, thrice"))],
)
def test_it_is_the_same_on_any_number_of_threads(digits, quality):
    noisy = add_noise(digits[1], GaussianNoise(50), 3)
    made = [
        KNeighborsDenoiser(20, quality=quality, random_state=5, n_jobs=n_jobs)
        .fit(clean=digits[0][:300], noise=GaussianNoise(50))
        .predict(noisy)
        for n_jobs in (1, 2, 3)
    ]
    assert_array_equal(made[0], made[1])
    assert_array_equal(made[0], made[2])


def test_threads_are_those_of_now_not_of_fit(digits):
    denoiser = KNeighborsDenoiser(20, random_state=5, n_jobs=1)
    denoiser.fit(clean=digits[0][:100], noise=GaussianNoise(50))
    denoiser.set_params(n_jobs=3).predict(digits[1][:2])
    cascade = denoiser._cascade
    assert cascade.neighbors._search.n_jobs == cascade.neighbors.n_threads == 3
    assert {regression.n_threads for regression, _ in cascade._stages} == {3}


@pytest.mark.slow("fits a denoiser with neighbours in seconds")
def test_pairs_are_learned_from_as_well(digits, fit):
    noise, known = NOISES["uniform"], fit("uniform")
    paired = KNeighborsDenoiser(20, random_state=0).fit(add_noise(digits[0], noise, 7), digits[0])
    noisy = add_noise(digits[1], noise, 8)
    assert error(paired.predict(noisy), digits[1]) < 1.3 * error(known.predict(noisy), digits[1])


def test_working_memory_changes_nothing(digits):
    noisy = add_noise(digits[1], UniformNoise(0, 100), 9)
    denoiser = KNeighborsDenoiser(20, random_state=0, quality="fast")
    whole = denoiser.fit(clean=digits[0], noise=UniformNoise(0, 100)).predict(noisy)
    assert_array_equal(denoiser.set_params(working_memory=0.1).predict(noisy), whole)


def test_rows_lists_and_channels_come_back_as_they_were_given(digits):
    few, noisy = digits[0][:200], add_noise(digits[1][:5], UniformNoise(0, 100), 1)
    fit = KNeighborsDenoiser(quality="fast", random_state=0, image_shape=(8, 8)).fit
    expected = fit(clean=few, noise=UniformNoise(0, 100)).predict(noisy)
    rows = fit(clean=few.reshape(200, -1), noise=UniformNoise(0, 100)).predict(noisy.reshape(5, -1))
    assert_array_equal(rows, expected.reshape(5, -1))
    denoiser = fit(clean=list(few), noise=UniformNoise(0, 100))
    listed = denoiser.predict(list(noisy))
    assert isinstance(listed, list)
    assert_array_equal(np.stack(listed), expected)
    assert_array_equal(denoiser.predict(noisy[..., None]), expected[..., None])


def test_floats_of_another_range_are_cleaned_in_it(digits):
    truth = digits[1] / 255 - 0.5
    noisy = add_noise(truth, UniformNoise(0, 0.4), 1)
    denoiser = KNeighborsDenoiser(20, random_state=0, quality="fast")
    estimate = denoiser.fit(clean=digits[0] / 255 - 0.5, noise=UniformNoise(0, 0.4)).predict(noisy)
    assert -0.5001 <= estimate.min() <= estimate.max() <= 0.5001
    assert error(estimate, truth) < 0.5 * error(noisy - 0.2, truth)


def photographs(seed, shape):
    """Smooth shapes with edges, of some size."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros(shape)
    for _ in range(25):
        centre, radius = rng.random(2) * shape[:2], 5 + rng.random() * 25
        inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
        image[inside] = rng.random(shape[2:]) * 255
    return image.astype(np.uint8)


@pytest.mark.parametrize(
    ("quality", "colour"),
    [
        ("fast", ()),
        pytest.param("fast", (3,), marks=pytest.mark.slow("three channels, three times the work")),
        pytest.param("best", (), marks=pytest.mark.slow("the quality best fits more stages")),
    ],
)
def test_large_images_are_cleaned_without_seams(quality, colour):
    train = [photographs(i, (90 + 7 * i, 120, *colour)) for i in range(4)]
    denoiser = KNeighborsDenoiser(quality=quality, random_state=0)
    denoiser.fit(clean=train, noise=GaussianNoise(30))
    truth = photographs(9, (100, 210, *colour))
    noisy = add_noise(truth, GaussianNoise(30), 1)
    estimate = denoiser.predict([noisy])[0]
    assert estimate.shape == truth.shape
    assert not denoiser.uses_neighbors_
    assert error(estimate, truth) < 0.3 * error(noisy, truth)
    # A part with enough around it is cleaned as the whole is: no tile shows.
    reach = denoiser._cascade.reach
    part = denoiser.predict([noisy[5:, 11:]])[0]
    assert_array_equal(part[reach:, reach:], estimate[5 + reach :, 11 + reach :])


def test_it_can_be_copied_and_kept(digits):
    denoiser = KNeighborsDenoiser(20, quality="fast", random_state=0)
    assert clone(denoiser).get_params() == denoiser.get_params()
    denoiser.fit(clean=digits[0][:200], noise=UniformNoise(0, 100))
    noisy = add_noise(digits[1][:3], UniformNoise(0, 100), 1)
    again = pickle.loads(pickle.dumps(denoiser))
    assert_array_equal(again.predict(noisy), denoiser.predict(noisy))


def test_it_ends_a_pipeline_and_feeds_a_classifier(digits):
    noise = UniformNoise(0, 100)
    labels = np.random.default_rng(0).permutation(load_dataset("digits").train.labels)[:900]
    noisy, other = add_noise(digits[0], noise, 1), add_noise(digits[1], noise, 2)
    pipeline = make_pipeline(KNeighborsDenoiser(quality="fast", random_state=0))
    cleaned = pipeline.fit(noisy, digits[0]).predict(other)
    classifier = KNeighborsClassifier(3).fit(digits[0], labels[:700])
    assert classifier.score(np.rint(cleaned).astype(np.uint8), labels[700:]) > 0.9


def test_progress_is_told_to_the_end(digits):
    told = []
    denoiser = KNeighborsDenoiser(quality="fast", random_state=0)
    denoiser.fit(
        clean=digits[0][:100], noise=UniformNoise(0, 9), progress=lambda *a: told.append(a)
    )
    assert told[-1][0] == told[-1][1]
    assert told == sorted(told)
    told.clear()
    denoiser.predict(digits[1], progress=lambda *a: told.append(a))
    assert told[-1] == (200, 200)


@pytest.mark.parametrize("n", [1, 2, 30])
@pytest.mark.parametrize("value", [0, 77, 255])
def test_few_or_constant_images_are_no_trouble(n, value):
    clean = np.full((n, 9, 8), value, np.uint8)
    denoiser = KNeighborsDenoiser(random_state=0).fit(clean=clean, noise=GaussianNoise(20))
    estimate, deviation = denoiser.predict(add_noise(clean, GaussianNoise(20), 1), return_std=True)
    assert np.abs(estimate - value).mean() < 5
    assert np.isfinite(deviation).all()


IMAGES = np.zeros((4, 9, 9), np.uint8)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "clean images are missing"),
        ({"clean": IMAGES}, "either noisy images or the noise"),
        ({"noisy": IMAGES, "clean": IMAGES, "noise": UniformNoise()}, "either noisy images or"),
        ({"noisy": IMAGES[:3], "clean": IMAGES}, r"shape \(3, 9, 9\) but clean ones of shape"),
        ({"noisy": IMAGES[..., :8], "clean": IMAGES}, "of the same size for each clean"),
        ({"clean": IMAGES[:0], "noise": UniformNoise()}, "clean holds no image"),
        ({"clean": IMAGES[:, :5], "noise": UniformNoise()}, "5 by 9 pixels, but windows of 7"),
        ({"clean": IMAGES / np.nan, "noise": UniformNoise()}, "clean holds NaN"),
        ({"clean": IMAGES.reshape(4, -1), "noise": UniformNoise()}, "give image_shape"),
        ({"clean": [IMAGES[0], IMAGES[0, ..., None]], "noise": UniformNoise()}, "mixes arrays"),
        ({"clean": np.zeros((2, 9, 9, 7)), "noise": UniformNoise()}, "have 7 channels"),
        ({"clean": IMAGES.astype(str), "noise": UniformNoise()}, "integers or floats"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_fit_refuses(given, message):
    with pytest.raises(ValueError, match=message):
        KNeighborsDenoiser().fit(**given)


def test_fit_refuses_what_is_no_noise():
    with pytest.raises(TypeError, match="noise=50 is not a noise"):
        KNeighborsDenoiser().fit(clean=IMAGES, noise=50)


@pytest.mark.parametrize(
    "parameters", [{"quality": "good"}, {"n_neighbors": 0}, {"working_memory": 0}]
)
def test_parameters_out_of_their_limits_are_named(parameters):
    ((name, _),) = parameters.items()
    with pytest.raises(ValueError, match=name):
        KNeighborsDenoiser(**parameters).fit(clean=IMAGES, noise=UniformNoise())


def test_predict_refuses_images_unlike_those_fitted(digits):
    denoiser = KNeighborsDenoiser(quality="fast", random_state=0)
    denoiser.fit(clean=digits[0][:50], noise=UniformNoise(0, 100))
    with pytest.raises(ValueError, match=r"9 by 8 pixels but fit got images of 8 by 8"):
        denoiser.predict(np.zeros((1, 9, 8)))
    with pytest.raises(ValueError, match=r"colour ones \(3 channels\) but fit got grey"):
        denoiser.predict(np.zeros((1, 8, 8, 3)))
    with pytest.raises(ValueError, match=r"holds values from 0 to 355, but the noise \(Uniform"):
        denoiser.predict(
            np.append(np.zeros((1, 8, 7)), np.full((1, 8, 1), 355), axis=2).astype(int)
        )
    with pytest.raises(ValueError, match="NaN"):
        denoiser.predict(np.full((1, 8, 8), np.nan))

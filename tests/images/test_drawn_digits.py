"""What the form is for: digits drawn by several hands and pens are recognised."""

import numpy as np
import pytest
from PIL import Image
from tests.web import hands

from lookalike import LookalikeClassifier, load_dataset
from lookalike.images.preprocessing import learn_form


def canvas(digit: int = 4, hand: int = 1, *, width: int = 280, pen: float = 15) -> np.ndarray:
    return hands.draw(hands.write(digit, hand), width, pen)


def test_hands_write_the_same_each_time_and_all_within_the_canvas() -> None:
    for digit in range(10):
        for hand in range(hands.N_HANDS):
            strokes = hands.write(digit, hand)
            assert strokes == hands.write(digit, hand)
            assert all(0 < v < 280 for stroke in strokes for point in stroke for v in point)
            assert all(len(stroke) > 10 for stroke in strokes)
    assert hands.write(3, 0) != hands.write(3, 3)  # of the same template


def drawn_digits() -> tuple[np.ndarray, list[np.ndarray]]:
    every = [
        (digit, canvas(digit, hand, pen=pen))
        for hand in range(hands.N_HANDS)
        for pen in hands.PENS
        for digit in range(10)
    ]
    return np.array([digit for digit, _ in every]), [picture for _, picture in every]


@pytest.mark.mnist
@pytest.mark.slow("learns from MNIST")
def test_drawn_digits_are_recognised_and_mnists_own_as_before() -> None:
    data = load_dataset("mnist", download=False)
    classifier = LookalikeClassifier("fast").fit(data.train.images, data.train.labels)
    form = learn_form(data.train.images)
    labels, pictures = drawn_digits()
    images = np.array([form.apply(picture) for picture in pictures])
    assert np.mean(classifier.predict(images) == labels) >= 0.98

    test, labels = data.test.images[:1000], data.test.labels[:1000]
    before = classifier.score(test, labels)
    assert classifier.score(np.array([form.apply(image) for image in test]), labels) == before
    # inverted and enlarged, as a file from elsewhere may be
    larger = [255 - np.asarray(Image.fromarray(image).resize((112, 112))) for image in test]
    again = np.array([form.apply(picture) for picture in larger])
    assert classifier.score(again, labels) > before - 0.005


@pytest.mark.slow("learns with the effort best")
def test_drawn_digits_are_recognised_by_the_small_ones() -> None:
    # whose writers all barred their sevens and gave no one a foot: some of ours do neither
    data = load_dataset("digits")
    classifier = LookalikeClassifier("fast").fit(data.train.images, data.train.labels)
    form = learn_form(data.train.images)
    labels, pictures = drawn_digits()
    images = np.array([form.apply(picture) for picture in pictures])
    right = classifier.predict(images) == labels
    assert right.mean() > 0.88
    assert right[~np.isin(labels, (1, 7))].mean() > 0.97

"""Strokes are told from whatever else lies in a picture, or the doubt is told."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from tests.web import hands

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.images.preprocessing import Form, Strokes
from lookalike.images.printed_lines import printed_lines
from lookalike.images.strokes import find_ink

MNIST = Form((28, 28), 0, Strokes(255, 20, "mass", (13.995, 14.004), (1.746, 3.234)))
DIGITS = (2, 3, 7)
Y, X = np.mgrid[:280, :280]


def canvas(digit: int) -> np.ndarray:
    return hands.draw(hands.write(digit, 1))


def likeness(image: np.ndarray, other: np.ndarray) -> float:
    moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    moved = (np.roll(other, move, (0, 1)) for move in moves)
    return max(np.corrcoef(image.ravel(), one.ravel())[0, 1] for one in moved)


def where(picture: np.ndarray, mask: np.ndarray, value: int) -> np.ndarray:
    return np.where(mask, np.minimum(picture, value), picture).astype(np.uint8)


def frame(picture: np.ndarray, inset: int = 0, width: int = 1, value: int = 0) -> np.ndarray:
    off = np.minimum.reduce([X, Y, 279 - X, 279 - Y])
    return where(picture, (off >= inset) & (off < inset + width), value)


def specks(picture: np.ndarray) -> np.ndarray:
    dots = np.zeros(picture.shape, bool)
    for row, column in np.random.default_rng(0).integers(5, 270, (12, 2)):
        dots[row : row + 4, column : column + 4] = True
    return where(picture, dots, 0)


def table(picture: np.ndarray) -> np.ndarray:
    page = Image.fromarray(picture).rotate(2, fillcolor=255)
    wide = np.full((400, 380), 60, np.uint8)
    inside = Image.fromarray(np.full((280, 280), 255, np.uint8)).rotate(2)
    wide[70:350, 40:320] = np.where(np.asarray(inside) > 128, np.asarray(page), 60)
    return wide


def equal_luma(picture: np.ndarray) -> np.ndarray:
    ink = 1 - picture[..., None] / 255
    ground, red = np.array([50, 130, 60]), np.array([190, 60, 55])  # both of luma 98 or 99
    return np.rint(ground + ink * (red - ground)).astype(np.uint8)


CONDITIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "a frame of one pixel": frame,
    "a thick frame": lambda p: frame(p, 0, 12, 40),
    "two frames": lambda p: frame(frame(p), 8, 3),
    "a printed box": lambda p: frame(p, 20, 4),
    "a line at the edge": lambda p: where(p, X < 3, 0),
    "a bar at the foot": lambda p: where(p, Y > 270, 60),
    "specks": specks,
    "ruled paper": lambda p: where(p, (Y + X // 40) % 40 < 2, 120),
    "squared paper": lambda p: where(p, (Y % 30 < 2) | (X % 30 < 2), 150),
    "an underline": lambda p: where(p, (Y >= 272) & (Y < 274) & (X > 40) & (X < 240), 60),
    "a page on a dark table": table,
    "a hard shadow": lambda p: np.where(2 * X + Y > 400, p // 2, p).astype(np.uint8),
    "a vignette": lambda p: (p * (1 - 0.6 * np.hypot(X - 140, Y - 140) / 198)).astype(np.uint8),
    "one luma": equal_luma,
    "a finger": lambda p: where(p, np.hypot(X - 20, Y) < 40, 150),
}


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_strokes_are_those_of_the_clean_canvas(condition: str, digit: int) -> None:
    picture = canvas(digit)
    image, doubt = MNIST.read(CONDITIONS[condition](picture))
    assert doubt is None
    assert likeness(image, MNIST.apply(picture)) > 0.9


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("condition", ["a frame of one pixel", "a printed box", "ruled paper"])
def test_chalk_on_a_board(condition: str, digit: int) -> None:
    picture = canvas(digit)
    image, doubt = MNIST.read(255 - CONDITIONS[condition](picture))
    assert doubt is None
    assert likeness(image, MNIST.apply(picture)) > 0.9


@pytest.mark.parametrize("digit", DIGITS)
def test_chalk_half_in_the_shade(digit: int) -> None:
    picture = canvas(digit)
    image, doubt = MNIST.read(np.where(2 * X + Y > 400, (255 - picture) // 2, 255 - picture))
    assert doubt is None
    assert likeness(image, MNIST.apply(picture)) > 0.9


@pytest.mark.parametrize("bright", [False, True])
@pytest.mark.parametrize("digit", range(10))
def test_a_picture_cut_off_at_the_ink(digit: int, bright: bool) -> None:
    picture = hands.draw(hands.write(digit, 2))
    ink = picture < 128
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cropped = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    image = MNIST.apply(255 - cropped if bright else cropped)
    assert likeness(image, MNIST.apply(picture)) > 0.85


@pytest.mark.parametrize("pen", hands.PENS)
@pytest.mark.parametrize("digit", range(10))
def test_a_clean_canvas_raises_no_doubt_and_nothing_is_taken_away(digit: int, pen: float) -> None:
    picture = hands.draw(hands.write(digit, 4), pen=pen)
    ink, doubt = find_ink(picture)
    assert doubt is None
    rows, columns = (np.flatnonzero((picture < 239).any(axis=axis)) for axis in (1, 0))
    assert ink.shape == (np.ptp(rows) + 1, np.ptp(columns) + 1)
    assert ink.sum() == pytest.approx((255 - picture.astype(float)).sum() / 255, rel=0.01)


def test_small_print_beside_a_slim_line_is_left_out() -> None:
    picture = hands.draw(hands.write(1, 1), pen=12)
    left, low = (int(np.flatnonzero((picture < 128).any(axis=axis))[0]) for axis in (0, 1))
    printed = picture.copy()
    for letter in range(8):
        at = left - 90 + 9 * letter
        printed[low + 5 : low + 12, at : at + 6] = 0
        printed[low + 7 : low + 10, at + 2 : at + 6] = 255
    np.testing.assert_array_equal(MNIST.apply(printed), MNIST.apply(picture))


def test_a_thick_eight_among_specks_is_not_taken_for_a_page() -> None:
    away = np.minimum(np.hypot(Y - 95, X - 140), np.hypot(Y - 185, X - 140))
    eight = np.where((away < 55) & (away > 12), 60, 230).astype(np.uint8)
    image = MNIST.apply(specks(eight))
    assert likeness(image, MNIST.apply(eight)) > 0.9


def test_a_stroke_that_the_border_cuts_off_is_drawn_into_one_that_it_does_not() -> None:
    picture = np.full((170, 110), 255, np.uint8)
    picture[:100, :16], picture[:16, :70], picture[84:100, :40] = 0, 0, 0  # a loop left open
    picture[30:165, 56:72] = 0
    whole = np.pad(picture, 60, constant_values=255)
    assert likeness(MNIST.apply(picture), MNIST.apply(whole)) > 0.9


def test_two_digits_apart_are_doubted() -> None:
    both = np.full((280, 1000), 255, np.uint8)
    both[:, :280], both[:, -280:] = canvas(3), canvas(7)
    image, doubt = MNIST.read(both)
    assert doubt == "there are several things in the picture that may be the strokes"
    assert image.max() > 200


def test_a_frame_with_nothing_in_it_is_doubted() -> None:
    _, doubt = MNIST.read(frame(np.full((280, 280), 255, np.uint8), 30, 4))
    assert doubt == "there is hardly more than a frame or printed lines in the picture"


def test_a_bar_along_a_printed_line_stays() -> None:
    mask = np.zeros((100, 100), bool)
    mask[40:42] = True
    mask[34:46, 20:85] = True  # two thirds of the line
    found = printed_lines(mask, (slice(0, 100), slice(0, 100)), np.zeros((100, 100), bool))
    assert found[40:42, :20].all()
    assert not found[34:46, 21:84].any()


def test_lines_without_a_free_end_are_printed() -> None:
    mask = np.zeros((100, 100), bool)
    within = np.zeros((100, 100), bool)
    within[2:-2, 2:-2] = True
    everywhere = (slice(0, 100), slice(0, 100))
    mask[20:22] = True  # from border to border
    rule = mask.copy()
    mask[60:62, 10:80] = True  # ends in nothing
    mask[10:90, 50:60] = True  # a stroke across both
    found = printed_lines(mask, everywhere, within)
    assert not found[rule].all()  # the stroke keeps its part
    np.testing.assert_array_equal(found, rule & (np.abs(np.arange(100) - 54.5) > 5))


@pytest.mark.parametrize("enlarged", [1, 15])
def test_small_pictures_that_are_cut_off_at_their_strokes(enlarged: int) -> None:
    """Scikit-learn's digits touch their borders, and so does no clutter in 8 x 8 pixels."""
    data = load_dataset("digits")
    form = data.form
    classifier = KNeighborsClassifier(4, weights="distance")
    classifier.fit(data.train.images, data.train.labels)
    pixel = np.full((enlarged, enlarged), 15, np.uint8)
    read = [form.read(np.kron(image.astype(np.uint8), pixel)) for image in data.test.images]
    images = np.array([one.image for one in read])
    assert classifier.score(images, data.test.labels) > 0.94
    assert np.mean([one.doubt is not None for one in read]) < 0.02

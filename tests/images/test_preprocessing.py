"""Any picture is brought to the form of the training images, and strokes come out as theirs."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_images
from tests.web import hands

from lookalike import load_dataset
from lookalike.images.preprocessing import Form, Strokes, learn_form

# what MNIST's training images teach (test_what_mnist_teaches)
MNIST = Form((28, 28), 0, Strokes(255, 20, "mass", (13.995, 14.004), (1.746, 3.234)))


def canvas(digit: int = 4, hand: int = 1, *, width: int = 280, pen: float = 15) -> np.ndarray:
    return hands.draw(hands.write(digit, hand), width, pen)


@cache
def photographs(channels: int) -> np.ndarray:
    picture = load_sample_images().images[0]
    tiles = [picture[i : i + 24, j : j + 32] for i in range(0, 380, 24) for j in range(0, 600, 32)]
    return np.array(tiles)[..., :channels]


def mass_centre(image: np.ndarray) -> tuple[float, float]:
    ink = image / image.sum()
    return tuple(ink.sum(axis=1 - axis) @ np.arange(ink.shape[axis]) for axis in (0, 1))


def box_sides(image: np.ndarray) -> tuple[int, int]:
    return tuple(int(np.ptp(np.flatnonzero((image > 0).any(axis=1 - a)))) + 1 for a in (0, 1))


def likeness(image: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two images, one of them moved by a pixel if that suits better.

    Where the centre of mass is halfway between two pixels, a trifle says which it comes to.
    """
    moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    moved = (np.roll(other, move, (0, 1)) for move in moves)
    return max(np.corrcoef(image.ravel(), one.ravel())[0, 1] for one in moved)


# --- learning


def test_what_the_small_digits_teach() -> None:
    form = learn_form(load_dataset("digits").train.images)
    assert (form.kind, form.image_shape, form.ground) == ("ink", (8, 8), 0)
    assert (form.strokes.value, form.strokes.side, form.strokes.centre) == (16, 8, "box")
    assert form.strokes.at == pytest.approx((3.5, 3.6), abs=0.05)


@pytest.mark.mnist
def test_what_mnist_teaches() -> None:
    assert learn_form(load_dataset("mnist", download=False).train.images) == MNIST


def test_a_bright_ground_is_learnt() -> None:
    digits = load_dataset("digits").train.images
    dark, bright = learn_form(digits * 15), learn_form(255 - digits * 15)
    assert (bright.ground, bright.strokes.value) == (255, 15)
    assert bright.strokes.side == dark.strokes.side
    picture = canvas()
    np.testing.assert_array_equal(bright.apply(picture), 255 - dark.apply(picture))


def test_one_channel_is_grey() -> None:
    digits = load_dataset("digits").train.images
    form = learn_form(digits[..., None])
    assert form.image_shape == (8, 8, 1)
    assert form.apply(canvas()).shape == (8, 8, 1)
    assert form.strokes == learn_form(digits).strokes


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_photographs_are_no_strokes(channels: int) -> None:
    images = photographs(3)[..., [0, 1, 2, 0][:channels]]
    form = learn_form(images)
    assert form.kind == "resize"
    assert form.apply(images[0, ..., :1]).shape == (24, 32, channels)


def test_solid_shapes_and_empty_images_are_no_strokes() -> None:
    discs = np.zeros((20, 28, 28), np.uint8)
    y, x = np.mgrid[:28, :28]
    discs[:, np.hypot(y - 14, x - 14) < 10] = 255
    assert learn_form(discs).kind == "resize"
    assert learn_form(np.zeros((3, 28, 28), np.uint8)).kind == "resize"


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((0, 28, 28), np.uint8), "give at least one"),
        (np.zeros((2, 28, 28)), "dtype float64; give"),
        (np.zeros((28, 28), np.uint8), r"shape \(28, 28\) and"),
        (np.zeros((2, 9, 9, 5), np.uint8), "5 channels; give 1 to 4"),
        (np.zeros((1, 1, 4097), np.uint8), "sides of at most 4096"),
    ],
)
def test_bad_images_are_refused(images: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        learn_form(images)


# --- strokes


@pytest.mark.parametrize("digit", range(10))
def test_ink_is_as_large_and_lies_as_in_training(digit: int) -> None:
    image = MNIST.apply(canvas(digit))
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert max(box_sides(image)) == 20
    assert mass_centre(image) == pytest.approx((14, 14), abs=0.51)
    assert image.max() > 240


def test_the_aspect_ratio_is_kept() -> None:
    picture = np.full((300, 500), 255, np.uint8)
    ImageDraw.Draw(image := Image.fromarray(picture)).ellipse((100, 50, 400, 150), None, 0, 12)
    assert box_sides(MNIST.apply(np.asarray(image))) == pytest.approx((7, 20), abs=1)


def test_inverted_and_grey_and_coloured_drawings_are_the_same() -> None:
    picture = canvas()
    image = MNIST.apply(picture)
    np.testing.assert_array_equal(MNIST.apply(255 - picture), image)
    np.testing.assert_array_equal(MNIST.apply(np.stack([picture] * 3, axis=-1)), image)
    pale = (100 + picture.astype(int) * 100 // 255).astype(np.uint8)  # grey on light grey
    assert np.abs(MNIST.apply(pale).astype(int) - image).mean() < 1
    blue = np.stack([picture, picture, np.full_like(picture, 255)], axis=-1)
    assert np.abs(MNIST.apply(blue).astype(int) - image).mean() < 1


@pytest.mark.parametrize("colour", [0, 255, 40])
def test_strokes_on_a_transparent_ground(colour: int) -> None:
    picture = canvas()
    layer = np.zeros((280, 280, 4), np.uint8)
    layer[..., :3] = colour
    layer[..., 3] = 255 - picture
    assert np.abs(MNIST.apply(layer).astype(int) - MNIST.apply(picture)).mean() < 1


@pytest.mark.parametrize("digit", range(10))
def test_where_and_how_large_it_was_drawn_does_not_matter(digit: int) -> None:
    image = MNIST.apply(canvas(digit, width=1120))
    # the shorter side may come to one pixel more or less
    assert likeness(image, MNIST.apply(canvas(digit))) > 0.85
    small = np.full((280, 280), 255, np.uint8)
    small[200:260, 5:65] = canvas(digit, width=60)
    assert likeness(image, MNIST.apply(small)) > 0.85


def test_a_small_drawing_in_the_corner_of_a_huge_canvas() -> None:
    huge = np.full((4096, 3000), 255, np.uint8)
    huge[3800:4080, 60:340] = canvas(2)
    assert likeness(MNIST.apply(canvas(2)), MNIST.apply(huge)) > 0.98


def test_pens_come_out_alike() -> None:
    thin, usual, thick = (MNIST.apply(canvas(3, pen=pen)) / 255 for pen in (2, 15, 45))
    # as drawn they would be 0.15 and 2.2 times as much ink
    assert 0.8 < thin.sum() / usual.sum() < 1
    assert 1 < thick.sum() / usual.sum() < 1.75
    low, high = MNIST.strokes.line
    for image in (thin, usual, thick):
        rim = np.pad(image, 1)
        variation = np.hypot(np.diff(rim, axis=0)[:, :-1], np.diff(rim, axis=1)[:-1]).sum()
        assert 0.9 * low < 2 * image.sum() / variation < 1.1 * high


def test_a_photograph_of_paper() -> None:
    random = np.random.default_rng(0)
    picture = canvas(5)
    y, x = np.mgrid[:280, :280] / 280
    light = 140 + 70 * x - 40 * y
    photograph = light * (0.35 + 0.65 * picture / 255) + random.normal(0, 4, picture.shape)
    image = MNIST.apply(photograph.clip(0, 255).astype(np.uint8))
    assert max(box_sides(image)) == 20
    assert likeness(image, MNIST.apply(picture)) > 0.95


@pytest.mark.parametrize("size", [1, 3, 12])
def test_a_dot_is_ink(size: int) -> None:
    picture = np.full((280, 280), 255, np.uint8)
    picture[30 : 30 + size, 200 : 200 + size] = 0
    image = MNIST.apply(picture)
    assert mass_centre(image) == pytest.approx((14, 14), abs=0.51)
    assert max(box_sides(image)) <= 20


@pytest.mark.parametrize(
    "picture",
    [
        np.full((280, 280), 255, np.uint8),
        np.zeros((1, 1), np.uint8),
        np.zeros((50, 40, 4), np.uint8),
        np.full((50, 40, 3), 128, np.uint8),
        np.random.default_rng(0).normal(200, 6, (200, 200)).astype(np.uint8),
    ],
)
def test_a_blank_picture_says_what_to_do(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"no ink.*draw something"):
        MNIST.apply(picture)


def test_pictures_in_the_form_stay_as_they_are() -> None:
    test = load_dataset("digits").test.images
    form = learn_form(load_dataset("digits").train.images)
    same = [np.array_equal(form.apply(image), image) for image in test]
    assert np.mean(same) > 0.98
    image = MNIST.apply(canvas())
    out = MNIST.apply(image)
    np.testing.assert_array_equal(out, image)
    assert not np.shares_memory(out, image)


def test_a_picture_of_the_same_size_but_elsewhere_is_moved() -> None:
    image = MNIST.apply(canvas(3))
    np.testing.assert_array_equal(MNIST.apply(np.roll(image, (3, -3), (0, 1))), image)
    np.testing.assert_array_equal(MNIST.apply(255 - image), image)


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from([(), (1,), (3,), (4,)]),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["noise", "blots", "one"]),
)
def test_any_picture_gives_an_image_or_says_no_ink(height, width, channels, seed, content) -> None:
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (height, width, *channels), np.uint8)
    if content == "blots":
        picture = picture // 128 * 255
    elif content == "one":
        picture[...] = 200
        picture[random.integers(height), random.integers(width)] = 0
    for form in (MNIST, Form((20, 9), 255, Strokes(30, 16, "box", (9.5, 4.0), (1.0, 3.0)))):
        try:
            image = form.apply(picture)
        except ValueError as error:
            assert str(error).startswith("no ink")  # noqa: PT017
            continue
        assert image.shape == form.image_shape
        assert image.dtype == np.uint8
        low, high = sorted((form.ground, form.strokes.value))
        if image.shape != picture.shape[:2]:
            assert low <= image.min() < image.max() <= high


# --- other images


@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.sampled_from([(), (1,), (3,), (4,)]),
    st.sampled_from([(), (1,), (2,), (3,), (4,)]),
)
def test_any_picture_of_one_colour_covers_the_frame(height, width, channels, out_channels) -> None:
    picture = np.full((height, width, *channels), 90, np.uint8)
    form = Form((12, 20, *out_channels), 255, None)
    image = form.apply(picture)
    assert image.shape == (12, 20, *out_channels)
    colours = image[..., :3] if out_channels in ((3,), (4,)) else image.reshape(12, 20, -1)[..., 0]
    # 90 is opaque by 90 / 255 on white
    np.testing.assert_array_equal(colours, 197 if channels == (4,) else 90)


def test_the_middle_is_cut_out() -> None:
    picture = np.zeros((40, 100, 3), np.uint8)
    picture[:, :30, 0], picture[:, 30:70, 1], picture[:, 70:, 2] = 255, 255, 255
    image = Form((20, 20, 3), 255, None).apply(picture)
    assert (image[:, 3:-3] == [0, 255, 0]).all()
    luma = Form((20, 20), 255, None).apply(picture)
    assert (luma[:, 3:-3] == 150).all()


def test_reducing_is_antialiased() -> None:
    chequered = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    image = Form((16, 16), 255, None).apply(chequered)
    assert np.abs(image.astype(int) - 127).max() <= 2


def test_a_picture_of_the_frames_size_is_left_alone() -> None:
    images = photographs(3)
    np.testing.assert_array_equal(learn_form(images).apply(images[7]), images[7])


@pytest.mark.parametrize(
    "picture",
    [
        None,
        [[1, 2], [3, 4]],
        np.zeros((9, 9)),
        np.zeros(9, np.uint8),
        np.zeros((9, 9, 2), np.uint8),
        np.zeros((0, 9), np.uint8),
        np.zeros((2, 9, 9, 3), np.uint8),
    ],
)
@pytest.mark.parametrize("form", [MNIST, Form((9, 9), 255, None)])
def test_what_is_no_picture_is_refused(form: Form, picture: object) -> None:
    with pytest.raises(ValueError, match=r"a picture of .*; give"):
        form.apply(picture)

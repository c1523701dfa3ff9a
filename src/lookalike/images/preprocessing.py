"""Any picture brought to the form that a model's images have.

A model compares pixels, so a drawing on a large canvas or a photograph of paper is of no use to it
until it looks as the training images do. How they look is learnt from them once: the same form
brings the files of a folder to what the model is trained with, and later any picture that it is
asked about. Strokes on an empty ground are treated as those of MNIST were [1]_: the ink is cut out,
scaled until its longer side is as long as in training, antialiased, and laid into the frame with
its centre of mass (or the middle of its box, whichever varies less in training) where it lies in
training. Pens differ; a line that is thinner or thicker than those of most training images is
brought to the nearest usual width. All other images are scaled to the frame: padded, cut or
stretched.

References
----------
.. [1] LeCun, Cortes, Burges, "The MNIST database of handwritten digits", 1998.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.images.ground import FINEST
from lookalike.images.line_width import FAINT, Floats, centre_of, line_widths, with_line_width
from lookalike.images.originals import THUMBNAIL_SIDE
from lookalike.images.pictures import check_picture
from lookalike.images.strokes import find_ink

Bytes = NDArray[np.uint8]
Fit = Literal["pad", "crop", "stretch"]

MOST_SIDE = 4096
_MOST_SHOWN = 60  # characters of a value in a message
_DARK = 48  # of 255: less is nearly black
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_SAMPLE = 5_000  # images that the form is learnt from: medians need no more


@dataclass(frozen=True)
class Strokes:
    """How strokes lie in training images.

    Attributes
    ----------
    value : int
        The value of full ink, 0 to 255.
    side : int
        The longer side of the ink's box, in pixels.
    centre : {"mass", "box"}
        What is brought to `at`: the ink's centre of mass or the middle of its box.
    at : tuple of float
        Where that is, (down, right) in pixels; (0, 0) is the middle of the first pixel.
    line : tuple of float
        The least and the largest usual width of a line, in pixels.
    """

    value: int
    side: int
    centre: Literal["mass", "box"]
    at: tuple[float, float]
    line: tuple[float, float]


class Formed(NamedTuple):
    """A picture in a model's form.

    Attributes
    ----------
    image : ndarray, uint8
        Its shape is the form's `image_shape`.
    doubt : str or None
        Why the strokes may be something else in the picture, as a sentence; None where that is
        clear, or the form is not one of strokes.
    """

    image: Bytes
    doubt: str | None


@dataclass(frozen=True)
class Form:
    """The form of a model's images, as `learn_form` finds it.

    Attributes
    ----------
    image_shape : tuple of int
        (h, w) or (h, w, c).
    ground : int
        The value of the ground, 0 to 255: what surrounds strokes, and what pads pictures.
    strokes : Strokes or None
        How strokes lie in the frame; None if the images are not strokes on an empty ground.
    fit : {"pad", "crop", "stretch"}
        How a picture without strokes comes to the frame: whole, with the ground beside it; large
        enough to cover the frame, and cut to it; or with its sides stretched.

    Examples
    --------
    >>> import numpy as np
    >>> from lookalike import load_dataset
    >>> form = learn_form(load_dataset("digits").train.images)
    >>> form.kind, form.ground, form.strokes.value, form.strokes.side, form.strokes.centre
    ('ink', 0, 16, 8, 'box')
    >>> canvas = np.full((280, 280), 255, np.uint8)
    >>> canvas[80:200, 100:120] = 0
    >>> form.apply(canvas)
    array([[ 0,  0,  0, 16, 16,  0,  0,  0],
           [ 0,  0,  0, 16, 16,  0,  0,  0],
           [ 0,  0,  0, 16, 16,  0,  0,  0],
           [ 0,  0,  0, 16, 16,  0,  0,  0],
           [ 0,  0,  0, 16, 16,  0,  0,  0],
           [ 0,  0,  0, 16, 16,  0,  0,  0],
           [ 0,  0,  0, 16, 16,  0,  0,  0],
           [ 0,  0,  0, 16, 16,  0,  0,  0]], dtype=uint8)
    """

    image_shape: tuple[int, ...]
    ground: int
    strokes: Strokes | None
    fit: Fit = "crop"

    @property
    def least_size(self) -> tuple[int, int]:
        """How many pixels of a picture, down and across, are enough for this form."""
        if self.strokes is not None:
            return FINEST, FINEST
        height, width = (max(2 * side, THUMBNAIL_SIDE) for side in self.image_shape[:2])
        return height, width

    @property
    def takes_drawings(self) -> bool:
        """Whether a drawing can be of this form.

        Its images are strokes, or grey on a ground that is nearly black or white, as what is drawn
        is; then a drawing has to be on the same ground.

        Examples
        --------
        >>> Form((28, 28), 0, None).takes_drawings, Form((28, 28), 120, None).takes_drawings
        (True, False)
        """
        is_grey = self.image_shape[2:] in ((), (1,))
        return self.strokes is not None or (is_grey and not _DARK <= self.ground <= 255 - _DARK)

    @property
    def kind(self) -> Literal["ink", "resize"]:
        """How pictures are brought to this form."""
        return "resize" if self.strokes is None else "ink"

    def apply(self, picture: Bytes) -> Bytes:
        """Return a picture in this form: the image of `read`."""
        return self.read(picture).image

    def read(self, picture: Bytes) -> Formed:
        """Return a picture in this form, and the doubt whether its strokes were found.

        Parameters
        ----------
        picture : ndarray of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), uint8
            Grey, RGB or RGBA, of any size.

        Returns
        -------
        Formed
            The image is the picture itself, copied, if strokes lie in it as they do in training
            images.

        Raises
        ------
        ValueError
            If it is no picture, or the form is of strokes and the picture has none.
        """
        picture = check_picture(picture)
        if self.strokes is None:
            return Formed(self._to_frame(picture), None)
        if picture.shape == self.image_shape[:2] and _lies_right(
            picture, self.ground, self.strokes
        ):
            return Formed(picture.reshape(self.image_shape).copy(), None)
        contrast = min(_LEAST_CONTRAST, abs(self.strokes.value - self.ground) / 2)
        ink, doubt = find_ink(picture, contrast)
        return Formed(self._write(ink, self.strokes).reshape(self.image_shape), doubt)

    def check(self, picture: Bytes) -> Bytes:
        """Return a picture that has this form already, as it is.

        Raises
        ------
        ValueError
            If it is of another size, or in colour where the form is grey or the other way round.
        """
        wanted = self.image_shape
        if picture.shape == wanted[:2] and wanted[2:] == (3,):
            picture = np.stack([picture] * 3, axis=2)
        if picture.shape != wanted and (*picture.shape, 1) != wanted:
            raise ValueError(f"an image of shape {picture.shape}, but the model's are of {wanted}")
        return picture.reshape(wanted)

    def _to_frame(self, picture: Bytes) -> Bytes:
        frame = self.image_shape[0], self.image_shape[1]
        channels = self.image_shape[2] if len(self.image_shape) == 3 else 1
        image = Image.fromarray(picture).convert("RGB").convert(_MODES[channels])
        height, width = picture.shape[:2]
        box, size = (0.0, 0.0, float(width), float(height)), frame
        if self.fit == "pad":
            scale = min(frame[0] / height, frame[1] / width)
            size = max(1, round(height * scale)), max(1, round(width * scale))
        elif self.fit == "crop":
            scale = max(frame[0] / height, frame[1] / width)
            down, across = (height - frame[0] / scale) / 2, (width - frame[1] / scale) / 2
            box = (max(0.0, across), max(0.0, down), width - across, height - down)
        if (size, box) != ((height, width), (0, 0, width, height)):
            image = image.resize(size[::-1], Image.Resampling.LANCZOS, box, reducing_gap=3.0)
        if size != frame:
            padded = Image.new(image.mode, frame[::-1], (self.ground,) * len(image.getbands()))
            padded.paste(image, ((frame[1] - size[1]) // 2, (frame[0] - size[0]) // 2))
            image = padded
        return np.asarray(image).reshape(self.image_shape)

    def _write(self, ink: Floats, strokes: Strokes) -> Bytes:
        """Return ink, 0 to 1 and cut to its box, as an image of shape (h, w)."""
        frame = (self.image_shape[0], self.image_shape[1])
        small = with_line_width(ink, strokes.side, frame, strokes.line)
        here = centre_of(small, strokes.centre)
        image = np.zeros(frame)
        corner = [
            int(np.clip(round(at - own), 0, whole - part))
            for at, own, whole, part in zip(strokes.at, here, frame, small.shape, strict=True)
        ]
        image[corner[0] : corner[0] + small.shape[0], corner[1] : corner[1] + small.shape[1]] = (
            small
        )
        return np.rint(self.ground + image * (strokes.value - self.ground)).astype(np.uint8)

    def to_dict(self) -> dict[str, Any]:
        """Return the form as plain values, as JSON takes them."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Any) -> Form:
        """Return the form that `to_dict` described; trusts nothing.

        Raises
        ------
        ValueError
            If it is no description of a form, naming the value and what it should be.
        """
        if isinstance(values, dict):
            values = {"fit": "crop", **values}  # files of version 1.0 name none
        values = _as_fields(values, "form", {"kind", "image_shape", "ground", "strokes", "fit"})
        shape = values["image_shape"]
        if not isinstance(shape, list | tuple) or len(shape) not in (2, 3):
            raise _bad_value("image_shape", shape, "a list of 2 or 3 integers")
        sides = [_as_integer("image_shape", side, 1, MOST_SIDE) for side in shape[:2]]
        channels = [_as_integer("image_shape", count, 1, 4) for count in shape[2:]]
        ground = _as_integer("ground", values["ground"], 0, 255)
        strokes = None
        if values["strokes"] is not None:
            if channels and channels != [1]:
                raise _bad_value("image_shape", shape, "one channel, as the form has strokes")
            strokes = _strokes(values["strokes"], (sides[0], sides[1]), ground)
        if values["fit"] not in get_args(Fit):
            raise _bad_value("fit", values["fit"], "'pad', 'crop' or 'stretch'")
        form = cls((*sides, *channels), ground, strokes, values["fit"])
        if values["kind"] != form.kind:
            raise _bad_value("kind", values["kind"], repr(form.kind))
        return form


SHOWN = Form((8, 8), 255, None, "stretch")
"""The form of pictures whose files are compared by a network: only their thumbnails are used."""


def learn_form(images: Bytes) -> Form:
    """Return the form of training images, shape (n, h, w) or (n, h, w, c), uint8.

    It has strokes if the images are grey, most of their border is empty ground and their lines are
    thin beside the whole. At most 5,000 images are looked at, evenly spaced. Anything else than
    such images is a ValueError.
    """
    shape = images.shape[1:]
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.size == 0:
        raise ValueError(
            f"images of shape {images.shape} and dtype {images.dtype}; give at least one, of shape "
            "(n, h, w) or (n, h, w, c) and dtype uint8"
        )
    if images.ndim == 4 and shape[2] not in _MODES:
        raise ValueError(f"images of {shape[2]} channels; give 1 to 4")
    if max(shape[:2]) > MOST_SIDE:
        raise ValueError(
            f"images of {shape[0]} x {shape[1]} pixels; give sides of at most {MOST_SIDE}"
        )
    if images.ndim == 4 and shape[2] != 1:
        return Form(shape, 255, None)
    rows = np.unique(np.linspace(0, len(images) - 1, _SAMPLE).astype(int))
    sample = images[rows].reshape(-1, *shape[:2])
    border = np.concatenate([sample[:, 0], sample[:, -1], sample[:, :, 0], sample[:, :, -1]], 1)
    ground = int(np.median(border))
    learnt = _learn_strokes(sample, ground)
    near = np.abs(border.astype(int) - ground) <= FAINT * 255
    empty = learnt is not None and near.mean() > _LEAST_EMPTY
    return Form(shape, ground, learnt if empty else None)


def _lies_right(picture: Bytes, ground: int, strokes: Strokes) -> bool:
    """Return whether a picture looks as training images do and had best stay as it is."""
    ink = (picture.astype(np.float32) - ground) / (strokes.value - ground)
    drawn = ink > FAINT
    if not 0.5 <= ink.max() <= 1.1 or ink.min() < -FAINT:
        return False
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    down, right = centre_of(np.clip(box, 0, 1), strokes.centre)
    return bool(
        abs(max(box.shape) - strokes.side) <= 1
        and abs(rows[0] + down - strokes.at[0]) <= 1
        and abs(columns[0] + right - strokes.at[1]) <= 1
    )


_LEAST_CONTRAST = 16  # of 255, between ink and ground; less where training images have little

_LEAST_EMPTY = 0.6  # of the border's pixels; scikit-learn's digits, which touch it, have 0.75
_USUAL = (0.1, 0.9)  # quantiles of the training images' line widths
_MOST_LINE = 0.3  # of the ink's longer side that a line may be wide; MNIST's are 0.13 to 0.2


def _learn_strokes(images: Bytes, ground: int) -> Strokes | None:
    """Return how strokes lie in images of shape (n, h, w), or None if they have none."""
    # full ink is the value furthest from the ground in a typical image
    flat = images.reshape(len(images), -1).astype(np.int16) - ground
    darkest, brightest = np.median(flat.min(axis=1)), np.median(flat.max(axis=1))
    value = ground + int(brightest if brightest >= -darkest else darkest)
    if value == ground:
        return None
    ink = np.clip((images.astype(np.float32) - ground) / (value - ground), 0, 1)
    ink = ink[ink.max(axis=(1, 2)) > FAINT]
    if len(ink) == 0:
        return None
    drawn = np.asarray(ink > FAINT)
    masses: list[Floats] = []
    boxes: list[Floats] = []
    sides: list[NDArray[np.intp]] = []
    for axis in (2, 1):
        along = np.asarray(drawn.any(axis=axis))
        n = along.shape[1]
        first, last = along.argmax(axis=1), n - 1 - along[:, ::-1].argmax(axis=1)
        profile = ink.sum(axis=axis)
        masses.append(profile @ np.arange(n) / profile.sum(axis=1))
        boxes.append((first + last) / 2)
        sides.append(last - first + 1)
    side = int(np.median(np.max(sides, axis=0)))
    low, high = np.quantile(line_widths(ink), _USUAL)
    if high > _MOST_LINE * side:
        return None
    by_mass = np.var(masses, axis=1).sum() <= np.var(boxes, axis=1).sum()
    down, right = np.mean(masses if by_mass else boxes, axis=1)
    return Strokes(
        value,
        side,
        "mass" if by_mass else "box",
        (round(float(down), 3), round(float(right), 3)),
        (round(float(low), 3), round(float(high), 3)),
    )


def _strokes(values: Any, frame: tuple[int, int], ground: int) -> Strokes:
    values = _as_fields(values, "strokes", {"value", "side", "centre", "at", "line"})
    value = _as_integer("value", values["value"], 0, 255)
    if value == ground:
        raise _bad_value("value", value, "another value than that of the ground")
    if values["centre"] not in ("mass", "box"):
        raise _bad_value("centre", values["centre"], "'mass' or 'box'")
    at = _as_pair("at", values["at"], -1.0, float(MOST_SIDE))
    side = _as_integer("side", values["side"], 1, max(frame))
    low, high = _as_pair("line", values["line"], 0.0, side / 2)
    if low > high:
        raise _bad_value("line", values["line"], "the lesser number first")
    return Strokes(value, side, values["centre"], at, (low, high))


def _as_fields(values: Any, name: str, keys: set[str]) -> Mapping[str, Any]:
    """Return a dict that must have exactly these keys."""
    if not isinstance(values, dict) or values.keys() != keys:
        raise _bad_value(name, values, f"an object with {', '.join(sorted(keys))} and nothing else")
    return values


def _as_integer(name: str, value: Any, least: int, most: int) -> int:
    """Return an integer in a range; bools and floats are refused."""
    if type(value) is not int or not least <= value <= most:
        raise _bad_value(name, value, f"an integer from {least} to {most}")
    return value


def _as_pair(name: str, values: Any, least: float, most: float) -> tuple[float, float]:
    """Return two numbers in a range; NaN is refused."""
    if (
        not isinstance(values, list | tuple)
        or len(values) != 2
        or any(type(value) not in (int, float) or not least <= value <= most for value in values)
    ):
        raise _bad_value(name, values, f"two numbers from {least:g} to {most:g}")
    return float(values[0]), float(values[1])


def _bad_value(name: str, value: Any, wanted: str) -> ValueError:
    """Return an error that gives the value and the allowed values."""
    shown = repr(value)
    shown = shown if len(shown) <= _MOST_SHOWN else f"{shown[: _MOST_SHOWN - 3]}..."
    return ValueError(f"{name}={shown}; it must be {wanted}")

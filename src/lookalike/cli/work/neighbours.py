"""The picture of an image beside the training images that its answer rests on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.cli.work.answers import Answer
from lookalike.matching.levels import grey
from lookalike.models.model import Explained, Model, Neighbour
from lookalike.reports.captions import fitted, save_picture
from lookalike.reports.matches import draw_arrows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Bytes = NDArray[np.uint8]

_SAME, _OTHER = "#1a7f37", "#c0392b"
# inches
_SIDE, _GAP, _SET_OFF, _MARGIN = 1.15, 0.1, 0.3, 0.12
_HEAD, _TITLE, _BELOW, _LINE = 0.44, 0.13, 0.3, 0.18
_FONT = 8  # points
_LEAST_SLOPE = 0.1  # of the brightest, a pixel, where arrows are drawn
_FADED = 0.45  # what arrows are drawn over


def draw_neighbours(
    given: Bytes, image: Bytes, answer: Answer, explained: Explained, model: Model, path: Path
) -> None:
    """Draw an image as it was given, as the model sees it, and the training images nearest to it.

    Training images are drawn as they were compared. Where pixels moved, arrows lead from each of
    the image's to its like in the training image.

    Parameters
    ----------
    given : ndarray of shape (h, w), (h, w, 3) or (h, w, 4), uint8
    image : ndarray of shape model.image_shape, uint8
    answer : Answer
    explained : Explained
    model : Model
    path : Path
        The PNG file to write.
    """
    from matplotlib.figure import Figure

    near = explained.neighbours
    n = len(near)
    width = 2 * _MARGIN + (n + 2) * _SIDE + n * _GAP + 2 * _SET_OFF
    key = _key(near)
    titles = ["as given", "as the model\nsees it", *map(_title, near)]
    head = _HEAD + _TITLE * max(title.count("\n") + 1 for title in titles)
    height = 2 * _MARGIN + head + _SIDE + _BELOW + _LINE * (key.count("\n") + 1)
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    canvas = _Canvas(axes, model)
    brightest = _brightest([image]), _brightest([own.compared for own in near])
    style: dict[str, Any] = {"fontsize": 11, "fontweight": "bold", "va": "top", "parse_math": False}
    said = fitted([f"{answer.words()} ({answer.probability:.1%})"], 0.6 * width, size=11, bold=True)
    axes.text(_MARGIN, _MARGIN, said, **style)
    style |= {"fontsize": _FONT, "fontweight": "normal", "ha": "right", "color": "#555555"}
    file = fitted([answer.image], 0.35 * width, size=_FONT)
    axes.text(width - _MARGIN, _MARGIN, file, **style)

    x, y = _MARGIN, _MARGIN + head
    canvas.show_given(given, x, y, brightest[0])
    canvas.title(titles[0], x, y)
    x += _SIDE + _SET_OFF
    canvas.show(image, x, y, brightest[0])
    canvas.title(titles[1], x, y)
    x += _SIDE + _SET_OFF
    for neighbour, title in zip(near, titles[2:], strict=True):
        moves = neighbour.displacement
        if moves is not None:
            canvas.show(neighbour.compared, x, y, brightest[1], faded=True)
            canvas.add_moves(neighbour.compared, moves, x, y, brightest[1])
        elif (shown := model.shown(neighbour.row)).shape[:2] != model.image_shape[:2]:
            canvas.show_given(shown, x, y, 255)
        else:
            canvas.show(neighbour.compared, x, y, brightest[1])
        colour = _SAME if neighbour.label == answer.label else _OTHER
        canvas.title(title, x, y, color=colour)
        axes.text(
            x + _SIDE / 2,
            y + _SIDE + 0.06,
            f"{_short(neighbour.distance)}; {neighbour.share:.0%}",
            fontsize=_FONT,
            ha="center",
            va="top",
        )
        x += _SIDE + _GAP
    axes.text(_MARGIN, height - _MARGIN, key, fontsize=7.5, va="bottom", color="#555555")
    canvas.finish(width, height)
    save_picture(figure, path)


def _title(neighbour: Neighbour) -> str:
    said = [neighbour.label]
    if neighbour.variant != "original":
        said = [f"{neighbour.label},", neighbour.variant]
    file = [] if neighbour.file is None else [neighbour.file.rsplit("/", 1)[-1]]
    return fitted([*said, f"row {neighbour.row:,}", *file], _SIDE, size=_FONT)


def _key(near: list[Neighbour]) -> str:
    key = "Training images, the nearest first: class, row, file, distance and share of the say."
    if any(neighbour.displacement is not None for neighbour in near):
        key += "\nArrows: where the image's pixels find their like."
    return key


def _short(distance: float) -> str:
    return f"{distance:,.0f}" if distance >= 1000 else f"{distance:.4g}"


def _brightest(images: list[Bytes]) -> int:
    return max(1, *(int(image.max()) for image in images))


class _Canvas:
    """Squares on one drawing area, in inches from its upper left corner."""

    def __init__(self, axes: Axes, model: Model) -> None:
        self.axes = axes
        height, width = model.image_shape[:2]
        self.in_colour = model.image_shape[2:] not in ((), (1,))
        # Strokes that are lighter than their ground are drawn as ink on paper.
        strokes = model.form.strokes
        light = strokes is not None and strokes.value > model.form.ground
        self.cmap = "gray_r" if light else "gray"
        self.pixel = _SIDE / max(height, width)
        self.moves: list[NDArray[np.float64]] = []

    def show(
        self, image: Bytes, x: float, y: float, brightest: int, *, faded: bool = False
    ) -> None:
        """Draw an image of the model's form into the square at (x, y)."""
        pixels = image[..., :3] if self.in_colour else image.reshape(image.shape[:2])
        self._draw(pixels, x, y, self.cmap, brightest, _FADED if faded else 1.0)

    def show_given(self, given: Bytes, x: float, y: float, brightest: int) -> None:
        """Draw any image, as it is."""
        most = 255 if given.ndim == 3 or given.max() > brightest else brightest
        self._draw(given, x, y, "gray", most, 1.0)

    def _draw(
        self, pixels: Bytes, x: float, y: float, cmap: str, brightest: int, alpha: float
    ) -> None:
        height, width = pixels.shape[:2]
        pixel = _SIDE / max(height, width)
        left, top = x + (_SIDE - width * pixel) / 2, y + (_SIDE - height * pixel) / 2
        right, bottom = left + width * pixel, top + height * pixel
        self.axes.imshow(
            pixels,
            cmap=cmap,
            vmin=0,
            vmax=brightest,
            alpha=alpha,
            extent=(left, right, bottom, top),
            aspect="auto",
            interpolation="antialiased" if max(height, width) > 100 else "nearest",
        )
        corners = [left, right, right, left, left], [top, top, bottom, bottom, top]
        self.axes.plot(*corners, color="#aaaaaa", linewidth=0.5)

    def title(self, text: str, x: float, y: float, color: str = "black") -> None:
        """Write lines above a square."""
        style: dict[str, Any] = {"ha": "center", "va": "bottom", "parse_math": False}
        self.axes.text(x + _SIDE / 2, y - 0.05, text, fontsize=_FONT, color=color, **style)

    def add_moves(
        self, compared: Bytes, moves: NDArray[np.int8], x: float, y: float, brightest: int
    ) -> None:
        """Have arrows from where pixels of the image are to where their like was found."""
        down, right = moves.astype(np.int64)
        height, width = down.shape
        rows, columns = np.indices(down.shape)
        slope = np.hypot(*np.gradient(grey(compared[np.newaxis])[0].astype(float)))
        # where there is something to be like: a change of grey
        there = slope[np.clip(rows + down, 0, height - 1), np.clip(columns + right, 0, width - 1)]
        moved = ((down != 0) | (right != 0)) & (there > _LEAST_SLOPE * brightest)
        moved &= (rows + columns) % 2 == 0  # every other one, for legibility
        own = np.stack([columns[moved], rows[moved], right[moved], down[moved]]) * self.pixel
        at_x = x + (_SIDE - width * self.pixel) / 2 + self.pixel / 2
        at_y = y + (_SIDE - height * self.pixel) / 2 + self.pixel / 2
        self.moves.append(own + np.array([at_x, at_y, 0, 0])[:, np.newaxis])

    def finish(self, width: float, height: float) -> None:
        """Set the area's limits and draw the arrows."""
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)
        if self.moves:
            draw_arrows(self.axes, np.concatenate(self.moves, axis=1), 0.22 * self.pixel)

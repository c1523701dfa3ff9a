"""Pictures of images beside the training images that the matching classifier found like them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.matches import Matches
from lookalike.images.dataset import Dataset
from lookalike.matching.levels import Bytes, grey
from lookalike.reports.captions import called_lines, fitted, save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RIGHT, _WRONG, _MOVES = "#1a7f37", "#c0392b", "#0057d9"
_N_NEAREST = 5
_ONE_BLOCK = 8  # images that stand below each other; more stand in two blocks side by side
_DARK = 0.25  # of the brightest: median of images that are drawn as ink on paper
_LEAST_SLOPE = 0.1  # of the brightest, a pixel, where arrows are drawn
_FADED = 0.45  # what arrows are drawn over

# inches
_SIDE, _GAP, _SET_OFF, _BETWEEN_BLOCKS = 1.05, 0.06, 0.14, 0.3
_LINE, _ABOVE, _KEY, _MARGIN = 0.125, 0.17, 0.45, 0.1
_FONT = 8  # points


def surest_wrong(matches: Matches, labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the queries that got a wrong answer, the surest first.

    Parameters
    ----------
    matches : Matches of n queries
    labels : ndarray of shape (n,)
        The true labels.
    """
    wrong = np.flatnonzero(matches.prediction != labels)
    return wrong[np.argsort(-matches.probabilities[wrong].max(axis=1), kind="stable")]


def draw_matches(
    matches: Matches,
    labels: NDArray[Any],
    rows: NDArray[np.int64],
    path: Path,
    *,
    names: Sequence[str] | None = None,
    numbers: NDArray[np.int64] | None = None,
    data: Dataset | None = None,
) -> None:
    """Draw queries as they were compared, each in a line with its 5 nearest training images.

    Where the deformation distance had its say, arrows over the nearest one lead from each pixel
    of the query to its like. Images on a dark ground are drawn as ink on paper.

    Parameters
    ----------
    matches : Matches of n queries
    labels : ndarray of shape (n,)
        Their true labels.
    rows : ndarray of shape (n_drawn,), int64, n_drawn at least 1
        The queries to draw.
    path : Path
        The PNG file to write.
    names : sequence of str, optional
        Of the classes, where labels are their codes.
    numbers : ndarray of shape (n,), int64, optional
        What queries are called; their rows if not given.
    data : Dataset, optional
        Where the queries are test images, of these numbers, and the others its training images:
        they are named by their files, and drawn as they were where no pixel moved.
    """
    from matplotlib.figure import Figure

    n_nearest = min(_N_NEAREST, matches.indices.shape[1])
    n_blocks = 1 if len(rows) <= _ONE_BLOCK else 2
    n_lines = -(-len(rows) // n_blocks)
    told = _Told(matches, labels, names, numbers, data)
    titles = [
        [told.query(row), *(told.neighbor(row, i) for i in range(n_nearest))]
        for row in rows.tolist()
    ]
    title_height = _ABOVE + _LINE * max(title.count("\n") + 1 for own in titles for title in own)
    block_width = _SIDE + _SET_OFF + n_nearest * (_SIDE + _GAP)
    width = n_blocks * block_width + (n_blocks - 1) * _BETWEEN_BLOCKS + 2 * _MARGIN
    height = n_lines * (title_height + _SIDE) + _KEY + 2 * _MARGIN
    figure = Figure(figsize=(width, height))
    # All on one canvas, in inches from the upper left: as many axes would take ten seconds.
    canvas = _Canvas(figure, matches.matcher.images_)
    for place, row in enumerate(rows.tolist()):
        block, line = divmod(place, n_lines)
        x = _MARGIN + block * (block_width + _BETWEEN_BLOCKS)
        y = _MARGIN + line * (title_height + _SIDE) + title_height
        has_moved = bool(matches.deformed[row])
        canvas.show(told.query_image(row), x, y)
        canvas.title(titles[place][0], x, y, fontweight="bold")
        for i in range(n_nearest):
            x_near = x + _SIDE + _SET_OFF + i * (_SIDE + _GAP)
            arrows = i == 0 and has_moved
            canvas.show(told.neighbor_image(row, i, as_compared=arrows), x_near, y, faded=arrows)
            if arrows:
                canvas.add_moves(matches.images[row], matches.displacements(row)[0], x_near, y)
            is_right = matches.labels[row, i] == labels[row]
            canvas.title(titles[place][i + 1], x_near, y, color=_RIGHT if is_right else _WRONG)
    canvas.finish(_key(matches, rows))
    save_picture(figure, path, dpi=200)


def _key(matches: Matches, rows: NDArray[np.int64]) -> str:
    key = "Left: the test image. Right of it: the training images nearest to it."
    if matches.deformed[rows].any():
        key += "\nArrows: where in the nearest one the image's pixels find their like."
    return key


def draw_arrows(axes: Axes, moves: NDArray[np.float64], width: float) -> None:
    """Draw moves, shape (4, n): from how far right and down, and by how much right and down."""
    axes.quiver(
        *moves,
        color=_MOVES,
        angles="xy",
        scale_units="xy",
        scale=1,
        units="xy",
        width=width,
        headwidth=3.2,
        headlength=3.2,
        headaxislength=2.8,
        minlength=0,
        zorder=3,
    )


class _Told:
    """The titles."""

    def __init__(
        self,
        matches: Matches,
        labels: NDArray[Any],
        names: Sequence[str] | None,
        numbers: NDArray[np.int64] | None,
        data: Dataset | None,
    ) -> None:
        self.matches, self.labels = matches, labels
        self.names, self.numbers, self.data = names, numbers, data

    def number(self, row: int) -> int:
        return row if self.numbers is None else int(self.numbers[row])

    def query_image(self, row: int) -> Bytes:
        """Return a query as it was, or as it was compared where pixels moved."""
        if self.data is None or self.data.test.originals is None or self.matches.deformed[row]:
            return np.asarray(self.matches.images[row])
        return np.asarray(self.data.test.shown[self.number(row)])

    def neighbor_image(self, row: int, i: int, *, as_compared: bool) -> Bytes:
        if as_compared or self.data is None or self.data.train.originals is None:
            return np.asarray(self.matches.matcher.images_[self.matches.rows[row, i]])
        return np.asarray(self.data.train.shown[int(self.matches.indices[row, i])])

    def query(self, row: int) -> str:
        number = self.number(row)
        called = f"{number:,}" if self.data is None else self.data.test.called(number)
        true, answer = self.labels[row], self.matches.prediction[row]
        share = self.matches.probabilities[row].max()
        verdict = [self.name(true)]
        if true != answer:
            verdict = [f"{self.name(true)},", f"not {self.name(answer)}"]
        said = [*called_lines(f"test {called}"), *verdict, f"({share:.0%})"]
        return fitted(said, _SIDE, size=_FONT, bold=True)

    def neighbor(self, row: int, i: int) -> str:
        variant = self.matches.variants[row, i]
        said = [self.name(self.matches.labels[row, i])]
        if variant:
            said = [f"{said[0]},", self.matches.variant_names[variant]]
        train = int(self.matches.indices[row, i])
        called = f"{train:,}" if self.data is None else self.data.train.called(train)
        return fitted([*called_lines(f"train {called}"), *said], _SIDE, size=_FONT)

    def name(self, label: Any) -> str:
        return str(label) if self.names is None else self.names[int(label)]


def _places(size: Sequence[int]) -> tuple[float, float, float]:
    """Return the inches of a pixel, and how far from its square's edges an oblong image stands."""
    height, width = size
    pixel = _SIDE / max(height, width)
    return pixel, (_SIDE - width * pixel) / 2, (_SIDE - height * pixel) / 2


class _Canvas:
    """Where images are drawn: in colour if they have it, else so that most is light."""

    def __init__(self, figure: Figure, images: Bytes) -> None:
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.size = figure.get_size_inches()
        self.in_colour = images.shape[3] >= 3
        self.brightest = max(1, int(images.max() if self.in_colour else images[..., 0].max()))
        some = images[:: -(-len(images) // 1000), ..., 0]
        self.cmap = "gray_r" if np.median(some) < _DARK * self.brightest else "gray"
        self.shape = images.shape[1:]
        self.pixel, self.right, self.down = _places(self.shape[:2])
        self.moves: list[NDArray[np.float64]] = []

    def show(self, image: Bytes, x: float, y: float, *, faded: bool = False) -> None:
        """Draw an image into the square whose upper left corner is given, in a thin frame."""
        height, width = image.shape[:2]
        pixel, right, down = _places((height, width))
        left, top = x + right, y + down
        right, bottom = left + width * pixel, top + height * pixel
        as_compared = image.shape == self.shape
        pixels = image.reshape(height, width, -1)
        self.axes.imshow(
            pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., 0],
            cmap=self.cmap if as_compared else "gray",
            vmin=0,
            vmax=self.brightest if as_compared else 255,
            alpha=_FADED if faded else 1.0,
            extent=(left, right, bottom, top),
            aspect="auto",
            interpolation="nearest",
        )
        corners = [left, right, right, left, left], [top, top, bottom, bottom, top]
        self.axes.plot(*corners, color="#aaaaaa", linewidth=0.5)

    def title(self, text: str, x: float, y: float, **style: Any) -> None:
        """Write lines above a square."""
        self.axes.text(
            x + _SIDE / 2,
            y - 0.05,
            text,
            fontsize=_FONT,
            ha="center",
            va="bottom",
            parse_math=False,
            **style,
        )

    def add_moves(self, query: Bytes, moves: NDArray[np.int8], x: float, y: float) -> None:
        """Have arrows from pixels of the query to where their like was found."""
        down, right = moves.astype(float)
        moved = ((down != 0) | (right != 0)) & self._near_edges(query)
        moved &= np.indices(moved.shape).sum(axis=0) % 2 == 0  # every other one, for legibility
        rows, columns = np.nonzero(moved)
        at_x, at_y = x + self.right + self.pixel / 2, y + self.down + self.pixel / 2
        own = np.stack([columns, rows, right[moved], down[moved]]) * self.pixel
        self.moves.append(own + np.array([at_x, at_y, 0, 0])[:, np.newaxis])

    def _near_edges(self, image: Bytes) -> NDArray[np.bool_]:
        """Return where there is something to be like: a change of grey."""
        down, right = np.gradient(grey(image[np.newaxis])[0].astype(float))
        return np.asarray(np.hypot(down, right) > _LEAST_SLOPE * self.brightest)

    def finish(self, key: str) -> None:
        """Draw the arrows, and the key below everything."""
        width, height = self.size
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)
        if self.moves:
            draw_arrows(self.axes, np.concatenate(self.moves, axis=1), 0.22 * self.pixel)
        self.axes.text(
            width / 2, height - _MARGIN, key, fontsize=8, ha="center", va="bottom", wrap=True
        )

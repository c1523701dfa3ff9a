"""Pictures of images beside the training images that the matching classifier found like them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.estimators.matches import Matches
from lookalike.evaluation.captions import fitted, save_picture
from lookalike.matching.levels import Bytes, grey

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
    """
    from matplotlib.figure import Figure

    n_nearest = min(_N_NEAREST, matches.indices.shape[1])
    n_blocks = 1 if len(rows) <= _ONE_BLOCK else 2
    n_lines = -(-len(rows) // n_blocks)
    told = _Told(matches, labels, names, numbers)
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
        canvas.show(matches.images[row], x, y)
        canvas.title(titles[place][0], x, y, fontweight="bold")
        for i in range(n_nearest):
            x_near = x + _SIDE + _SET_OFF + i * (_SIDE + _GAP)
            arrows = i == 0 and bool(matches.deformed[row])
            image = matches.matcher.images_[matches.rows[row, i]]
            canvas.show(image, x_near, y, faded=arrows)
            if arrows:
                canvas.add_moves(matches.images[row], matches.displacements(row)[0], x_near, y)
            is_right = matches.labels[row, i] == labels[row]
            canvas.title(titles[place][i + 1], x_near, y, color=_RIGHT if is_right else _WRONG)
    canvas.finish(_key(matches, rows))
    save_picture(figure, path, dpi=200)


def _key(matches: Matches, rows: NDArray[np.int64]) -> str:
    key = "Left: the image as it was compared. Right of it: the training images nearest to it."
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
    ) -> None:
        self.matches, self.labels = matches, labels
        self.names, self.numbers = names, numbers

    def query(self, row: int) -> str:
        number = row if self.numbers is None else int(self.numbers[row])
        true, answer = self.labels[row], self.matches.prediction[row]
        share = self.matches.probabilities[row].max()
        verdict = [self.name(true)]
        if true != answer:
            verdict = [f"{self.name(true)},", f"not {self.name(answer)}"]
        said = fitted([*verdict, f"({share:.0%})"], _SIDE, size=_FONT, bold=True)
        return f"test {number:,}\n{said}"

    def neighbor(self, row: int, i: int) -> str:
        variant = self.matches.variants[row, i]
        said = [self.name(self.matches.labels[row, i])]
        if variant:
            said = [f"{said[0]},", self.matches.variant_names[variant]]
        return f"train {self.matches.indices[row, i]:,}\n{fitted(said, _SIDE, size=_FONT)}"

    def name(self, label: Any) -> str:
        return str(label) if self.names is None else self.names[int(label)]


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
        height, width = images.shape[1:3]
        self.pixel = _SIDE / max(height, width)
        # An oblong one stands in the middle of its square.
        self.right = (_SIDE - width * self.pixel) / 2
        self.down = (_SIDE - height * self.pixel) / 2
        self.moves: list[NDArray[np.float64]] = []

    def show(self, image: Bytes, x: float, y: float, *, faded: bool = False) -> None:
        """Draw an image into the square whose upper left corner is given, in a thin frame."""
        height, width = image.shape[:2]
        left, top = x + self.right, y + self.down
        right, bottom = left + width * self.pixel, top + height * self.pixel
        self.axes.imshow(
            image[..., :3] if self.in_colour else image[..., 0],
            cmap=self.cmap,
            vmin=0,
            vmax=self.brightest,
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

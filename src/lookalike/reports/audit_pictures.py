"""Pictures of what an audit found: suspicious labels, copies, leaks and outliers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.auditing.result import Audit
from lookalike.reports.captions import drawable

_GIVEN, _SUGGESTED, _OTHER, _PLAIN = "#c0392b", "#1a7f37", "#666666", "#222222"
_MOST_SHOWN = 8  # images in a line
_MOST_LETTERS = 22


class _Tile(NamedTuple):
    image: NDArray[Any]
    title: str
    colour: str = _PLAIN
    is_bold: bool = False


def save_issues_png(
    path: Path,
    images: NDArray[Any],
    found: Audit,
    *,
    class_names: Sequence[str] | None = None,
    n_rows: int = 8,
    n_neighbors: int = 6,
) -> None:
    """Draw the images with the most suspicious labels, each in a line with its neighbours.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    images : ndarray of shape (n, h, w) or (n, h, w, c)
        The training images that were audited, or of which embeddings were.
    found : Audit
    class_names : sequence of str, optional
        What labels that are numbers from 0 on are called; else as the audit calls them.
    n_rows : int, default=8
        Images to draw, at most: the first label issues, and where there are none the first of the
        ranking.
    n_neighbors : int, default=6
        Neighbours of each, at most as many as voted.

    Raises
    ------
    ValueError
        If the images are not those of the audit, or are no images.
    """
    _check_images(images, len(found), "images")
    lines = []
    for row, suggested in suspects(found)[:n_rows]:
        given = found.labels[row]
        share = found.self_confidence[row]
        title = (
            f"{_place(found, row)}\ngiven {_name(given, found, class_names)} ({share:.0%})\n"
            f"suggested {_name(suggested, found, class_names)}"
        )
        line = [_Tile(images[row], title, is_bold=True)]
        for neighbor, distance in zip(
            found.indices[row, :n_neighbors].tolist(),
            found.distances[row, :n_neighbors].tolist(),
            strict=True,
        ):
            label = found.labels[neighbor]
            colour = _GIVEN if label == given else _SUGGESTED if label == suggested else _OTHER
            title = f"{_name(label, found, class_names)}\ndistance {distance:,.4g}"
            line.append(_Tile(images[neighbor], title, colour))
        lines.append(line)
    _save(path, lines)


def save_duplicates_png(
    path: Path,
    images: NDArray[Any],
    found: Audit,
    *,
    class_names: Sequence[str] | None = None,
    n_rows: int = 8,
) -> None:
    """Draw groups of copies, each in a line: the first of ``found.duplicates``.

    Parameters
    ----------
    path, images, found, class_names
        As of `save_issues_png`.
    n_rows : int, default=8
        Groups to draw, at most; of a large one the first 8 images.
    """
    _check_images(images, len(found), "images")
    lines = []
    for group in found.duplicates[:n_rows]:
        usual = group.labels[0]
        line = []
        for i, (row, label) in enumerate(
            zip(group.rows[:_MOST_SHOWN].tolist(), group.labels, strict=False)
        ):
            how = group.how[i] if group.how else ""
            title = f"{how or group.kind}, {_place(found, row)}\n{_name(label, found, class_names)}"
            line.append(_Tile(images[row], title, _PLAIN if label == usual else _GIVEN))
        lines.append(line)
    _save(path, lines)


def save_leaks_png(
    path: Path,
    images: NDArray[Any],
    test_images: NDArray[Any] | None,
    found: Audit,
    *,
    class_names: Sequence[str] | None = None,
    n_rows: int = 16,
) -> None:
    """Draw test images beside the training images that they are copies of, two pairs a line.

    Parameters
    ----------
    path, images, found, class_names
        As of `save_issues_png`.
    test_images : ndarray of shape (m, h, w) or (m, h, w, c), or None
        Not needed where they were audited too.
    n_rows : int, default=16
        Pairs to draw, at most.
    """
    _check_images(images, len(found), "images")
    if test_images is None:
        test_images = images[found.n_train :]
    _check_images(test_images, found.n_test or 0, "test images")
    tiles = []
    for leak in (found.leaks or [])[:n_rows]:
        colour = _GIVEN if leak.is_conflicting else _PLAIN
        for image, part, row, label in (
            (test_images[leak.test_row], "test", leak.test_row, leak.test_label),
            (images[leak.train_row], "train", leak.train_row, leak.train_label),
        ):
            audited = found.n_train is not None  # else nothing is known of test images' files
            own = row + (found.n_train or 0) if part == "test" else row
            place = _place(found, own) if audited or part == "train" else f"{part} {row:,}"
            title = f"{leak.how or leak.kind}, {place}\n{_name(label, found, class_names)}"
            tiles.append(_Tile(image, title, colour, is_bold=part == "test"))
    _save(path, [tiles[i : i + 4] for i in range(0, len(tiles), 4)])


def save_outliers_png(
    path: Path,
    images: NDArray[Any],
    found: Audit,
    *,
    class_names: Sequence[str] | None = None,
    n_rows: int = 24,
) -> None:
    """Draw the images that are farthest from all others.

    Parameters
    ----------
    path, images, found, class_names
        As of `save_issues_png`.
    n_rows : int, default=24
        Images to draw, at most: outliers first, named in red, then those that are farthest
        short of being one.
    """
    _check_images(images, len(found), "images")
    tiles = []
    for row in np.argsort(-found.outlier_distances, kind="stable")[:n_rows].tolist():
        distance = found.outlier_distances[row]
        name = _name(found.labels[row], found, class_names)
        title = f"{_place(found, row)}\n{name}, at {distance:,.4g}"
        tiles.append(_Tile(images[row], title, _GIVEN if row in found.outliers else _PLAIN))
    _save(path, [tiles[i : i + _MOST_SHOWN] for i in range(0, len(tiles), _MOST_SHOWN)])


def save_rejects_png(path: Path, images: NDArray[Any], found: Audit, *, n_rows: int = 24) -> None:
    """Draw the pictures that can hardly be meant, but for those that could not be read.

    Parameters
    ----------
    path, images, found
        As of `save_issues_png`.
    n_rows : int, default=24
        Images to draw, at most.
    """
    _check_images(images, len(found), "images")
    tiles = [
        _Tile(images[reject.row], f"{reject.kind}\n{_place(found, reject.row)}")
        for reject in found.rejects
        if reject.row is not None
    ][:n_rows]
    _save(path, [tiles[i : i + _MOST_SHOWN] for i in range(0, len(tiles), _MOST_SHOWN)])


def suspects(found: Audit) -> list[tuple[int, Any]]:
    """Return rows with the most suspicious labels, and what is suggested for each.

    The label issues, or, where there are none, the ranking.
    """
    if found.label_issues:
        return [(issue.row, issue.suggested) for issue in found.label_issues]
    return [(row, found.suggested[row]) for row in found.ranking[:100].tolist()]


def _save(path: Path, lines: Sequence[Sequence[_Tile]]) -> None:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if not lines:
        raise ValueError(f"there is nothing to draw into {path.name}; ask for it where there is")
    n_columns = max(map(len, lines))
    n_lines = max(tile.title.count("\n") + 1 for line in lines for tile in line)
    figure = Figure(
        figsize=(1.3 * n_columns + 0.3, (1.4 + 0.12 * n_lines) * len(lines)),
        layout=ConstrainedLayoutEngine(h_pad=0.06),
    )
    grid = figure.subplots(len(lines), n_columns, squeeze=False)
    brightest = max(1, *(tile.image.max() for line in lines for tile in line))
    darkest = min(0, *(tile.image.min() for line in lines for tile in line))
    for axes in grid.ravel():
        axes.set_axis_off()
    for line, tiles in zip(grid, lines, strict=True):
        for axes, tile in zip(line, tiles, strict=False):
            picture = tile.image
            if picture.ndim == 3:
                picture = (picture - darkest) / (brightest - darkest)
                axes.imshow(picture if picture.shape[2] in (3, 4) else picture[..., 0], cmap="gray")
            else:
                axes.imshow(picture, cmap="gray", vmin=darkest, vmax=brightest)
            axes.set_title(
                tile.title,
                fontsize=7,
                color=tile.colour,
                fontweight="bold" if tile.is_bold else "normal",
                parse_math=False,
            )
    figure.savefig(path, dpi=150)


def _name(label: Any, found: Audit, class_names: Sequence[str] | None) -> str:
    return _short(found.class_name(label) if class_names is None else class_names[int(label)])


def _place(found: Audit, row: int) -> str:
    """Return where an image stands and, below that, the name of its file."""
    path = None if found.paths is None else found.paths[row]
    return found.place(row) + ("" if path is None else f"\n{_short(path.name)}")


def _short(name: str) -> str:
    """Return a name that fits above an image: its end tells files apart."""
    name = drawable(name).replace("\n", " ")
    return name if len(name) <= _MOST_LETTERS else f"…{name[1 - _MOST_LETTERS :]}"


def _check_images(images: NDArray[Any], n: int, what: str) -> None:
    if np.ndim(images) not in (3, 4) or len(images) != n:
        raise ValueError(
            f"{what} of shape {np.shape(images)} can not be drawn as the {n:,} that were audited; "
            "give them in their order, of shape (n, h, w) or (n, h, w, c)"
        )

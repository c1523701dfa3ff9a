"""The picture of an augmentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from lookalike import Flips, Rotations, Shifts
from lookalike.images.augmentation import Augmentation
from lookalike.reports.augmented import save_augmentation_png

SHAPES = [(2, 28, 28), (1, 8, 8), (3, 20, 30, 3), (1, 6, 40), (1, 40, 6, 4)]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Catches what is saved while the test runs."""
    saved = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: object, **options: object) -> None:
        saved.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("augmentation", [Flips(), Shifts(1), Shifts(4, diagonal=True)], ids=repr)
def test_every_column_is_what_its_title_says(
    shape: tuple[int, ...], augmentation: Augmentation, tmp_path: Path, figures: list[Figure]
) -> None:
    images = np.random.default_rng(0).integers(0, 17, shape, dtype=np.uint8)
    names = [f"class {i} [$x$]" for i in range(len(images))]
    save_augmentation_png(tmp_path / "a.png", images, augmentation, names=names)
    with Image.open(tmp_path / "a.png") as picture:
        picture.load()
        assert min(picture.size) > 100
    variants = augmentation.variants(shape[1:])
    shown = variants[:10]
    n_columns = 1 + len(shown) + (len(shown) < len(variants))
    grid = np.reshape(figures[0].axes, (len(images), n_columns))
    titles = [axes.get_title().replace("\n", " ") for axes in grid[0, : 1 + len(shown)]]
    assert titles == ["original", *map(str, shown)]
    assert [axes.get_ylabel().replace("\n", " ") for axes in grid[:, 0]] == names
    for column, expected in zip(
        grid.T, [images, *(variant.apply(images) for variant in shown)], strict=False
    ):
        for axes, image in zip(column, expected, strict=True):
            drawn = np.asarray(axes.images[0].get_array())
            np.testing.assert_allclose(drawn, image / images.max())
    if len(shown) < len(variants):
        assert grid[0, -1].texts[0].get_text() == "… and\n70 more"


def test_black_and_float_images(tmp_path: Path, figures: list[Figure]) -> None:
    save_augmentation_png(tmp_path / "a.png", np.zeros((1, 5, 5)), Rotations([3]))
    save_augmentation_png(tmp_path / "b.png", np.full((1, 5, 5), 0.5), Flips(), max_columns=2)
    assert np.asarray(figures[0].axes[0].images[0].get_array()).max() == 0
    assert np.asarray(figures[1].axes[0].images[0].get_array()).max() == 1
    assert len(figures[1].axes) == 2

"""Images before their variants, and the report of an augmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lookalike import Dataset, Flips, Rotations, Shifts
from lookalike.images.augmentation import Augmentation
from lookalike.images.dataset import Split
from lookalike.images.expand import Expansion
from lookalike.reports.data import describe, variants_gallery
from lookalike.reports.png import save_png

SHAPES = [(2, 28, 28), (1, 8, 8), (3, 20, 30, 3), (1, 6, 40), (1, 40, 6, 4)]


def dataset(images: NDArray[Any]) -> Dataset:
    """A data set of one image a class."""
    names = tuple(f"class {i} [$x$]" for i in range(len(images)))
    split = Split(images, np.arange(len(images)))
    return Dataset(split, Split(images[:0], np.arange(0)), names, "a source")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("augmentation", [Flips(), Shifts(1), Shifts(4, diagonal=True)], ids=repr)
def test_every_picture_is_what_its_caption_says(
    shape: tuple[int, ...], augmentation: Augmentation, tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 17, shape, dtype=np.uint8)
    expansion = Expansion(dataset(images), augmentation)
    gallery = variants_gallery(expansion)
    save_png(tmp_path / "a.png", gallery)
    with Image.open(tmp_path / "a.png") as drawn:
        drawn.load()
        assert min(drawn.size) > 100
    shown = expansion.variants[:10]
    white = images.max() / 255
    for number, one in enumerate(gallery.pictures):
        assert one.caption == [f"class {number} [$x$]", "original"]
        np.testing.assert_allclose(one.image * white, images[number], atol=white / 2 + 1e-9)
        assert [variant.caption for variant in one.neighbors] == [[str(own)] for own in shown]
        for neighbor, variant in zip(one.neighbors, shown, strict=True):
            expected = variant.apply(images[number : number + 1])[0]
            np.testing.assert_allclose(neighbor.image * white, expected, atol=white / 2 + 1e-9)
    assert ("70 more variants are left out" in gallery.caption) == (len(expansion.variants) == 80)


def test_black_images() -> None:
    images = np.zeros((1, 5, 5), dtype=np.uint8)
    gallery = variants_gallery(Expansion(dataset(images), Rotations([3])))
    assert gallery.pictures[0].image.max() == 0


def test_an_expansion_shows_itself(tmp_path: Path) -> None:
    expansion = Expansion(dataset(np.ones((3, 8, 8), dtype=np.uint8)), Shifts(3, diagonal=True))
    assert expansion.report(tmp_path) == ["report.html", "report.json"]
    report = describe(expansion, name="ones")
    assert report.numbers == expansion.to_dict()
    facts = dict(report.sections[0].blocks[0].rows)  # type: ignore[union-attr]
    assert facts["data"] == "ones from a source"
    assert facts["variants"].startswith("48 of every image: right 1; left 1; ")  # type: ignore[union-attr]
    assert facts["train images"] == "3 → 147 of 8 × 8, 0.0 MiB in memory"

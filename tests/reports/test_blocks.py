"""The parts of a report, and what they refuse."""

import numpy as np
import pytest
from tests.reports.samples import picture, table

from lookalike.reports.blocks import (
    Chart,
    Column,
    Gallery,
    Headline,
    Picture,
    Report,
    Section,
    Table,
    Undefined,
    cell_text,
)

IMAGE = np.zeros((8, 8), dtype=np.uint8)


@pytest.mark.parametrize(
    ("cell", "spec", "text"),
    [
        (None, "", ""),
        ("", "", ""),
        ("60000", ",d", "60000"),
        (60000, "", "60,000"),
        (np.int64(60000), "", "60,000"),
        (7, ".1f", "7.0"),
        (0.97142857, "", "0.9714"),
        (np.float64(0.97142857), ".2%", "97.14%"),
        (np.float32(0.5), "", "0.5"),
        (-0.005, "+.1%", "−0.5%"),
        (-3, "", "−3"),
        (float("nan"), ".2%", "–"),
        (float("inf"), "", "∞"),
        (float("-inf"), "", "−∞"),
        (Undefined("no image"), ".2%", "–"),
    ],
)
def test_cell_text(cell: object, spec: str, text: str) -> None:
    assert cell_text(cell, spec) == text  # type: ignore[arg-type]


def test_columns_of_numbers_are_numeric() -> None:
    rows = [
        ["a", 1, 0.5, "x", None, Undefined("why")],
        ["b", 2, Undefined("why"), 3, None, float("nan")],
    ]
    mixed = Table(["name", "int", Column("float"), "both", "empty", "undefined"], rows, "Mixed")
    assert mixed.is_numeric() == [False, True, True, False, False, True]


def test_no_row_makes_no_column_numeric() -> None:
    assert Table(["a", "b"], [], "Empty").is_numeric() == [False, False]


def test_rows_have_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match=r"row 1 of the table 'Counts' has 1 cells but .* 2 col"):
        Table(["a", "b"], [[1, 2], [3]], "Counts")


@pytest.mark.parametrize("empty", ["", "  \n"])
def test_nothing_goes_without_words(empty: str) -> None:
    with pytest.raises(ValueError, match="alt of a Picture is empty"):
        Picture(IMAGE, empty)
    with pytest.raises(ValueError, match="alt of a Chart is empty"):
        Chart(print, empty, "caption", table())
    with pytest.raises(ValueError, match="caption of a Chart is empty"):
        Chart(print, "alt", empty, table())
    with pytest.raises(ValueError, match="caption of a Table is empty"):
        Table(["a"], [], empty)
    with pytest.raises(ValueError, match="caption of a Gallery is empty"):
        Gallery([picture()], empty)
    with pytest.raises(ValueError, match="reason of an Undefined is empty"):
        Undefined(empty)
    with pytest.raises(ValueError, match="title of a Section is empty"):
        Section(empty)
    with pytest.raises(ValueError, match="title of a Report is empty"):
        Report(empty)
    with pytest.raises(ValueError, match="name of a Headline is empty"):
        Headline(empty, "97 %")


def test_gallery_has_a_picture() -> None:
    with pytest.raises(ValueError, match="gallery 'Hardest' has no picture"):
        Gallery([], "Hardest")


@pytest.mark.parametrize(
    "image",
    [
        IMAGE.astype(float),
        IMAGE[0],
        np.zeros((0, 8), dtype=np.uint8),
        np.zeros((8, 8, 2), dtype=np.uint8),
        np.zeros((1, 8, 8, 1), dtype=np.uint8),
    ],
)
def test_images_are_images(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"image of dtype .* give uint8 of shape"):
        Picture(image, "alt")


def test_states_are_two() -> None:
    with pytest.raises(ValueError, match='state=\'good\'; give "right", "wrong" or None'):
        Picture(IMAGE, "alt", state="good")  # type: ignore[arg-type]

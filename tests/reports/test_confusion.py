"""The chart of a confusion matrix, and its table in the terminal."""

from __future__ import annotations

import re

import numpy as np
from rich.console import Console

from lookalike.evaluation.errors.confusion import ConfusionMatrix
from lookalike.reports.blocks import Section
from lookalike.reports.confusion import confusion_chart
from lookalike.reports.terminal import show


def shown(matrix: ConfusionMatrix) -> str:
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        show([Section("Confusion matrix", [confusion_chart(matrix)])], console)
    return capture.get()


def test_matrix_of_ten_digits_fits_80_columns() -> None:
    text = shown(ConfusionMatrix(np.diag(np.full(10, 1135)), tuple("0123456789")))
    assert re.search(r"\n   9( +0){9} 1135 +0 +0\.0%", text)


def test_numbers_stand_above_the_columns_of_long_names() -> None:
    text = shown(ConfusionMatrix(np.array([[7, 1], [0, 8]]), ("red [fox]", "a very long name")))
    assert re.search(r"true +0 +1 +wrong +error", text)
    assert re.search(r"1 a very long name +0 +8 +0 +0\.0%", text)


def test_a_class_without_images_has_no_error_rate() -> None:
    table = confusion_chart(ConfusionMatrix(np.array([[3, 1], [0, 0]]), ("a", "b"))).table
    assert table.texts() == [["a", "3", "1", "1", "25.0%"], ["b", "0", "0", "0", "–"]]

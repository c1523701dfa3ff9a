"""Errors: the section shows what the explanation says, the chart what the matrix says."""

from __future__ import annotations

import re

import numpy as np
from rich.console import Console

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.evaluation.errors.confusion import ConfusionMatrix, confused_pairs
from lookalike.images.dataset import Dataset, Split
from lookalike.reports.blocks import Chart, Gallery, Section, Table, Text
from lookalike.reports.errors import confusion_chart, errors_section
from lookalike.reports.terminal import show

WHITE = 16 / 255  # the digits' brightest value, by that of pictures


def test_errors_are_counted_and_shown_beside_their_neighbors() -> None:
    data = load_dataset("digits")
    train = Split(data.train.images[:300], data.train.labels[:300])
    data = Dataset(train, data.test, data.class_names, data.source)
    knn = KNeighborsClassifier(3).fit(train.images, train.labels)
    explanation = knn.explain(data.test.images)
    pairs = confused_pairs(explanation, data.test.labels)
    n_wrong = np.count_nonzero(explanation.prediction != data.test.labels)
    section = errors_section(data, explanation)
    assert section.intro[0].startswith(f"{n_wrong} of {len(data.test)} test images")
    (margins,) = (block for block in section.blocks if isinstance(block, Chart))
    totals = np.array([row[1:] for row in margins.table.rows]).sum(axis=0)
    assert totals.tolist() == [len(data.test) - n_wrong, n_wrong]
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert table.rows[0][2] == len(pairs[0].rows)
    wrong, hard, typical, *_ = (b for b in section.blocks if isinstance(b, Gallery))
    first = wrong.pictures[0]
    row = int(pairs[0].rows[0])
    assert (first.state, len(first.neighbors)) == ("wrong", 3)
    np.testing.assert_allclose(first.image * WHITE, data.test.images[row], atol=0.1)
    for picture, neighbor in zip(first.neighbors, explanation.indices[row], strict=True):
        np.testing.assert_allclose(picture.image * WHITE, train.images[neighbor], atol=0.1)
        assert picture.state == (
            "right" if train.labels[neighbor] == data.test.labels[row] else "wrong"
        )
    assert len(hard.pictures) == 10
    assert len(typical.pictures) == 30


def test_a_test_without_errors_has_no_pairs() -> None:
    images = np.zeros((4, 8, 8), dtype=np.uint8)
    images[2:] = 200
    part = Split(images, np.array([0, 0, 1, 1]))
    data = Dataset(part, part, ("black", "white"), "made")
    explanation = KNeighborsClassifier(1).fit(part.images, part.labels).explain(part.images)
    section = errors_section(data, explanation)
    assert section.intro[0].startswith("0 of 4 test images")
    assert not any(isinstance(block, Table) for block in section.blocks)
    assert any(
        isinstance(b, Text) and "No training image misleads" in b.text for b in section.blocks
    )


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

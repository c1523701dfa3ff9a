"""Galleries of what an audit found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from lookalike.evaluation.auditing.audit import audit
from lookalike.evaluation.auditing.result import Audit
from lookalike.reports.audit_pictures import (
    save_duplicates_png,
    save_issues_png,
    save_leaks_png,
    save_outliers_png,
    suspects,
)

Case = tuple[NDArray[Any], NDArray[Any], Audit]


@pytest.fixture(scope="module")
def case() -> Case:
    bunch = load_digits()
    images, labels = bunch.images[:300].copy(), bunch.target[:300].copy()
    images[7] = images[3]
    labels[20] = (labels[20] + 3) % 10
    test = bunch.images[300:340].copy()
    test[5] = images[9]
    return images, test, audit(images, labels, test=(test, bunch.target[300:340]))


@pytest.fixture
def titles(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Collect the titles of the pictures that are saved."""
    seen: list[list[str]] = []
    save = Figure.savefig

    def collect(figure: Figure, *args: Any, **options: Any) -> None:
        seen.append([axes.get_title() for axes in figure.axes if axes.get_title()])
        save(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", collect)
    return seen


def test_issues_stand_beside_their_neighbours(
    case: Case, tmp_path: Path, titles: list[list[str]]
) -> None:
    images, _, found = case
    path = tmp_path / "issues.png"
    save_issues_png(path, images, found, n_rows=2, n_neighbors=3)
    with Image.open(path) as picture:
        picture.load()
        assert picture.width > 500
    first = found.label_issues[0]
    (drawn,) = titles
    assert drawn[0] == (
        f"train {first.row}\ngiven {first.given} ({first.self_confidence:.0%})\n"
        f"suggested {first.suggested}"
    )
    n_lines = min(2, len(found.label_issues))
    assert len(drawn) == n_lines * 4
    labels = [title.split("\n")[0] for title in drawn[1:4]]
    assert labels == [str(label) for label in found.labels[found.indices[first.row, :3]]]


def test_without_issues_the_ranking_is_drawn(case: Case) -> None:
    found = replace(case[2], label_issues=[])
    assert [row for row, _ in suspects(found)] == found.ranking[:100].tolist()


def test_all_galleries_with_names_and_in_colour(
    case: Case, tmp_path: Path, titles: list[list[str]]
) -> None:
    images, test, found = case
    names = [f"d{i}$" for i in range(10)]
    colour = np.repeat(images[..., np.newaxis], 3, axis=3)
    save_issues_png(tmp_path / "a.png", colour, found, class_names=names)
    save_outliers_png(tmp_path / "b.png", images[..., np.newaxis], found, class_names=names)
    save_duplicates_png(tmp_path / "c.png", images, found, class_names=names)
    save_leaks_png(tmp_path / "d.png", images, test, found, class_names=names)
    assert len(list(tmp_path.iterdir())) == 4
    _, outliers, duplicates, leaks = titles
    assert len(outliers) == 24
    assert duplicates[:2] == ["exact, train 3\nd3$", "exact, train 7\nd7$"]
    assert leaks[:2] == ["exact, test 5\nd0$", "exact, train 9\nd9$"]


def test_refuses_other_images_and_nothing(case: Case, tmp_path: Path) -> None:
    images, _, found = case
    path = tmp_path / "a.png"
    with pytest.raises(ValueError, match=r"shape \(299, 8, 8\) can not be drawn as the 300"):
        save_issues_png(path, images[1:], found)
    with pytest.raises(ValueError, match=r"shape \(300, 64\) can not be drawn"):
        save_outliers_png(path, images.reshape(300, -1), found)
    with pytest.raises(ValueError, match=r"nothing to draw into a\.png"):
        save_duplicates_png(path, images, replace(found, duplicates=[]))
    assert not path.exists()

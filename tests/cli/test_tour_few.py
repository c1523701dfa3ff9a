"""The tour's step on few labels, alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike import load_dataset
from lookalike.cli.screen import Screen
from lookalike.cli.tour import few
from lookalike.cli.tour.few import Few
from lookalike.cli.tour.step import Tour
from lookalike.images.dataset import Dataset, Split


def walked(data: Dataset) -> tuple[Few, str]:
    """Run the step; return it and what it shows."""
    tour = Tour(None, 1, watched=False)
    tour.data = data
    screen, step = Screen(as_json=False), Few()
    with screen.bar() as bar:
        step.run(tour, bar)
    with screen.out.capture() as capture:
        step.show(screen)
    return step, capture.get()


def made(n_classes: int, n_each: int, side: int = 8) -> Dataset:
    labels = np.repeat(np.arange(n_classes), n_each)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), side, side), dtype=np.uint8)
    names = tuple(map(str, range(n_classes)))
    return Dataset(Split(images, labels), Split(images, labels), names, "made")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.slow("learns with four classifiers from three draws")
def test_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few, "_DRAWS", {10: 2, 50: 1, 1_000: 1})
    monkeypatch.setattr(few, "_MOST_TEST_IMAGES", 300)
    step, shown = walked(load_dataset("digits"))
    report = json.loads(json.dumps(step.report()))
    assert report["labels_a_class"] == [10, 50]  # there are about 140 a class
    assert (report["n_draws"], report["n_test"]) == ([2, 1], 300)
    assert len(report["classifiers"]) == 4
    for name, entry in report["classifiers"].items():
        assert name in shown
        assert f"{entry['mean'][0]:.1%}"[:-1] in shown
        assert [len(draws) for draws in entry["errors"]] == [2, 1]
        assert entry["mean"][1] < entry["mean"][0] < 0.5
    text = " ".join(shown.split())
    assert report["verdict"] in text
    assert "2 draws of 10, 1 of 50 training images a class" in text
    assert "errors of 300 of the 360 test images" in text
    assert max(map(len, shown.splitlines())) <= 80
    assert step.save(tmp_path) == ["few_labels.png"]
    with Image.open(tmp_path / "few_labels.png") as picture:
        assert min(picture.size) > 250
    (section,) = step.sections()
    assert report["verdict"] in section.intro


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (made(2, 20, side=5), "give sides of 8 to"),
        (made(1, 20), "the training images are of one class"),
        (made(2, 9), "a class has fewer than 10 training images"),
        (made(101, 10), "10 labels of each of 101 classes are more than 1,000"),
    ],
)
def test_skipped_with_a_reason(tmp_path: Path, data: Dataset, reason: str) -> None:
    step, shown = walked(data)
    assert reason in step.report()["skipped"]
    assert "Skipped: " in shown
    assert step.save(tmp_path) == []
    assert step.sections() == []
    assert list(tmp_path.iterdir()) == []


def test_sizes_that_take_long_are_left_out() -> None:
    assert list(few._affordable(np.repeat(np.arange(15), 200))) == [10, 50]
    assert list(few._affordable(np.repeat(np.arange(10), 200))) == [10, 50, 100]
    assert list(few._affordable(np.repeat(np.arange(10), 49))) == [10]

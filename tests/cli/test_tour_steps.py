"""Steps of the tour, each called alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from lookalike import load_dataset
from lookalike.cli.screen import Screen
from lookalike.cli.tour import classifying
from lookalike.cli.tour.walk import Step, Tour
from lookalike.images.dataset import Dataset, Split
from lookalike.reports.blocks import Chart
from lookalike.reports.terminal import show


def tour_of(data: Dataset) -> Tour:
    tour = Tour(Screen(as_json=True), None, n_jobs=1)
    tour.data = data
    return tour


def take(step: Callable[[Tour], Step], tour: Tour) -> Step:
    return tour.take("A step", step)


def shown(step: Step) -> str:
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        show(step.sections, console)
    return capture.get()


def made(n_classes: int, n_each: int, side: int = 8) -> Dataset:
    labels = np.repeat(np.arange(n_classes), n_each)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), side, side), dtype=np.uint8)
    names = tuple(map(str, range(n_classes)))
    return Dataset(Split(images, labels), Split(images, labels), names, "made")


def test_tuning_does_not_look_at_the_test_images() -> None:
    digits = load_dataset("digits")
    darker = Split(digits.test.images[::-1] // 3, digits.test.labels)
    found = []
    for data in (digits, replace(digits, test=darker)):
        tour = tour_of(data)
        take(classifying.baseline, tour)
        tuning = take(classifying.tuning, tour)
        take(classifying.tuned, tour)
        grown = take(classifying.augmented, tour)
        found.append((tuning.entry["candidates"], grown.entry["n_neighbors"]))
        found[-1] += (grown.entry["cv_accuracy"],)
    assert found[0] == found[1]


@pytest.mark.slow("fits four classifiers to several draws")
def test_few_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifying, "_DRAWS", {10: 2, 50: 1, 1_000: 1})
    monkeypatch.setattr(classifying, "_MOST_TEST_IMAGES", 300)
    step = take(classifying.few_labels, tour_of(load_dataset("digits")))
    report = json.loads(json.dumps(step.entry))
    assert report["labels_a_class"] == [10, 50]  # there are about 140 a class
    assert (report["n_draws"], report["n_test"]) == ([2, 1], 300)
    assert len(report["classifiers"]) == 4
    text = " ".join(shown(step).split())
    for name, entry in report["classifiers"].items():
        assert name in text
        assert f"{entry['mean'][0]:.2%}" in text
        assert [len(draws) for draws in entry["errors"]] == [2, 1]
        assert entry["mean"][1] < entry["mean"][0] < 0.5
    assert report["verdict"] in text
    assert "2 draws of 10, 1 of 50 training images a class" in text
    assert "errors of 300 of the 360 test images" in text
    assert max(map(len, shown(step).splitlines())) <= 80
    assert isinstance(step.pictures["few_labels.png"], Chart)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (made(2, 20, side=5), "give sides of 8 to"),
        (made(1, 20), "the training images are of one class"),
        (made(2, 9), "a class has fewer than 10 training images"),
        (made(101, 10), "10 labels of each of 101 classes are more than 1,000"),
    ],
)
def test_few_labels_are_skipped_with_a_reason(data: Dataset, reason: str) -> None:
    step = take(classifying.few_labels, tour_of(data))
    assert reason in step.entry["skipped"]
    assert f"Skipped: {step.entry['skipped']}." in " ".join(shown(step).split())
    assert step.pictures == {}


def test_sizes_that_take_long_are_left_out() -> None:
    affordable = classifying.affordable_draws
    assert list(affordable(np.repeat(200, 15))) == [10, 50]
    assert list(affordable(np.repeat(200, 10))) == [10, 50, 100]
    assert list(affordable(np.repeat(49, 10))) == [10]

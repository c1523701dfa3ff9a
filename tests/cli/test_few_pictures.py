"""What commands do with few pictures: they work, or say what there is to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.cli.samples import Run

from lookalike import load_dataset


@pytest.fixture
def few(tmp_path: Path) -> Callable[[int], Path]:
    """Return a function that writes so many images of each of four digits."""

    def write(n: int) -> Path:
        train = load_dataset("digits").train
        rows = np.concatenate([np.flatnonzero(train.labels == label)[:n] for label in range(4)])
        path = tmp_path / "few.npz"
        np.savez(path, images=train.images[rows] * 15, labels=train.labels[rows])
        return path

    return write


def test_train_and_tune_without_test_images(
    few: Callable[[int], Path], invoke: Run, tmp_path: Path
) -> None:
    path, model, out = few(1), tmp_path / "few.lookalike", tmp_path / "out"
    result = invoke("train", path, "--quick", "-o", model, "--out", out)
    assert result.exit_code == 0
    assert "has one image of each class, so none is held out to test with" in result.stderr
    assert "No images were held out: how often it errs on new ones is not known." in result.stdout
    assert json.loads((out / "report.json").read_text())["test"] is None
    result = invoke("tune", path, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["cv"] == "loo"


def test_tune_takes_as_many_folds_as_there_can_be(few: Callable[[int], Path], invoke: Run) -> None:
    report = json.loads(invoke("tune", few(4), "--json").stdout)
    assert (report["cv"], report["n_train"], report["n_test_not_looked_at"]) == (3, 12, 4)
    assert max(own["n_neighbors"] for own in report["candidates"]) == 8


@pytest.mark.parametrize("command", [["evaluate"], ["clean", "--noise", "uniform:50"]])
def test_what_needs_test_images_says_so(
    command: list[str], few: Callable[[int], Path], invoke: Run
) -> None:
    result = invoke(command[0], few(1), *command[1:])
    assert result.exit_code == 1
    assert "few.npz has no test images to" in result.stderr

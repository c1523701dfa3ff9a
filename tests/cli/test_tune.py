"""``lookalike tune``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from sklearn import neighbors
from sklearn.model_selection import GridSearchCV
from tests.cli.samples import Run

from lookalike import Dataset, load_dataset
from lookalike.cli.tune import parse_cv, parse_k, parse_weights
from lookalike.images import dataset as dataset_module


@pytest.mark.parametrize(
    ("text", "ks"),
    [("1-4", [1, 2, 3, 4]), ("5,3,3", [3, 5]), ("7", [7]), ("1-2, 4 - 5,2", [1, 2, 4, 5])],
)
def test_numbers_of_neighbors(text: str, ks: list[int]) -> None:
    assert parse_k(text) == ks


@pytest.mark.parametrize(
    ("parse", "text", "match"),
    [
        (parse_k, "", "neither a range like 1-30 nor a list"),
        (parse_k, "three", "'three' is neither a range"),
        (parse_k, "1-2-3", "neither a range"),
        (parse_k, "-3", "neither a range"),
        (parse_k, "3,", "neither a range"),
        (parse_k, "²", "neither a range"),
        (parse_k, "1.5", "neither a range"),
        (parse_k, "0", "'0' of '0' must ascend from 1"),
        (parse_k, "1,5-3", "'5-3' of '1,5-3' must ascend from 1"),
        (parse_weights, "uniform,near", "'near' is none of uniform, distance"),
        (parse_weights, "", "'' is none of"),
        (parse_cv, "1", "'1' is neither a number of folds from 2 on nor loo"),
        (parse_cv, "one", "neither a number"),
    ],
)
def test_wrong_options(parse: Callable[[str], Any], text: str, match: str) -> None:
    with pytest.raises(typer.BadParameter, match=match):
        parse(text)


def test_report_is_scikit_learn_s_grid_search_of_the_training_part(
    tmp_path: Path, invoke: Run
) -> None:
    out = tmp_path / "new" / "report"
    arguments = ["tune", "digits", "--k", "1,4-5", "--cv", "3", "--out", out]
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    train = load_dataset("digits").train
    grid = {"weights": ["uniform", "distance"], "n_neighbors": [1, 4, 5]}
    theirs = GridSearchCV(neighbors.KNeighborsClassifier(), grid, cv=3)
    theirs.fit(train.images.reshape(len(train), -1).astype(float), train.labels)
    for found, params, mean, std in zip(
        sorted(report["candidates"], key=lambda c: (c["n_neighbors"], c["weights"] != "uniform")),
        *(theirs.cv_results_[key] for key in ("params", "mean_test_score", "std_test_score")),
        strict=True,
    ):
        assert (found["n_neighbors"], found["weights"]) == tuple(
            params[name] for name in sorted(params)
        )
        assert found["accuracy"] == pytest.approx(mean, abs=0.003)  # but for ties
        assert found["standard_error"] == pytest.approx(std / np.sqrt(2), abs=0.003)
    best = max(candidate["accuracy"] for candidate in report["candidates"])
    assert report["best"]["accuracy"] == best
    assert report["one_standard_error"]["n_neighbors"] >= report["best"]["n_neighbors"]
    assert report["n_train"] == len(train)
    assert sorted(path.name for path in out.iterdir()) == ["report.json", "tuning.png"]
    assert json.loads((out / "report.json").read_text()) == report
    with Image.open(out / "tuning.png") as picture:
        picture.load()


def test_what_is_shown(invoke: Run) -> None:
    result = invoke("tune", "digits", "--k", "3-5", "--weights", "distance")
    assert result.exit_code == 0
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[0].startswith("digits: 3 candidates on 1,437 training images")
    assert sum(line.split()[0] in "345" and line.count("0.0") == 1 for line in lines if line) == 3
    assert sum("best: distance" in line for line in lines) == 1
    assert any(line.startswith("Best: k = ") for line in lines)
    assert any(line.startswith("Most neighbours within one standard error") for line in lines)
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_leave_one_out_by_another_metric(invoke: Run) -> None:
    arguments = ["tune", "digits", "--cv", "loo", "--metric", "cosine", "--k", "3", "--json"]
    report = json.loads(invoke(*arguments).stdout)
    assert (report["cv"], report["n_splits"], report["metric"]) == ("loo", 1, "cosine")
    p = report["best"]["accuracy"]
    assert report["best"]["standard_error"] == pytest.approx(np.sqrt(p * (1 - p) / 1437))


def test_test_images_are_not_looked_at(invoke: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_dataset("digits")

    class Sealed:
        def __len__(self) -> int:
            return 360

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the test part's {name} was looked at")

    sealed = Dataset(whole.train, Sealed(), whole.class_names, "a [bold] source")  # type: ignore[arg-type]
    monkeypatch.setattr(dataset_module, "load_dataset", lambda *_, **__: sealed)
    result = invoke("tune", "[red]digits", "--k", "1")
    assert result.exit_code == 0
    assert "[red]digits" in result.stdout


@pytest.mark.slow("tries 5,000 numbers of neighbours")
def test_a_failed_run_writes_nothing(tmp_path: Path, invoke: Run) -> None:
    result = invoke("tune", "digits", "--k", "1-5000", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert list(tmp_path.iterdir()) == []

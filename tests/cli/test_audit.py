"""``lookalike audit``: what it shows, prints as JSON and writes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from lookalike import Dataset, load_dataset
from lookalike.cli.audit import audit as command
from lookalike.evaluation.auditing.audit import audit
from lookalike.images import dataset as dataset_module

Run = Callable[..., Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs the command in this process."""
    monkeypatch.setenv("COLUMNS", "80")
    app = typer.Typer()
    app.command()(command)

    def invoke(*arguments: str | Path) -> Any:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """Digits with a wrong label, a copy and a leak."""
    whole = load_dataset("digits")
    images, labels = whole.train.images[:400].copy(), whole.train.labels[:400].copy()
    test = whole.test.images[:60].copy()
    labels[10] = (labels[10] + 4) % 10
    images[30], labels[30] = images[20], labels[20]
    test[5] = images[40]
    path = tmp_path / "spoilt.npz"
    parts = {"x_train": images, "y_train": labels, "x_test": test}
    np.savez(path, **parts, y_test=whole.test.labels[:60])  # type: ignore[arg-type]
    return path


def test_json_is_what_audit_finds(run: Run) -> None:
    result = run("digits", "--n-neighbors", "5", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    whole = load_dataset("digits")
    test = (whole.test.images, whole.test.labels)
    found = audit(whole.train.images, whole.train.labels, n_neighbors=5, test=test)
    expected = json.loads(json.dumps(found.to_dict(n_rows=100)))
    assert {**expected, "seconds": None} == {
        name: None if name == "seconds" else report[name] for name in expected
    }
    assert (report["data"], report["n"], report["n_test"]) == ("digits", 1437, 360)
    assert report["class_names"] == [str(i) for i in range(10)]


def test_the_most_suspicious_are_drawn_beside_their_neighbours(run: Run, spoilt: Path) -> None:
    result = run(spoilt, "--top", "1")
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert "400 training images and 60 test images, 10 classes, in " in " ".join(lines)
    assert any(line.startswith("The most suspicious of ") for line in lines)
    (caption,) = (line for line in lines if "train 10 " in line)
    assert caption.count("at ") == 4
    assert any(line.startswith("duplicates") and "1 exact group of 2" in line for line in lines)
    assert any(line.startswith("leaks") and "1 exact" in line for line in lines)
    assert all(len(line) <= 80 for line in result.stdout.splitlines() if "/" not in line)


def test_tables_pictures_and_report_are_written(run: Run, spoilt: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "audit"
    result = run(spoilt, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    tables = ["duplicates.csv", "label_issues.csv", "leaks.csv", "outliers.csv", "values.csv"]
    pictures = ["duplicates.png", "label_issues.png", "leaks.png", "outliers.png"]
    written = sorted(path.name for path in out.iterdir())
    assert written == sorted([*tables, *pictures, "report.html", "report.json"])
    twin = json.loads((out / "report.json").read_text())
    assert twin["numbers"] == json.loads(result.stdout)
    assert "An audit of " in (out / "report.html").read_text()
    with (out / "leaks.csv").open(newline="") as file:
        leak = next(csv.DictReader(file))
    assert (leak["kind"], leak["test_row"], leak["train_row"]) == ("exact", "5", "40")
    for name in pictures:
        with Image.open(out / name) as picture:
            picture.load()


def test_without_top_nothing_is_drawn(run: Run) -> None:
    result = run("digits", "--top", "0")
    assert result.exit_code == 0
    assert "suspicious" not in result.stdout


def test_no_test_does_not_look_at_test_images(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_dataset("digits")

    class Sealed:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the test part's {name} was looked at")

    sealed = Dataset(whole.train, Sealed(), whole.class_names, "a [bold] source")  # type: ignore[arg-type]
    monkeypatch.setattr(dataset_module, "load_dataset", lambda *_, **__: sealed)
    result = run("[red]digits", "--no-test", "--top", "0")
    assert result.exit_code == 0, result.output
    assert "[red]digits: 1,437 training images, 10 classes" in result.stdout
    assert "not looked for, no test images given" in result.stdout


def test_a_failed_run_writes_nothing(run: Run, tmp_path: Path) -> None:
    result = run("digits", "--n-neighbors", "1437", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "n_neighbors=1437 but only 1437 images, each with 1436 others" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage(run: Run) -> None:
    assert run("digits", "--n-neighbors", "0").exit_code == 2
    assert run("digits", "--top", "-1").exit_code == 2

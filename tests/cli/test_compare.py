"""``lookalike compare``: what it shows, prints as JSON and writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.cli.samples import Run


def test_classifiers_are_shown_best_first_with_who_beats_whom(invoke: Run) -> None:
    result = invoke("compare", "digits", "--with", "dummy,knn", "--train", "300")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    head = next(i for i, line in enumerate(lines) if line[:2] == ["classifier", "accuracy"])
    assert [line[0] for line in lines[head + 1 : head + 3]] == ["knn", "dummy"]
    assert "knn beats dummy." in result.stdout
    said = " ".join(result.stdout.split())
    assert "300 of 1,437 train images of digits, in 3 folds" in said
    assert "the 360 test images were not looked at" in said


def test_json_is_one_document_and_the_twin_has_its_numbers(invoke: Run, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    result = invoke(
        *("compare", "digits", "--with", "knn,dummy", "--train", "300", "--cv", "4"),
        *("--json", "--out", folder),
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert [entry["name"] for entry in report["classifiers"]] == ["knn", "dummy"]
    assert report["n"] == 300
    assert report["n_folds"] == 4
    assert report["beats"] == [[False, True], [False, False]]
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
    twin = json.loads((folder / "report.json").read_text())
    assert report["n_wins"] == twin["numbers"]["n_wins"]
    page = (folder / "report.html").read_text()
    assert "Classifiers compared on digits" in page
    assert "lookalike k-NN, k = 4" in page


def test_all_images_are_taken_where_there_are_fewer(invoke: Run) -> None:
    result = invoke("compare", "digits", "--with", "knn,dummy", "--json")
    assert json.loads(result.stdout)["n"] == 1437


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--with", "knn"], "'knn' leaves nothing to compare"),
        (["--with", "knn,cnn"], "'cnn' is none of lookalike, knn, sgd"),
        (["--train", "few"], "'few' is neither a number of images"),
        (["--cv", "1"], "greater than or equal to 2|not in the range x>=2"),
    ],
)
def test_wrong_usage_is_named(
    run_main: Run, arguments: list[str], message: str, tmp_path: Path
) -> None:
    result = run_main("compare", "digits", *arguments, "--out", tmp_path / "out")
    assert result.returncode == 2
    assert re.search(message, result.stderr)
    assert not (tmp_path / "out").exists()


def test_too_few_images_fail_in_one_line(run_main: Run, tmp_path: Path) -> None:
    result = run_main("compare", "digits", "--train", "5", "--out", tmp_path / "out")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []

"""``lookalike train``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.samples import Run

from lookalike import Dataset, LookalikeClassifier, load_dataset
from lookalike.cli.train import Effort, one_effort
from lookalike.evaluation.training import train_and_test, what_was_tried, why_chosen
from lookalike.images.dataset import Split


@pytest.fixture(scope="module")
def classifier() -> LookalikeClassifier:
    train = load_dataset("digits").train
    return LookalikeClassifier("fast").fit(train.images, train.labels)


@pytest.mark.parametrize(
    ("effort", "quick", "best", "expected"),
    [
        (None, False, False, "balanced"),
        (None, True, False, "fast"),
        (None, False, True, "best"),
        ("best", False, False, "best"),
        ("fast", True, False, "fast"),
    ],
)
def test_efforts(effort: Effort | None, quick: bool, best: bool, expected: str) -> None:
    assert one_effort(effort, quick=quick, best=best) == expected


@pytest.mark.slow("trains on all digits")
def test_report_is_the_classifier_s_own(
    tmp_path: Path, invoke: Run, classifier: LookalikeClassifier
) -> None:
    out = tmp_path / "new" / "report"
    result = invoke("train", "digits", "--quick", "--out", out, "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["effort"] == "fast"
    assert report["representation"] == classifier.representation_._asdict()
    assert report["scoring_rule"] == classifier.scoring_rule_._asdict()
    test = load_dataset("digits").test
    error = 1 - classifier.score(test.images, test.labels)
    assert report["test"] == {
        "error": pytest.approx(error),
        "standard_error": pytest.approx(np.sqrt(error * (1 - error) / 360)),
        "n_wrong": round(error * 360),
        "n": 360,
    }
    assert report["why"] == why_chosen(classifier)
    (chosen,) = (own for own in report["tried"] if own["is_chosen"])
    assert (chosen["representation"], chosen["scoring_rule"]) == (
        report["representation"],
        report["scoring_rule"],
    )
    assert json.loads((out / "report.json").read_text()) == report
    pictures = ["matches.png"] if report["test"]["n_wrong"] else []
    assert sorted(path.name for path in out.iterdir()) == [*pictures, "report.json"]
    for name in pictures:
        with Image.open(out / name) as picture:
            picture.load()


def test_each_recipe_has_its_best_reading(classifier: LookalikeClassifier) -> None:
    tried = what_was_tried(classifier)
    assert sum(own.n_rules for own in tried) == len(classifier.choices_)
    assert sum(own.is_chosen for own in tried) == 1
    for own in tried:
        least = min(
            trial.n_wrong
            for trial in classifier.choices_
            if trial.representation == own.trial.representation
        )
        assert own.trial.n_wrong == least or own.is_chosen
        error = own.trial.error
        assert own.standard_error == pytest.approx(np.sqrt(error * (1 - error) / 1437))


def test_why_says_how_much_better_the_best_was(classifier: LookalikeClassifier) -> None:
    least = min(trial.n_wrong for trial in classifier.choices_)
    (chosen,) = (own.trial for own in what_was_tried(classifier) if own.is_chosen)
    why = why_chosen(classifier)
    assert why.startswith(f"{chosen.n_wrong} of 1,437 held-out images come out wrong")
    assert ("the fewest" in why) == (chosen.n_wrong == least)
    assert (f": {chosen.n_wrong - least} more than by the best" in why) == (chosen.n_wrong > least)


def test_a_training_has_a_report(tmp_path: Path) -> None:
    data = load_dataset("digits")
    train = Split(data.train.images[:60], data.train.labels[:60])
    test = Split(data.test.images[:9], data.test.labels[:9])
    small = Dataset(train, test, data.class_names, "digits")
    trained = train_and_test(LookalikeClassifier("fast"), small, name="digits")
    assert trained.report(tmp_path / "trained.html") == ["trained.html", "trained.json"]
    twin = json.loads((tmp_path / "trained.json").read_text())
    assert twin["numbers"]["test"]["n"] == 9
    assert len(trained.wrong) == twin["numbers"]["test"]["n_wrong"]


@pytest.mark.slow("trains on all digits")
def test_what_is_shown(invoke: Run) -> None:
    result = invoke("train", "digits", "--effort", "fast")
    assert result.exit_code == 0, result.stderr
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[0] == "digits: 1,437 train images of 8 × 8, 10 classes; effort fast"
    text = " ".join(result.stdout.split())
    assert (
        "3 representations by 27 scoring rules each, all 1,437 train images held out in turn"
        in text
    )
    assert sum("%" in line and line.startswith("*") for line in lines) == 1
    assert sum(line.startswith("* chosen: ") for line in lines) == 1
    assert "held-out images come out wrong" in text
    assert text.count("Test error") == 1
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def save_few(path: Path, n: int, side: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (n, side, side), dtype=np.uint8)
    labels = np.arange(n) % 2
    np.savez(path, train_images=images, train_labels=labels, test_images=images, test_labels=labels)


def test_too_few_images_to_choose_and_none_wrong(tmp_path: Path, invoke: Run) -> None:
    save_few(tmp_path / "[few].npz", 3, 9)
    out = tmp_path / "out"
    result = invoke("train", tmp_path / "[few].npz", "--out", out)
    assert result.exit_code == 0, result.stderr
    text = " ".join(result.stdout.split())
    assert "[few].npz:3trainimages" in text.replace(" ", "")  # long paths are wrapped
    assert "There are too few images to hold some out: nothing was compared." in text
    assert "Test error 0.00% ± 0.00% (standard error): 0 of 3 wrong" in text
    assert [path.name for path in out.iterdir()] == ["report.json"]
    assert json.loads((out / "report.json").read_text())["tried"] == []


def test_a_failed_run_writes_nothing(tmp_path: Path, invoke: Run) -> None:
    save_few(tmp_path / "small.npz", 20, 5)
    result = invoke("train", tmp_path / "small.npz", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr == "error: images of 5 x 5 pixels; give sides of 8 to 4096\n"
    assert [path.name for path in tmp_path.iterdir()] == ["small.npz"]


def test_ctrl_c_writes_nothing(
    tmp_path: Path, invoke: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LookalikeClassifier, "predict", press)
    result = invoke("train", "digits", "--quick", "--out", tmp_path / "out")
    assert result.exit_code == 130
    assert result.stderr == "error: interrupted\n"
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []

"""``lookalike evaluate``: what it shows, prints as JSON and writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.samples import Run

from lookalike import (
    KNeighborsClassifier,
    LookalikeClassifier,
    NearestNeighbors,
    Shifts,
    choose_threshold,
    load_dataset,
)

data = load_dataset("digits")


def test_what_is_printed_is_what_the_classifier_does(invoke: Run) -> None:
    result = invoke("evaluate", "digits", "--k", "3", "--weights", "distance", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    knn = KNeighborsClassifier(3, weights="distance").fit(data.train.images, data.train.labels)
    right = knn.predict(data.test.images) == data.test.labels
    assert report["evaluation"]["accuracy"] == right.mean()
    assert report["chosen_by_cross_validation"] is False
    assert report["rejection"]["train"]["accuracy"] >= 0.999
    assert report["detection"] is None


def test_k_and_weights_are_chosen_on_train_images(invoke: Run) -> None:
    report = json.loads(invoke("evaluate", "digits", "--json").stdout)
    assert report["chosen_by_cross_validation"] is True
    assert 1 <= report["n_neighbors"] <= 20
    assert report["weights"] in ("uniform", "distance")
    given = json.loads(invoke("evaluate", "digits", "--k", "7", "--json").stdout)
    assert given["n_neighbors"] == 7


def test_the_matching_classifier_is_judged_too(invoke: Run) -> None:
    report = json.loads(invoke("evaluate", "digits", "--effort", "fast", "--json").stdout)
    matching = LookalikeClassifier("fast").fit(data.train.images, data.train.labels)
    right = matching.predict(data.test.images) == data.test.labels
    assert report["evaluation"]["accuracy"] == right.mean()
    assert report["effort"] == "fast"
    assert "LookalikeClassifier would have to be trained again" in report["rejection"]["reason"]
    refused = invoke("evaluate", "digits", "--effort", "fast", "--k", "3", "--detect", "5")
    assert refused.exit_code == 2
    assert "only k-NN takes --k and --detect" in " ".join(refused.output.split())


def test_a_class_is_detected_as_was_asked(invoke: Run) -> None:
    arguments = ("--k", "15", "--weights", "distance", "--detect", "5", "--precision", "0.99")
    report = json.loads(invoke("evaluate", "digits", *arguments, "--json").stdout)
    assert report["detection"]["class"] == "5"
    assert report["detection"]["aim"] == "precision of at least 0.99"
    assert report["detection"]["train"]["precision"] >= 0.99
    test = report["detection"]["test"]
    assert test["true_positives"] + test["false_negatives"] == np.sum(data.test.labels == 5)
    shown = " ".join(invoke("evaluate", "digits", *arguments).stdout.split())
    assert "the threshold with precision of at least 0.99" in shown
    assert f"{report['detection']['test']['recall']:.4f}" in shown


def test_the_training_images_may_be_grown(invoke: Run) -> None:
    arguments = ("--k", "3", "--weights", "uniform", "--augment", "Shifts(1)", "--json")
    report = json.loads(invoke("evaluate", "digits", *arguments).stdout)
    knn = KNeighborsClassifier(3, augmentation=Shifts(1))
    knn.fit(data.train.images, data.train.labels)
    assert report["evaluation"]["accuracy"] == knn.score(data.test.images, data.test.labels)
    assert report["augmentation"] == "Shifts(1)"


def test_it_is_shown_and_written(invoke: Run, tmp_path: Path) -> None:
    result = invoke("evaluate", "digits", "--k", "3", "--detect", "8", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stdout.split())
    for text in ("balanced accuracy", "95% confidence", "99.90% of the answers", "Wrote report"):
        assert text in shown
    assert "roc_auc" not in shown
    page = (tmp_path / "out" / "report.html").read_text()
    for title in ("How good it is", "Errors, and the images", "Leaving out", "Detecting 8"):
        assert title in page
    twin = json.loads((tmp_path / "out" / "report.json").read_text())
    assert twin["numbers"]["evaluation"]["n"] == 360


def test_where_nothing_can_be_left_out_it_says_why(invoke: Run, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (80, 4, 4), dtype=np.uint8)
    images = np.repeat(images, 2, axis=0)  # each image once of either class
    labels = np.tile([0, 1], 80)
    np.savez(tmp_path / "twins.npz", images=images, labels=labels)
    path = tmp_path / "twins.npz"
    result = invoke("evaluate", path, "--k", "1", "--weights", "uniform", "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    assert "no threshold makes the answers 99.9" in " ".join(result.stdout.split())
    assert "no threshold makes the answers" in (tmp_path / "o" / "report.html").read_text()


def test_it_fits_once_and_searches_the_test_images_once(
    invoke: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits, searches = [], []
    fit, search = NearestNeighbors.fit, NearestNeighbors.neighbors

    def count_fit(self: Any, X: Any, y: Any = None) -> Any:
        fits.append(len(X))
        return fit(self, X, y)

    def count_search(self: Any, X: Any = None, *more: Any, **how: Any) -> Any:
        searches.append(None if X is None else len(X))
        return search(self, X, *more, **how)

    monkeypatch.setattr(NearestNeighbors, "fit", count_fit)
    monkeypatch.setattr(NearestNeighbors, "neighbors", count_search)
    arguments = ("--k", "15", "--weights", "distance", "--detect", "5", "--precision", "0.99")
    assert invoke("evaluate", "digits", *arguments, "--json").exit_code == 0
    assert searches.count(len(data.test)) == 1
    assert searches.count(None) <= 2  # training images by the others, and by the other folds
    assert len(fits) <= 2  # one for the classifier, and one for the folds of the threshold


@pytest.mark.parametrize("positive", ["0", "1"])
def test_one_of_two_classes_is_detected(invoke: Run, tmp_path: Path, positive: str) -> None:
    train, test = (part.labels < 2 for part in (data.train, data.test))
    np.savez(
        tmp_path / "two.npz",
        train_images=data.train.images[train],
        train_labels=data.train.labels[train],
        test_images=data.test.images[test],
        test_labels=data.test.labels[test],
    )
    arguments = ("--k", "5", "--weights", "distance", "--detect", positive, "--recall", "0.9")
    result = invoke("evaluate", tmp_path / "two.npz", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["detection"]
    images, labels = data.train.images[train], data.train.labels[train]
    knn = KNeighborsClassifier(5, weights="distance")
    chosen = choose_threshold(knn, images, labels, positive=int(positive), recall=0.9)
    assert found["train"] == chosen.promise_.to_dict()
    tested = chosen.evaluate(data.test.images[test], data.test.labels[test])
    assert found["test"] == tested.to_dict()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--precision", "0.9"], 2, "say which class to detect"),
        (["--detect", "5", "--precision", "0.9", "--recall", "0.9"], 2, "give one of them"),
        (["--detect", "five"], 1, "--detect five: no class is called so; there are 0, 1, 2"),
        (["--detect", "5", "--precision", "90"], 1, "precision=90.0; give a share"),
        (["--augment", "Shifts(9)"], 1, "Shifts"),
        (["--k", "5000"], 1, "5000"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(
    run_main: Run, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    result = run_main("evaluate", "digits", *arguments, "--out", tmp_path / "out")
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []

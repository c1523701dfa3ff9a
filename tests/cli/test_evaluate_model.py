"""``lookalike evaluate --model``: the classifier of a file, judged on test images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.samples import N_TRAIN, Run, save_digits

from lookalike import (
    KNeighborsClassifier,
    KNeighborsDenoiser,
    LookalikeClassifier,
    UniformNoise,
    choose_rejection,
    load_dataset,
    save_model,
)

digits = load_dataset("digits")
TRAIN = digits.train.images[:N_TRAIN]
NAMES = np.array(digits.class_names)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A classifier of 400 digits."""
    return save_digits(tmp_path / "digits.lookalike")


def save_data(path: Path, images: Any, labels: Any, class_names: Any) -> Path:
    """Keep a data set whose test images are these."""
    np.savez(
        path,
        train_images=np.zeros_like(images[:2]),
        train_labels=np.array([0, 1]),
        test_images=images,
        test_labels=labels,
        class_names=class_names,
    )
    return path


def test_numbers_are_those_of_the_model(invoke: Run, model: Path) -> None:
    result = invoke("evaluate", "digits", "--model", model, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    labels = digits.train.labels[:N_TRAIN]
    knn = KNeighborsClassifier(5).fit(TRAIN, labels)
    test = digits.test
    assert report["evaluation"]["accuracy"] == knn.score(test.images, test.labels)
    assert (report["model"], report["data"]) == (str(model), "digits")
    assert (report["estimator"], report["n_neighbors"]) == ("KNeighborsClassifier", 5)
    assert (report["n_train"], report["n_test"], report["n_copies"]) == (N_TRAIN, 360, 0)
    assert "fitting" not in report["seconds"]
    sure = choose_rejection(KNeighborsClassifier(5), TRAIN, labels, accuracy=0.999)
    assert report["rejection"]["threshold"] == sure.thresholds
    assert report["rejection"]["test"] == sure.evaluate(test.images, test.labels).to_dict()


def test_classes_are_matched_by_their_names(invoke: Run, model: Path, tmp_path: Path) -> None:
    some = np.isin(digits.test.labels, (3, 8))
    images, labels = digits.test.images[some], digits.test.labels[some]
    data = save_data(tmp_path / "data.npz", images, (labels == 3).astype(int), ["8", "3"])
    arguments = ("--model", model, "--detect", "8", "--recall", "0.9")
    report = json.loads(invoke("evaluate", data, *arguments, "--json").stdout)
    knn = KNeighborsClassifier(5).fit(TRAIN, digits.train.labels[:N_TRAIN])
    assert report["evaluation"]["accuracy"] == knn.score(images, labels)
    detection = report["detection"]
    assert detection["train"]["recall"] >= 0.9
    assert detection["test"]["true_positives"] + detection["test"]["false_negatives"] == sum(
        labels == 8
    )


def test_it_says_what_was_judged(invoke: Run, model: Path, tmp_path: Path) -> None:
    result = invoke("evaluate", "digits", "--model", model, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    shown = "".join(result.stdout.split())
    assert f"{model.name}ondigits:KNeighborsClassifier(),400trainingimages" in shown
    assert "judgedonthe360testimagesofdigits" in shown
    page = (tmp_path / "out" / "report.html").read_text()
    assert "digits.lookalike on digits" in page
    assert "judged on the 360 test images of digits" in page
    assert "Training images that decide much" in page
    assert str(tmp_path) not in page


def test_copies_of_training_images_are_told(invoke: Run, model: Path, tmp_path: Path) -> None:
    images = np.concatenate([TRAIN[:7], digits.test.images[:20]])
    labels = np.concatenate([digits.train.labels[:7], digits.test.labels[:20]])
    data = save_data(tmp_path / "leak.npz", images, labels, NAMES)
    result = invoke("evaluate", data, "--model", model, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0
    said = "7 of 27 test images are exact copies of training images of digits.lookalike, so that"
    assert result.stderr.startswith(f"note: {said}")
    assert result.stderr.count("\n") == 1
    assert json.loads(result.stdout)["n_copies"] == 7
    assert said in (tmp_path / "out" / "report.html").read_text()


def test_a_matching_classifier(invoke: Run, tmp_path: Path) -> None:
    classifier = LookalikeClassifier("fast").fit(TRAIN[:60], NAMES[digits.train.labels[:60]])
    model, out = tmp_path / "matches.lookalike", tmp_path / "out"
    save_model(classifier, model)
    result = invoke("evaluate", "digits", "--model", model, "--out", out, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    truth = NAMES[digits.test.labels]
    assert report["evaluation"]["accuracy"] == classifier.score(digits.test.images, truth)
    assert report["n_neighbors"] is None
    assert "would have to be trained again" in report["rejection"]["reason"]
    page = (out / "report.html").read_text()
    assert "each before its nearest training images" in page
    wrong = classifier.predict(digits.test.images) != truth
    assert f"{wrong.sum()} of 360 test images are taken for another class" in page
    refused = invoke("evaluate", "digits", "--model", model, "--detect", "5")
    assert refused.exit_code == 1
    assert "--detect 5: thresholds are chosen on training images that were" in refused.stderr


def test_rejections_and_weights_of_classes_are_the_models(invoke: Run, tmp_path: Path) -> None:
    knn = KNeighborsClassifier(
        5, class_weight={"no. 3": 20.0}, reject=0.9, reject_label="?", weights="distance"
    )
    names = np.array([f"no. {name}" for name in NAMES])
    knn.fit(TRAIN, names[digits.train.labels[:N_TRAIN]])
    save_model(knn, tmp_path / "odd.lookalike")
    data = save_data(tmp_path / "data.npz", digits.test.images, digits.test.labels, names)
    result = invoke("evaluate", data, "--model", tmp_path / "odd.lookalike", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    likeliest = knn.classes_[knn.predict_proba(digits.test.images).argmax(axis=1)]
    assert report["evaluation"]["accuracy"] == np.mean(likeliest == names[digits.test.labels])
    plain = KNeighborsClassifier(5, class_weight={3: 20.0}, weights="distance")
    sure = choose_rejection(plain, TRAIN, digits.train.labels[:N_TRAIN], accuracy=0.999)
    assert report["rejection"]["threshold"] == sure.thresholds


def test_no_threshold_where_images_have_weights(invoke: Run, tmp_path: Path) -> None:
    knn = KNeighborsClassifier(5)
    knn.fit(TRAIN, digits.train.labels[:N_TRAIN], sample_weight=np.arange(N_TRAIN) + 1.0)
    save_model(knn, tmp_path / "weighted.lookalike")
    result = invoke("evaluate", "digits", "--model", tmp_path / "weighted.lookalike", "--json")
    report = json.loads(result.stdout)
    accuracy = knn.score(digits.test.images, digits.test.labels)
    assert report["evaluation"]["accuracy"] == accuracy
    assert "the model's training images have weights" in report["rejection"]["reason"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["digits", "--k", "3"], 2, "--k would train another classifier; leave out it, or --model"),
        (["digits", "--weights", "uniform", "--augment", "Flips()"], 2, "--weights and --augment"),
        (["digits", "--detect", "five"], 1, "--detect five: no class is called so; there are 0, 1"),
        (["letters.npz"], 1, "test images of classes a, b, which"),
        (["letters.npz"], 1, "does not know; it knows 0, 1, 2"),
        (["letter.npz"], 1, "test images of class b, which"),
        (["wide.npz"], 1, "wide.npz has images of 8 × 9 pixels in grey, but"),
        (["wide.npz"], 1, "was trained on images of 8 × 8 pixels in grey; judge it on"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(
    invoke: Run,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    images = digits.test.images[:4]
    save_data(Path("letters.npz"), images, np.array([0, 1, 0, 1]), ["a", "b"])
    save_data(Path("letter.npz"), images, np.array([0, 1, 0, 1]), ["3", "b"])
    save_data(Path("wide.npz"), np.zeros((4, 8, 9), np.uint8), np.array([0, 1, 0, 1]), ["3", "8"])
    result = invoke("evaluate", *arguments, "--model", model, "--out", "out")
    assert result.exit_code == code, result.stderr
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert not Path("out").exists()


def test_what_is_no_classifier_is_refused(invoke: Run, tmp_path: Path) -> None:
    missing = invoke("evaluate", "digits", "--model", tmp_path / "none.lookalike")
    assert missing.exit_code == 1
    assert "there is no" in missing.stderr
    denoiser = KNeighborsDenoiser(quality="fast", random_state=0)
    denoiser.fit(clean=TRAIN[:50], noise=UniformNoise(0, 6))
    save_model(denoiser, tmp_path / "digits.denoiser")
    result = invoke("evaluate", "digits", "--model", tmp_path / "digits.denoiser")
    assert result.exit_code == 1
    assert "KNeighborsDenoiser does not classify images" in result.stderr

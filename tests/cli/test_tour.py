"""The tour: what it shows, reports and writes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.browser import browser
from tests.cli.tour_reports import check_report, hasten, numbers_of

from lookalike import load_dataset
from lookalike.cli.screen import INDENT, Screen
from lookalike.cli.tour.confusion import Confusion, _Layout
from lookalike.evaluation.errors.confusion import ConfusionMatrix
from lookalike.images import store
from lookalike.images.catalogue import CATALOGUE

Run = Callable[..., Any]

STEPS = [
    *("load", "baseline", "confusion", "mistakes"),
    *("tuning", "tuned", "judged", "detected", "sure", "compared"),
    *("shifts", "augmented", "matched", "few_labels", "clean", "audited"),
]
PICTURES = [
    "cleaned.png",
    "confusion.png",
    "few_labels.png",
    "made.png",
    "matches.png",
    "mended.png",
    "mistakes.png",
    "shifts.png",
    "tuning.png",
]


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data sets on this machine, and no mirror that answers."""
    monkeypatch.delenv("LOOKALIKE_DATA", raising=False)
    monkeypatch.setattr(store, "cache_folder", lambda: tmp_path / "cache")
    # port 9 (discard) of this machine refuses connections
    dead = replace(CATALOGUE["mnist"], mirrors=("http://127.0.0.1:9/",))
    monkeypatch.setitem(CATALOGUE, "mnist", dead)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hasten(monkeypatch)


def test_json_is_all_there_is_on_stdout(lookalike: Run) -> None:
    done = lookalike("tour", "--data", "digits", "--json", "--n-jobs", "1")
    assert done.returncode == 0
    assert done.stderr == ""
    report = json.loads(done.stdout)
    check_report(report, STEPS)
    assert report["n_threads"] == 1
    assert report["steps"]["load"]["image_shape"] == [8, 8]
    # 0.986 by scikit-learn's classifier on the same split, see the test against it below
    assert 0.97 < report["steps"]["baseline"]["accuracy"] < 1


def test_piped_output_is_plain_text(lookalike: Run) -> None:
    done = lookalike("tour", "--data", "digits", COLUMNS="80")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert re.search(r"accuracy 0\.98\d\d ± 0\.00\d\d", done.stdout)
    for title in (
        *("The data", "Confusion matrix", "Wrong predictions", "Tune k and the weights"),
        *("The tuned classifier", "moved by one pixel", "The training images with their shifts"),
        *("Noisy images, cleaned by neighbours", "Images matched"),
        *("A detector of one class", "Leaving out what is not sure", "side by side"),
    ):
        assert title in done.stdout
    text = " ".join(done.stdout.split())
    assert "1,437 images in 5 folds, each predicted from the others." in text
    assert re.search(r"scikit-learn's GridSearchCV would take about [\d.]+ (s|min)", text)
    assert "(Extrapolated, by pairs of images, from 0." in text
    assert "to predict 287 from 1,150 of the 1,437 images.)" in text
    assert re.search(r"drop of the error rate -?\d+\.\d%, from 1\.67% to", text)
    assert re.search(r"\d errors mended, \d made \(McNemar's exact test: p = ", text)
    assert re.search(r"train \d+, (right|left|down|up) 1\b", text)
    assert "the nearest one by" in text
    assert re.search(r"Of 360 test images \d (is|are) still wrong; against the plain", text)
    assert "A number from 0 to 5 is added to each value." in text
    assert (
        "To be quick, 1,437 training images are learned from, 1,000 of them by lookalike, " in text
    )
    assert re.search(r"the book's k-NN [\d.]{5} 0\.\d{4} 0\.\d{4} \d\.\d\d lookalike ", text)


def test_out_holds_the_report_and_pictures(tmp_path: Path, invoke: Run) -> None:
    out = tmp_path / "deep" / "report"
    result = invoke("tour", "--data", "digits", "--out", out)
    assert result.exit_code == 0, result.stderr
    names = sorted(path.name for path in out.iterdir())
    assert names == sorted([*PICTURES, "report.html", "report.json"])
    check_report(numbers_of(out), STEPS)
    for name in PICTURES:
        with Image.open(out / name) as picture:
            picture.load()
            assert min(picture.size) > 250
            assert len(picture.convert("L").getcolors() or []) > 20
        assert name in result.stdout
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["report"]


def test_the_report_opens_in_a_browser_without_a_word(tmp_path: Path, invoke: Run) -> None:
    result = invoke("tour", "--data", "digits", "--out", tmp_path)
    assert result.exit_code == 0, result.stderr
    url = (tmp_path / "report.html").as_uri()
    with browser() as page:
        for width, dark in ((1200, False), (360, True)):
            page.open(url, width=width, dark=dark)
            assert page.console == []
            assert [r for r in page.requests if not r.startswith("data:")] == [url]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        titles = page.evaluate("[...document.querySelectorAll('h2')].map(h => h.textContent)")
        assert page.evaluate("[...document.images].every(i => i.alt && i.naturalWidth)")
    for title in (
        *("The data", "How many neighbours", "The tuned classifier on the test images"),
        *("Errors, and the images behind them", "A detector of 5", "Classifiers compared"),
        *("Leaving out what is not sure", "The training images with their shifts"),
        *("Noisy images, cleaned", "The labelled images themselves"),
    ):
        assert title in titles


def test_failed_run_leaves_out_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("lookalike.cli.tour.mistakes.save_neighbors_png", fail)
    (tmp_path / "report.json").write_text("the old one")
    for out in (tmp_path, tmp_path / "new" / "folder"):
        result = invoke("tour", "--data", "digits", "--out", out)
        assert result.exit_code == 1
        assert result.stderr == "error: disk full\n"
        assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
        assert (tmp_path / "report.json").read_text() == "the old one"


def test_out_that_is_a_file_is_wrong_usage(tmp_path: Path, invoke: Run) -> None:
    path = tmp_path / "file"
    path.touch()
    assert invoke("tour", "--data", "digits", "--out", path).exit_code == 2


@pytest.mark.usefixtures("no_network")
def test_without_network_it_takes_the_digits_within_ten_seconds(invoke: Run) -> None:
    start = time.monotonic()
    result = invoke("tour", "--json")
    assert time.monotonic() - start < 10
    load = json.loads(result.stdout)["steps"]["load"]
    assert load["data"] == "digits"
    assert "127.0.0.1:9" in load["fallback_reason"]
    first, second = result.stderr.splitlines()
    assert first.startswith("note: mnist is not on this machine")
    assert second.startswith("note: going on with the bundled digits, because mnist could not")


@pytest.mark.usefixtures("no_network")
def test_data_asked_for_is_never_replaced(invoke: Run) -> None:
    result = invoke("tour", "--data", "mnist")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: mnist could not be downloaded")
    assert result.stderr.count("\n") == 1


def test_against_sklearn_compares_times_and_predictions(invoke: Run) -> None:
    result = invoke("tour", "--data", "digits", "--against", "sklearn", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    check_report(report, [*STEPS, "against_sklearn", "clean_against_sklearn"])
    against = report["steps"]["against_sklearn"]
    assert against["measured"] == "whole"
    assert against["n_different"] == against["n_different_at_ties"]
    times = report["steps"]["baseline"]
    ours = times["fit_seconds"] + times["predict_seconds"]
    theirs = against["fit_seconds"] + against["predict_seconds"]
    assert against["times_faster"] == pytest.approx(theirs / ours, abs=0.01, rel=0.05)
    cleaning = report["steps"]["clean_against_sklearn"]
    assert cleaning["measured"] == "whole"
    assert cleaning["n_different"] == cleaning["n_different_at_ties"]
    theirs = cleaning["fit_seconds"] + cleaning["predict_seconds"]
    ours = report["steps"]["clean"]["images"]["the book's k-NN"]["seconds"]
    assert cleaning["times_faster"] == pytest.approx(theirs / ours, abs=0.01, rel=0.05)


def test_colour_images_named_classes_and_no_mistake(tmp_path: Path, invoke: Run) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["red [fox]", "a very long name of a green thing"], 20)
    images = rng.integers(0, 40, (40, 9, 7, 3), dtype=np.uint8)
    images[:20, ..., 0] += 200
    images[20:, ..., 1] += 200
    path = tmp_path / "colours.npz"
    np.savez(path, images=images, labels=labels)
    result = invoke("tour", "--data", path, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "accuracy 1.0000 ± 0.0000" in result.stdout
    assert "1 red [fox]" in result.stdout  # long names head no columns, numbers do
    assert re.search(r"true +0 +1 +wrong +error", result.stdout)
    assert "None." in result.stdout
    assert "Without shifts there is no error that could be mended." in result.stdout
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [
        *("cleaned.png", "confusion.png", "report.html", "report.json"),
        *("shifts.png", "tuning.png"),
    ]
    report = numbers_of(tmp_path / "out")
    check_report(report, STEPS)
    assert report["steps"]["augmented"]["error_drop"]["low"] is None


def save_many_classes(path: Path, n_classes: int) -> None:
    """Write 5 images of each class: 4 equal ones and one that is like the next class."""
    labels = np.repeat(np.arange(n_classes), 5)
    shown = labels + (np.arange(len(labels)) % 5 == 4)
    images = np.stack([shown // 100, shown % 100], axis=1).astype(np.uint8)
    np.savez(path, images=images.reshape(-1, 1, 2), labels=labels)


def test_matrix_too_wide_says_so(tmp_path: Path, invoke: Run) -> None:
    save_many_classes(tmp_path / "many.npz", 40)
    result = invoke("tour", "--data", tmp_path / "many.npz")
    assert result.exit_code == 0, result.stderr
    assert "The matrix of 40 classes is wider than the 80 columns" in result.stdout
    assert re.search(r"Highest error rates: \d+ \(100\.0%\), ", result.stdout)
    assert "30 more classes are not shown" in " ".join(result.stdout.split())


def test_thousand_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a million cells are made for a table that does not fit")

    monkeypatch.setattr("lookalike.cli.tour.confusion._cell", fail)
    save_many_classes(tmp_path / "many.npz", 1000)
    result = invoke("tour", "--data", tmp_path / "many.npz", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "The matrix of 1,000 classes is wider than the 80 columns" in result.stdout
    assert "990 more classes are not shown" in " ".join(result.stdout.split())
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [*("confusion.png", "mistakes.png", "report.html", "report.json", "tuning.png")]
    report = numbers_of(tmp_path / "out")
    check_report(report, STEPS)
    # images of 1 × 2 pixels
    assert report["steps"]["shifts"]["skipped"].endswith("they are too small to shift")
    assert "Skipped: Shifts(1) moves images of 1 × 2 pixels by 1" in result.stdout
    assert "Skipped: images of 1 × 2 pixels are smaller" in result.stdout
    assert "; no more folds, for class 0 has 4 images." in " ".join(result.stdout.split())
    with Image.open(tmp_path / "out" / "confusion.png") as picture:
        assert max(picture.size) < 1500


def test_few_images_are_tuned_by_the_folds_there_are(tmp_path: Path, invoke: Run) -> None:
    rng = np.random.default_rng(0)
    path, labels = tmp_path / "few.npz", np.array([0, 0, 1, 1, 1, 2])
    images = rng.integers(0, 256, (6, 5, 5), dtype=np.uint8)
    np.savez(path, train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    result = invoke("tour", "--data", path, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    text = " ".join(result.stdout.split())
    assert "each predicted from all others: no folds, for class 2 has a single image." in text
    assert "k ends at 5, the images that the smallest training fold has" in text
    report = numbers_of(tmp_path / "out")
    check_report(report, STEPS)
    assert report["steps"]["tuning"]["n_candidates"] == 10


def test_book_s_grid_without_its_numbers_of_neighbours(tmp_path: Path, invoke: Run) -> None:
    path, labels = tmp_path / "few.npz", np.array([0, 0, 1, 1])
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 3), dtype=np.uint8)
    np.savez(path, train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    result = invoke("tour", "--data", path)
    assert result.exit_code == 0, result.stderr
    text = " ".join(result.stdout.split())
    assert "4 images in 2 folds, each predicted from the others; no more folds, for" in text
    assert "for the 4 of the table" in text  # k = 1 and 2, which is all there is


def test_tuning_does_not_look_at_the_test_images(tmp_path: Path, invoke: Run) -> None:
    digits = load_dataset("digits")
    found = []
    for test in (digits.test.images, digits.test.images[::-1] // 3):
        path = tmp_path / "digits.npz"
        np.savez(
            path,
            train_images=digits.train.images,
            train_labels=digits.train.labels,
            test_images=test,
            test_labels=digits.test.labels,
        )
        steps = json.loads(invoke("tour", "--data", path, "--json").stdout)["steps"]
        candidates = steps["tuning"]["candidates"]
        found.append((candidates, *(steps["augmented"][k] for k in ("n_neighbors", "cv_accuracy"))))
    assert found[0] == found[1]


@settings(deadline=None)  # the first example imports
@given(
    st.lists(st.text("ab狐$[ ", min_size=1, max_size=25), min_size=1, max_size=12),
    st.integers(0, 2_000_000),
)
def test_matrix_is_shown_where_it_just_fits(names: list[str], most: int) -> None:
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    counts[0, -1] = most
    step = Confusion()
    step.matrix = ConfusionMatrix(counts, tuple(names))
    layout = _Layout.of(step.matrix)
    with pytest.MonkeyPatch.context() as monkeypatch:
        for columns in (layout.width + INDENT, layout.width + INDENT - 1):
            monkeypatch.setenv("COLUMNS", str(columns))
            screen = Screen(as_json=False)
            with screen.out.capture() as capture:
                step.show(screen)
            fits = columns == layout.width + INDENT
            assert ("is wider than" not in " ".join(capture.get().split())) == fits
    table = step._table(layout, greys=False)
    assert screen.out.measure(table, options=screen.out.options.update(width=500)) == (
        layout.width,
        layout.width,
    )


def test_matrix_of_ten_digits_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    step = Confusion()
    step.matrix = ConfusionMatrix(np.diag(np.full(10, 1135)), tuple("0123456789"))
    screen = Screen(as_json=False)
    with screen.out.capture() as capture:
        step.show(screen)
    assert re.search(r"\n +9( +·){9} +1135 +0 +0\.0%", capture.get())


@pytest.mark.mnist
def test_mnist_accuracy(invoke: Run) -> None:
    if store.find_folder("mnist") is None:
        pytest.skip("no MNIST in $LOOKALIKE_DATA")
    result = invoke("tour", "--data", "mnist", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    check_report(report, STEPS)
    steps = report["steps"]
    assert steps["baseline"]["accuracy"] == steps["tuned"]["accuracy"] == 0.9714
    scores = {
        (c["n_neighbors"], c["weights"]): round(c["accuracy"], 10)
        for c in steps["tuning"]["candidates"]
    }
    # scikit-learn's GridSearchCV
    assert [scores[k, "uniform"] for k in (3, 4, 5)] == [0.9700666667, 0.9685, 0.9692833333]
    assert [scores[k, "distance"] for k in (3, 4, 5)] == [0.9711166667, 0.9716166667, 0.9704166667]
    assert (steps["tuning"]["best"]["n_neighbors"], len(scores)) == (4, 60)
    assert steps["matched"]["accuracy"] > 0.995
    augmented = steps["augmented"]
    assert augmented["n_expanded"] == 300_000
    # 0.9763 by 4 neighbours and 0.9766 by 5 among the 300,000 images themselves
    assert augmented["accuracy"] == {4: 0.9763, 5: 0.9766}[augmented["n_neighbors"]]
    assert 0 < augmented["error_drop"]["low"] < 0.17 < augmented["error_drop"]["high"]

"""The tour: what it shows, reports and writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from tests.browser import browser
from tests.cli.samples import Run
from tests.cli.tour_reports import check_report, hasten, numbers_of
from typer.testing import CliRunner

from lookalike.cli.app import app
from lookalike.images import store
from lookalike.images.catalogue import CATALOGUE

STEPS = [
    *("load", "baseline", "confusion", "mistakes"),
    *("tuning", "tuned", "judged", "detected", "sure", "compared"),
    *("shifts", "augmented", "matched", "few_labels", "clean", "audited"),
]
AGAINST = ["against_sklearn", "clean_against_sklearn"]
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


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Clean by few images, compare few classifiers and try few representations, in this process."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        hasten(monkeypatch)
        monkeypatch.setenv("COLUMNS", "80")
        yield


class Walked(NamedTuple):
    """A tour that was walked: what it printed and wrote."""

    out: Path
    stdout: str
    text: str
    steps: dict[str, Any]


def walked(data: str | Path, out: Path, *arguments: str, steps: list[str] = STEPS) -> Walked:
    """Walk the tour of a data set into a folder, and check what it reports."""
    result = CliRunner().invoke(app, ["tour", "--data", str(data), "--out", str(out), *arguments])
    assert result.exit_code == 0, result.stderr
    report = numbers_of(out)
    check_report(report, steps)
    return Walked(out, result.stdout, " ".join(result.stdout.split()), report["steps"])


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """The tour of the digits, with all its steps."""
    out = tmp_path_factory.mktemp("digits") / "deep" / "report"
    return walked("digits", out, "--against", "sklearn", steps=[*STEPS, *AGAINST])


@pytest.fixture(scope="module")
def thousand_classes(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """The tour of a thousand classes: 4 equal images of each, and one like the next class."""
    folder = tmp_path_factory.mktemp("thousand")
    labels = np.repeat(np.arange(1000), 5)
    shown = labels + (np.arange(len(labels)) % 5 == 4)
    images = np.stack([shown // 100, shown % 100], axis=1).astype(np.uint8)
    np.savez(folder / "many.npz", images=images.reshape(-1, 1, 2), labels=labels)
    return walked(folder / "many.npz", folder / "out")


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A data set of six images, which every step takes in an instant."""
    path, labels = tmp_path / "few.npz", np.array([0, 0, 1, 1, 1, 2])
    images = np.random.default_rng(0).integers(0, 256, (6, 5, 5), dtype=np.uint8)
    np.savez(path, train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    return path


@pytest.mark.slow("walks the tour in a process of its own")
def test_json_is_all_there_is_on_stdout(few: Path, lookalike: Run) -> None:
    done = lookalike("tour", "--data", str(few), "--json", "--n-jobs", "1")
    assert done.returncode == 0
    assert done.stderr == ""
    report = json.loads(done.stdout)
    check_report(report, STEPS)
    assert report["n_threads"] == 1
    assert report["steps"]["load"]["image_shape"] == [5, 5]


@pytest.mark.slow("walks the tour in a process of its own")
def test_piped_output_is_plain_text(few: Path, lookalike: Run) -> None:
    done = lookalike("tour", "--data", str(few), COLUMNS="80")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.slow("walks the tour with all its steps")
def test_each_step_is_shown_with_its_numbers(digits: Walked) -> None:
    *lines, written = digits.stdout.splitlines()
    assert written.startswith("Wrote report.html, report.json, ")
    assert max(map(len, lines)) <= 80
    titles = re.findall(r"^(\d+)  (\S.*\S) +\d+\.\d\d s$", digits.stdout, re.MULTILINE)
    assert [int(number) for number, _ in titles] == list(range(1, 19))
    assert titles[0][1] == "The data"
    assert titles[-1][1] == "Cleaning as the book does beside scikit-learn"
    # 0.986 by scikit-learn's classifier on the same split, see the test against it below
    assert 0.97 < digits.steps["baseline"]["accuracy"] < 1
    assert re.search(r"accuracy 0\.98\d\d ± 0\.00\d\d", digits.stdout)
    text = digits.text
    assert "1,437 training images and 360 test images of 8 × 8 pixels, 10 classes" in text
    assert re.search(r"^   9 .* 34 +2 +5\.6%", digits.stdout, re.MULTILINE)
    assert "1,437 images in 5 folds, each predicted from the others." in text
    assert re.search(r"scikit-learn's GridSearchCV would take about [\d.]+ (s|min)", text)
    assert "(Extrapolated, by pairs of images, from 0." in text
    assert "to predict 287 from 1,150 of the training images.)" in text
    assert re.search(r"\d errors are mended and \d made \(McNemar's exact test: p = ", text)
    assert re.search(r"The error rate drops by -?\d+\.\d%", text)
    assert re.search(r"(right|left|down|up) 1\b", text)
    assert "the nearest one by" in text
    assert re.search(r"Of 360 test images \d (is|are) still wrong; against the plain", text)
    assert digits.steps["few_labels"]["verdict"] in text
    assert "A number from 0 to 5 is added to each value." in text
    assert "To be quick, 1,437 training images are learned from, 100 of them by lookalike, " in text
    assert re.search(r"the book's k-NN [\d.]{5} 0\.\d{4} 0\.\d{4} \d\.\d\d lookalike ", text)


@pytest.mark.slow("walks the tour with all its steps")
def test_out_holds_the_report_and_pictures(digits: Walked) -> None:
    names = sorted(path.name for path in digits.out.iterdir())
    assert names == sorted([*PICTURES, "report.html", "report.json"])
    for name in PICTURES:
        with Image.open(digits.out / name) as picture:
            picture.load()
            assert min(picture.size) > 250
            assert len(picture.convert("L").getcolors() or []) > 20
        assert name in digits.stdout
    assert sorted(path.name for path in digits.out.parent.iterdir()) == ["report"]


@pytest.mark.slow("walks the tour with all its steps")
def test_the_report_opens_in_a_browser_without_a_word(digits: Walked) -> None:
    url = (digits.out / "report.html").as_uri()
    with browser() as page:
        for width, dark in ((1200, False), (360, True)):
            page.open(url, width=width, dark=dark)
            assert page.console == []
            assert [r for r in page.requests if not r.startswith("data:")] == [url]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        titles = page.evaluate("[...document.querySelectorAll('h2')].map(h => h.textContent)")
        assert page.evaluate("[...document.images].every(i => i.alt && i.naturalWidth)")
    for title in re.findall(r"^\d+  (\S.*\S) +\d+\.\d\d s$", digits.stdout, re.MULTILINE):
        assert title in titles
    assert "Errors, and the images behind them" in titles


@pytest.mark.slow("walks the tour with all its steps")
def test_against_sklearn_compares_times_and_predictions(digits: Walked) -> None:
    against = digits.steps["against_sklearn"]
    assert against["measured"] == "whole"
    assert against["n_different"] == against["n_different_at_ties"]
    times = digits.steps["baseline"]
    ours = times["fit_seconds"] + times["predict_seconds"]
    theirs = against["fit_seconds"] + against["predict_seconds"]
    assert against["times_faster"] == pytest.approx(theirs / ours, abs=0.01, rel=0.05)
    cleaning = digits.steps["clean_against_sklearn"]
    assert cleaning["measured"] == "whole"
    assert cleaning["n_different"] == cleaning["n_different_at_ties"]
    theirs = cleaning["fit_seconds"] + cleaning["predict_seconds"]
    ours = digits.steps["clean"]["images"]["the book's k-NN"]["seconds"]
    assert cleaning["times_faster"] == pytest.approx(theirs / ours, abs=0.01, rel=0.05)
    assert re.search(r"(lookalike|scikit-learn) is [\d.]+ times as fast as ", digits.text)


def test_failed_run_leaves_out_as_it_was(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("lookalike.cli.tour.walk.save_png", fail)
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.json").write_text("the old one")
    for place in (out, out / "new" / "folder"):
        result = invoke("tour", "--data", few, "--out", place)
        assert result.exit_code == 1
        assert result.stderr == "error: disk full\n"
        assert [path.name for path in out.iterdir()] == ["report.json"]
        assert (out / "report.json").read_text() == "the old one"


def test_out_that_is_a_file_is_wrong_usage(tmp_path: Path, invoke: Run) -> None:
    path = tmp_path / "file"
    path.touch()
    assert invoke("tour", "--data", "digits", "--out", path).exit_code == 2


@pytest.mark.slow("walks the tour in a process of its own")
@pytest.mark.usefixtures("no_network")
def test_without_network_it_takes_the_digits_that_scikit_learn_brings(invoke: Run) -> None:
    result = invoke("tour", "--json")
    load = json.loads(result.stdout)["steps"]["load"]
    assert load["seconds"] < 10  # within which a newcomer sees the tour go on
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


@pytest.mark.slow("walks the tour on colour images")
def test_colour_images_named_classes_and_no_mistake(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["red [fox]", "a very long name of a green thing"], 20)
    images = rng.integers(0, 40, (40, 9, 7, 3), dtype=np.uint8)
    images[:20, ..., 0] += 200
    images[20:, ..., 1] += 200
    path = tmp_path / "colours.npz"
    np.savez(path, images=images, labels=labels)
    tour = walked(path, tmp_path / "out")
    assert "accuracy 1.0000 ± 0.0000" in tour.stdout
    assert "1 red [fox]" in tour.stdout  # long names head no columns, numbers do
    assert re.search(r"true +0 +1 +wrong +error", tour.stdout)
    assert "None." in tour.stdout
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [
        *("cleaned.png", "confusion.png", "report.html", "report.json"),
        *("shifts.png", "tuning.png"),
    ]
    assert tour.steps["augmented"]["error_drop"]["low"] is None


@pytest.mark.slow("walks the tour on 5,000 images of a thousand classes")
def test_thousand_classes(thousand_classes: Walked) -> None:
    tour = thousand_classes
    assert "990 more classes are not shown" in tour.text
    names = sorted(path.name for path in tour.out.iterdir())
    assert names == [*("confusion.png", "mistakes.png", "report.html", "report.json", "tuning.png")]
    # images of 1 × 2 pixels
    assert tour.steps["shifts"]["skipped"].endswith("they are too small to shift")
    assert "Skipped: Shifts(1) moves images of 1 × 2 pixels by 1" in tour.stdout
    assert "Skipped: images of 1 × 2 pixels are smaller" in tour.stdout
    assert "; no more folds, for class 0 has 4 images." in tour.text
    with Image.open(tour.out / "confusion.png") as picture:
        assert max(picture.size) < 1500


def test_few_images_are_tuned_by_the_folds_there_are(few: Path, tmp_path: Path) -> None:
    tour = walked(few, tmp_path / "out")
    assert "each predicted from all others: no folds, for class 2 has a single image." in tour.text
    assert "k ends at 5, the images that the smallest training fold has" in tour.text
    assert tour.steps["tuning"]["n_candidates"] == 10


@pytest.mark.slow("walks the tour")
def test_book_s_grid_without_its_numbers_of_neighbors(tmp_path: Path) -> None:
    path, labels = tmp_path / "few.npz", np.array([0, 0, 1, 1])
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 3), dtype=np.uint8)
    np.savez(path, train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    tour = walked(path, tmp_path / "out")
    assert "4 images in 2 folds, each predicted from the others; no more folds, for" in tour.text
    assert "; for k = 1, 2 alone " in tour.text  # which is all there is


@pytest.mark.slow("walks the tour on MNIST")
@pytest.mark.mnist
def test_mnist_accuracy(invoke: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    hasten(monkeypatch)
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

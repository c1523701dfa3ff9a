"""``lookalike audit``: what it shows, prints as JSON and writes."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from tests.cli.samples import Run
from typer.testing import CliRunner

from lookalike import Dataset, load_dataset
from lookalike.cli.audit import audit as command
from lookalike.evaluation.auditing.audit import audit
from lookalike.images import dataset as dataset_module


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
    whole = load_dataset("digits", test_size=0)
    found = audit(
        whole.train.images, whole.train.labels, n_neighbors=5, class_names=whole.class_names
    )
    expected = json.loads(json.dumps(found.to_dict(n_rows=100)))
    assert {**expected, "seconds": None} == {
        name: None if name == "seconds" else report[name] for name in expected
    }
    assert (report["data"], report["n"], report["n_test"]) == ("digits", 1797, None)
    assert report["class_names"] == [str(i) for i in range(10)]


def test_the_most_suspicious_are_drawn_beside_their_neighbors(run: Run, spoilt: Path) -> None:
    n_issues = json.loads(run(spoilt, "--json").stdout)["n_label_issues"]
    result = run(spoilt, "--top", "6")
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert "400 training images and 60 test images, 10 classes, each " in " ".join(lines)
    assert any("The most suspicious labels" in line for line in lines)
    assert sum(line.count("at ") == 5 for line in lines) == min(6, n_issues)
    assert any("train 10 " in line for line in lines)
    assert any(line.startswith("duplicates") and "2 exact groups of 4" in line for line in lines)
    assert any(line.startswith("leaks") and "1 exact" in line for line in lines)
    assert all(len(line) <= 80 for line in result.stdout.splitlines() if "/" not in line)


def test_tables_pictures_and_report_are_written(run: Run, spoilt: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "audit"
    result = run(spoilt, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    tables = ["duplicates.csv", "label_issues.csv", "leaks.csv", "outliers.csv", "rejects.csv"]
    pictures = ["duplicates.png", "label_issues.png", "leaks.png", "outliers.png"]
    written = sorted(path.name for path in out.iterdir())
    assert written == sorted([*tables, "values.csv", *pictures, "report.html", "report.json"])
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
    assert "An audit of [red]digits" in result.stdout
    assert "1,437 images, 10 classes" in result.stdout
    assert "not looked for, no test images given" in result.stdout


def test_a_failed_run_writes_nothing(run: Run, tmp_path: Path) -> None:
    result = run("digits", "--n-neighbors", "1797", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "n_neighbors=1797 but only 1797 images, each with 1796 others" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage(run: Run) -> None:
    assert run("digits", "--n-neighbors", "0").exit_code == 2
    assert run("digits", "--top", "-1").exit_code == 2


AWKWARD = ["it's", 'a "name"', "two\nlines", "naïve ✓", "-dash", "$(touch gone)", "plain"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Digits as files with awkward names: a wrong label, copies, a blank one, two parts."""
    whole = load_dataset("digits", test_size=0).train
    rows = [np.flatnonzero(whole.labels == label)[:12] for label in (0, 1, 2)]
    large = np.repeat(np.repeat(whole.images * 15, 4, axis=1), 4, axis=2)
    data = tmp_path / "my data's"
    for part, of_part in (("train", slice(0, 9)), ("test", slice(9, 12))):
        for label, of_label in zip(("it's zero", "one\nline", "-two"), rows, strict=True):
            (data / part / label).mkdir(parents=True)
            for i, row in enumerate(of_label[of_part]):
                name = f"{AWKWARD[i % len(AWKWARD)]} {i}.png"
                Image.fromarray(large[row]).save(data / part / label / name)
    zero, one = data / "train" / "it's zero", data / "train" / "one\nline"
    shutil.copy(zero / "it's 0.png", zero / "z copy.png")
    Image.fromarray(large[rows[0][3]][:, ::-1]).save(zero / "z mirrored.png")
    Image.fromarray(large[rows[0][20 % 12]]).save(data / "test" / "it's zero" / "z leak.png")
    Image.fromarray(large[rows[0][-1] + 10]).save(one / "z any.png")
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(one / "z blank.png")
    Image.fromarray(large[rows[1][0]]).resize((3, 3)).save(one / "z tiny.png")
    return data


def test_every_picture_of_a_folder_is_audited_and_named(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    result = run(folder, "--json", "--n-neighbors", "5", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert report["n"] == len(files)
    assert report["n_test"] == 10
    groups = [[image["file"] for image in group["images"]] for group in report["duplicates"]]
    zero = folder / "train" / "it's zero"
    assert [str(zero / "it's 0.png"), str(zero / "z copy.png")] in groups
    transformed = [group for group in report["duplicates"] if group["kind"] == "transformed"]
    assert any("mirrored" in group["how"] for group in transformed)
    leaked = [Path(leak["test_file"]).name for leak in report["leaks"]]
    assert "z leak.png" in leaked
    rejects = {Path(reject["file"]).name: reject["kind"] for reject in report["rejects"]}
    assert rejects["z blank.png"] == "blank"
    assert rejects["z tiny.png"] == "tiny"
    with (tmp_path / "out" / "values.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert {line["file"] for line in lines} == set(map(str, files))
    assert {line["part"] for line in lines} == {"train", "test"}
    assert {line["class"] for line in lines} == {"it's zero", "one\nline", "-two"}


def test_moves_tidy_the_folder_and_nothing_else(run: Run, folder: Path, tmp_path: Path) -> None:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    before, n_before = {path.name for path in paths}, len(paths)
    result = run(folder, "--top", "0", "--n-neighbors", "5", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert sum(path.is_file() for path in folder.rglob("*")) == n_before
    script = tmp_path / "out" / "moves.sh"
    done = subprocess.run(["sh", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    # A file of that name may lie where one is to go: it is left alone, and told.
    assert "gone: " not in done.stderr
    aside = folder.with_name(folder.name + "-aside")
    moved = {path.name for path in aside.rglob("*") if path.is_file()}
    assert {"z copy.png", "z mirrored.png", "z blank.png", "z tiny.png"} <= moved
    zero = folder / "train" / "it's zero"
    assert (zero / "it's 0.png").exists()
    assert not (zero / "z copy.png").exists()
    kept = {path.name for path in folder.rglob("*") if path.is_file()}
    assert moved | kept == before
    n_after = sum(path.is_file() for top in (folder, aside) for path in top.rglob("*"))
    assert n_after == n_before
    tidy = load_dataset(folder)
    assert set(tidy.class_names) == {"it's zero", "one\nline", "-two"}
    again = subprocess.run(["sh", script], capture_output=True, text=True, check=False)
    assert again.returncode == 0
    assert again.stderr.count("gone: ") == sum(not path.exists() for path in paths)
    assert not (tmp_path / "gone").exists()


def test_of_few_images_fewer_vote(run: Run, tmp_path: Path) -> None:
    whole = load_dataset("digits", test_size=0).train
    for i in range(8):
        place = tmp_path / "few" / str(whole.labels[i] % 2)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(whole.images[i] * 15).save(place / f"{i}.png")
    result = run(tmp_path / "few", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["n_neighbors"] == 7
    assert "of 8 images 7 neighbours vote, not 10" in result.stderr
    assert run(tmp_path / "few", "--n-neighbors", "10").exit_code == 1


def test_a_broken_file_is_listed_and_ends_nothing(run: Run, folder: Path) -> None:
    (folder / "train" / "-two" / "z broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    result = run(folder, "--json", "--n-neighbors", "5")
    assert result.exit_code == 0, result.output
    rejects = {
        Path(reject["file"]).name: reject["kind"] for reject in json.loads(result.stdout)["rejects"]
    }
    assert rejects["z broken.jpg"] == "broken"


def test_a_network_compares_the_files_of_a_folder(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    networks = pytest.importorskip("tests.features.networks")
    network = networks.write_means(tmp_path / "means.onnx")
    rng = np.random.default_rng(0)
    for name, colour in (("red", (200, 40, 40)), ("blue", (40, 40, 200))):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(8):
            shown = (40, 40, 200) if (name, i) == ("red", 3) else colour
            pixels = np.uint8(np.array(shown) + rng.integers(-40, 40, (12 + i, 20, 3)))
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{i}.png")
    result = run(
        tmp_path / "data", "--features", network, "--n-neighbors", "5", "--no-transformed",
        "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (issue,) = json.loads(result.stdout)["label_issues"]
    assert issue["file"].endswith("3.png")
    assert (issue["class"], issue["suggested_class"]) == ("red", "blue")

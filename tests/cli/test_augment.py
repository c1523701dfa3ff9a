"""``lookalike augment``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.samples import Run

from lookalike import Flips, Rotations, Shifts, expand, load_dataset

COLOURS = "red [fox]", "a very long name of a green thing"


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """A data set of colour images with named classes and a test part of its own."""
    rng = np.random.default_rng(0)
    path = tmp_path / "colours.npz"
    np.savez(
        path,
        train_images=rng.integers(0, 256, (12, 9, 7, 3), dtype=np.uint8),
        train_labels=np.arange(12) % 2,
        test_images=rng.integers(0, 256, (4, 9, 7, 3), dtype=np.uint8),
        test_labels=np.arange(4) % 2,
        class_names=np.array(COLOURS),
    )
    return path


def test_text_tells_the_numbers_and_lists_the_variants(run_main: Run) -> None:
    done = run_main("augment", "digits", "--with", "Shifts(3, diagonal=True)")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    text = " ".join(done.stdout.split())
    assert "augmentation Shifts(3, diagonal=True)" in text
    assert "48 of every image: right 1; left 1; down 1; up 1; right 2;" in text
    assert text.count(";") == 24
    assert "; … and 24 more train images 1,437 → 70,413 of 8 × 8, 4.3 MiB in memory" in text
    assert "test images 360, as they are" in text


@pytest.mark.parametrize("width", [20, 40, 80, 300])
@pytest.mark.parametrize("with_", ["Shifts(1)", "Rotations([5])", "Shifts(3) * ElasticWarps(2)"])
def test_show_draws_the_variants_that_fit(
    width: int, with_: str, colours: Path, invoke: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    shown = invoke("augment", colours, "--with", with_, "--show")
    assert shown.exit_code == 0, shown.stderr
    assert max(map(len, shown.stdout.splitlines())) <= width
    report = json.loads(invoke("augment", colours, "--with", with_, "--json").stdout)
    n_fitting = max(2, (width - 3 + 1) // 11) - 1
    hidden = min(10, report["n_variants"]) - n_fitting
    said = " ".join(shown.stdout.split())
    assert (f"… and {hidden} more in a line" in said) == (hidden > 0)
    if with_ == "Shifts(1)" and width >= 80:
        assert " right 1 left 1 down 1 up 1 " in said


def test_show_draws_images_as_they_become(tmp_path: Path, invoke: Run) -> None:
    images = np.zeros((8, 14, 14), dtype=np.uint8)
    images[:, :, :7] = 255
    np.savez(tmp_path / "halves.npz", images=images, labels=np.arange(8) % 2)
    lines = invoke("augment", tmp_path / "halves.npz", "--with", "Flips()", "--show").stdout
    drawn = [line for line in lines.splitlines() if "@" in line]
    assert len(drawn) == 2 * 7  # one image a class
    for line in drawn:
        original, flipped = line[3:17], line[18:32]
        assert original.startswith("@@@@@@")
        assert original.endswith("      ")
        assert flipped == original[::-1]


def test_out_holds_the_report_and_the_picture(tmp_path: Path, colours: Path, invoke: Run) -> None:
    out = tmp_path / "deep" / "report"
    result = invoke("augment", colours, "--with", "Flips() * Rotations([10])", "--out", out)
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in out.iterdir()) == ["augmentation.png", "report.json"]
    assert "Wrote report.json, augmentation.png into" in result.stdout
    report = json.loads((out / "report.json").read_text())
    assert report["variants"] == [
        "rotated 10°",
        "flipped left-right",
        "flipped left-right, then rotated 10°",
    ]
    with Image.open(out / "augmentation.png") as picture:
        picture.load()
        assert min(picture.size) > 300
    printed = invoke(
        "augment", colours, "--with", "Flips() * Rotations([10])", "--out", out, "--json"
    )
    assert json.loads(printed.stdout) == report


@pytest.mark.parametrize("with_", ["Shifts(1)", "Flips() + Rotations([10])"])
def test_saved_set_is_read_back(with_: str, tmp_path: Path, colours: Path, invoke: Run) -> None:
    path = tmp_path / "grown.npz"
    path.write_bytes(b"an older file")
    result = invoke("augment", colours, "--with", with_, "--save", path)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    text = " ".join(result.stdout.split())
    assert f"grown.npz ({path.stat().st_size / 2**20:.1f} MiB)" in text
    assert "do not split it or cross-validate on it" in text
    before, after = load_dataset(colours), load_dataset(path)
    augmentation = Shifts(1) if with_ == "Shifts(1)" else Flips() + Rotations([10])
    images, labels = expand(before.train.images, before.train.labels, augmentation)
    np.testing.assert_array_equal(after.train.images, images)
    np.testing.assert_array_equal(after.train.labels, labels)
    np.testing.assert_array_equal(after.test.images, before.test.images)
    np.testing.assert_array_equal(after.test.labels, before.test.labels)
    assert after.class_names == COLOURS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["colours.npz", "grown.npz"]


def test_json_tells_of_the_saved_file(tmp_path: Path, invoke: Run) -> None:
    path = tmp_path / "grown.npz"
    report = json.loads(invoke("augment", "digits", "--save", path, "--json").stdout)
    assert report["saved"] == {"file": str(path), "bytes": path.stat().st_size}


@pytest.mark.parametrize(
    ("fails", "options"),
    [
        ("lookalike.images.expand._write", ["--save"]),
        ("pathlib.Path.replace", ["--save", "--out"]),
        ("lookalike.reports.png.save_png", ["--save", "--out"]),
    ],
)
def test_failed_run_leaves_everything_as_it_was(
    fails: str, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(fails, fail)
    (tmp_path / "grown.npz").write_text("the old one")
    values = {"--save": tmp_path / "grown.npz", "--out": tmp_path / "new" / "folder"}
    arguments = [argument for option in options for argument in (option, values[option])]
    result = invoke("augment", "digits", *arguments)
    assert result.exit_code == 1
    assert result.stderr == "error: disk full\n"
    assert [path.name for path in tmp_path.iterdir()] == ["grown.npz"]
    assert (tmp_path / "grown.npz").read_text() == "the old one"


def test_saved_set_beyond_the_readers_limit_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run
) -> None:
    monkeypatch.setattr("lookalike.images.checks.MAX_BYTES", 5 * 1437 * 64 - 1)
    path = tmp_path / "grown.npz"
    result = invoke("augment", "digits", "--save", path)
    assert result.exit_code == 0
    (note,) = result.stderr.splitlines()
    assert note.startswith("note: load_dataset reads")
    assert note.endswith(f"max_bytes={5 * 1437 * 64}")
    assert len(load_dataset(path, max_bytes=5 * 1437 * 64).train) == 5 * 1437

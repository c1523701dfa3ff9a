"""``lookalike clean``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.samples import Run

import lookalike as package
from lookalike import UniformNoise, add_noise, load_dataset

pytestmark = pytest.mark.skipif(
    not hasattr(package, "KNeighborsDenoiser"), reason="no KNeighborsDenoiser"
)

NOISE = UniformNoise(0, 6)
QUICK = ("--noise", "uniform:6", "--quality", "fast", "--train", 100)


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """A folder of three noisy digits, of 8 and of 16 bits."""
    folder = tmp_path / "noisy"
    folder.mkdir()
    images = add_noise(load_dataset("digits").test.images[:3], NOISE, 0)
    Image.fromarray(images[0].astype(np.uint8)).save(folder / "one.png")
    Image.fromarray(images[1].astype(np.uint16)).save(folder / "two.png")
    np.save(folder / "three.npy", images[2])
    return folder


def clean_and_strips(*names: str) -> list[str]:
    return sorted(f"{name}-{kind}.png" for name in names for kind in ("before-after", "clean"))


def test_files_are_cleaned(noisy: Path, tmp_path: Path, invoke: Run) -> None:
    out = tmp_path / "deep" / "out"
    result = invoke("clean", "digits", noisy, "--out", out, *QUICK)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    text = " ".join(result.stdout.split())
    assert "digits: fast denoiser of uniform:6, fitted on 100 images in" in text
    assert "3 images cleaned in" in text
    assert "Wrote 7 files into" in text
    assert "dB" not in text  # for nobody knows the truth
    assert max(map(len, result.stdout.splitlines()[:-1])) <= 80
    written = sorted(path.name for path in out.iterdir())
    assert written == sorted([*clean_and_strips("one", "two", "three"), "report.json"])
    truth = load_dataset("digits").test.images[:3].astype(float)
    before = add_noise(load_dataset("digits").test.images[:3], NOISE, 0) - 2.5
    for i, name in enumerate(("one", "two", "three")):
        with Image.open(out / f"{name}-clean.png") as image:
            assert (image.mode, image.size) == ("L", (8, 8))
            after = np.asarray(image)
        assert np.square(after - truth[i]).mean() < np.square(before[i] - truth[i]).mean()
        with Image.open(out / f"{name}-before-after.png") as image:
            image.load()
            assert image.width > 1.5 * image.height
    report = json.loads((out / "report.json").read_text())
    assert [entry["name"] for entry in report["images"]] == ["one", "three", "two"]
    assert report["images"][0] == {"name": "one", "file": str(noisy / "one.png")}
    assert report["mean"] is None
    assert (report["n_train"], report["quality"], report["noise"]) == (100, "fast", "uniform:6")


def test_a_second_run_replaces_the_first_and_equals_it(
    noisy: Path, tmp_path: Path, invoke: Run
) -> None:
    out, found = tmp_path / "out", []
    for _ in range(2):
        assert invoke("clean", "digits", noisy, "--out", out, *QUICK).exit_code == 0
        found.append({p.name: p.read_bytes() for p in out.iterdir() if p.suffix == ".png"})
    assert found[0] == found[1]


def test_without_images_test_images_are_tried(run_main: Run) -> None:
    done = run_main("clean", "digits", *QUICK, "--json")
    assert done.returncode == 0
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report["noise_added"]
    assert len(report["images"]) == 8
    for entry in [*report["images"], report["mean"]]:
        assert min(entry["noisy_psnr"], entry["cleaned_psnr"]) > 0
        assert entry["cleaned_ssim"] <= 1
    assert report["mean"]["noisy_psnr"] < report["mean"]["cleaned_psnr"]
    names = ("noisy_psnr", "cleaned_psnr", "noisy_ssim", "cleaned_ssim")
    for name in names:
        mean = np.mean([entry[name] for entry in report["images"]])
        assert report["mean"][name] == pytest.approx(mean, abs=1e-4)


def test_the_table_of_what_was_tried(invoke: Run) -> None:
    result = invoke("clean", "digits", *QUICK)
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert (
        sum(line[:1] != [] and line[0].startswith("test-") and len(line) == 5 for line in lines)
        == 8
    )
    means = {
        line[0]: float(line[1])
        for line in lines
        if line[:1] in (["noisy"], ["cleaned"])
        if len(line) > 2 and line[1][0].isdigit()
    }
    assert means["noisy"] < means["cleaned"]
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_noise_is_added_to_given_images(tmp_path: Path, invoke: Run) -> None:
    np.save(tmp_path / "clean.npy", load_dataset("digits").test.images[:14].astype(float))
    arguments = ("clean", "digits", tmp_path / "clean.npy", "--add-noise", *QUICK)
    report = json.loads(invoke(*arguments, "--json").stdout)
    assert report["images"][13]["name"] == "clean-13"
    assert report["mean"]["noisy_psnr"] < report["mean"]["cleaned_psnr"]
    other = json.loads(invoke(*arguments, "--json", "--seed", 1).stdout)
    assert other["mean"]["noisy_psnr"] != report["mean"]["noisy_psnr"]
    np.save(tmp_path / "noisy.npy", np.full((8, 8), 300))
    result = invoke("clean", "digits", tmp_path / "noisy.npy", "--add-noise", *QUICK)
    assert result.exit_code == 1
    assert "noisy.npy, as --add-noise takes it: images of dtype int64 hold 300" in result.stderr


def test_images_smaller_than_any_window(tmp_path: Path, invoke: Run) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 2), dtype=np.uint8)
    np.savez(tmp_path / "tiny.npz", images=images, labels=np.arange(40) % 2)
    result = invoke("clean", tmp_path / "tiny.npz", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "windows of 7 by 7" in result.stderr
    assert not (tmp_path / "out").exists()


def test_colour_images(tmp_path: Path, invoke: Run) -> None:
    images = np.zeros((40, 9, 7, 3), dtype=np.uint8)
    images[::2, 2:6, 1:5] = (250, 40, 0)
    np.savez(tmp_path / "colours.npz", images=images, labels=np.arange(40) % 2)
    Image.fromarray(images[0]).save(tmp_path / "red.png")
    arguments = ("clean", tmp_path / "colours.npz", tmp_path / "red.png", "--quality", "fast")
    result = invoke(*arguments, "--noise", "gaussian:40", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    with Image.open(tmp_path / "out" / "red-clean.png") as image:
        assert (image.mode, image.size) == ("RGB", (7, 9))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["digits", "missing.png"], "missing.png does not exist; correct its name"),
        (["digits", "a.png"], "a.png is no picture that can be read"),
        (["digits", "a.txt"], "a.txt is empty; replace or remove it"),
        (["digits", "wide.png"], "8 × 9 pixels in grey, but the training images are of 8 × 8"),
        (["digits", "red.png"], "in colour, but the training images are of 8 × 8 pixels in grey"),
        (["digits", "empty"], "empty holds no pictures"),
        (["empty"], "holds no data set"),
        (["digts"], "did you mean 'digits'?"),
        (["digits", "--noise", "poisson:3"], "'poisson' is none of uniform, gaussian, saltpepper"),
        (["digits", "--noise", "saltpepper:1.5"], "share=1.5 must be between 0 and 1"),
        (["digits", "--noise", "uniform:9,3"], "draws from an empty range"),
        (["digits", "--noise", "uniform:0.5"], "images of uint8 need"),
        (["digits", "--train", "5000"], "--train 5,000 but there are only 1,437 train images"),
        (["digits", "eight.png", "eight-clean.png", "--out", "."], "is one of the images given"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    invoke: Run,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("it fits a denoiser")

    monkeypatch.setattr(package.KNeighborsDenoiser, "fit", fail)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.png").write_bytes(b"no image")
    (tmp_path / "a.txt").touch()
    Image.new("L", (9, 8)).save("wide.png")
    Image.new("RGB", (8, 8), "red").save("red.png")
    Image.new("L", (8, 8)).save("eight.png")
    Image.new("L", (8, 8)).save("eight-clean.png")
    noise = [] if "--noise" in arguments else ["--noise", "uniform:6"]
    out = [] if "--out" in arguments else ["--out", "new"]
    before = sorted(path.name for path in tmp_path.iterdir())
    result = invoke("clean", *arguments, *noise, *out)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert said in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_failed_run_leaves_everything_as_it_was(
    error: BaseException, noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run
) -> None:
    def fail(path: Path, *_: object, **__: object) -> None:
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr("lookalike.reports.png.save_png", fail)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "one-clean.png").write_text("the old one")
    for out in (tmp_path / "out", tmp_path / "new" / "folder"):
        result = invoke("clean", "digits", noisy, "--out", out, *QUICK)
        interrupted = isinstance(error, KeyboardInterrupt)
        assert result.exit_code == (130 if interrupted else 1)
        assert result.stderr == f"error: {'interrupted' if interrupted else 'disk full'}\n"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["noisy", "out"]
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["one-clean.png"]
        assert (tmp_path / "out" / "one-clean.png").read_text() == "the old one"

"""``lookalike clean``: denoisers that are kept in files, and clean again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.samples import Run, save_digits

from lookalike import (
    GaussianNoise,
    KNeighborsDenoiser,
    UniformNoise,
    add_noise,
    load_dataset,
    load_model,
    save_model,
)

NOISE = UniformNoise(0, 6)
digits = load_dataset("digits")


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """Two noisy digits."""
    folder = tmp_path / "noisy"
    folder.mkdir()
    images = add_noise(digits.test.images[:2], NOISE, 0).astype(np.uint8)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i}.png")
    return folder


def kept(path: Path, quality: str = "fast") -> Path:
    """Keep a denoiser of digits, without what the command line adds."""
    denoiser = KNeighborsDenoiser(quality=quality, random_state=0)
    save_model(denoiser.fit(clean=digits.train.images[:100], noise=NOISE), path)
    return path


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


@pytest.mark.parametrize(
    ("quality", "n_train"),
    [
        ("fast", 100),
        pytest.param("best", 300, marks=pytest.mark.slow("the quality best fits with neighbours")),
    ],
)
def test_a_kept_denoiser_cleans_as_a_new_one(
    quality: str, n_train: int, noisy: Path, tmp_path: Path, invoke: Run
) -> None:
    model = tmp_path / "digits.denoiser"
    fit = ("--noise", "uniform:6", "--quality", quality, "--train", n_train, "--seed", 3)
    new = invoke("clean", "digits", noisy, *fit, "--out", tmp_path / "new", "-o", model)
    assert (new.exit_code, new.stderr) == (0, "")
    assert f"Wrote {model}; try: lookalike clean {model} IMAGES --out cleaned" in new.stdout
    again = invoke("clean", model, noisy, "--out", tmp_path / "again", "--n-jobs", 1)
    assert (again.exit_code, again.stderr) == (0, "")
    said = f"{quality} denoiser of uniform:6, fitted on images of digits; 2 images cleaned in"
    assert said in " ".join(again.stdout.split())
    assert pictures(tmp_path / "again") == pictures(tmp_path / "new")
    first, second = (
        json.loads((tmp_path / name / "report.json").read_text()) for name in ("new", "again")
    )
    assert first["model"] == second["model"] == str(model)
    assert (first["data"], second["data"]) == ("digits", None)
    for key in ("noise", "quality", "image_shape", "images", "mean"):
        assert first[key] == second[key]
    assert second["fit_seconds"] is second["n_train"] is second["seed"] is None
    assert load_model(model).noise_ == NOISE


def test_large_images_have_the_size_of_the_data(tmp_path: Path, invoke: Run) -> None:
    images = np.random.default_rng(0).integers(0, 200, (10, 9, 8), dtype=np.uint8)
    images = np.repeat(np.repeat(images, 9, axis=1), 9, axis=2)  # more than 64 × 64
    np.savez(tmp_path / "large.npz", images=images, labels=np.arange(10) % 2)
    noisy, model = tmp_path / "noisy.png", tmp_path / "large.denoiser"
    Image.fromarray(images[0]).save(noisy)
    fit = ("--noise", "gaussian:20", "--quality", "fast", "-o", model)
    data = tmp_path / "large.npz"
    new = invoke("clean", data, noisy, *fit, "--out", tmp_path / "new")
    assert new.exit_code == 0, new.stderr
    again = invoke("clean", model, noisy, "--out", tmp_path / "again")
    assert again.exit_code == 0, again.stderr
    assert pictures(tmp_path / "again") == pictures(tmp_path / "new")
    Image.new("L", (80, 80)).save(noisy)
    other = invoke("clean", model, noisy, "--out", tmp_path / "again")
    assert "80 × 80 pixels in grey, but the training images are of 81 × 72" in other.stderr


def test_noise_is_added_as_where_it_is_fitted(tmp_path: Path, invoke: Run) -> None:
    np.save(tmp_path / "clean.npy", digits.test.images[:3])
    model = tmp_path / "digits.denoiser"
    fit = ("--noise", "uniform:6", "--quality", "fast", "--train", 100, "-o", model)
    common = (tmp_path / "clean.npy", "--add-noise", "--seed", 2, "--json")
    new = json.loads(invoke("clean", "digits", *common, *fit).stdout)
    again = json.loads(invoke("clean", model, *common).stdout)
    for key in ("images", "mean", "noise", "noise_added", "seed"):
        assert new[key] == again[key]


def test_data_comes_before_files_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    kept(Path("digits"))
    arguments = ("--noise", "uniform:6", "--quality", "fast", "--train", 100, "--json")
    assert json.loads(invoke("clean", "digits", *arguments).stdout)["data"] == "digits"
    refused = invoke("clean", "./digits", *arguments)
    assert refused.exit_code == 2
    assert "digits is a denoiser that is fitted already" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["m", "noisy", "--noise", "uniform:6"], 2, "leave out --noise, or name a data set"),
        (["m", "noisy", "--quality", "best"], 2, "leave out --quality, or"),
        (["m", "noisy", "--train", "9", "--seed", "0"], 2, "leave out --train and --seed, or"),
        (["m", "noisy", "-o", "n"], 2, "leave out --save, or"),
        (["m"], 2, "name the images that m is to clean"),
        (["m", "noisy"], 2, "name a folder for the cleaned images"),
        (["digits", "-o", "n"], 2, "say which noise the denoiser is to take away"),
        (["digits", "-o", "no/n", "--noise", "uniform:6"], 1, "no is no folder; make it"),
        (["knn", "noisy", "--out", "c"], 1, "knn holds a KNeighborsClassifier, which is not"),
        (["cut", "noisy", "--out", "c"], 1, "cut"),
        (["pairs", "noisy", "--out", "c", "--add-noise"], 1, "learnt its noise from pairs"),
        (["floats", "noisy", "--out", "c"], 1, "values other than whole numbers 0 to 255"),
        (["any", "noisy", "--out", "c"], 1, "any does not contain the size of its"),
        (
            ["m.txt", "noisy", "--out", "c", "--noise", "uniform:6"],
            1,
            "is not a data set by its name",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str],
    code: int,
    said: str,
    noisy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    invoke: Run,
) -> None:
    monkeypatch.chdir(tmp_path)
    name, clean = arguments[0], digits.train.images[:60]
    denoiser = KNeighborsDenoiser(quality="fast", random_state=0)
    Path("m.txt").write_text("no model")
    if name == "m":
        kept(Path("m"))
    elif name == "knn":
        save_digits(Path("knn"))
    elif name == "cut":
        kept(Path("cut"))
        Path("cut").write_bytes(Path("cut").read_bytes()[:5000])
    elif name == "pairs":
        save_model(denoiser.fit(add_noise(clean, NOISE, 0), clean), "pairs")
    elif name == "floats":
        save_model(denoiser.fit(clean=clean / 16, noise=GaussianNoise(0.1)), "floats")
    elif name == "any":
        large = [np.pad(image, 40) for image in clean[:4]]
        save_model(denoiser.fit(clean=large, noise=NOISE), "any")
    before = sorted(path.name for path in tmp_path.iterdir())
    result = invoke("clean", *arguments)
    assert result.exit_code == code, result.stderr
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_file_without_form_knows_its_frame(noisy: Path, tmp_path: Path, invoke: Run) -> None:
    model = kept(tmp_path / "plain")
    result = invoke("clean", model, noisy, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert len(pictures(tmp_path / "out")) == 4
    cleaned = load_model(model).predict(add_noise(digits.test.images[:2], NOISE, 0))
    with Image.open(tmp_path / "out" / "0-clean.png") as image:
        np.testing.assert_array_equal(image, cleaned[0].round().clip(0, 16))


def test_a_failed_run_keeps_no_denoiser(
    noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("no such luck")

    monkeypatch.setattr(KNeighborsDenoiser, "predict", fail)
    fit = ("--noise", "uniform:6", "--quality", "fast", "--train", 100)
    result = invoke("clean", "digits", noisy, *fit, "--out", tmp_path / "out", "-o", tmp_path / "m")
    assert result.exit_code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["noisy"]

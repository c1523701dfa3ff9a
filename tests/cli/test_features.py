"""Commands on pictures that a network turns into vectors."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.cli.samples import Run
from tests.features.networks import write_means

from lookalike.models.model import open_model

COLOURS = ("blue", "green", "red")


def write_pictures(folder: Path, n: int, seed: int, *, bright: int = 0) -> None:
    """Write pictures of three colours, each class in a folder, of several sizes."""
    rng = np.random.default_rng(seed)
    for i, colour in enumerate(COLOURS):
        (folder / colour).mkdir(parents=True)
        for number in range(n):
            pixels = rng.integers(0, 90, (30 + number, 40, 3), np.uint8) + np.uint8(bright)
            pixels[..., 2 - i] += 120
            Image.fromarray(pixels).save(folder / colour / f"{number}.png")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures to train and to test with, and a network."""
    folder = tmp_path_factory.mktemp("features")
    write_pictures(folder / "data" / "train", 12, 0)
    write_pictures(folder / "data" / "test", 4, 1)
    write_means(folder / "means.onnx")
    return folder


@pytest.fixture
def world(
    kept: Path, tmp_path: Path, invoke: Run, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Any]:
    """Return the folder, and what training with the network prints as JSON."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept / "cache"))
    network, model = kept / "means.onnx", tmp_path / "colours.lookalike"
    result = invoke("train", kept / "data", "--quick", "--features", network, "-o", model, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return model, json.loads(result.stdout)


def test_train_predict_add_forget_and_info(world: Any, kept: Path, tmp_path: Path, invoke: Run):
    model, trained = world
    assert trained["features"] == str(kept / "means.onnx")
    assert trained["image_shape"] == [3]
    assert trained["test"]["n_wrong"] <= 1
    result = invoke(
        "predict", model, kept / "data" / "test", "--explain", tmp_path / "why", "--json"
    )
    said = json.loads(result.stdout)
    right = [one["label"] == Path(one["image"]).parent.name for one in said["images"]]
    assert np.mean(right) > 0.9
    assert {"row", "file", "label"} <= said["images"][0]["neighbors"][0].keys()
    assert len(list((tmp_path / "why").glob("*.png"))) == 12

    write_pictures(tmp_path / "white", 1, 2, bright=120)
    result = invoke("add", model, "--label", "white", tmp_path / "white", "--no-relearn", "--json")
    assert json.loads(result.stdout)["new_classes"] == ["white"]
    opened = open_model(model)
    assert opened.shown(36).shape == (30, 40, 3)
    assert opened.file(36) == "white/0.png"
    result = invoke("forget", model, "36-38", "--json")
    assert json.loads(result.stdout)["gone_classes"] == ["white"]

    facts = json.loads(invoke("info", model, "--json").stdout)
    assert facts["features"]["network"] == "means.onnx"
    assert facts["features"]["is_embedded"] is False
    assert "means.onnx, SHA-256" in " ".join(invoke("info", model).stdout.split())


def test_a_network_in_the_file_needs_no_other(world: Any, kept: Path, invoke: Run) -> None:
    model, _ = world
    shutil.copy(kept / "means.onnx", model.parent / "own.onnx")
    features = ("--features", model.parent / "own.onnx", "--embed-network")
    result = invoke("train", kept / "data", "--quick", *features, "-o", model)
    assert result.exit_code == 0, result.stderr
    (model.parent / "own.onnx").unlink()
    assert "own.onnx, in the file, SHA-256" in " ".join(invoke("info", model).stdout.split())
    picture = kept / "data" / "test" / "red" / "0.png"
    said = json.loads(invoke("predict", model, picture, "--json").stdout)
    assert said["images"][0]["label"] == "red"


@pytest.mark.slow("opens networks and compares classifiers")
def test_evaluate_and_compare(world: Any, kept: Path, tmp_path: Path, invoke: Run) -> None:
    model, _ = world
    judged = json.loads(invoke("evaluate", kept / "data", "--model", model, "--json").stdout)
    assert judged["evaluation"]["accuracy"] > 0.9
    assert judged["n_copies"] == 0
    shutil.copytree(kept / "data", tmp_path / "data")
    copied = tmp_path / "data" / "train" / "red" / "0.png"
    shutil.copy(copied, tmp_path / "data" / "test" / "red" / "copy.png")
    judged = json.loads(invoke("evaluate", tmp_path / "data", "--model", model, "--json").stdout)
    assert judged["n_copies"] == 1

    network = ("--features", kept / "means.onnx")
    out = tmp_path / "report"
    result = invoke("evaluate", kept / "data", *network, "--out", out, "--json")
    assert json.loads(result.stdout)["evaluation"]["accuracy"] > 0.9
    assert (out / "report.html").exists()
    result = invoke("compare", kept / "data", *network, "--with", "lookalike,knn,dummy", "--json")
    compared = json.loads(result.stdout)
    assert compared["features"] == str(kept / "means.onnx")
    accuracy = {one["name"]: one["accuracy"] for one in compared["classifiers"]}
    assert min(accuracy["lookalike"], accuracy["knn"]) > 0.9 > accuracy["dummy"]


def test_what_is_missing_is_told_in_a_line(
    world: Any, kept: Path, run_main: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = world
    picture = kept / "data" / "test" / "red" / "0.png"
    (kept / "means.onnx").rename(kept / "gone.onnx")
    try:
        for command in (["predict", model, picture], ["serve", model, "--port", "0"]):
            done = run_main(*command)
            assert (done.returncode, done.stderr.count("\n")) == (1, 1)
            assert "is not there; put it there again, or beside the model file" in done.stderr
    finally:
        (kept / "gone.onnx").rename(kept / "means.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for command in (
        ["predict", model, picture],
        ["train", kept / "data", "--features", kept / "means.onnx"],
    ):
        done = run_main(*command)
        assert done.returncode == 1
        line = done.stderr.splitlines()[-1]
        assert line == "error: networks need onnxruntime; pip install 'lookalike[photos]'"
    done = run_main("evaluate", kept / "data", "--augment", "Shifts(1)", "--features", "x")
    assert "images grow, but vectors are compared" in done.stderr

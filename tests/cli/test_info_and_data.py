"""``lookalike info`` and ``lookalike data``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.cli import samples
from tests.cli.samples import Run

import lookalike as package
from lookalike import _core
from lookalike.images import store


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the user's own with one data set, and an empty cache folder."""
    (tmp_path / "own" / "shapes" / "circle").mkdir(parents=True)
    monkeypatch.setenv("LOOKALIKE_DATA", str(tmp_path / "own"))
    monkeypatch.setattr(store, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path


def test_info_reports_what_runs(homes: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run) -> None:
    monkeypatch.delenv("LOOKALIKE_CPU", raising=False)
    facts = json.loads(invoke("info", "--json").stdout)
    assert facts["lookalike"] == package.__version__
    assert facts["cpu_paths"] == _core.available_cpu_paths()
    assert facts["cpu_path"] == facts["cpu_paths"][0]
    assert facts["cpu_path_forced"] is None
    assert facts["threads"] >= 1
    assert facts["cache_folder"] == str(homes / "cache")
    assert "shapes" in [dataset["name"] for dataset in facts["datasets"]]


def test_info_says_that_a_path_is_forced(monkeypatch: pytest.MonkeyPatch, invoke: Run) -> None:
    monkeypatch.setenv("LOOKALIKE_CPU", "portable")
    assert json.loads(invoke("info", "--json").stdout)["cpu_path_forced"] == "portable"
    assert "portable (forced by LOOKALIKE_CPU" in invoke("info").stdout


def test_data_list(homes: Path, invoke: Run) -> None:
    datasets = json.loads(invoke("data", "list", "--json").stdout)["datasets"]
    assert datasets[0] == {"name": "digits", "source": "bundled with scikit-learn", "folder": None}
    assert datasets[-1] == {
        "name": "shapes",
        "source": "on this machine",
        "folder": str(homes / "own" / "shapes"),
    }
    lines = invoke("data", "list").stdout.splitlines()
    assert len(lines) == len(datasets)
    assert [line.split()[0] for line in lines] == [dataset["name"] for dataset in datasets]


def test_info_of_a_model(tmp_path: Path, invoke: Run) -> None:
    path = samples.save_digits(tmp_path / "digits.lookalike", n_neighbors=4)
    facts = json.loads(invoke("info", path, "--json").stdout)
    assert facts["file"] == str(path)
    assert facts["bytes"] == path.stat().st_size
    assert (facts["lookalike"], facts["format_version"]) == (package.__version__, "1.1")
    assert facts["source"] == "scikit-learn's bundled digits"
    assert facts["estimator"] == "KNeighborsClassifier"
    assert facts["parameters"]["n_neighbors"] == 4
    assert facts["n_samples"] == sum(facts["classes"].values()) == samples.N_TRAIN
    assert list(facts["classes"]) == [str(digit) for digit in range(10)]
    assert facts["image_shape"] == facts["form"]["image_shape"] == [8, 8]
    text = " ".join(invoke("info", path).stdout.split())
    assert "estimator KNeighborsClassifier(n_neighbors=4)" in text
    assert "images 400 of 8 × 8 pixels" in text
    assert f"classes 10: 0 ({facts['classes']['0']}), 1 (" in text
    assert "ink 16 on 0" in text


def test_info_of_models_that_classify_no_images(tmp_path: Path, invoke: Run) -> None:
    path = tmp_path / "rows.lookalike"
    rows = np.arange(12.0).reshape(6, 2)
    package.save_model(package.KNeighborsRegressor(2).fit(rows, rows[:, 0]), path)
    facts = json.loads(invoke("info", path, "--json").stdout)
    assert facts["estimator"] == "KNeighborsRegressor"
    assert (facts["n_samples"], facts["classes"], facts["form"]) == (6, None, None)
    assert "KNeighborsRegressor(n_neighbors=2)" in invoke("info", path).stdout


def test_info_of_no_model(tmp_path: Path, invoke: Run) -> None:
    (tmp_path / "broken").write_bytes(b"no model")
    for path, said in [("missing", "there is no missing"), ("broken", "broken"), (".", "a folder")]:
        result = invoke("info", tmp_path / path if path == "broken" else path)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert said in result.stderr


@pytest.mark.mnist
def test_fetch_of_what_is_here_prints_its_folder(invoke: Run) -> None:
    folder = invoke("data", "fetch", "mnist").stdout.rstrip("\n")
    assert (Path(folder) / "train-images-idx3-ubyte.gz").exists()
    answer = json.loads(invoke("data", "fetch", "mnist", "--json").stdout)
    assert answer == {"name": "mnist", "folder": folder, "downloaded": False}

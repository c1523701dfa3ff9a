"""``lookalike info`` and ``lookalike data``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lookalike as package
from lookalike import _core
from lookalike.images import store

Run = Callable[..., Any]


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


@pytest.mark.mnist
def test_fetch_of_what_is_here_prints_its_folder(invoke: Run) -> None:
    if store.find_folder("mnist") is None:
        pytest.skip("no MNIST in $LOOKALIKE_DATA")
    folder = invoke("data", "fetch", "mnist").stdout.rstrip("\n")
    assert (Path(folder) / "train-images-idx3-ubyte.gz").exists()
    answer = json.loads(invoke("data", "fetch", "mnist", "--json").stdout)
    assert answer == {"name": "mnist", "folder": folder, "downloaded": False}

"""``lookalike probe``: what it reads, shows and writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.samples import Run

from lookalike import probe


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Vectors of two classes in files, one as .npz, the other as a pair of .npy."""
    rng = np.random.default_rng(0)
    train, test = tmp_path / "train.npz", tmp_path / "test" / "X.npy"
    test.parent.mkdir()
    y, y_test = np.repeat(["cup", "hat"], 12), np.repeat(["cup", "hat"], 6)
    np.savez(train, X=rng.normal(size=(24, 5)) + (y == "cup")[:, np.newaxis], y=y)
    np.save(test, rng.normal(size=(12, 5)) + (y_test == "cup")[:, np.newaxis])
    np.save(test.with_name("y.npy"), y_test)
    return train, test


def test_vectors_in_files_are_judged(invoke: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "report"
    result = invoke(
        *("probe", *files, "--k", "3,10,100", "--per-class", "2", "--tries", "2"),
        *("--effort", "fast", "--json", "--out", folder),
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    X, y = (np.load(files[0])[name] for name in ("X", "y"))
    X_test, y_test = (np.load(files[1].with_name(f"{name}.npy")) for name in ("X", "y"))
    expected = probe(X, y, X_test, y_test, ks=[3, 10], per_class=2, n_tries=2, effort="fast")
    assert [(row["name"], row["per_class"], row["n_right"]) for row in told["results"]] == [
        (row.name, row.per_class, row.n_right.tolist()) for row in expected.rows
    ]
    assert told["left_out_k"] == [100]
    twin = json.loads((folder / "report.json").read_text())
    assert twin["numbers"]["results"] == told["results"]


def test_the_terminal_shows_a_table(invoke: Run, files: tuple[Path, Path]) -> None:
    result = invoke("probe", *files, "--k", "3", "--effort", "none")
    assert result.exit_code == 0, result.output
    rows = [line.split()[:5] for line in result.stdout.splitlines()]
    assert ["k-NN,", "k", "=", "3", "all"] in rows
    assert "Intervals hold with 95% confidence" in " ".join(result.stdout.split())


def test_folders_of_pictures_by_a_network(invoke: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    networks = pytest.importorskip("tests.features.networks")
    network = networks.write_means(tmp_path / "means.onnx")
    rng = np.random.default_rng(0)
    for part, n in (("train", 6), ("test", 3)):
        for name, colour in (("red", (200, 40, 40)), ("blue", (40, 40, 200))):
            (tmp_path / "data" / part / name).mkdir(parents=True)
            for i in range(n):
                pixels = np.uint8(np.array(colour) + rng.integers(-30, 30, (10, 12, 3)))
                Image.fromarray(pixels).save(tmp_path / "data" / part / name / f"{i}.png")
    folders = [tmp_path / "data" / part for part in ("train", "test")]
    result = invoke(
        "probe", *folders, "--features", network, "--k", "3", "--effort", "none", "--json"
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["n_train"], told["n_test"], told["n_features"]) == (12, 6, 3)
    assert [row["accuracy"] for row in told["results"]] == [1.0, 1.0]


def test_what_does_not_fit_fails_in_one_line(
    run_main: Run, files: tuple[Path, Path], tmp_path: Path
) -> None:
    def fail(*arguments: str | Path, code: int = 1) -> str:
        result = run_main("probe", *arguments, "--out", tmp_path / "out")
        assert result.returncode == code
        assert not (tmp_path / "out").exists()
        (line,) = result.stderr.splitlines()
        return line

    assert "is a folder; name a network" in fail(tmp_path / "test", files[1])
    assert "holds vectors already; leave out --features" in fail(*files, "--features", "x.onnx")
    assert "there is no" in fail(files[0], tmp_path / "none.npz")
    (tmp_path / "table.csv").write_text("1,2")
    assert "is neither .npz nor .npy" in fail(files[0], tmp_path / "table.csv")
    assert "no list of numbers" in fail(*files, "--k", "0,x", code=2)
    np.savez(tmp_path / "short.npz", X=np.zeros((3, 4)), y=np.repeat("cup", 3))
    assert "X has 5 features but X_test 4" in fail(files[0], tmp_path / "short.npz")

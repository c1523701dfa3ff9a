"""Grown data sets written to files: whole, in blocks, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.traced_memory import TracedMemory

from lookalike import Flips, Rotations, Shifts, expand, load_dataset
from lookalike.images import expand as module
from lookalike.images.dataset import Dataset, Split


def dataset(n: int) -> Dataset:
    rng = np.random.default_rng(0)
    parts = [
        Split(rng.integers(0, 256, (size, 20, 10), dtype=np.uint8), np.arange(size) % 2)
        for size in (n, 4)
    ]
    return Dataset(*parts, ("no", "yes"), "nowhere")


def test_blocks_make_one_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK_BYTES", 3 * 200)  # 3 images
    calls: list[tuple[int, int]] = []
    data, augmentation = dataset(7), Shifts(1) + Rotations([20])
    path = tmp_path / "grown.npz"
    module.save_expanded(path, data, augmentation, progress=lambda *call: calls.append(call))
    with np.load(path) as stored:
        images, labels = expand(data.train.images, data.train.labels, augmentation)
        np.testing.assert_array_equal(stored["train_images"], images)
        np.testing.assert_array_equal(stored["train_labels"], labels)
        assert stored["train_labels"].dtype == np.int64
        assert stored["class_names"].tolist() == ["no", "yes"]
    assert calls[:4] == [(3, 42), (6, 42), (7, 42), (10, 42)]
    assert calls[-1] == (42, 42)
    assert len(load_dataset(path).train) == 42


def test_memory_is_that_of_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK_BYTES", 2**19)
    data = dataset(20_000)  # 4 MB, grown to 24 MB
    with TracedMemory() as memory:
        module.save_expanded(tmp_path / "grown.npz", data, Shifts(1) + Flips())
    assert memory.peak < 6 * 2**19


def test_interrupted_it_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module.save_expanded(tmp_path / "grown.npz", dataset(4), Flips(), progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("grown.npy", ValueError, r"grown\.npy does not end in \.npz"),
        ("grown", ValueError, "does not end in"),
        ("nowhere/grown.npz", OSError, "is not a folder; make it, or name another"),
        ("folder.npz", OSError, r"folder\.npz is a folder; name a file"),
    ],
)
def test_files_that_cannot_be(
    name: str, kind: type[Exception], message: str, tmp_path: Path
) -> None:
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(kind, match=message):
        module.save_expanded(tmp_path / name, dataset(4), Flips())
    assert [path.name for path in tmp_path.iterdir()] == ["folder.npz"]


def test_augmentation_that_does_not_fit_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give a reach of 1 to 9"):
        module.save_expanded(tmp_path / "grown.npz", dataset(4), Shifts(10))
    assert list(tmp_path.iterdir()) == []

"""What load_dataset makes of any source: checked images, coded labels, a held-out part."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.utils import Bunch

from lookalike import Dataset, load_dataset
from lookalike.images.checks import encode_labels
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError


def numbered(n: int, n_classes: int = 2) -> Bunch:
    """Return n images of 2 × 2 pixels, each holding its own number, in classes by turns."""
    images = np.repeat(np.arange(n, dtype=np.uint8), 4).reshape(n, 2, 2)
    return Bunch(images=images, target=np.arange(n) % n_classes)


def load(images: Any, target: Any, **options: Any) -> Dataset:
    return load_dataset(Bunch(images=images, target=target), **options)


def test_own_test_part_is_used(tmp_path: Path) -> None:
    bunch = numbered(20)
    path = tmp_path / "set.npz"
    np.savez(
        path,
        x_train=bunch.images[:12],
        y_train=bunch.target[:12],
        x_test=bunch.images[12:],
        y_test=bunch.target[12:],
    )
    data = load_dataset(path, test_size=3)
    np.testing.assert_array_equal(data.train.images, bunch.images[:12])
    np.testing.assert_array_equal(data.test.labels, bunch.target[12:])
    assert data.source == str(path)


def test_parts_of_two_sizes(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    small, large = np.zeros((4, 2, 2)), np.zeros((4, 3, 3))
    np.savez(path, x_train=small, y_train=[0, 1, 0, 1], x_test=large, y_test=[0, 1, 0, 1])
    with pytest.raises(DatasetError, match="train images are 2 × 2 but test images 3 × 3"):
        load_dataset(path)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u8", "f4", "f8"])
def test_whole_numbers_of_any_dtype_become_bytes(dtype: str) -> None:
    images = np.arange(256).reshape(4, 8, 8).astype(dtype)
    data = load(images, [0, 1, 0, 1], test_size=2)
    together = np.concatenate([data.train.images, data.test.images])
    assert together.dtype == np.uint8
    np.testing.assert_array_equal(np.sort(together, axis=None), np.arange(256))


@pytest.mark.parametrize("value", [-1, 256, 0.5, np.nan, np.inf, 1e300])
def test_other_values_are_refused_not_clipped(value: float) -> None:
    images = np.ones((4, 2, 2))
    images[3, 1, 1] = value
    with pytest.raises(
        DatasetError, match=rf"hold {re.escape(str(value))}(\.0)?, but pixels are whole numbers"
    ):
        load(images, [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros(4), r"shape \(4,\) holds no images"),
        (np.zeros((4, 0, 3)), r"shape \(4, 0, 3\) holds no images"),
        (np.zeros((4, 2, 2, 2, 2)), "holds no images"),
        (np.zeros((4, 3, 8, 8)), r"have 8 channels; channels come last .*np\.moveaxis"),
        (np.full((4, 2, 2), "x"), "dtype <U1 are not numbers"),
        (np.zeros((4, 2, 2), complex), "dtype complex128 are not numbers"),
    ],
)
def test_what_is_no_image(images: NDArray[Any], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load(images, [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.0, 1.0, 0.0, 1.0], r"labels of dtype float64 name no classes; .*astype\('int64'\)"),
        ([True, False, True, False], "labels of dtype bool"),
        (np.array(["a", 1, "a", 1], object), "labels of dtype object"),
        ([b"a", b"b", b"a", b"b"], r"labels are bytes, for example .* decode them"),
        ([0, 1, 0], "4 images but 3 labels"),
        ([0, 1, 0, 1, 0], "4 images but 5 labels"),
        ([[0, 1]] * 4, r"labels of shape \(4, 2\) are not one for each image"),
        (0, r"labels of shape \(\) are not one"),
    ],
)
def test_what_is_no_label(labels: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load(np.zeros((4, 2, 2)), labels)


def test_labels_become_positions_in_the_class_names() -> None:
    for target, names in (
        ([7, 3, 7, 3], ("3", "7")),
        ([[7], [3], [7], [3]], ("3", "7")),
        (["dog", "cat", "dog", "cat"], ("cat", "dog")),
        (np.array(["dog", "cat"] * 2, object), ("cat", "dog")),
        (np.array([-(2**63), 5] * 2), (str(-(2**63)), "5")),
    ):
        data = load(np.zeros((4, 2, 2)), target, test_size=2)
        assert data.class_names == names
        assert data.train.labels.dtype == np.int64
        named = [data.class_names[label] for label in data.train.labels]
        assert sorted(named) == sorted(names)


@given(st.lists(st.lists(st.integers(-(2**63), 2**64 - 1), min_size=1), min_size=1, max_size=2))
def test_codes_name_the_labels_they_came_from(parts: list[list[int]]) -> None:
    kinds = (np.int64, np.uint64)
    arrays = []
    for part in parts:
        kind = kinds[max(part) >= 2**63]
        arrays.append(np.array([label for label in part if kind == np.int64 or label >= 0], kind))
    codes, names = encode_labels(arrays, None, "here")
    for labels, part_codes in zip(arrays, codes, strict=True):
        assert [names[code] for code in part_codes] == [str(label) for label in labels]


def test_given_class_names() -> None:
    letters = np.array(["b", "a"])
    codes, names = encode_labels([letters], ("b", "a"), "here")
    assert (codes[0].tolist(), names) == ([0, 1], ("b", "a"))
    with pytest.raises(DatasetError, match="here: label 2 is none of the 2 classes"):
        encode_labels([np.array([0, 2])], ("b", "a"), "here")
    with pytest.raises(DatasetError, match="label -1 is none"):
        encode_labels([np.array([0, -1])], ("b", "a"), "here")
    with pytest.raises(DatasetError, match="label 'c' is none"):
        encode_labels([np.array(["c"])], ("b", "a"), "here")
    with pytest.raises(DatasetError, match="integers in one and strings in the other"):
        encode_labels([letters, np.array([0, 1])], None, "here")


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 2, 2), (2, 2, 3, 1), (2.5, 2), ("a", 2)])
def test_image_shape_must_be_one(shape: tuple[Any, ...]) -> None:
    with pytest.raises(DatasetError, match="is not the shape of an image; give"):
        load_dataset("digits", image_shape=shape)


def test_image_shape_is_checked_where_it_is_not_applied() -> None:
    assert load_dataset("digits", image_shape=(8, 8)).train.images.shape[1:] == (8, 8)
    assert load_dataset("digits", image_shape=(8, 8, 1)).train.images.shape[1:] == (8, 8)
    with pytest.raises(DatasetError, match=r"image_shape=\(9, 9\) but its images are \(8, 8\)"):
        load_dataset("digits", image_shape=(9, 9))


def test_a_single_channel_is_dropped() -> None:
    data = load(np.zeros((4, 2, 3, 1)), [0, 1, 0, 1], test_size=2)
    assert data.train.images.shape == (2, 2, 3)


def test_paths_that_are_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="neither a data set's name nor an existing"):
        load_dataset(tmp_path / "nowhere")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DatasetError, match=r"notes\.txt is not a data set by its name"):
        load_dataset(tmp_path / "notes.txt")
    with pytest.raises(DatasetError, match="holds no data set"):
        load_dataset(tmp_path)


def test_names_go_before_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match=r"not for the folder here; write '\./digits'") as said:
        assert len(load_dataset("digits").train) == 1437
    assert said[0].filename == __file__
    for path in ("./digits", Path("digits")):
        with pytest.raises(DatasetError, match="digits holds no data set"):
            load_dataset(path)


def test_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DatasetError, match=r"Permission denied.*check its permissions"):
        load_dataset(tmp_path)


def test_repr_says_what_it_is() -> None:
    data = load_dataset("digits")
    assert repr(data) == (
        "Dataset(1,437 train and 360 test images of 8 × 8, 10 classes (0, 1, 2, 3, 4, 5, 6, 7, "
        "8, 9), from scikit-learn's bundled digits)"
    )
    assert repr(data.test) == "Split(360 images of 8 × 8)"
    many = load(np.zeros((24, 2, 2, 3)), np.arange(24) % 12, test_size=12)
    assert "12 classes (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...)" in repr(many)
    assert "2 × 2 × 3" in repr(many)


def test_dataset_is_frozen() -> None:
    data = load_dataset("digits")
    with pytest.raises(FrozenInstanceError):
        data.source = "elsewhere"  # type: ignore[misc]


def test_import_is_light() -> None:
    program = """
import sys
import lookalike.images.dataset, lookalike.images.store
print([name for name in ("PIL", "sklearn", "pooch", "requests", "rich", "platformdirs", "scipy")
       if name in sys.modules])
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"

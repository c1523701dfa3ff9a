"""Data sets in tables: which file is which part, and what is said of the others."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike import Dataset, load_dataset
from lookalike.images.exceptions import DatasetError

# Each image holds its own number, above a row that tells which way is up.
IMAGES = np.zeros((60, 4, 4), np.uint8)
IMAGES[:, 1:, 0], IMAGES[:, 0] = np.arange(60)[:, np.newaxis], 200
LABELS = np.arange(60) % 3


def table(rows: slice, *, labelled: bool = True, header: bool = True, images: Any = IMAGES) -> str:
    names = ["label"] * labelled + [f"pixel{i}" for i in range(16)]
    lines = [",".join(names)] if header else []
    for label, image in zip(LABELS[rows], images[rows], strict=True):
        lines.append(",".join(map(str, [label] * labelled + image.ravel().tolist())))
    return "\n".join(lines)


def load(folder: Path, files: Mapping[str, str | bytes], **options: Any) -> tuple[Dataset, str]:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        data = load_dataset(folder, **options)
    return data, "\n".join(str(warning.message) for warning in said)


def numbers(images: NDArray[np.uint8]) -> list[int]:
    return [int(n) for n in images[:, 1, 0]]


TRAIN, TEST, LATE = slice(0, 45), slice(45, 60), slice(40, 45)


@pytest.mark.parametrize(
    "files",
    [
        {"train.csv": table(TRAIN), "test.csv": table(TEST)},
        {"fashion-mnist_train.csv": table(TRAIN), "fashion-mnist_test.csv": table(TEST)},
        {"x/x.csv": table(TRAIN), "x_test.csv": table(TEST)},
        {"TRAIN.CSV": table(TRAIN), "t10k.csv": table(TEST)},
        {"csvTrain.csv": table(TRAIN), "csvTest.csv": table(TEST)},
        {"train.csv": table(TRAIN), "validation.csv": table(TEST)},
        {"train.csv.gz": gzip.compress(table(TRAIN).encode()), "test.csv": table(TEST)},
        {"train.csv": table(TRAIN), "train.csv.gz": "", "test.csv": table(TEST)},
        {"train.csv/train.csv": table(TRAIN), "test.csv/test.csv": table(TEST)},
        {
            "sign_train.csv": table(TRAIN),
            "sign_train/sign_train.csv": table(TRAIN),
            "sign_test.csv": table(TEST),
            "letters.png": "",
            "._sign_train.csv": "",
        },
    ],
)
def test_parts_by_their_names(files: dict[str, str | bytes], tmp_path: Path) -> None:
    data, said = load(tmp_path, files)
    np.testing.assert_array_equal(data.train.images, IMAGES[TRAIN])
    np.testing.assert_array_equal(data.test.images, IMAGES[TEST])
    np.testing.assert_array_equal(data.test.labels, LABELS[TEST])
    assert said == ""
    assert data.train.paths is None


def test_kaggle_s_test_part_has_no_labels(tmp_path: Path) -> None:
    files = {"train.csv": table(TRAIN), "test.csv": table(TEST, labelled=False)}
    data, said = load(tmp_path, files | {"sample_submission.csv": "ImageId,Label\n1,0"})
    assert (len(data.train), len(data.test)) == (36, 9)
    assert sorted(numbers(data.train.images) + numbers(data.test.images)) == list(range(45))
    assert "test.csv: it has no column of labels, so it was left out; " in said
    assert "a part of train.csv is held out" in said
    assert "sample_submission.csv was left out, since its name does not say its part" in said
    with pytest.raises(DatasetError, match=r"test\.csv holds no labels: none of its columns"):
        load_dataset(tmp_path / "test.csv")


def test_a_validation_part_joins_training(tmp_path: Path) -> None:
    files = {"train.csv": table(slice(0, 40)), "val.csv": table(LATE), "test.csv": table(TEST)}
    data, said = load(tmp_path, files)
    np.testing.assert_array_equal(data.train.images, IMAGES[TRAIN])
    np.testing.assert_array_equal(data.test.images, IMAGES[TEST])
    assert said.endswith("val.csv: it joins train.csv, to train with")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.csv": table(TRAIN), "b.csv": table(TEST)}, "not clear which of them to train with"),
        ({"a_test.csv": table(TEST), "b_test.csv": table(TEST), "c.csv": ""}, "to test with"),
        ({"latest.csv": table(TEST), "oldest.csv": table(TRAIN)}, "to train with: latest.csv, old"),
        (
            {"train.csv": table(TRAIN, labelled=False), "test.csv": ""},
            r"train\.csv holds no labels",
        ),
        ({"a.csv": table(TRAIN), "a.csv/a.csv": table(TEST)}, "differ; remove the one"),
        ({"labels.csv": "id,breed\nxy,pug", "xy.jpg": ""}, "Names of files are not followed"),
        ({"train.csv": table(TRAIN), "val.csv": "label,p0\n1,1", "test.csv": table(TEST)}, "alike"),
    ],
)
def test_what_is_not_clear(files: dict[str, str], message: str, tmp_path: Path) -> None:
    if "a.csv/a.csv" in files:
        files = {"a.csv": files["a.csv"], "a/a.csv": files["a.csv/a.csv"]}
    with pytest.raises(DatasetError, match=message):
        load(tmp_path, files)


def test_one_table_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "digits.tsv"
    path.write_text(table(TRAIN, header=False).replace(",", "\t"))
    with pytest.warns(UserWarning, match="column 1 was taken for them") as said:
        data = load_dataset(path, test_size=0)
    assert said[0].filename == __file__
    np.testing.assert_array_equal(data.train.images, IMAGES[TRAIN])
    assert data.source == str(path)
    with pytest.raises(DatasetError, match="limit is max_bytes=99"):
        load_dataset(path, max_bytes=99)


@pytest.mark.parametrize("header", [True, False])
def test_emnist_is_turned_upright(header: bool, tmp_path: Path) -> None:
    text = table(TRAIN, header=header, images=IMAGES.swapaxes(1, 2))
    files = {
        "emnist-letters-train.csv": text,
        "emnist-letters-mapping.txt": "0 65 97\n1 66 98\n2 67\n",
    }
    data, said = load(tmp_path, files, test_size=0)
    np.testing.assert_array_equal(data.train.images, IMAGES[TRAIN])
    assert data.class_names == ("A", "B", "C")
    assert (
        "has the name of EMNIST, whose images are stored transposed; they were turned upright"
        in said
    )
    data, said = load(tmp_path, files, test_size=0, transpose=False)
    np.testing.assert_array_equal(data.train.images, IMAGES[TRAIN].swapaxes(1, 2))
    assert "EMNIST" not in said


def test_anything_is_transposed_if_asked_for(tmp_path: Path, small_files: Any) -> None:
    whole = load_dataset("digits")
    turned = load_dataset("digits", transpose=True)
    np.testing.assert_array_equal(turned.test.images, whole.test.images.swapaxes(1, 2))
    for name, content in small_files.items():
        (tmp_path / name).write_bytes(content)
    assert load_dataset(tmp_path, transpose=True).train.images.shape[1:] == (5, 6)
    data = load_dataset(tmp_path, transpose=True, image_shape=(5, 6))
    assert data.train.images.flags.c_contiguous
    rows = tmp_path / "rows.csv"
    rows.write_text("\n".join(f"{i % 2},1,2,3,4,5,6" for i in range(9)))
    with pytest.warns(UserWarning, match="column 1 was taken"):
        data = load_dataset(rows, transpose=True, image_shape=(2, 3))
    assert data.train.images[0].tolist() == [[1, 3, 5], [2, 4, 6]]


def test_a_folder_as_torchvision_keeps_it(
    tmp_path: Path, small_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in small_files.items():
        (raw / name).write_bytes(content)
    for path in (tmp_path, tmp_path / "MNIST", raw, raw / "train-images-idx3-ubyte.gz"):
        assert len(load_dataset(path).train) == 40


def test_a_folder_here_before_a_data_set_elsewhere(
    homes: tuple[Path, Path],
    small_files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    here = tmp_path / "here"
    for folder in (homes[0] / "letters", here / "letters"):
        folder.mkdir(parents=True)
        for name, content in small_files.items():
            (folder / name).write_bytes(content)
    monkeypatch.chdir(here)
    assert load_dataset("./letters").source == load_dataset(Path("letters")).source == "letters"
    assert not recwarn
    assert load_dataset("letters").source == "letters"
    assert "'letters' is the folder here, and not the data set in" in str(recwarn[0].message)
    recwarn.clear()
    monkeypatch.chdir(homes[0])
    assert load_dataset("letters").source == "letters"
    assert not recwarn

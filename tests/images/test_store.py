"""Where data sets are looked for, in which order, and what counts as found."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from lookalike import load_dataset
from lookalike.images import store
from lookalike.images.catalogue import CATALOGUE, CatalogueEntry, CatalogueFile
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> CatalogueEntry:
    """Put the small data set in the catalogue, with no hashes and no mirrors."""
    files = {
        ("train", "images"): CatalogueFile("train-images-idx3-ubyte.gz", (40, 6, 5)),
        ("train", "labels"): CatalogueFile("train-labels-idx1-ubyte.gz", (40,)),
        ("test", "images"): CatalogueFile("t10k-images-idx3-ubyte.gz", (10, 6, 5)),
        ("test", "labels"): CatalogueFile("t10k-labels-idx1-ubyte.gz", (10,)),
    }
    entry = CatalogueEntry(files, (), tuple("abcde"))
    monkeypatch.setitem(CATALOGUE, "small", entry)
    return entry


def put(folder: Path, files: dict[str, bytes], *, uncompressed: bool = False) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        if uncompressed:
            (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


def test_own_folder_goes_before_the_cache(homes, small, small_files) -> None:
    own, cache = homes
    put(cache / "small", small_files)
    assert load_dataset("small").source == str(cache / "small")
    put(own / "small", small_files, uncompressed=True)
    assert load_dataset("small").source == str(own / "small")


def test_incomplete_folder_is_not_found(homes, small, small_files) -> None:
    folder = put(homes[0] / "small", small_files)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert store.find_folder("small") is None
    with pytest.raises(DatasetNotFoundError, match="lies in none of"):
        load_dataset("small", download=False)


def test_damaged_file_is_named(homes, small, small_files) -> None:
    folder = put(homes[0] / "small", small_files)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"small/train-images-idx3-ubyte\.gz cannot be read"):
        load_dataset("small")


def test_file_of_another_shape_is_refused(homes, small, small_files) -> None:
    files = dict(small_files)
    files["train-images-idx3-ubyte.gz"] = files["t10k-images-idx3-ubyte.gz"]
    put(homes[0] / "small", files)
    with pytest.raises(DatasetError, match=r"holds uint8 of shape \(10, 6, 5\) instead of"):
        load_dataset("small")


def test_any_folder_among_the_data_is_found_by_name(homes, small_files) -> None:
    put(homes[0] / "mine", small_files)
    assert len(load_dataset("mine").train) == 40
    found = {dataset.name: dataset for dataset in store.find_datasets()}
    assert found["mine"] == ("mine", homes[0] / "mine", "on this machine")


def test_find_datasets(homes, small, small_files) -> None:
    folder = put(homes[1] / "small", small_files)
    found = {dataset.name: dataset for dataset in store.find_datasets()}
    assert list(found) == ["digits", "mnist", "fashion-mnist", "kmnist", "small"]
    assert found["digits"] == ("digits", None, "bundled with scikit-learn")
    assert found["mnist"] == ("mnist", None, "download")
    assert found["small"] == ("small", folder, "on this machine")


def test_no_own_folder(homes, monkeypatch) -> None:
    monkeypatch.delenv("LOOKALIKE_DATA")
    assert store.data_folders() == [homes[1]]


def test_cache_folder_is_the_users() -> None:
    assert store.cache_folder().is_absolute()
    assert "lookalike" in store.cache_folder().parts


def test_unknown_names_suggest_known_ones(homes) -> None:
    with pytest.raises(DatasetNotFoundError, match="did you mean 'fashion-mnist'"):
        load_dataset("fashion_mnist")
    with pytest.raises(DatasetNotFoundError, match="names are digits, mnist, fashion-mnist"):
        load_dataset("/nowhere/at/all")
    with pytest.raises(DatasetNotFoundError, match="no data set 'digits' to fetch"):
        store.fetch_dataset("digits")


def test_catalogue_is_whole() -> None:
    assert list(CATALOGUE) == ["mnist", "fashion-mnist", "kmnist"]
    hashes = set()
    for entry in CATALOGUE.values():
        assert len(entry.mirrors) >= 2
        assert all(mirror.endswith("/") for mirror in entry.mirrors)
        assert len(entry.class_names) == 10
        shapes = [file.shape for file in entry.files.values()]
        assert shapes == [(60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,)]
        for file in entry.files.values():
            hashes.add(file.content_sha256 or file.gzip_sha256)
    assert len(hashes) == 12
    assert all(len(digest) == 64 and int(digest, 16) for digest in hashes)


@pytest.mark.mnist
def test_real_mnist() -> None:
    data = load_dataset("mnist", download=False)  # compares the hashes of all four files
    assert data.train.images.shape == (60_000, 28, 28)
    assert data.test.images.shape == (10_000, 28, 28)
    assert data.train.images.dtype == np.uint8
    assert data.train.labels.dtype == np.int64
    # the counts of each digit that LeCun's files have
    np.testing.assert_array_equal(
        np.bincount(data.test.labels), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    )
    np.testing.assert_array_equal(
        np.bincount(data.train.labels),
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    )
    assert data.class_names == tuple("0123456789")


@pytest.mark.mnist
def test_one_changed_pixel_is_not_mnist(tmp_path, monkeypatch) -> None:
    folder = store.find_folder("mnist")
    changed = tmp_path / "mnist"
    changed.mkdir()
    for file in CATALOGUE["mnist"].files.values():
        path = folder / file.name
        content = gzip.decompress(path.read_bytes())
        (changed / file.name.removesuffix(".gz")).write_bytes(content)
    path = changed / "t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    monkeypatch.setenv("LOOKALIKE_DATA", str(tmp_path))
    with pytest.raises(DatasetError, match="wrong SHA-256 for t10k-images"):
        load_dataset("mnist")
    assert len(load_dataset(changed).test) == 10_000  # by path it is what it is

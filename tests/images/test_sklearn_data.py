"""scikit-learn's data sets: the bundled digits, any Bunch, and OpenML (without the network)."""

from __future__ import annotations

from urllib.error import URLError

import numpy as np
import pytest
import sklearn.datasets
from sklearn.utils import Bunch

from lookalike import load_dataset
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError

ROWS = np.arange(10 * 12).reshape(10, 12) % 256
TARGET = np.array([0, 1] * 5)


def test_digits_are_scikit_learns() -> None:
    data = load_dataset("digits")
    expected = sklearn.datasets.load_digits()
    assert data.train.images.dtype == np.uint8
    assert data.train.images.max() == 16
    assert data.class_names == tuple("0123456789")
    found = np.concatenate([data.train.images, data.test.images])
    labels = np.concatenate([data.train.labels, data.test.labels])
    order, expected_order = (
        np.lexsort(np.column_stack([x.reshape(len(x), -1), y]).T)
        for x, y in ((found, labels), (expected.images, expected.target))
    )
    np.testing.assert_array_equal(found[order], expected.images[expected_order])
    np.testing.assert_array_equal(labels[order], expected.target[expected_order])


def test_bunch_with_images_and_names() -> None:
    bunch = Bunch(
        images=ROWS.reshape(10, 3, 4),
        data=ROWS,
        target=TARGET,
        target_names=np.array(["no", "yes"]),
    )
    data = load_dataset(bunch)
    assert data.train.images.shape == (8, 3, 4)
    assert data.class_names == ("no", "yes")
    assert data.source == "Bunch"


def test_rows_need_a_shape_unless_square() -> None:
    bunch = Bunch(data=ROWS, target=TARGET)
    with pytest.raises(DatasetError, match=r"rows of 12 values are not square images; give"):
        load_dataset(bunch)
    assert load_dataset(bunch, image_shape=(3, 4)).train.images.shape == (8, 3, 4)
    assert load_dataset(bunch, image_shape=(2, 2, 3)).train.images.shape == (8, 2, 2, 3)
    with pytest.raises(DatasetError, match=r"image_shape=\(5, 2\), which have 10"):
        load_dataset(bunch, image_shape=(5, 2))
    assert load_dataset(Bunch(data=ROWS[:, :9], target=TARGET)).train.images.shape == (8, 3, 3)


@pytest.mark.parametrize(
    ("bunch", "message"),
    [
        (Bunch(data=ROWS), r"only \['data'\]; a Bunch needs data \(or images\) and target"),
        (Bunch(data=[[1, 2], [3]], target=[0, 1]), "inhomogeneous"),
        (Bunch(data=ROWS[:0], target=[]), r"shape \(0, 12\) holds no images"),
    ],
)
def test_what_a_bunch_lacks_is_named(bunch: Bunch, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load_dataset(bunch)


def test_openml_by_name_and_number(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch_openml(**options: object) -> Bunch:
        asked.append(options)
        target = np.array(["b", "a"] * 5, dtype=object)
        return Bunch(data=ROWS[:, :9].astype(float), target=target, target_names=["class"])

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch_openml)
    data = load_dataset("openml:Some-Digits")
    assert data.class_names == ("a", "b")
    assert data.train.images.dtype == np.uint8
    assert data.source == "OpenML Some-Digits"
    load_dataset("openml:554")
    assert asked[0]["name"] == "Some-Digits"
    assert asked[1]["data_id"] == 554
    assert "name" not in asked[1]


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (URLError("no network"), DatasetNotFoundError, "from OpenML: .*no network.*check the name"),
        (ValueError("No active dataset x"), DatasetNotFoundError, "No active dataset x"),
        (ImportError("no pandas"), DatasetError, "pip install pandas"),
    ],
)
def test_openml_failures(
    failure: Exception, kind: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch_openml(**options: object) -> Bunch:
        raise failure

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch_openml)
    with pytest.raises(kind, match=message):
        load_dataset("openml:x")


def test_images_as_objects_and_signed_bytes() -> None:
    images = np.arange(0, 240, dtype=np.uint8).reshape(15, 4, 4)
    column = np.empty(15, object)
    column[:] = list(images)
    data = load_dataset(Bunch(data=column, target=np.arange(15) % 3), test_size=0)
    np.testing.assert_array_equal(data.train.images, images)
    with pytest.raises(DatasetError, match=r"int8 hold -128, .* give images\.view\('uint8'\)"):
        load_dataset(Bunch(data=images.view(np.int8), target=np.arange(15) % 3))

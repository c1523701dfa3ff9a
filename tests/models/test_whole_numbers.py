"""Models of whole numbers in any dtype answer pictures; of other numbers it is said why not."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike import KNeighborsClassifier, LookalikeClassifier, load_dataset, save_model
from lookalike.models.model import Model, open_model
from lookalike.models.safetensors_map import ModelError

DATA = load_dataset("digits")
IMAGES, NAMES = DATA.train.images[:300] * 15, np.array(list("abcdefghij"))[DATA.train.labels[:300]]
ASKED = DATA.test.images[:40] * 15


@pytest.mark.parametrize("dtype", ["i2", "i8", "u4", "f4", "f8"])
@pytest.mark.parametrize("estimator", [KNeighborsClassifier(3), LookalikeClassifier("fast")])
def test_any_dtype_answers_as_bytes_do(estimator: Any, dtype: str, tmp_path: Path) -> None:
    expected = Model(estimator.fit(IMAGES, NAMES)).probabilities(ASKED)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_model(estimator.fit(IMAGES.astype(dtype), NAMES), tmp_path / "model")
        model = open_model(tmp_path / "model")
        np.testing.assert_array_equal(model.probabilities(ASKED), expected)
        assert [own.neighbors[0].row for own in model.explain(IMAGES[:3], 1)] == [0, 1, 2]
        np.testing.assert_array_equal(model.image(7), IMAGES[7])
        assert model.image(7).dtype == np.uint8
        (row,) = model.add(ASKED[:1], ["z"])
        np.testing.assert_array_equal(model.image(row), ASKED[0])
        model.save()
        assert open_model(tmp_path / "model").n_samples == 301


@pytest.mark.parametrize(
    ("images", "cure"),
    [
        (IMAGES / 255, r"np\.rint\(255 \* X\)\.astype\('uint8'\)"),
        ((IMAGES / 127.5 - 1).astype("f4"), r"np\.rint\(127\.5 \* \(X \+ 1\)\)"),
        (IMAGES * 2.5, "scale and round them to those"),
        (IMAGES - 300.0, "scale and round them to those"),
    ],
)
@pytest.mark.parametrize("estimator", [KNeighborsClassifier(3), LookalikeClassifier("fast")])
def test_other_numbers(estimator: Any, images: Any, cure: str, tmp_path: Path) -> None:
    images = images.astype(float)
    estimator.fit(images, NAMES)
    with pytest.warns(UserWarning, match=f"lookalike predict and serve refuse it: .*{cure}") as e:
        save_model(estimator, tmp_path / "model")
    assert e[0].filename == __file__
    with pytest.raises(ModelError, match=rf"fitted to images of float.* whole numbers .*{cure}"):
        open_model(tmp_path / "model")

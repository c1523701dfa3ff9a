"""Model files of every version of the format load for ever, and predict what they did."""

import json
from pathlib import Path

import numpy as np
import pytest

from lookalike.models.file import VERSION, load_model, open_file, save_model
from lookalike.models.model import open_model

FILES = sorted((Path(__file__).parent / "files").glob("*.lookalike"))


def test_there_are_files_of_this_version():
    version = ".".join(map(str, VERSION))
    kinds = {path.stem.removeprefix(f"lookalike-{version}-") for path in FILES}
    assert kinds >= {"votes", "matches"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_predictions_are_as_they_were(path, tmp_path):
    kept = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    queries = np.array(kept["queries"], np.uint8)
    loaded = load_model(path)
    assert loaded.classes_.tolist() == kept["classes"]
    assert loaded.get_params()  # those that files of older versions lack, too
    assert loaded.predict(queries).tolist() == kept["predict"]
    # Matrix products differ in their last digits from one CPU to another, and then are rounded.
    atol = 1e-12 if "votes" in path.stem else 0.02
    np.testing.assert_allclose(loaded.predict_proba(queries), kept["predict_proba"], atol=atol)
    nearest = [row[0] for row in kept["indices"]]
    assert loaded.explain(queries).indices[:, 0].tolist() == nearest
    save_model(loaded, tmp_path / "new")
    again = load_model(tmp_path / "new")
    assert again.predict_proba(queries).tobytes() == loaded.predict_proba(queries).tobytes()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_else_stands_in_the_file(path):
    opened = open_file(path)
    assert opened.description["source"] == "digits"
    assert opened.description["class_names"] == list("0123456789")
    assert opened.form.image_shape == (8, 8)
    assert opened.form.fit == "crop"  # what version 1.0 did, and did not tell
    if "1.0" in path.stem:
        assert opened.originals is None
    else:
        assert opened.originals.name(3) == "3/3.png"
        assert opened.originals.picture(3).shape == (16, 16)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_models_can_be_worked_with(path):
    model = open_model(path)
    image = model.image(7)[np.newaxis]
    assert model.explain(image)[0].neighbours[0].row == 7
    assert model.add(255 - image, ["other"]) == [36]
    assert model.class_names[model.probabilities(255 - image).argmax()] == "other"

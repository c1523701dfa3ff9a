"""Model files of every version of the format load for ever, and predict what they did."""

import json

import numpy as np
import pytest
from tests.models.make_files import CLASSIFIERS, FILES, OF_ROWS, answers

from lookalike.models.class_registry import MODELS, name_of
from lookalike.models.file import VERSION, load_model, open_file, save_model
from lookalike.models.model import open_model

KEPT = sorted(FILES.glob("*.lookalike"))
OF_IMAGES = [path for path in KEPT if path.stem.endswith(CLASSIFIERS)]
OTHERS = [path for path in KEPT if path not in OF_IMAGES]


def test_there_are_files_of_the_versions_that_are_written(tmp_path):
    kinds, versions = set(), set()
    for path in KEPT:
        version = path.stem.split("-")[1]
        loaded = load_model(path)
        save_model(loaded, tmp_path / "again")
        if open_file(tmp_path / "again").version == version:
            kinds.add(name_of(loaded))
            versions.add(version)
    assert kinds == MODELS
    assert max(versions) == ".".join(map(str, VERSION))


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_answers_are_as_they_were(path):
    kept = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    queries = np.array(kept["queries"])[:5]
    loaded = load_model(path)
    if not path.stem.endswith(OF_ROWS):
        queries = queries.astype(np.uint8)
    told = answers(loaded, queries)
    assert told.keys() == kept["answers"].keys()
    for name, parts in kept["answers"].items():
        for now, then in zip(told[name], parts, strict=True):
            if isinstance(np.array(then).flat[0], str):
                assert now == then
            else:
                # A denoiser's values are whole numbers, rounded from sums that the CPU rounds.
                atol = 1 if path.stem.endswith("denoiser") else 1e-9
                if path.stem.endswith(("vectors", "features")):
                    atol = 0.02
                np.testing.assert_allclose(now, then, atol=atol)


@pytest.mark.parametrize("path", OF_IMAGES, ids=lambda path: path.stem)
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


@pytest.mark.parametrize("path", OF_IMAGES, ids=lambda path: path.stem)
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


@pytest.mark.parametrize("path", OF_IMAGES, ids=lambda path: path.stem)
def test_models_can_be_worked_with(path):
    model = open_model(path)
    image = model.image(7)[np.newaxis]
    assert model.explain(image)[0].neighbors[0].row == 7
    assert model.add(255 - image, ["other"]) == [36]
    assert model.class_names[model.probabilities(255 - image).argmax()] == "other"

"""Model files of vectors: by a network, by the user's own code, or alone."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.decomposition import PCA
from tests.features.networks import write_means
from tests.models.hostile import parts_of, write_parts

from lookalike import LookalikeClassifier, PretrainedFeatures, load_model, save_model
from lookalike.images.originals import Originals
from lookalike.models.file import open_file
from lookalike.models.model import open_model
from lookalike.models.safetensors_map import ModelError


@pytest.fixture
def pictures(tmp_path):
    """Files of pictures of several sizes, and their classes, which are colours."""
    rng, files = np.random.default_rng(0), []
    for i in range(18):
        pixels = rng.integers(0, 80, (20 + i, 30, 3), np.uint8)
        pixels[..., i % 3] += 150
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(pixels).save(files[-1])
    return files, [("red", "green", "blue")[i % 3] for i in range(18)]


@pytest.fixture
def network(tmp_path):
    return write_means(tmp_path / "means.onnx")


@pytest.fixture
def saved(pictures, network, path, tmp_path):
    features = PretrainedFeatures(network, fit_to="pad", cache=tmp_path / "cache")
    classifier = LookalikeClassifier("fast", features=features).fit(*pictures)
    save_model(classifier, path, originals=pictures[0])
    return classifier


def test_a_model_with_a_network_answers_as_it_did(saved, pictures, path, tmp_path) -> None:
    loaded = load_model(path)
    assert_array_equal(loaded.predict_proba(pictures[0]), saved.predict_proba(pictures[0]))
    assert loaded.features_.cache is True  # where vectors are kept is not of the model
    save_model(loaded, tmp_path / "again")
    assert open_file(tmp_path / "again").version == "1.2"


def test_opening_loads_no_network(saved, path, monkeypatch, pictures) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    model = open_model(path)
    image = model.read(pictures[0][0]).image[np.newaxis]
    with pytest.raises(ImportError, match=r"pip install 'lookalike\[photos\]'"):
        model.probabilities(image)


def test_a_file_asked_again_is_its_own_nearest(saved, pictures, path) -> None:
    model = open_model(path)
    images = np.stack([model.read(file).image for file in pictures[0]])
    for row, explained in enumerate(model.explain(images, 3)):
        (nearest,) = [one for one in explained.neighbors if one.row == row]
        assert (nearest.distance, nearest.displacement) == (0, None)
        assert nearest.compared.shape == (20 + row, 30, 3)  # the thumbnail
        assert nearest.file.endswith(f"/{row}.png")


def test_pictures_are_added_and_forgotten(saved, path) -> None:
    model = open_model(path)
    white = np.full((5, *model.image_shape), 255, np.uint8)
    assert model.add(white[:3], ["white"] * 3) == [18, 19, 20]
    assert model.class_names[model.probabilities(white)[4].argmax()] == "white"
    assert model.shown(19).min() == 255
    model.save()
    model = open_model(path)
    assert model.class_counts["white"] == 3
    model.remove([18, 19, 20], relearn=True)
    assert "white" not in model.class_names
    assert not model.can_clean


def test_another_network_is_refused(saved, pictures, network, path, tmp_path) -> None:
    write_means(network, side="side")
    with pytest.raises(ValueError, match=rf"{network} is another network .*SHA-256"):
        load_model(path).predict(pictures[0])
    network.unlink()
    with pytest.raises(FileNotFoundError, match=r"is not there; put it .*load_model"):
        load_model(path).predict(pictures[0])
    elsewhere = write_means(tmp_path / "elsewhere.onnx")
    loaded = load_model(path, features=elsewhere)
    assert_array_equal(loaded.predict(pictures[0]), saved.predict(pictures[0]))
    with pytest.raises(ValueError, match=r"trained with the network .*; give the path"):
        load_model(path, features=PCA(3))


def test_a_network_beside_the_model_file_is_found(saved, network, path, pictures, tmp_path) -> None:
    (tmp_path / "new").mkdir()
    for file in (network, path):
        file.rename(tmp_path / "new" / file.name)
    loaded = load_model(tmp_path / "new" / path.name)
    assert_array_equal(loaded.predict(pictures[0]), saved.predict(pictures[0]))


def test_an_embedded_network_needs_no_file(saved, network, path, pictures, tmp_path) -> None:
    save_model(saved, path, embed_network=True)
    network.unlink()
    loaded = load_model(path)
    assert_array_equal(loaded.predict_proba(pictures[0]), saved.predict_proba(pictures[0]))
    save_model(loaded, tmp_path / "again")  # where it stays
    again = load_model(tmp_path / "again")
    assert_array_equal(again.predict(pictures[0]), saved.predict(pictures[0]))
    X = np.eye(6)
    with pytest.raises(ModelError, match="no network makes vectors; leave it out"):
        save_model(LookalikeClassifier("fast").fit(X, [0, 1] * 3), path, embed_network=True)


def brightness(pictures):
    """Return the mean colours of arrays."""
    return np.array([picture.mean(axis=(0, 1)) for picture in pictures])


def test_code_of_the_user_s_own_is_given_again(path) -> None:
    rng = np.random.default_rng(0)
    given = rng.integers(0, 256, (30, 8, 8, 3), np.uint8)
    labels = given.mean(axis=(1, 2)).argmax(axis=1)
    classifier = LookalikeClassifier("fast", features=brightness).fit(given, labels)
    save_model(classifier, path)
    with pytest.raises(ValueError, match=r"features=<function brightness .*load_model\(path, feat"):
        load_model(path).predict(given)
    loaded = load_model(path, features=brightness)
    assert_array_equal(loaded.predict(given), classifier.predict(given))
    with pytest.raises(ModelError, match="features of the user's own"):
        open_model(path)
    with pytest.raises(TypeError, match="features=7; give"):
        load_model(path, features=7)


def test_vectors_alone_are_asked_in_python(path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 5)), np.arange(40) % 2
    X[:, 0] += 4 * y
    classifier = LookalikeClassifier("fast").fit(X, y)
    save_model(classifier, path)
    assert_array_equal(load_model(path).predict(X), classifier.predict(X))
    with pytest.raises(ModelError, match="fitted to vectors, so that pictures tell it nothing"):
        open_model(path)
    with pytest.raises(ValueError, match="trained without; leave it out"):
        load_model(path, features=PCA(2))


def test_originals_of_pictures_of_every_kind(pictures) -> None:
    file = pictures[0][3]
    pixels = np.asarray(Image.open(file))
    for given in (file, str(file), file.read_bytes(), Image.open(file), pixels):
        originals = Originals.of_pictures([given])
        assert originals.picture(0).shape == pixels.shape
    assert Originals.of_pictures([file]).name(0) == f"{file.parent.name}/3.png"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda own, form: form.update(image_shape=[9, 9, 3]), "its form is not that of its netw"),
        (lambda own, form: own.pop("preparation_"), "preparation_"),
        (lambda own, form: own.update(preparation_="square"), "'str' object has no attribute"),
        (lambda own, form: own.update(network=[7]), "list"),
    ],
)
def test_features_that_were_changed_by_hand(saved, path, tmp_path, change, said) -> None:
    header, description, body = parts_of(path)
    change(description["estimator"]["state"]["features_"]["state"], description["form"])
    write_parts(tmp_path / "bad.lookalike", header, description, body)
    with pytest.raises(ModelError, match=rf"is damaged or was made by hand: .*{said}"):
        load_model(tmp_path / "bad.lookalike")

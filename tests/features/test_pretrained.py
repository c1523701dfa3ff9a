"""`PretrainedFeatures`: pictures of every kind in, the same vectors out, once for all runs."""

import io
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from tests.features.networks import write_means

from lookalike import KNeighborsClassifier
from lookalike.features.pretrained import PretrainedFeatures


@pytest.fixture
def means(tmp_path):
    """Features that are the mean of each colour, from a cache of their own."""
    path = write_means(tmp_path / "means.onnx")
    plain = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    return PretrainedFeatures(path, **plain, cache=tmp_path / "cache", batch_size=2)


def pictures(n=5, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (10 + i, 12, 3), np.uint8) for i in range(n)]


def test_arrays_files_contents_and_pillow_s_images_give_the_same(means, tmp_path) -> None:
    arrays = pictures()
    expected = means.fit_transform(arrays)
    assert expected.shape == (5, 3)
    assert expected.dtype == np.float32
    files = [tmp_path / f"{i}.png" for i in range(5)]
    for file, array in zip(files, arrays, strict=True):
        Image.fromarray(array).save(file)
    for given in (
        files,
        [str(file) for file in files],
        [file.read_bytes() for file in files],
        [Image.fromarray(array) for array in arrays],
    ):
        assert_array_equal(means.transform(given), expected)


def test_a_picture_alone_and_in_a_batch_is_the_same() -> None:
    features = PretrainedFeatures(cache=False).fit()
    given = pictures(3)
    assert_allclose(features.transform(given)[1:2], features.transform(given[1:2]), atol=1e-5)


def test_a_second_run_does_not_ask_the_network(means, monkeypatch) -> None:
    given = pictures()
    first = means.fit_transform([*given, given[0]])
    assert_array_equal(first[0], first[-1])
    network = means._network[1]
    monkeypatch.setattr(network, "run", lambda images: pytest.fail("it was asked again"))
    assert_array_equal(means.transform(given), first[:5])


def test_a_file_is_known_once_it_is_in_the_form_of_the_network(means, tmp_path, monkeypatch):
    files = [tmp_path / f"{i}.png" for i in range(5)]
    for file, array in zip(files, pictures(), strict=True):
        Image.fromarray(array).save(file)
    first = means.fit_transform(files)
    network = means._network[1]
    monkeypatch.setattr(network, "run", lambda images: pytest.fail("it was asked again"))
    formed = np.stack([means.form_.apply(array) for array in pictures()])
    assert_array_equal(means.transform(formed), first)


def test_another_preparation_has_vectors_of_its_own(means) -> None:
    given = pictures()
    first = means.fit_transform(given)
    assert not np.allclose(means.set_params(mean=(0.5,) * 3).transform(given), first)


def test_a_damaged_cache_is_told_and_not_used(means) -> None:
    given = pictures()
    first = means.fit_transform(given)
    means._cache_path().write_bytes(b"not a database" * 1000)
    with pytest.warns(UserWarning, match="cannot be used .*remove the file if it is damaged"):
        assert_array_equal(means.transform(given), first)


def test_what_is_done_stays_after_an_interruption(means) -> None:
    given, seen = pictures(), []

    def stop(done, total):
        seen.append((done, total))
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        means.fit().transform(given, progress=stop)
    assert seen == [(2, 5), (4, 5)]
    means._network[1].run = lambda images: np.full((len(images), 3), 7, np.float32)
    assert_array_equal((means.transform(given) == 7).all(axis=1), [False] * 4 + [True])


def test_bad_pictures_are_named(means, tmp_path) -> None:
    (tmp_path / "text.png").write_text("hello")
    for given, message in (
        ([tmp_path / "text.png"], r"text\.png"),
        ([pictures(1)[0], np.zeros((3, 3, 3))], "picture 1: a picture of float64"),
        ([b""], "picture 0"),
        ("one.png", "give a list of pictures"),
    ):
        with pytest.raises(ValueError, match=message):
            means.fit().transform(given)
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        means.transform([tmp_path / "none.png"])
    with pytest.raises(ValueError, match="batch_size=0; give at least 1"):
        clone(means).set_params(batch_size=0).fit()


def test_no_pictures_give_no_vectors(means) -> None:
    assert means.fit_transform([]).shape == (0, 3)


def test_it_is_a_transformer_of_scikit_learn_s(means) -> None:
    given = pictures(8)
    labels = np.arange(8) % 2
    model = make_pipeline(clone(means), KNeighborsClassifier(1)).fit(given, labels)
    assert_array_equal(model.predict(given), labels)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(given), labels)
    names = model[0].get_feature_names_out().tolist()
    assert names == [f"pretrainedfeatures{i}" for i in range(3)]


def test_a_network_that_was_replaced_is_noticed(means, tmp_path) -> None:
    kept = pickle.dumps(means.fit())
    write_means(tmp_path / "means.onnx", layout="tokens")
    with pytest.raises(ValueError, match=r"another network than it was .*fit again"):
        pickle.loads(kept).transform(pictures())
    assert pickle.loads(kept).fit().digest_ != means.digest_


def test_transparent_pictures_are_shown_on_white(means) -> None:
    stream = io.BytesIO()
    Image.new("RGBA", (8, 8), (9, 9, 9, 0)).save(stream, "PNG")
    assert_allclose(means.fit_transform([stream.getvalue()]), [[1, 1, 1]])

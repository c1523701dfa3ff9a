"""Networks of ONNX files: inputs, outputs, how pictures are prepared, and what is refused."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.features.networks import write_means

from lookalike.features.network import IMAGENET, Network, PhotosMissingError

WHITE = np.full((2, 8, 8, 3), 255, np.uint8)


def test_the_usual_preparation_is_imagenet_s(tmp_path) -> None:
    network = Network(write_means(tmp_path / "means.onnx"))
    mean, std = IMAGENET
    assert network.preparation == ((8, 8), mean, std, "crop", 1.0)
    assert_allclose(network.run(WHITE), [(1 - np.array(mean)) / std] * 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("config", "size", "fit", "zoom"),
    [
        ({"size": 6}, (6, 6), "stretch", 1.0),
        ({"size": {"height": 6, "width": 4}}, (6, 4), "stretch", 1.0),
        (
            {"size": {"shortest_edge": 8}, "do_center_crop": True, "crop_size": 6},
            (6, 6),
            "crop",
            0.75,
        ),
    ],
)
def test_a_file_beside_it_says_how_pictures_are_prepared(tmp_path, config, size, fit, zoom) -> None:
    named = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, **config}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(named))
    network = Network(write_means(tmp_path / "means.onnx", side="side"))
    assert network.preparation == (size, (0.5,) * 3, (0.25,) * 3, fit, zoom)
    blank = np.full((1, *network.preparation.form.image_shape), 255, np.uint8)
    assert_allclose(network.run(blank), [[2, 2, 2]])
    own = Network(tmp_path / "means.onnx", options={"mean": (0.0,) * 3})
    assert_allclose(own.run(blank), [[4, 4, 4]])


def test_the_middle_is_cut_out() -> None:
    from lookalike.features.network import Preparation

    preparation = Preparation((2, 2), (0.0,) * 3, (1.0,) * 3, "crop", 0.5)
    image = np.zeros(preparation.form.image_shape, np.uint8)
    image[1:3, 1:3, 0] = 255
    assert image.shape == (4, 4, 3)
    assert preparation.values(image[None])[0].tolist() == [[[1, 1]] * 2, [[0, 0]] * 2, [[0, 0]] * 2]


def test_tokens_give_the_first_or_their_mean(tmp_path) -> None:
    path = write_means(tmp_path / "tokens.onnx", layout="tokens")
    picture = np.zeros((1, 8, 8, 3), np.uint8)
    picture[0, 0, 0] = 255
    options = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    assert_allclose(Network(path, options=options).run(picture), [[1, 1, 1]])
    mean = Network(path, options=options, pooling="mean").run(picture)
    assert_allclose(mean, [[1 / 64] * 3], rtol=1e-5)


def test_vectors_are_preferred_to_tokens_and_an_output_can_be_named(tmp_path) -> None:
    path = write_means(tmp_path / "both.onnx", layout="both")
    options = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    picture = np.zeros((1, 8, 8, 3), np.uint8)
    picture[0, 0, 0] = 255
    assert_allclose(Network(path, options=options).run(picture), [[1 / 64] * 3], rtol=1e-5)
    tokens = Network(path, options=options, output="tokens").run(picture)
    assert_allclose(tokens, [[1, 1, 1]])
    with pytest.raises(ValueError, match=r"outputs vectors .*tokens .*give output="):
        Network(path, output="logits")


def test_what_is_no_network_is_refused_with_the_cure(tmp_path, monkeypatch) -> None:
    with pytest.raises(FileNotFoundError, match="give 'efficientnet-lite0' or the path of an ONNX"):
        Network("dinov9")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ValueError, match=r"text\.onnx is no network that onnxruntime can run"):
        Network(tmp_path / "text.onnx")
    path = write_means(tmp_path / "means.onnx", side="side")
    with pytest.raises(ValueError, match=r"any size; give size=\(h, w\)"):
        Network(path)
    (tmp_path / "preprocessor_config.json").write_text("[]")
    with pytest.raises(ValueError, match="does not say how pictures are prepared"):
        Network(path)
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(PhotosMissingError, match=r"pip install 'lookalike\[photos\]'"):
        Network("efficientnet-lite0")


def test_no_telemetry_is_collected(tmp_path) -> None:
    home = tmp_path / "home"
    asked = f"""
from lookalike.features.network import Network
Network({str(write_means(tmp_path / "means.onnx"))!r})
"""
    environment = {**os.environ, "XDG_CACHE_HOME": str(home), "HOME": str(home)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", asked], env=environment, check=True)
    assert not [file for file in home.rglob("*") if "onnxruntime" in file.name]

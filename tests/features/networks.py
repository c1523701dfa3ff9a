"""Small networks as ONNX files, for tests."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_means(path: Path, *, side: int | str = 8, layout: str = "vectors") -> Path:
    """Write a network whose vector is the mean of each colour, or whose tokens are the pixels."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["vectors"]),
        helper.make_node("Reshape", ["x", "shape"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["tokens"], perm=[0, 2, 1]),
    ]
    shape = numpy_helper.from_array(np.array([0, 3, -1]), "shape")
    ends = {
        "vectors": helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", 3]),
        "tokens": helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["n", "t", 3]),
    }
    outputs = list(ends.values()) if layout == "both" else [ends[layout]]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, side, side])],
        outputs,
        [shape],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    return path

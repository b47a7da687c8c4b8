"""Prepare Silero for many small calls: ``python -m rejoinder.models.trim SOURCE DESTINATION``.

The published graph takes two sample rates and any shape: around a tiny network it runs over a hundred operators that
ask for shapes, branch, and cut the recurrent weights into order anew for each window. This builds the same network from
the same weights, for 16 kHz only, as twenty operators with everything constant. The numbers that come out are the same
(checked here to 1e-4); a call costs a third when it comes alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

NAME = "silero_vad.onnx"
WINDOW, CONTEXT, STATE = 512, 64, 128
BINS = 129
"""Frequencies of the model's spectrum: 256 samples a frame, a frame every 128."""
OPSET = 16
TOLERANCE = 1e-4


def _weights(graph: Any, found: dict[str, Any]) -> dict[str, Any]:
    """All constants of a graph and the graphs inside it, by the last part of their names."""
    from onnx import numpy_helper

    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _weights(attribute.g, found)
            elif node.op_type == "Constant" and attribute.HasField("t"):
                found[node.output[0].rsplit("__", 1)[-1]] = numpy_helper.to_array(attribute.t)
    return found


def _gates(matrix: Any) -> Any:
    """The four gates of a recurrent layer, from the order input, forget, cell, output to ONNX's."""
    first, forget, cell, last = np.split(matrix, 4)
    return np.concatenate([first, last, forget, cell])[np.newaxis]


def _constants(weights: dict[str, Any]) -> dict[str, Any]:
    basis = weights["stft.forward_basis_buffer"]
    constants = {
        "real": basis[:BINS],
        "imaginary": basis[BINS:],
        "w": _gates(weights["decoder.rnn.weight_ih"]),
        "r": _gates(weights["decoder.rnn.weight_hh"]),
        "b": np.concatenate([_gates(weights["decoder.rnn.bias_ih"]), _gates(weights["decoder.rnn.bias_hh"])], axis=1),
        "out_w": weights["decoder.decoder.2.weight"],
        "out_b": weights["decoder.decoder.2.bias"].reshape(1),
        "pad": np.array([0, 0, 0, CONTEXT], np.int64),
        "one": np.array([1], np.int64),
        "two": np.array([2], np.int64),
    }
    for layer in range(4):
        constants[f"w{layer}"] = weights[f"encoder.{layer}.reparam_conv.weight"]
        constants[f"b{layer}"] = weights[f"encoder.{layer}.reparam_conv.bias"]
    return constants


def _nodes() -> list[Any]:
    from onnx.helper import make_node as node

    nodes = [
        node("Pad", ["input", "pad"], ["padded"], mode="reflect"),
        node("Unsqueeze", ["padded", "one"], ["sound"]),
        node("Conv", ["sound", "real"], ["re"], strides=[128]),
        node("Conv", ["sound", "imaginary"], ["im"], strides=[128]),
        node("Mul", ["re", "re"], ["re2"]),
        node("Mul", ["im", "im"], ["im2"]),
        node("Add", ["re2", "im2"], ["power"]),
        node("Sqrt", ["power"], ["x0"]),
    ]
    for layer, stride in enumerate((1, 2, 2, 1)):
        inputs = [f"x{layer}", f"w{layer}", f"b{layer}"]
        nodes.append(node("Conv", inputs, [f"c{layer}"], pads=[1, 1], strides=[stride]))
        nodes.append(node("Relu", [f"c{layer}"], [f"x{layer + 1}"]))
    return [
        *nodes,
        node("Transpose", ["x4"], ["step"], perm=[2, 0, 1]),
        node("Split", ["state"], ["h", "c"], axis=0),
        node("LSTM", ["step", "w", "r", "b", "", "h", "c"], ["", "h_after", "c_after"], hidden_size=STATE),
        node("Concat", ["h_after", "c_after"], ["stateN"], axis=0),
        node("Relu", ["h_after"], ["heard"]),
        node("Transpose", ["heard"], ["column"], perm=[1, 2, 0]),
        node("Conv", ["column", "out_w", "out_b"], ["score"]),
        node("Sigmoid", ["score"], ["likely"]),
        node("Squeeze", ["likely", "two"], ["output"]),
    ]


def build(source: Path) -> bytes:
    """The trimmed model. Raises KeyError when ``source`` is another network than the one known here."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    choice = next(node for node in onnx.load(str(source)).graph.node if node.op_type == "If")
    branch = next(attribute.g for attribute in choice.attribute if attribute.name == "then_branch")
    constants = _constants(_weights(branch, {}))
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        _nodes(),
        "silero",
        [
            helper.make_tensor_value_info("input", floats, ["n", CONTEXT + WINDOW]),
            helper.make_tensor_value_info("state", floats, [2, "n", STATE]),
        ],
        [
            helper.make_tensor_value_info("output", floats, ["n", 1]),
            helper.make_tensor_value_info("stateN", floats, [2, "n", STATE]),
        ],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def difference(source: Path, trimmed: bytes) -> float:
    """The largest difference between the two models' outputs over a stretch of noise that swells and fades."""
    import onnxruntime

    old = onnxruntime.InferenceSession(str(source), providers=["CPUExecutionProvider"])
    new = onnxruntime.InferenceSession(trimmed, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(1)
    states = [np.zeros((2, 3, STATE), np.float32)] * 2
    worst = 0.0
    for step in range(40):
        level = 0.3 * np.sin(step / 6) ** 2
        sound = (level * random.standard_normal((3, CONTEXT + WINDOW))).astype(np.float32)
        one = old.run(None, {"input": sound, "state": states[0], "sr": np.array(16_000, np.int64)})
        two = new.run(None, {"input": sound, "state": states[1]})
        states = [one[1], two[1]]
        worst = max(worst, *(float(np.abs(a - b).max()) for a, b in zip(one, two, strict=True)))
    return worst


def trim(source: Path, target: Path) -> None:
    """Make ``target``'s model of ``source``'s. Raises ValueError when they do not agree."""
    trimmed = build(source / NAME)
    worst = difference(source / NAME, trimmed)
    if worst > TOLERANCE:
        raise ValueError(f"the trimmed model differs by {worst}")
    (target / NAME).write_bytes(trimmed)


if __name__ == "__main__":
    trim(Path(sys.argv[1]), Path(sys.argv[2]))

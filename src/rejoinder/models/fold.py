"""Prepare Moonshine for the CPU: ``python -m rejoinder.models.fold SOURCE DESTINATION``.

The published files keep their weights as bytes that every decoder step would convert to floats again,
because models in onnxruntime's own format are not optimised when loaded. So: back to ONNX, constants folded
to float weights, matrix products quantised to int8 (which the CPU multiplies directly), and saved optimised.
About ten times faster.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

GRAPHS = ("encoder_model", "decoder_model_merged")


def _save(source: Path, target: Path, form: str, level: Any) -> None:
    """Let onnxruntime load ``source``, optimise it to ``level`` and write it as ``form`` (ONNX or ORT)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.add_session_config_entry("session.save_model_format", form)
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def _name_branches(path: Path) -> None:
    """Give the branches of conditionals names: onnxruntime drops them, onnx wants them."""
    import onnx

    model = onnx.load(str(path))
    graphs = [model.graph]
    count = 0
    while graphs:
        for node in graphs.pop().node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    if not attribute.g.name:
                        attribute.g.name = f"branch{count}"
                        count += 1
                    graphs.append(attribute.g)
    onnx.save(model, str(path))


def fold(source: Path, target: Path) -> None:
    """Write the prepared model of folder ``source`` into folder ``target``."""
    from onnxruntime import GraphOptimizationLevel
    from onnxruntime.quantization import QuantType, quantize_dynamic

    for name in GRAPHS:
        plain, folded, small = (target / f"{name}.{step}.onnx" for step in ("plain", "folded", "small"))
        _save(source / f"{name}.ort", plain, "ONNX", GraphOptimizationLevel.ORT_DISABLE_ALL)
        _name_branches(plain)
        _save(plain, folded, "ONNX", GraphOptimizationLevel.ORT_ENABLE_BASIC)
        _name_branches(folded)
        quantize_dynamic(
            str(folded),
            str(small),
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gemm"],
            extra_options={"EnableSubgraph": True, "MatMulConstBOnly": True},
        )
        _save(small, target / f"{name}.ort", "ORT", GraphOptimizationLevel.ORT_ENABLE_EXTENDED)
        for path in (plain, folded, small):
            path.unlink()
    shutil.copy(source / "tokenizer.bin", target)


if __name__ == "__main__":
    fold(Path(sys.argv[1]), Path(sys.argv[2]))

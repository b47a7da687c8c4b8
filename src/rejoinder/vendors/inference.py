"""onnxruntime sessions as servers want them: few threads, none of which spins while it has nothing to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rejoinder.errors import ModelCorrupt, ModelUnavailable

INSTALL_LOCAL = "pip install 'rejoinder[local]'"
"""The sentence that ends every complaint about a missing package."""


def missing(package: str) -> ModelUnavailable:
    """The error for a local model whose ``package`` is not installed."""
    return ModelUnavailable(f"The local models need the package {package!r}: {INSTALL_LOCAL}")


def load_session(path: Path, *, threads: int = 1) -> Any:
    """Open an ONNX or ORT model on the CPU with ``threads`` threads.

    A spinning thread pool is a little faster for one caller and starves media threads on small machines, so
    waiting threads sleep. Raises :class:`ModelUnavailable` without onnxruntime or the file,
    :class:`ModelCorrupt` when the file is no model.
    """
    try:
        import onnxruntime
    except ImportError:
        raise missing("onnxruntime") from None
    if not path.is_file():
        raise ModelUnavailable(f"The model file {path} is missing; run: rejoinder models fetch")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelCorrupt(f"onnxruntime cannot load {path.name}: {error}") from error

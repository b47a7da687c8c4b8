"""Starting the local model when it cannot be started."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from rejoinder.agent.base import Message
from rejoinder.errors import ModelUnavailable, ProviderError
from rejoinder.vendors.llama.llm import LlamaModel, LlamaProcess


def test_a_missing_file_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="rejoinder models fetch"):
        asyncio.run(LlamaProcess.start(tmp_path / "none.gguf"))


def test_a_file_that_is_no_model_is_an_error_at_once(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF nonsense")
    began = time.monotonic()
    with pytest.raises(ModelUnavailable, match=r"model\.gguf cannot be loaded"):
        asyncio.run(LlamaProcess.start(path))
    assert time.monotonic() - began < 30


def test_a_model_that_is_down_says_so() -> None:
    async def main() -> None:
        model = LlamaModel(LlamaProcess(Path("model.gguf")))
        await model.warm([Message("user", "Hello?")])
        async for _ in model.stream([Message("user", "Hello?")]):
            pass

    with pytest.raises(ProviderError, match="started again") as caught:
        asyncio.run(main())
    assert caught.value.retryable

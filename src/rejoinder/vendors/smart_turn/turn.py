"""Smart Turn v3: hears from melody and rhythm whether a speaker has finished."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from rejoinder.agent.base import STT_RATE, Samples
from rejoinder.vendors.inference import load_session
from rejoinder.vendors.smart_turn.features import SAMPLES, log_mel


class SmartTurn:
    """The :class:`~rejoinder.agent.base.TurnModel` of a process; ``folder`` holds
    ``smart-turn-v3.2-cpu.onnx``.

    One worker thread answers one question after the other, each in about 50 ms. Callers wait with a
    deadline: a question whose caller has given up (cancelled) before its turn is not computed. Raises
    :class:`~rejoinder.errors.ModelError` when the model cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._session = load_session(folder / "smart-turn-v3.2-cpu.onnx")
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="smart-turn")
        self._score(np.zeros(STT_RATE, np.float32))  # the first run allocates

    async def score(self, samples: Samples) -> float:
        """Probability that the turn is complete; see :class:`~rejoinder.agent.base.TurnModel`."""
        recent = np.array(samples[-SAMPLES:], np.float32)  # the caller may go on writing into its buffer
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._score, recent)

    def _score(self, samples: Samples) -> float:
        (scores,) = self._session.run(None, {"input_features": log_mel(samples)[np.newaxis]})
        return float(scores[0, 0])

    def close(self) -> None:
        """Stop the worker thread."""
        self._worker.shutdown(wait=True, cancel_futures=True)

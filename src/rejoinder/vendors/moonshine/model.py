"""Moonshine speech recognition on onnxruntime: encoder, greedy decoder with its cache, and the token table.

One decode of an utterance costs the encoder (about 12 ms per second of audio) and one decoder step per
token (about 4 ms). Tokens of an earlier decode of nearly the same audio are *verified* in one pass instead
of being decoded again, which gives the very same result: greedy decoding picks, at each position, the token
that pass shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rejoinder.agent.base import STT_RATE, Samples
from rejoinder.errors import ModelCorrupt
from rejoinder.vendors.inference import load_session

START, END = 1, 2
"""Token ids of the beginning and the end of a text."""
HEADS, HEAD_WIDTH = 8, 52
"""Shape of the base model's attention cache."""

TOKENS_PER_SECOND = 6.5
"""Its authors' bound on tokens per second of English speech; what exceeds it is a loop of the decoder."""
EXTRA_TOKENS = 4
"""Allowed beyond the bound, for very short utterances."""
SHORTEST = STT_RATE // 2
"""Shorter audio is padded with silence to this many samples: the model was not made for less."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Tokens of a decode; ``complete`` is False when it was told to stop early."""

    tokens: list[int]
    complete: bool


def read_tokens(data: bytes) -> list[bytes]:
    """The token table of a ``tokenizer.bin``: each entry is its length and its bytes.

    Lengths of 128 and more take two bytes, seven bits of the value in the first. Raises
    :class:`ModelCorrupt`.
    """
    table: list[bytes] = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            if at >= len(data):
                raise ModelCorrupt("tokenizer.bin ends inside a length")
            length = data[at] * 128 + length - 128
            at += 1
        if at + length > len(data):
            raise ModelCorrupt("tokenizer.bin ends inside a token")
        table.append(data[at : at + length])
        at += length
    return table


def text_of(tokens: Sequence[int], table: Sequence[bytes]) -> str:
    """The text of ``tokens``; special tokens and ids outside the table have none."""
    parts = [
        table[token] for token in tokens if token < len(table) and not table[token].startswith((b"<s", b"</s", b"<unk"))
    ]
    return b"".join(parts).decode("utf-8", "replace").replace("\u2581", " ").strip()


def token_limit(samples: int) -> int:
    """How many tokens ``samples`` (16 kHz) of speech can be."""
    return int(samples / STT_RATE * TOKENS_PER_SECOND) + EXTRA_TOKENS


class Moonshine:
    """The model in ``folder`` (``encoder_model.ort``, ``decoder_model_merged.ort``, ``tokenizer.bin``).

    Not thread-safe. Raises :class:`~rejoinder.errors.ModelError`.
    """

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        self._encoder = load_session(folder / "encoder_model.ort", threads=threads)
        # A decoder step is too small to gain from a second thread.
        self._decoder = load_session(folder / "decoder_model_merged.ort", threads=1)
        self._table = read_tokens((folder / "tokenizer.bin").read_bytes())
        names = [value.name for value in self._decoder.get_inputs()]
        self._past = [name for name in names if name.startswith("past_key_values.")]
        self._outputs = ["logits", *(name.replace("past_key_values", "present") for name in self._past)]
        self._own = [name for name in self._past if ".decoder." in name]
        self._own_outputs = ["logits", *(name.replace("past_key_values", "present") for name in self._own)]

    def text(self, tokens: Sequence[int]) -> str:
        """The text of ``tokens``."""
        return text_of(tokens, self._table)

    def decode(self, samples: Samples, guess: Sequence[int] = (), stop: Callable[[], bool] = lambda: False) -> Decoded:
        """Tokens of ``samples`` (16 kHz).

        ``guess``: tokens of an earlier decode of the beginning of this audio, to be verified first.
        ``stop`` is asked between steps; once true, what is decoded so far is returned.
        """
        if len(samples) < SHORTEST:
            samples = np.pad(samples, (0, SHORTEST - len(samples)))
        limit = token_limit(len(samples))
        (hidden,) = self._encoder.run(None, {"input_values": samples[np.newaxis]})
        if stop():
            return Decoded(list(guess), complete=False)
        guess = guess[:limit]
        tokens, token, cache = self._begin(hidden, guess)
        while token != END and len(tokens) < limit:
            tokens.append(token)
            if stop():
                return Decoded(tokens, complete=False)
            token = self._step(hidden, token, cache)
        return Decoded(tokens, complete=True)

    def _begin(self, hidden: Any, guess: Sequence[int]) -> tuple[list[int], int, dict[str, Any]]:
        """The verified part of ``guess``, the token after it, and the cache up to there."""
        empty = np.zeros((1, HEADS, 0, HEAD_WIDTH), np.float32)
        inputs: dict[str, Any] = dict.fromkeys(self._past, empty)
        inputs["input_ids"] = np.array([[START, *guess]], np.int64)
        inputs["encoder_hidden_states"] = hidden
        inputs["use_cache_branch"] = np.array([False])
        logits, *present = self._decoder.run(self._outputs, inputs)
        best = logits[0].argmax(-1).tolist()
        right = 0
        while right < len(guess) and best[right] == guess[right]:
            right += 1
        cache = {
            name: value[:, :, : right + 1] if ".decoder." in name else value
            for name, value in zip(self._past, present, strict=True)
        }
        return list(guess[:right]), best[right], cache

    def _step(self, hidden: Any, token: int, cache: dict[str, Any]) -> int:
        """The token after ``token``; the cache grows by one."""
        inputs = {
            **cache,
            "input_ids": np.array([[token]], np.int64),
            "encoder_hidden_states": hidden,
            "use_cache_branch": np.array([True]),
        }
        logits, *present = self._decoder.run(self._own_outputs, inputs)
        cache.update(zip(self._own, present, strict=True))
        return int(logits[0, -1].argmax())

"""The token table, and what a stream does with its audio."""

from __future__ import annotations

import numpy as np
import pytest

from rejoinder.agent.base import STT_RATE
from rejoinder.errors import ModelCorrupt, ModelUnavailable
from rejoinder.vendors.moonshine.model import Moonshine, read_tokens, text_of, token_limit
from rejoinder.vendors.moonshine.stt import Utterance

TABLE = [b"<unk>", b"<s>", b"</s>", b"\xe2\x96\x81Good", b"\xe2\x96\x81m", b"orning", b"\xc3", b"\xa9", b"."]


def test_the_token_table_is_read() -> None:
    long = b"x" * 300
    data = b"\x03abc" + b"\x00" + bytes([300 % 128 + 128, 300 // 128]) + long
    assert read_tokens(data) == [b"abc", b"", long]


@pytest.mark.parametrize("data", [b"\x05abc", b"\x01a\x80"])
def test_a_truncated_table_is_refused(data: bytes) -> None:
    with pytest.raises(ModelCorrupt):
        read_tokens(data)


def test_tokens_become_text() -> None:
    assert text_of([1, 3, 4, 5, 8, 2], TABLE) == "Good morning."
    assert text_of([6, 7], TABLE) == "é"
    assert text_of([99, 0], TABLE) == ""


def test_the_number_of_tokens_is_bounded_by_the_length() -> None:
    assert token_limit(10 * STT_RATE) == 69


def test_a_missing_model_says_what_to_run(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelUnavailable, match="rejoinder models fetch"):
        Moonshine(tmp_path)


def test_an_utterance_keeps_all_audio_that_is_not_settled() -> None:
    utterance = Utterance()
    audio = np.arange(40 * STT_RATE, dtype=np.float32)
    for start in range(0, len(audio), 1234):
        utterance.append(audio[start : start + 1234])
        if utterance.pushed > 20 * STT_RATE:
            utterance.settled_to = 19 * STT_RATE
    assert utterance.pushed == len(audio)
    np.testing.assert_array_equal(utterance.read(19 * STT_RATE, 40 * STT_RATE), audio[19 * STT_RATE : 40 * STT_RATE])
    assert len(utterance.audio[1]) < 80 * STT_RATE, "settled audio is dropped"

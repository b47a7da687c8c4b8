"""Services of fixed latency, the same numbers for every subject: what a transcriber, a model and a voice would do.

A reply's words are made up; each word says which reply it belongs to and which word of it it is, and so does the audio
made of it (``voice_samples``), whatever pieces a subject cuts the text into.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np

from bench.live_loop.device import RATE, REPLY_STEP, WORD_STEP, Pcm


@dataclass(frozen=True, slots=True)
class Profile:
    """Latencies in seconds."""

    stt_s: float = 0.0
    """Last speech sample to the final transcript (and each word to its interim one)."""
    llm_first_s: float = 0.0
    llm_token_s: float = 0.0
    """Between tokens; 0 gives the whole answer as one token."""
    tts_first_s: float = 0.0
    """Request to first audio; the rest follows at 20 times real time."""
    token_tts: bool = False
    """The voice takes tokens as they come and needs ``tts_first_s`` from the first; else it takes finished text."""
    word_s: float = 0.12
    """Seconds of audio per word."""
    sentences: tuple[int, ...] = (12, 4)
    """Words per sentence of an answer."""


CLOUD = Profile(stt_s=0.15, llm_first_s=0.3, llm_token_s=0.015, tts_first_s=0.12)
CLOUD_TOKEN_TTS = Profile(stt_s=0.15, llm_first_s=0.3, llm_token_s=0.015, tts_first_s=0.12, token_tts=True)
ZERO = Profile()
LONG = Profile(word_s=0.3, sentences=(12, 10, 12, 9, 11))
LONG_CLOUD = Profile(0.15, 0.3, 0.015, 0.12, word_s=0.3, sentences=(12, 10, 12, 9, 11))
TALK = Profile(word_s=0.2, sentences=(8, 4))
PROFILES = {
    "cloud": CLOUD,
    "cloud_token_tts": CLOUD_TOKEN_TTS,
    "zero": ZERO,
    "long": LONG,
    "long_cloud": LONG_CLOUD,
    "talk": TALK,
}

_STARTS = ("mar", "tol", "ben", "sil", "gar", "nim", "pel", "dov")
_ENDS = ("on", "ik", "ta", "el", "un", "or", "ish", "am")
_STEMS = [start + end for start in _STARTS for end in _ENDS]
_PLACE = {stem: index for index, stem in enumerate(_STEMS)}
TAGS = "bcdfghjklmnpqrstvwxz"
_WORD = re.compile(r"[a-z]+")


def answer_words(reply: int, profile: Profile) -> list[str]:
    """The answer's tokens: words with a leading space (but the first), the last of a sentence with a full stop."""
    tag = TAGS[reply % len(TAGS)]
    words: list[str] = []
    for count in profile.sentences:
        for place in range(count):
            word = _STEMS[len(words) % len(_STEMS)] + tag
            word = word.capitalize() if place == 0 else word
            word = f"{word}." if place == count - 1 else word
            words.append(word if not words else f" {word}")
    return words


def height(word: str) -> int:
    """The sample value that stands for a made-up word; see ``device.mark_of``. 0 for a word that is not one of ours."""
    place = _PLACE.get(word[:-1])
    tag = TAGS.find(word[-1])
    return 0 if place is None or tag < 0 else REPLY_STEP * (1 + tag) + WORD_STEP * place


def voice_samples(text: str, profile: Profile) -> Pcm:
    """The audio of ``text``: a constant level per word, which survives a change of rate."""
    heights = [height(word) for word in _WORD.findall(text.lower())]
    return np.repeat(np.array(heights, dtype=np.int16), round(profile.word_s * RATE))


class Services:
    """The mock model and voice of one session; counts what is asked of them."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.llm_requests: list[float] = []
        self.tts_requests: list[tuple[float, str]] = []

    async def tokens(self) -> AsyncIterator[str]:
        """One answer, token by token, on an absolute time table from the request."""
        asked = time.perf_counter()
        reply = len(self.llm_requests)
        self.llm_requests.append(asked)
        words = answer_words(reply, self.profile)
        pieces = words if self.profile.llm_token_s else ["".join(words)]
        for index, piece in enumerate(pieces):
            due = asked + self.profile.llm_first_s + index * self.profile.llm_token_s
            await until(due)
            yield piece

    async def speak(self, text: str) -> AsyncIterator[Pcm]:
        """The audio of one finished piece of text: pieces of 200 ms at 20 times real time."""
        asked = time.perf_counter()
        self.tts_requests.append((asked, text))
        samples = voice_samples(text, self.profile)
        if self.profile.tts_first_s == 0:
            yield samples
            return
        step = RATE // 5
        for index in range(0, len(samples), step):
            await until(asked + self.profile.tts_first_s + index / step * 0.01)
            yield samples[index : index + step]


async def until(due: float) -> None:
    """Sleep to a time of the shared clock; does not yield when it has passed."""
    wait = due - time.perf_counter()
    if wait > 0:
        await asyncio.sleep(wait)

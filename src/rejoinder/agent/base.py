"""What a voice agent needs of the outside: speech to text, a language model, text to speech, a turn model.

Four narrow contracts. Each implementation lives in ``rejoinder.vendors.<vendor>``, one file per contract it fulfils.
Audio that goes in is 16 kHz mono float32 in [-1, 1]; audio that comes out is mono float32 at the voice's own rate.

Heavy work never runs on the event loop: implementations use threads or processes, are created once per process and
shared by every bot in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""Mono samples in [-1, 1]."""

STT_RATE = 16_000
"""Sample rate in Hz of everything that VAD, turn model and speech-to-text take."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat with a language model."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a transcriber understood of the open utterance so far.

    ``text`` is the whole utterance since the last :meth:`TranscriptionStream.commit`, not an increment.
    ``heard_s`` says how much of the utterance the text covers: seconds of audio pushed since that commit.
    ``final`` means the transcriber will not change the text of the part it covers.
    """

    text: str
    heard_s: float
    final: bool


class TranscriptionStream(Protocol):
    """One participant's speech being transcribed. All calls are made on the event loop and return at once."""

    def push(self, samples: Samples) -> None:
        """Add 16 kHz audio, any length. Called for speech only, and for up to a second around it."""
        ...

    def flush(self) -> None:
        """The speaker paused: say as soon as possible what everything pushed so far amounts to.

        Answered by one ``Recognition`` with ``final=True`` whose ``heard_s`` covers all that was pushed before the
        call, even when the text is empty. Audio may follow; it then belongs to the same utterance.
        """
        ...

    def commit(self) -> None:
        """The utterance is over and was used: forget its audio and text. Results still under way are dropped."""
        ...

    def close(self) -> None:
        """Release what the stream holds. No result is delivered afterwards."""
        ...


class Transcriber(Protocol):
    """Streaming speech-to-text; one per process, one stream per participant."""

    name: str

    def open(self, deliver: Callable[[Recognition], None]) -> TranscriptionStream:
        """Open a stream; ``deliver`` is called on the event loop that called ``open``."""
        ...


class LanguageModel(Protocol):
    """A chat model that streams its answer."""

    name: str

    def stream(self, messages: Sequence[Message], *, max_tokens: int = 200) -> AsyncIterator[str]:
        """Yield the answer as text increments. Closing the iterator cancels the request.

        Raises :class:`rejoinder.errors.ProviderError`.
        """
        ...

    async def warm(self, messages: Sequence[Message]) -> None:
        """Let the model read a prompt ahead of its use (prefix cache); may do nothing; never raises."""
        ...


class Voice(Protocol):
    """Text to speech."""

    name: str
    sample_rate: int
    """Hz of the audio it yields."""

    def speak(self, text: str) -> AsyncIterator[Samples]:
        """Yield the audio of one clause or sentence, in chunks of any length, as early as possible.

        Closing the iterator cancels the work. Raises :class:`rejoinder.errors.ProviderError`.
        """
        ...


class TurnModel(Protocol):
    """Judges from the sound alone whether a speaker has finished their turn."""

    async def score(self, samples: Samples) -> float:
        """Probability in [0, 1] that the turn is complete. ``samples``: the last (up to) 8 s, silence included."""
        ...


class SpeechScorer(Protocol):
    """A voice activity model that scores the windows of many tracks together, called on the event loop."""

    window: int
    """Samples (16 kHz) per window: 512 = 32 ms for Silero."""

    def open(self, deliver: Callable[[float], None]) -> SpeechTrack:
        """Open a track. ``deliver`` gets the speech probability of each window, in order."""
        ...


class SpeechTrack(Protocol):
    """One participant's audio being scored."""

    urgent: bool
    """Whether someone waits for each score (the bot is speaking). Otherwise one may be held back for up to 16 ms, to be
    made together with those of other tracks."""

    def push(self, samples: Samples) -> None:
        """Add 16 kHz audio of any length; each full window is scored within a few milliseconds."""
        ...

    def close(self) -> None:
        """Forget the track."""
        ...

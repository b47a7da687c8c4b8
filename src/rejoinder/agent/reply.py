"""One thing the bot says: tokens to pieces to audio, behind a gate.

A reply may be begun before it is certain that it is wanted. Until :meth:`Reply.release` nothing of it reaches the
meeting; after it, audio goes out as soon as it exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import numpy as np

from rejoinder.agent.base import Samples, Voice
from rejoinder.agent.conversation import heard_words
from rejoinder.agent.sentences import Pieces
from rejoinder.agent.trace import TurnTrace
from rejoinder.errors import RejoinderError
from rejoinder.media.frame import MEETING_RATE, Pcm, to_pcm
from rejoinder.media.mouth import Mouth
from rejoinder.media.playout import Played
from rejoinder.media.resample import Resampler


@dataclass(slots=True)
class _Piece:
    clip: str
    text: str
    held: list[Pcm] = field(default_factory=list)
    """Audio made while the gate was closed."""
    samples: int = 0
    complete: bool = False
    played: int = 0
    whole: bool = False


class Reply:
    """An answer under way. ``tokens`` is the language model's stream (or a fixed text as one token)."""

    def __init__(
        self,
        trace: TurnTrace,
        tokens: Callable[[], AsyncIterator[str]],
        voice: Voice,
        mouth: Mouth,
        now: Callable[[], float],
        *,
        first_words: int,
    ) -> None:
        self.trace = trace
        self.text = ""
        """Everything the model has said so far."""
        self.released = False
        self.made = False
        """All audio that will ever be made exists."""
        self.failed = False
        """A service failed; what was made before is still said."""
        self._tokens = tokens
        self._voice = voice
        self._mouth = mouth
        self._now = now
        self._pieces: list[_Piece] = []
        self._splitter = Pieces(first_words)
        self._queue: asyncio.Queue[_Piece | None] = asyncio.Queue()

    # -- making -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Make the whole reply. Cancel the task to stop; raises :class:`~rejoinder.errors.ProviderError`."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write())
                group.create_task(self._voice_pieces())
        except* RejoinderError:
            self.failed = True
            self._give_up()
            raise
        finally:
            self.made = True

    def _give_up(self) -> None:
        for piece in self._pieces:
            if not piece.complete:
                piece.complete = True
                self._mouth.close_clip(piece.clip)

    async def _write(self) -> None:
        self.trace.mark("llm_request", self._now())
        async with aclosing(self._tokens()) as tokens:  # type: ignore[type-var]
            async for token in tokens:
                self.trace.mark("llm_first_token", self._now())
                self.text += token
                for piece in self._splitter.feed(token):
                    self._say(piece)
        for piece in self._splitter.end():
            self._say(piece)
        self._queue.put_nowait(None)

    def _say(self, text: str) -> None:
        self.trace.mark("first_piece", self._now())
        piece = _Piece(f"{self.trace.id}.{len(self._pieces)}", text)
        self._pieces.append(piece)
        self._queue.put_nowait(piece)

    async def _voice_pieces(self) -> None:
        while (piece := await self._queue.get()) is not None:
            self.trace.mark("tts_request", self._now())
            resampler = Resampler(self._voice.sample_rate, MEETING_RATE)
            async with aclosing(self._voice.speak(piece.text)) as audio:  # type: ignore[type-var]
                async for samples in audio:
                    self._give(piece, self._converted(resampler, samples))
            self._give(piece, resampler.flush())
            piece.complete = True
            if self.released:
                self._mouth.close_clip(piece.clip)

    def _converted(self, resampler: Resampler, samples: Samples) -> Pcm:
        return resampler.push(to_pcm(samples))

    def _give(self, piece: _Piece, pcm: Pcm) -> None:
        if not len(pcm):
            return
        self.trace.mark("tts_first_audio", self._now())
        piece.samples += len(pcm)
        if self.released:
            self._mouth.add(piece.clip, pcm)
        else:
            piece.held.append(pcm)

    # -- saying -------------------------------------------------------------------------------------------------

    def release(self) -> None:
        """Open the gate."""
        if self.released:
            return
        self.released = True
        for piece in self._pieces:
            if piece.held:
                self._mouth.add(piece.clip, np.concatenate(piece.held))
                piece.held = []
            if piece.complete:
                self._mouth.close_clip(piece.clip)

    def note_played(self, played: Played) -> None:
        """The mouth's word on one of this reply's clips."""
        for piece in self._pieces:
            if piece.clip == played.clip:
                piece.played, piece.whole = played.samples, played.whole

    @property
    def said(self) -> bool:
        """Whether everything was made and people were given all of it."""
        return self.made and self.released and all(piece.whole or not piece.samples for piece in self._pieces)

    @property
    def released_audio(self) -> bool:
        """Whether there is sound that people were or will be given."""
        return self.released and any(piece.samples for piece in self._pieces)

    @property
    def silent(self) -> bool:
        """Whether everything was made and there is nothing to hear."""
        return self.made and not any(piece.samples for piece in self._pieces)

    def heard(self) -> str:
        """The words people were really given so far."""
        parts = []
        for piece in self._pieces:
            text = piece.text if piece.whole else heard_words(piece.text, piece.played, self._length(piece))
            if text:
                parts.append(text)
            if not piece.whole:
                break
        return " ".join(parts)

    def _length(self, piece: _Piece) -> int:
        """Samples of a piece; a guess from its text (14 letters a second) while it is still being made."""
        return piece.samples if piece.complete else max(piece.samples, len(piece.text) * MEETING_RATE // 14)

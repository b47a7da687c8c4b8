"""What transcribes a meeting: while people speak, and afterwards from the recording.

Two narrow contracts, for local models and for services alike. Audio is 16 kHz mono float32 in [-1, 1]; times are
seconds since the bot's recording began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rejoinder.agent.base import Samples
from rejoinder.core.transcript import Segment, Word


@dataclass(frozen=True, slots=True)
class LiveResult:
    """What one participant is saying, or has said.

    ``words`` are all words since their last final result, ``new_text`` the part that was not in the result before.
    ``final``: these words will not change, the next result begins anew. ``end_of_turn``: and the participant paused;
    a final result without it only keeps an uninterrupted speech from growing for ever. A final result without words
    takes back what interim results showed.
    """

    participant_id: str
    name: str
    words: tuple[Word, ...]
    new_text: str
    final: bool
    end_of_turn: bool

    @property
    def text(self) -> str:
        """The words as one line."""
        return " ".join(word.text for word in self.words)

    def segment(self) -> Segment | None:
        """As it is kept; None when there are no words."""
        return Segment(self.participant_id, self.name, self.words) if self.words else None


class LiveStream(Protocol):
    """One participant being transcribed while they speak. All calls are made on the event loop and return at once."""

    def push(self, samples: Samples, at: float) -> None:
        """The next audio, silence included where there is any. ``at``: when its first sample was recorded."""
        ...

    def close(self) -> None:
        """The participant is gone: what is under way is still delivered, as a final result, then no more."""
        ...


class LiveTranscriber(Protocol):
    """Transcribes while people speak; one per process, one stream per participant."""

    name: str

    def open(self, participant_id: str, name: str, deliver: Callable[[LiveResult], None]) -> LiveStream:
        """Open a stream; ``deliver`` is called on the event loop that called ``open``."""
        ...


@dataclass(frozen=True, slots=True)
class TrackAudio:
    """The recording of one participant.

    ``blocks()`` begins anew at each call and yields 16 kHz audio from time 0, silence included, in blocks of any
    length. It may be called in another process: it must be picklable, such as ``functools.partial(read, path)``.
    """

    participant_id: str
    name: str
    blocks: Callable[[], Iterator[Samples]]


Progress = Callable[[float], None]
"""Told how many seconds of audio are done, of all tracks together."""


class BatchTranscriber(Protocol):
    """Transcribes a recording after the meeting."""

    name: str
    """The provider key users ask for ("meetstream")."""

    async def transcribe(
        self, tracks: Sequence[TrackAudio], options: Mapping[str, Any], progress: Progress | None = None
    ) -> list[Segment]:
        """The segments of all tracks, those of a track in order. Cancelling stops the work.

        ``options`` are the provider's own, as a user sent them; unknown ones are passed over. Raises
        :class:`rejoinder.errors.ProviderError`.
        """
        ...

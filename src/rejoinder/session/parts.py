"""What a bot's session is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rejoinder.agent.agent import Services
from rejoinder.core.bot import Bot
from rejoinder.core.participant import Participant
from rejoinder.media.frame import Pcm
from rejoinder.platforms.base import Ears, Meeting, Stay
from rejoinder.settings import Settings
from rejoinder.transcription.base import LiveTranscriber


class Recording(Protocol):
    """A recording under way (:class:`rejoinder.recording.recorder.Recorder`). All but ``close`` return at once."""

    def hear(self, participant_id: str, pcm: Pcm) -> None:
        """A participant's audio, as it arrives."""
        ...

    def spoke(self, pcm: Pcm) -> None:
        """The bot's own audio, as it is given to the meeting."""
        ...

    def joined(self, participant: Participant) -> None:
        """Someone came."""
        ...

    def left(self, participant_id: str) -> None:
        """Someone left."""
        ...

    def pause(self) -> None:
        """Silence from now on; the timeline goes on."""
        ...

    def resume(self) -> None:
        """The end of a pause."""
        ...

    async def close(self) -> None:
        """Write the rest."""
        ...


OpenRecording = Callable[[Participant, Callable[[str], None], Callable[[str, bool], None]], Recording]
"""(the bot, on_problem(message), on_speech(participant_id, speaking)) to a recording that begins now."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What every session of a process is given."""

    settings: Settings
    open_meeting: Callable[[Bot, Ears, Stay], Meeting]
    """(bot, ears, stay) to a meeting not yet joined. Called on the event loop of the session."""
    services: Services | None
    """What an agent thinks with; None when this process has no models."""
    live: LiveTranscriber | None = None
    """Who transcribes while people speak; None when this process has no models."""
    spool: Path | None = None
    """Where recordings under way are kept; None: nothing is recorded."""

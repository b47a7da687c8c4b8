"""What anyone may ask of a running bot. The counterpart of :mod:`rejoinder.core.events`.

Sockets, REST calls and the built-in agent all speak these; a meeting says which of them it can take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PlayAudio:
    """Say this audio after what is already queued. ``pcm`` is mono s16le at ``sample_rate`` Hz."""

    pcm: bytes
    sample_rate: int


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Fall silent at once and forget all queued audio."""


@dataclass(frozen=True, slots=True)
class SendChat:
    """Post a message to the meeting's chat."""

    text: str


@dataclass(frozen=True, slots=True)
class MirrorChat:
    """Mirror spoken words to the chat. Only the ``is_final`` text of a growing message is posted.

    ``role`` "assistant" is the bot's own speech, "user" the echo of what a person said.
    """

    role: Literal["assistant", "user"]
    text: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class ShowImage:
    """Show this JPEG or PNG file as the bot's video."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ShowImageUrl:
    """Download a JPEG or PNG and show it as the bot's video, for ``display_s`` seconds or until the next."""

    url: str
    display_s: float | None = None


@dataclass(frozen=True, slots=True)
class SetRecording:
    """Pause the recording (silence from now on, the timeline goes on), or go on with it."""

    paused: bool


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the meeting."""

    reason: str = "requested"


BotCommand = PlayAudio | ClearAudio | SendChat | MirrorChat | ShowImage | ShowImageUrl | SetRecording | Leave

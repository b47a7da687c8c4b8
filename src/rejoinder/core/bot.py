"""What was asked for when a bot was created, and what is known of it now."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal


class BotStatus(Enum):
    """The bot's life as users see it (MeetStream's words; ``shared`` by status, events and traces)."""

    JOINING = "Joining"
    IN_WAITING_ROOM = "InWaitingRoom"
    IN_MEETING = "InMeeting"
    LEAVING = "Leaving"
    STOPPED = "Stopped"
    DONE = "Done"
    NOT_ALLOWED = "NotAllowed"
    DENIED = "Denied"
    FAILED = "Failed"

    @property
    def over(self) -> bool:
        """Whether the bot has left for good."""
        return self in _OVER


_OVER = frozenset({BotStatus.STOPPED, BotStatus.DONE, BotStatus.NOT_ALLOWED, BotStatus.DENIED, BotStatus.FAILED})


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """How the built-in voice agent behaves.

    ``answer``: "auto" answers when addressed by name or when alone with one person, "addressed" only by name,
    "always" every turn.
    """

    answer: Literal["auto", "addressed", "always"] = "auto"
    greeting: str | None = None
    prompt: str | None = None
    chat_mirror: bool = True


@dataclass(frozen=True, slots=True)
class BotConfig:
    """One create call, upgraded to the current model. URLs are as the user gave them."""

    meeting_link: str
    bot_name: str = "rejoinder"
    bot_message: str | None = None
    bot_image_url: str | None = None
    control_socket_url: str | None = None
    audio_socket_url: str | None = None
    agent: AgentConfig | None = None
    lobby_timeout_s: float = 600.0
    custom_attributes: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    """The create body as it was sent."""


@dataclass(slots=True)
class Bot:
    """A bot and its present state."""

    id: str
    account: str
    config: BotConfig
    created_at: float
    status: BotStatus = BotStatus.JOINING
    message: str = ""

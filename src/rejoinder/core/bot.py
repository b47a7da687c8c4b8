"""What was asked for when a bot was created, and what is known of it now."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from rejoinder.core.signin import SignIn


class BotStatus(Enum):
    """The bot's life as users see it, in MeetStream's words. Only :mod:`rejoinder.core.lifecycle` changes it."""

    SCHEDULED = "Scheduled"
    JOINING = "Joining"
    IN_WAITING_ROOM = "InWaitingRoom"
    IN_MEETING = "InMeeting"
    RECORDING = "Recording"
    LEAVING = "Leaving"
    STOPPED = "Stopped"
    MEDIA_PROCESSING = "MediaProcessing"
    DONE = "Done"
    NOT_ALLOWED = "NotAllowed"
    DENIED = "Denied"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    MEDIA_EXPIRED = "MediaExpired"

    @property
    def over(self) -> bool:
        """Whether the bot has left for good (its files may still be worked on)."""
        return self in _OVER

    @property
    def in_meeting(self) -> bool:
        """Whether the bot is in the meeting now."""
        return self in (BotStatus.IN_MEETING, BotStatus.RECORDING)


_OVER = frozenset(
    {
        BotStatus.STOPPED,
        BotStatus.MEDIA_PROCESSING,
        BotStatus.DONE,
        BotStatus.NOT_ALLOWED,
        BotStatus.DENIED,
        BotStatus.FAILED,
        BotStatus.CANCELLED,
        BotStatus.MEDIA_EXPIRED,
    }
)


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
class BotDetection:
    """Leave when only bots are left, known by their names: a participant whose name contains one of ``matches``
    (without regard to case) is a bot. Looked at ``activate_after_s`` after coming in; they must be alone with us for
    ``timeout_s``."""

    matches: tuple[str, ...]
    activate_after_s: float = 300.0
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class AutomaticLeave:
    """When a bot leaves by itself, in seconds; None: never. Defaults are MeetStream's (``automatic_leave``)."""

    waiting_room_s: float | None = 600.0
    no_one_joined_s: float | None = 600.0
    everyone_left_s: float | None = 300.0
    voice_inactivity_s: float | None = 100.0
    in_call_recording_s: float | None = 14_400.0
    recording_permission_denied_s: float | None = 60.0
    bot_detection: BotDetection | None = None
    voice_inactivity_after_s: float = 0.0
    """How long after the bot came in silence begins to count (Attendee's ``silence_activate_after_seconds``)."""


NEVER_LEAVE = AutomaticLeave(None, None, None, None, None, None)
"""For a bot that stays until it is told to go."""


@dataclass(frozen=True, slots=True)
class TranscriptConfig:
    """Which provider transcribes, and its own options as they were sent."""

    provider: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def streaming(self) -> bool:
        """Whether the provider works while people speak (and gives no transcript id)."""
        return self.provider.endswith("_streaming") or self.provider == "meeting_captions"


@dataclass(frozen=True, slots=True)
class LiveTranscript:
    """Where transcripts go while people speak."""

    webhook_url: str | None = None
    websocket_url: str | None = None


@dataclass(frozen=True, slots=True)
class ParticipantWebhook:
    """A ``realtime_endpoints`` entry: where joins and leaves of participants are told.

    ``events``: of "participant_events.join" and "participant_events.leave".
    """

    url: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RealtimeAudio:
    """One of Attendee's realtime sockets. ``threshold``: RMS of the meeting's int16 audio above which the bot holds its
    tongue for 800 ms; None: never."""

    url: str
    sample_rate: int = 16_000
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class TriggerWebhook:
    """One of Attendee's ``webhooks``: which triggers go where."""

    url: str
    triggers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AttendeeConfig:
    """What only Attendee's create call says. A bot that has it is shown and told of in Attendee's dialect.

    ``image``: (content type, base64 data) of ``bot_image``; ``settings``: the blocks of the create call that are echoed
    and not acted on otherwise.
    """

    audio: RealtimeAudio | None = None
    per_participant_audio: RealtimeAudio | None = None
    webhooks: tuple[TriggerWebhook, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    image: tuple[str, str] | None = None
    recording_format: Literal["mp4", "mp3", "none"] = "mp4"
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BotConfig:
    """One create call, upgraded to the current model. URLs are as the user gave them."""

    meeting_link: str
    bot_name: str = "rejoinder"
    bot_message: str | None = None
    bot_image_url: str | None = None
    control_socket_url: str | None = None
    audio_socket_url: str | None = None
    callback_url: str | None = None
    callback_retries: int | None = None
    """How often an undelivered webhook is tried again; None: the server's setting (MeetStream: never)."""
    participant_webhooks: tuple[ParticipantWebhook, ...] = ()
    live_transcript: LiveTranscript | None = None
    transcript: TranscriptConfig | None = None
    agent: AgentConfig | None = None
    leave: AutomaticLeave = AutomaticLeave()
    join_at: float | None = None
    """Unix seconds; None: at once."""
    record: bool = True
    audio_separate_streams: bool = False
    """Whether the recordings of single participants are offered (they are made in any case)."""
    video_required: bool = True
    retention_hours: float | None = None
    """How long after the meeting everything is kept; None: the server's setting."""
    deduplication_key: str | None = None
    attendee: AttendeeConfig | None = None
    sign_in: SignIn | None = None
    """None: a guest."""
    custom_attributes: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    """The create body as it was sent."""


@dataclass(slots=True)
class Bot:
    """A bot and what is known of it now. Times are Unix seconds."""

    id: str
    account: str
    config: BotConfig
    created_at: float
    status: BotStatus = BotStatus.JOINING
    message: str = ""
    platform: str = "Room"
    """MeetStream's platform word: GMeet, Zoom, Teams; Room for the built-in one."""
    updated_at: float = 0.0
    started_at: float | None = None
    """When the bot came into the meeting (first time)."""
    ended_at: float | None = None
    """When its stay was over."""
    epoch: int = 0
    """How often a worker has taken the bot up; 2 and more after a worker died."""
    recording: Literal["none", "on", "paused"] = "none"
    closed: bool = False
    """Whether ``bot.done`` was told: no more work is under way."""
    audio_status: str | None = None
    """None while unknown, then Success, Skipped or Failed."""
    transcript_status: str | None = None
    """None, Success or Failed: MeetStream's ``TranscriptStatus``."""
    transcript_id: str | None = None
    """The latest transcript's id."""
    expires_at: float | None = None
    """When retention deletes it; None while that is not decided, or never."""

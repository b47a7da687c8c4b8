"""The shapes of Attendee's answers, for the API's description. ``views`` makes them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, RootModel

MS = "Unix time in milliseconds."
NO_USER = "Always null: this server knows no accounts of the meeting's platform."


class AttendeeError(BaseModel):
    """Why it did not work."""

    error: str = Field(description="A sentence to act on.", examples=["Bot not found."])
    detail: str | None = Field(default=None, description="The same, with 401, 404, 405 and 429.")


class AttendeeFieldErrors(RootModel[dict[str, list[str]]]):
    """What is wrong with each field of the request, by its top-level name."""


class BotEvent(BaseModel):
    """A step in a bot's life."""

    type: str = Field(examples=["joined_meeting"])
    sub_type: str | None = Field(description="Why, such as `request_to_join_denied`.")
    created_at: str = Field(description="ISO 8601.")


class AttendeeBot(BaseModel):
    """A bot as it is now."""

    id: str = Field(examples=["bot_3hfP0PXEsNinIZmh"])
    metadata: dict[str, Any] | None = Field(description="Yours.")
    meeting_url: str
    state: str = Field(description="Where the bot is in its life.", examples=["joined_recording"])
    events: list[BotEvent] = Field(description="Its life so far, oldest first.")
    transcription_state: Literal["not_started", "in_progress", "complete", "failed"]
    recording_state: Literal["not_started", "in_progress", "paused", "complete", "failed"]
    join_at: str | None = Field(description="ISO 8601; null: at once.")
    deduplication_key: str | None


class _Page(BaseModel):
    next: str | None = Field(description="The URL of the next page.")
    previous: str | None = Field(description="The URL of the page before.")


class AttendeeBots(_Page):
    """One page of bots, newest first."""

    results: list[AttendeeBot]


class AttendeeChat(BaseModel):
    """A chat message."""

    id: str
    to: Literal["everyone"]
    text: str
    timestamp: int = Field(description="Unix time in seconds.")
    timestamp_ms: int = Field(description=MS)
    sender_name: str
    sender_uuid: str
    sender_user_uuid: str | None = Field(description=NO_USER)
    additional_data: dict[str, Any] = Field(description='`{"from_bot": true}` for what the bot wrote itself.')


class AttendeeChats(_Page):
    """One page of the meeting's chat, oldest first."""

    results: list[AttendeeChat]


class AttendeeParticipant(BaseModel):
    """Somebody who was there."""

    id: str
    name: str
    uuid: str
    user_uuid: str | None = Field(description=NO_USER)
    is_host: bool


class AttendeeParticipants(_Page):
    """One page of who was there, in the order they first came."""

    results: list[AttendeeParticipant]


class AttendeeParticipantEvent(BaseModel):
    """Somebody came, went, began or stopped to speak."""

    id: str
    participant_name: str
    participant_uuid: str
    participant_user_uuid: str | None = Field(description=NO_USER)
    participant_is_host: bool
    event_type: Literal["join", "leave", "speech_start", "speech_stop"]
    event_data: dict[str, Any]
    timestamp_ms: int = Field(description=MS)


class AttendeeParticipantEvents(_Page):
    """One page of who came, went and spoke, oldest first."""

    results: list[AttendeeParticipantEvent]


class AttendeeRecording(BaseModel):
    """A link to the recording, for whoever has it."""

    url: str = Field(description="Lives 30 minutes.")
    start_timestamp_ms: int = Field(description=MS)


class AttendeeWord(BaseModel):
    """A word; times are seconds from the utterance's beginning."""

    word: str
    start: float
    end: float
    confidence: float


class AttendeeWords(BaseModel):
    """What was said."""

    transcript: str
    words: list[AttendeeWord]


class AttendeeUtterance(BaseModel):
    """Something that somebody said."""

    speaker_name: str
    speaker_uuid: str
    speaker_user_uuid: str | None = Field(description=NO_USER)
    speaker_is_host: bool
    timestamp_ms: int = Field(description=MS)
    duration_ms: int
    transcription: AttendeeWords


class AsyncTranscription(BaseModel):
    """A transcription that was asked for after the meeting."""

    id: str = Field(description="Give it as `async_transcription_id` to read the transcript.")
    state: Literal["in_progress", "complete", "failed"]
    created_at: str = Field(description="ISO 8601.")
    failure_data: dict[str, Any] | None


class Health(BaseModel):
    """The server works."""

    status: Literal["ok"]


class Version(BaseModel):
    """Which version of rejoinder this is."""

    version: str

"""The shapes of MeetStream's answers about bots, for the API's description. ``views`` makes them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

BOT_ID = Field(description="The bot's id.")


class Message(BaseModel):
    """Why it did not work, or that it is not ready."""

    message: str = Field(description="A sentence to act on.", examples=["Bot not found."])


class CreatedBot(BaseModel):
    """A bot that is on its way."""

    bot_id: str = BOT_ID
    transcript_id: str | None = Field(description="Null for providers that work while people speak, and for none.")
    meeting_url: str = Field(description="The `meeting_link` of the request.")
    status: Literal["Active"]


class ReplayedBot(CreatedBot):
    """The bot an earlier request with the same `Idempotency-Key` made."""

    message: str


class BotState(BaseModel):
    """Where a bot is in its life."""

    bot_id: str = BOT_ID
    status: str = Field(examples=["InMeeting"])
    message: str = Field(description="What happened last, such as why the bot was not let in.")
    custom_attributes: dict[str, Any]


class BotRow(BaseModel):
    """A bot in the list, with every value in both spellings."""

    bot_id: str
    BotID: str
    status: str
    Status: str
    bot_name: str
    BotUsername: str
    platform: str
    Platform: str
    meeting_link: str
    MeetingLink: str
    created_at: str
    CreatedAt: str
    custom_attributes: dict[str, Any]


class BotList(BaseModel):
    """One page of bots, newest first."""

    bots: list[BotRow]
    hasNextPage: bool
    nextCursor: str | None = Field(description="Give it as `cursor` to get the next page.")


class Stage(BaseModel):
    """When a bot reached a stage of its life; `status` is false while it has not."""

    message: str
    status: bool
    timestamp: str = Field(description='ISO 8601, or "".')


class Stages(BaseModel):
    """The stages of a bot's life."""

    Scheduled: Stage
    Joining: Stage
    WaitingRoom: Stage
    InMeeting: Stage
    Recording: Stage
    Leaving: Stage
    Stopped: Stage
    BotNotAllowed: Stage
    BotRejected: Stage
    Error: Stage
    AudioProcessing: Stage
    VideoProcessing: Stage
    TranscriptionReady: Stage
    Done: Stage
    MediaExpired: Stage


class EventTime(BaseModel):
    """When it was."""

    absolute: str = Field(description="ISO 8601.")
    relative: float = Field(description="Seconds since the bot came in.")


class EventParticipant(BaseModel):
    """Who it was."""

    id: str
    name: str
    full_name: str


class ParticipantEvent(BaseModel):
    """Somebody came or left."""

    action: Literal["join", "leave"]
    participant: EventParticipant
    timestamp: EventTime


class CaptionFile(BaseModel):
    """The meeting's own captions."""

    available: bool


class BotDetails(BaseModel):
    """All that is known of a bot."""

    BotID: str
    BotUsername: str
    BotImageURL: str
    BotMessage: str
    BotProfile: str
    MeetingLink: str
    Platform: str
    Status: str
    OfferingType: str
    NativeSTT: bool
    UserID: str
    CreatedAt: str
    StartTime: str | None = Field(description="When the bot came into the meeting.")
    EndTime: str | None = Field(description="When it was out.")
    Duration: int | None = Field(description="Seconds in the meeting; null while it is there.")
    LastUpdatedAt: int = Field(description="Unix seconds.")
    Evidence: str = Field(description="Where to get what was saved if joining failed; not in MeetStream's API.")
    AudioStatus: str | None = Field(description="Success, Skipped or Failed; null while unknown.")
    TranscriptStatus: str | None = Field(description="Success or Failed; null while unknown.")
    ManifestStatus: str | None
    transcript_id: str | None
    caption_file: CaptionFile
    participant_events: list[ParticipantEvent]
    custom_attributes: dict[str, Any]
    RequestPayload: dict[str, Any] = Field(description="The create request; secrets in it are replaced by `***`.")
    StatusTimeline: Stages
    MediaS3Bucket: str
    PlatformCreatedAt: str
    PlatformStatusCreatedAt: str
    StatusCreatedAt: str
    Message: str = Field(description="What happened last.")
    RecordingStatus: Literal["none", "on", "paused"]
    ExpiresAt: str | None = Field(description="When everything of this bot is deleted.")


class BotDetailsWithSummary(BotDetails):
    """All that is known of a bot, and the summary of its meeting."""

    Summary: str = Field(description="Markdown.")


class BotDetail(BaseModel):
    """All that is known of a bot."""

    bot_details: BotDetails


class Summary(BaseModel):
    """A summary of the meeting, in both places clients look for it."""

    bot_details: BotDetailsWithSummary
    summary: str = Field(description="Markdown.")


class Removed(BaseModel):
    """The bot leaves, or has left."""

    message: str
    bot_id: str = BOT_ID


class Deleted(BaseModel):
    """Everything the bot left is gone."""

    message: str
    bot_id: str = BOT_ID
    deleted_objects: int = Field(ge=0)


class Accepted(BaseModel):
    """The command is on its way to the bot."""

    status: Literal["accepted"]
    bot_id: str = BOT_ID
    command: str


class Event(BaseModel):
    """One line of a bot's log."""

    timestamp: str
    event: str
    message: str
    data: dict[str, Any]


class Events(BaseModel):
    """A bot's log, oldest first."""

    bot_id: str = BOT_ID
    events: list[Event]


class Turns(BaseModel):
    """One record per answer of the built-in agent: what was said, and when each stage was reached."""

    bot_id: str = BOT_ID
    turns: list[dict[str, Any]]


class OneDelivery(BaseModel):
    """One webhook and what became of it."""

    model_config = ConfigDict(title="Delivery")

    id: int
    bot_id: str
    event: str
    url: str
    status: Literal["pending", "delivered", "failed", "refused"]
    attempts: int
    retries: int = Field(description="How often it is tried again at most.")
    created_at: str
    next_attempt_at: str | None
    delivered_at: str | None
    last_status: int | None = Field(description="HTTP status of the last answer.")
    last_error: str | None
    body: Any = Field(description="The JSON that is sent.")


class Deliveries(BaseModel):
    """A bot's webhooks, in order."""

    bot_id: str = BOT_ID
    deliveries: list[OneDelivery]

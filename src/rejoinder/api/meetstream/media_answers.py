"""The shapes of answers about recordings, transcripts and meetings, for the API's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from rejoinder.api.meetstream.answers import BOT_ID

URL = Field(description="A link that needs no key. It expires.")


class Audio(BaseModel):
    """The whole meeting as one WAV file."""

    audio_url: str = URL


class AudioSegment(BaseModel):
    """One file of a participant: WebM with Opus, silence included, so that times are the meeting's."""

    segment_index: int
    url: str = URL
    filename: str
    duration_seconds: float
    sample_rate: int
    channels: int
    codec: str


class AudioStream(BaseModel):
    """One track."""

    stream_id: str
    segments: list[AudioSegment]


class StreamsOf(BaseModel):
    """The tracks of one participant."""

    participant_name: str
    streams: list[AudioStream]


class StreamSummary(BaseModel):
    """How much there is."""

    total_participants: int
    total_segments: int


class AudioStreams(BaseModel):
    """Each participant's own recording."""

    bot_id: str = BOT_ID
    audio_status: Literal["Success"]
    audio_streams_available: Literal[True]
    participants: list[StreamsOf]
    summary: StreamSummary


class NoAudioStreams(BaseModel):
    """There are none: they were not asked for, or nobody spoke."""

    bot_id: str = BOT_ID
    audio_status: Literal["Success"]
    audio_streams_available: Literal[False]
    message: str


class AudioInProgress(BaseModel):
    """Ask again later."""

    audio_status: Literal["in_progress"]
    message: str


class NoRecordingStreams(BaseModel):
    """There are no videos of single participants."""

    bot_id: str = BOT_ID
    video_status: Literal["Success"]
    recording_streams_available: Literal[False]
    message: str


class Screenshot(BaseModel):
    """One picture."""

    url: str = URL
    filename: str
    timestamp: str


class Screenshots(BaseModel):
    """Pictures of the meeting."""

    bot_id: str = BOT_ID
    screenshots_count: int
    screenshots: list[Screenshot]


class Evidence(BaseModel):
    """One file."""

    name: str
    url: str = URL
    size: int


class EvidenceList(BaseModel):
    """What was saved where joining failed."""

    bot_id: str = BOT_ID
    evidence: list[Evidence]


class Chunk(BaseModel):
    """Somebody spoke."""

    chunkIndex: int
    timestamp: str
    sampleRate: int
    speakerId: str
    speakerName: str
    startByte: int = Field(description="Offset into the recording's 16-bit mono samples (behind the WAV header).")
    endByte: int


class Timeline(BaseModel):
    """Who spoke when."""

    chunks: list[Chunk]
    lastUpdated: str
    audioFilePath: str
    totalFileSize: int


class ChatMetadata(BaseModel):
    """Of the whole chat."""

    sessionId: str
    startTime: str
    lastUpdated: str
    totalMessages: int
    uniqueSpeakers: int
    botId: str
    meetingId: str


class ChatSpeaker(BaseModel):
    """Somebody who wrote."""

    deviceId: str
    name: str
    displayName: str
    messageCount: int


class ChatMessage(BaseModel):
    """One message."""

    messageId: str
    deviceId: str
    timestamp: str
    text: str
    speakerName: str
    speakerDisplayName: str
    clientTimestamp: str
    sessionTimestamp: str


class ChatServer(BaseModel):
    """Where it was kept."""

    savedAt: str
    serverBotId: str
    serverMeetingId: str
    serverVersion: str


class Chats(BaseModel):
    """The meeting's chat."""

    metadata: ChatMetadata
    speakers: list[ChatSpeaker]
    chatMessages: list[ChatMessage]
    messagesBySpeaker: dict[str, list[ChatMessage]]
    serverMetadata: ChatServer


class Participant(BaseModel):
    """Somebody who was there."""

    deviceId: str
    displayName: str
    fullName: str
    profilePicture: str
    status: int = Field(description="1: in the meeting, 2: left.")
    humanized_status: Literal["in_meeting", "left"]
    streamIds: list[str]
    lastUpdated: str
    parentDeviceId: str
    is_bot: bool


class Transcribing(BaseModel):
    """A transcription has begun."""

    bot_id: str = BOT_ID
    transcript_id: str
    provider: str
    message: str


class Downloads(BaseModel):
    """Links to a transcript's files."""

    raw_transcript: str | None = Field(default=None, description="A link that needs no key. It expires.")
    processed_transcript: str | None = Field(default=None, description="A link that needs no key. It expires.")


class Transcription(BaseModel):
    """One transcription."""

    transcript_id: str
    provider: str
    status: Literal["Processing", "Success", "Failed"]
    created_at: str
    config: dict[str, Any]
    download_urls: Downloads | None
    error: str | None


class Transcriptions(BaseModel):
    """All transcriptions of a bot, oldest first."""

    bot_id: str = BOT_ID
    transcriptions: list[Transcription]


class TimeOfWord(BaseModel):
    """A time of the recording (seconds), and of the day (ISO 8601)."""

    relative: float
    absolute: str


class Speaker(BaseModel):
    """Who said it."""

    id: str
    name: str


class TranscriptWord(BaseModel):
    """One word; times in seconds since the recording began."""

    word: str
    punctuated_word: str
    text: str
    start: float
    end: float
    confidence: float
    speaker: int
    speaker_confidence: float
    start_timestamp: TimeOfWord
    end_timestamp: TimeOfWord


class TranscriptSegment(BaseModel):
    """What one participant said without a longer pause."""

    speaker: str
    speaker_id: str
    transcript: str
    text: str = Field(description="The same as `transcript`.")
    start_time: float = Field(description="Seconds since the recording began.")
    end_time: float
    absolute_start_time: str
    absolute_end_time: str
    participant: Speaker
    words: list[TranscriptWord]


class RawWord(BaseModel):
    """One word; times in milliseconds."""

    text: str
    start: int
    end: int
    confidence: float
    speaker: str


class Utterance(BaseModel):
    """What one participant said; times in milliseconds."""

    speaker: str
    text: str
    start: int
    end: int
    confidence: float
    words: list[RawWord]


class RawTranscript(BaseModel):
    """A transcript as speech services give it."""

    id: str
    status: str
    text: str
    language_code: str
    audio_url: str | None
    confidence: float
    audio_duration: float | None = Field(description="Seconds.")
    speaker_labels: bool
    words: list[RawWord]
    utterances: list[Utterance]
    error: str | None

"""Our nouns as MeetStream's JSON: recordings, meetings, transcripts and webhooks."""

from __future__ import annotations

from rejoinder.api.meetstream import answers, media_answers
from rejoinder.api.meetstream import media_views as views
from rejoinder.control.service import SpeakerChunk, SpeakerTimeline
from rejoinder.core.bot import Bot, BotConfig
from rejoinder.core.records import Attendance, ChatLine, Delivery, StoredFile, TranscriptJob

AT = 1_790_000_000.0  # 2026-09-21T14:13:20Z


def track(owner: str, name: str, number: int = 0) -> tuple[StoredFile, str]:
    info = {"sample_rate": 48_000, "channels": 1, "codec": "opus"}
    file = StoredFile("track", f"k{owner}{number}", f"{owner}_{number}.webm", "audio/webm", 9, 61.25, owner, name, info)
    return file, f"http://x/{owner}/{number}"


def test_streams_of_people_with_the_same_name_stay_apart() -> None:
    answer = views.audio_streams("b1", [track("u1", "Ada L"), track("u2", "Ada L"), track("u1", "Ada L", 1)])
    media_answers.AudioStreams.model_validate(answer, strict=True)
    assert [one["participant_name"] for one in answer["participants"]] == ["Ada L", "Ada L"]
    first = answer["participants"][0]["streams"][0]
    assert first["stream_id"] == "AdaL_u1"
    assert [(one["segment_index"], one["url"]) for one in first["segments"]] == [
        (0, "http://x/u1/0"),
        (1, "http://x/u1/1"),
    ]
    assert answer["summary"] == {"total_participants": 2, "total_segments": 3}


def test_no_streams() -> None:
    for answer in (views.audio_streams("b1", []), views.no_audio_streams("b1", "why")):
        media_answers.NoAudioStreams.model_validate(answer, strict=True)
    media_answers.NoRecordingStreams.model_validate(views.no_recording_streams("b1"), strict=True)
    media_answers.AudioInProgress.model_validate(views.AUDIO_IN_PROGRESS, strict=True)


def test_screenshots() -> None:
    file = StoredFile("screenshot", "k", "1.png", "image/png", 5, info={"timestamp": "2026-09-21T14:13:20Z"})
    answer = views.screenshots("b1", [(file, "http://x/1")])
    media_answers.Screenshots.model_validate(answer, strict=True)
    assert answer["screenshots_count"] == 1


def test_byte_offsets_of_the_timeline() -> None:
    audio = StoredFile("audio", "k", "audio.wav", "audio/wav", 5_760_044)
    known = SpeakerTimeline(
        AT, [SpeakerChunk("u1", "Ada L", 0, 48_000), SpeakerChunk("u2", "Ben", 72_000, 96_000)], audio
    )
    answer = views.speaker_timeline(known)
    media_answers.Timeline.model_validate(answer, strict=True)
    assert answer["chunks"][1] == {
        "chunkIndex": 1,
        "timestamp": "2026-09-21T14:13:21.500Z",
        "sampleRate": 48_000,
        "speakerId": "u2",
        "speakerName": "Ben",
        "startByte": 144_000,
        "endByte": 192_000,
    }
    assert (answer["lastUpdated"], answer["totalFileSize"]) == ("2026-09-21T14:13:22.000Z", 5_760_044)
    empty = views.speaker_timeline(SpeakerTimeline(AT, [], None))
    assert (empty["chunks"], empty["totalFileSize"]) == ([], 0)


def test_the_chat_by_speaker() -> None:
    bot = Bot("b1", "acme", BotConfig("http://room/a"), AT)
    lines = [
        ChatLine("m1", "p1", "Ada", "one", AT),
        ChatLine("m2", "p2", "Ben", "two", AT + 1),
        ChatLine("m3", "p1", "Ada", "three", AT + 2.5),
    ]
    answer = views.chats(bot, lines)
    media_answers.Chats.model_validate(answer, strict=True)
    assert [(one["name"], one["messageCount"]) for one in answer["speakers"]] == [("Ada", 2), ("Ben", 1)]
    assert [one["text"] for one in answer["messagesBySpeaker"]["Ada"]] == ["one", "three"]
    assert answer["metadata"]["lastUpdated"] == "2026-09-21T14:13:22.500Z"
    media_answers.Chats.model_validate(views.chats(bot, []), strict=True)


def test_each_person_once() -> None:
    stays = [
        Attendance("p1", "Ada", False, AT, AT + 5),
        Attendance("p2", "Ben", True, AT + 1, AT + 9),
        Attendance("p1", "Ada L", False, AT + 7),
    ]
    people = views.participants(stays)
    for one in people:
        media_answers.Participant.model_validate(one, strict=True)
    assert [(one["deviceId"], one["fullName"], one["status"], one["humanized_status"]) for one in people] == [
        ("p1", "Ada L", 1, "in_meeting"),
        ("p2", "Ben", 2, "left"),
    ]


def test_transcriptions() -> None:
    jobs = [
        TranscriptJob("t1", "b1", "deepgram", {"model": "nova-3", "api_key": "sk"}, "Success", AT),
        TranscriptJob("t2", "b1", "sarvam", {}, "Failed", AT, error="no words"),
    ]
    links = {"t1": {"raw_transcript": "http://x/r", "processed_transcript": "http://x/p"}}
    answer = views.transcriptions("b1", jobs, links)
    media_answers.Transcriptions.model_validate(answer, strict=True)
    first, second = answer["transcriptions"]
    assert (first["config"], first["download_urls"]) == ({"model": "nova-3", "api_key": "***"}, links["t1"])
    assert (second["status"], second["error"], second["download_urls"]) == ("Failed", "no words", None)
    media_answers.Transcribing.model_validate(views.transcribing(jobs[0]), strict=True)


def test_deliveries() -> None:
    waiting = Delivery(1, "b1", "https://x/h", "bot.joining", b'{"a":1}', 3, AT, "pending", 1, AT + 2, "HTTP 500", 500)
    sent = Delivery(2, "b1", "https://x/h", "bot.done", b"text", 0, AT, "delivered", 1, AT, delivered_at=AT + 1)
    answer = views.deliveries("b1", [waiting, sent])
    answers.Deliveries.model_validate(answer, strict=True)
    first, second = answer["deliveries"]
    assert (first["next_attempt_at"], first["last_status"]) == ("2026-09-21T14:13:22.000Z", 500)
    assert (first["body"], second["body"]) == ({"a": 1}, "text")
    assert (second["next_attempt_at"], second["delivered_at"]) == (None, "2026-09-21T14:13:21.000Z")

"""Transcripts as MeetStream's JSON, and through its own client."""

from __future__ import annotations

import json

import httpx
import meetstream
import pytest

from rejoinder.bridges.meetstream import transcript as transcripts
from rejoinder.core.records import TranscriptJob
from rejoinder.core.transcript import Segment, Word
from rejoinder.transcription.base import LiveResult

BEGAN = 1_788_256_820.0
SEGMENTS = [
    Segment("u1", "Ada L", (Word("“Hello", 0.5, 0.8, 0.99), Word("all.", 0.9, 1.4, 0.97))),
    Segment("u2", "Bo", (Word("It's", 2.0, 2.12345),)),
    Segment("u1", "Ada L", ()),
    Segment("u1", "Ada L", (Word("Yes", 3.0, 3.2),)),
]
JOB = TranscriptJob("t1", "b1", "meetstream", {}, "Success", BEGAN)


def test_formatted_has_every_spelling() -> None:
    first, second, third = transcripts.formatted(SEGMENTS, BEGAN)
    words = first.pop("words")
    assert first == {
        "speaker": "Ada L",
        "speaker_id": "u1",
        "transcript": "“Hello all.",
        "text": "“Hello all.",
        "start_time": 0.5,
        "end_time": 1.4,
        "absolute_start_time": "2026-09-01T10:00:20.500Z",
        "absolute_end_time": "2026-09-01T10:00:21.400Z",
        "participant": {"id": "u1", "name": "Ada L"},
    }
    assert words[0] == {
        "word": "hello",
        "punctuated_word": "“Hello",
        "text": "“Hello",
        "start": 0.5,
        "end": 0.8,
        "confidence": 0.99,
        "speaker": 0,
        "speaker_confidence": 1.0,
        "start_timestamp": {"relative": 0.5, "absolute": "2026-09-01T10:00:20.500Z"},
        "end_timestamp": {"relative": 0.8, "absolute": "2026-09-01T10:00:20.800Z"},
    }
    assert [second["words"][0][key] for key in ("word", "end", "speaker")] == ["it's", 2.123, 1]
    assert third["words"][0]["speaker"] == 0


def test_nothing_said_is_an_empty_array() -> None:
    assert transcripts.formatted([], BEGAN) == []


def test_raw() -> None:
    body = transcripts.raw(JOB, SEGMENTS, audio_url="https://files/a.wav", duration_s=61.04)
    assert (body["id"], body["status"], body["language_code"]) == ("t1", "completed", "en")
    assert body["text"] == "“Hello all. It's Yes"
    assert (body["audio_url"], body["audio_duration"], body["speaker_labels"]) == ("https://files/a.wav", 61.04, True)
    assert body["confidence"] == pytest.approx(0.99)
    assert body["words"][0] == {"text": "“Hello", "start": 500, "end": 800, "confidence": 0.99, "speaker": "Ada L"}
    assert [utterance["start"] for utterance in body["utterances"]] == [500, 2000, 3000]
    assert body["utterances"][1]["words"] == [body["words"][2]]


def test_raw_of_nothing() -> None:
    body = transcripts.raw(JOB, [])
    assert (body["text"], body["confidence"], body["words"], body["utterances"]) == ("", 0.0, [], [])
    json.dumps(body)


@pytest.mark.parametrize("final", [False, True])
def test_live_events_carry_old_and_new_keys(final: bool) -> None:
    result = LiveResult(
        "u1", "Ada L", (Word("Hello", 12.1, 12.4, 0.98), Word("all.", 12.5, 12.9)), "all.", final, final
    )
    event = transcripts.live("b1", result, 1_788_256_860.0, {"tenant": "t"})
    assert event == {
        "bot_id": "b1",
        "speakerId": "u1",
        "speakerName": "Ada L",
        "timestamp": "2026-09-01T10:01:00.000Z",
        "transcript": "Hello all.",
        "new_text": "all.",
        "utterance": "",
        "text": "Hello all.",
        "words": [
            {
                "word": "hello",
                "punctuated_word": "Hello",
                "start": 12.1,
                "end": 12.4,
                "confidence": 0.98,
                "speaker": "Ada L",
                "speech_confidence": 0.98,
                "word_is_final": final,
            },
            {
                "word": "all",
                "punctuated_word": "all.",
                "start": 12.5,
                "end": 12.9,
                "confidence": 1.0,
                "speaker": "Ada L",
                "speech_confidence": 1.0,
                "word_is_final": final,
            },
        ],
        "is_final": final,
        "word_is_final": final,
        "end_of_turn": final,
        "turn_is_formatted": final,
        "transcription_mode": "sentence",
        "custom_attributes": {"tenant": "t"},
    }


def client(status: int, body: object) -> meetstream.MeetStream:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, json=body))
    return meetstream.MeetStream(
        "key", base_url="http://server/api/v1", max_retries=0, http_client=httpx.Client(transport=transport)
    )


def test_the_vendors_client_reads_a_transcript() -> None:
    body = transcripts.formatted(SEGMENTS, BEGAN)
    segments = client(200, body).transcripts.wait_for("t1", timeout=0.1, interval=0.1)
    assert [(segment["speaker"], segment["transcript"]) for segment in segments][1] == ("Bo", "It's")


def test_the_vendors_client_knows_that_it_is_not_ready() -> None:
    with pytest.raises(meetstream.NotReadyError, match="Processing"):
        client(202, transcripts.processing("Processing")).transcripts.get("t1")

"""Links to recordings, and the files behind them."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from rejoinder.api.recordings import AUDIO_LIFE_S, STREAM_LIFE_S
from service import WAV, FakeService

from .conftest import LINK


def life_of(service: FakeService, url: str) -> int:
    """How many seconds the link lives."""
    token = urlsplit(url).path.split("/")[2]
    for life in range(0, 2 * AUDIO_LIFE_S, 10):
        try:
            service.links.open(token, time.time() + life)
        except Exception:
            return life
    raise AssertionError("the link lives too long")


def test_the_whole_meeting(client: TestClient, service: FakeService, bot_id: str, done: str) -> None:
    waiting = client.get(f"/api/v1/bots/{bot_id}/get_audio")
    assert (waiting.status_code, list(waiting.json())) == (202, ["message"])
    url = client.get(f"/api/v1/bots/{done}/get_audio").json()["audio_url"]
    assert life_of(service, url) == pytest.approx(AUDIO_LIFE_S, abs=10)
    file = client.get(url, headers={"Authorization": ""})
    assert (file.status_code, file.content, file.headers["content-type"]) == (200, WAV, "audio/wav")
    service.records[done].files.clear()
    assert client.get(f"/api/v1/bots/{done}/get_audio").status_code == 404


def test_single_participants(client: TestClient, service: FakeService, done: str) -> None:
    answer = client.get(f"/api/v1/bots/{done}/get_audio_streams").json()
    assert (answer["audio_status"], answer["audio_streams_available"]) == ("Success", True)
    assert answer["summary"] == {"total_participants": 2, "total_segments": 2}
    (ada, _) = answer["participants"]
    (segment,) = ada["streams"][0]["segments"]
    url = segment.pop("url")
    assert segment == {
        "segment_index": 0,
        "filename": "p1.webm",
        "duration_seconds": 61.2,
        "sample_rate": 48000,
        "channels": 1,
        "codec": "opus",
    }
    assert ada["streams"][0]["stream_id"] == "AdaL_p1"
    assert life_of(service, url) == pytest.approx(STREAM_LIFE_S, abs=10)
    assert client.get(url, headers={"Authorization": ""}).content == WAV


def test_single_participants_that_there_are_none_of(client: TestClient, service: FakeService, bot_id: str) -> None:
    flag_off = client.get(f"/api/v1/bots/{bot_id}/get_audio_streams")
    assert (flag_off.status_code, flag_off.json()["audio_streams_available"]) == (200, False)
    body = {"meeting_link": LINK, "audio_separate_streams": True}
    made = client.post("/api/v1/bots/create_bot", json=body).json()["bot_id"]
    waiting = client.get(f"/api/v1/bots/{made}/get_audio_streams")
    assert (waiting.status_code, waiting.json()["audio_status"]) == (202, "in_progress")
    service.finish(made).files.clear()
    silent = client.get(f"/api/v1/bots/{made}/get_audio_streams").json()
    assert (silent["audio_status"], silent["audio_streams_available"]) == ("Success", False)


def test_there_is_no_video(client: TestClient, done: str) -> None:
    assert client.get(f"/api/v1/bots/{done}/get_video").status_code == 404
    streams = client.get(f"/api/v1/bots/{done}/get_recording_streams")
    assert (streams.status_code, streams.json()["recording_streams_available"]) == (200, False)
    shots = client.get(f"/api/v1/bots/{done}/get_screenshots").json()
    assert shots == {"bot_id": done, "screenshots_count": 0, "screenshots": []}

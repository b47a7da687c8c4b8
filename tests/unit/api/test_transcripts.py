"""Transcripts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service import SEGMENTS, WAV, FakeService

from .conftest import LINK


def get(client: TestClient, done: str, query: str = "") -> Any:
    return client.get(f"/api/v1/transcript/tr-{done}/get_transcript{query}")


def test_segments(client: TestClient, done: str) -> None:
    answer = get(client, done)
    assert answer.status_code == 200
    first = answer.json()[0]
    assert (first["speaker"], first["transcript"], first["start_time"]) == ("Ada L", "Hello all.", 0.5)
    assert answer.json() == client.get(f"/api/v1/bots/{done}/get_transcript").json()
    assert answer.json() == get(client, done, "?raw=false&format=json").json()


@pytest.mark.parametrize("flag", ["true", "True"])
def test_raw(client: TestClient, done: str, flag: str) -> None:
    assert get(client, done, f"?raw={flag}").json()["id"] == f"tr-{done}"


@pytest.mark.parametrize(
    ("form", "kind"),
    [("vtt", "text/vtt"), ("srt", "application/x-subrip"), ("txt", "text/plain"), ("md", "text/markdown")],
)
def test_other_forms(client: TestClient, done: str, form: str, kind: str) -> None:
    answer = get(client, done, f"?format={form}")
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.text


@pytest.mark.parametrize("query", ["?format=docx", "?raw=maybe"])
def test_forms_that_are_none(client: TestClient, done: str, query: str) -> None:
    assert get(client, done, query).status_code == 400


def test_waiting_failing_and_not_existing(client: TestClient, service: FakeService, done: str) -> None:
    record = service.records[done]
    job = record.jobs[0]
    record.jobs = [replace(job, status="Processing")]
    for answer in (get(client, done), client.get(f"/api/v1/bots/{done}/get_transcript")):
        assert answer.status_code == 202
        assert answer.json() == {"message": "Transcript is still being processed. Current status: Processing"}
    record.jobs = [replace(job, status="Failed", error="no words")]
    failed = get(client, done)
    assert (failed.status_code, failed.json()) == (409, {"message": "The transcription failed: no words"})
    unknown = client.get("/api/v1/transcript/x/get_transcript")
    assert (unknown.status_code, unknown.json()) == (404, {"message": "Transcript not found."})
    assert client.get("/api/v1/transcript/%00/get_transcript").status_code == 404


def test_what_was_transcribed_live(client: TestClient, service: FakeService) -> None:
    config = {"transcript": {"provider": {"meetstream_streaming": {}}}}
    body = {"meeting_link": LINK, "recording_config": config}
    made = client.post("/api/v1/bots/create_bot", json=body).json()["bot_id"]
    path = f"/api/v1/bots/{made}/get_transcript"
    assert client.get(path).status_code == 202
    service.records[made].live.extend(SEGMENTS)
    assert [one["transcript"] for one in client.get(path).json()] == ["Hello all.", "Hi Ada."]
    assert client.get(f"{path}?raw=true").status_code == 200
    service.records[made].live.clear()
    service.finish(made).bot.transcript_id = None
    assert client.get(path).status_code == 404


def test_transcribing_again(client: TestClient, service: FakeService, bot_id: str, done: str) -> None:
    body = {"provider": {"deepgram": {"model": "nova-3"}}, "callback_url": "http://127.0.0.1:9/h"}
    assert client.post(f"/api/v1/bots/{bot_id}/transcribe", json=body).status_code == 409
    answer = client.post(f"/api/v1/bots/{done}/transcribe", json=body)
    made = answer.json()
    assert (answer.status_code, made["bot_id"], made["provider"]) == (200, done, "deepgram")
    job = service.records[done].jobs[-1]
    assert (job.id, job.options, job.callback_url) == (made["transcript_id"], {"model": "nova-3"}, body["callback_url"])
    for bad in ({}, {"provider": {"sarvam": {}}}, body | {"callback_url": "http://10.0.0.1/"}):
        assert client.post(f"/api/v1/bots/{done}/transcribe", json=bad).status_code == 400


def test_all_transcriptions(client: TestClient, service: FakeService, done: str) -> None:
    (one,) = client.get(f"/api/v1/bots/{done}/transcriptions").json()["transcriptions"]
    links = one.pop("download_urls")
    assert one == {
        "transcript_id": f"tr-{done}",
        "provider": "meetstream",
        "status": "Success",
        "created_at": "2026-09-21T14:14:20Z",
        "config": {"api_key": "***"},
        "error": None,
    }
    for name in ("raw_transcript", "processed_transcript"):
        assert client.get(links[name], headers={"Authorization": ""}).content == WAV
    service.records[done].jobs.append(replace(service.records[done].jobs[0], id="t2", status="Processing"))
    second = client.get(f"/api/v1/bots/{done}/transcriptions").json()["transcriptions"][1]
    assert (second["status"], second["download_urls"]) == ("Processing", None)

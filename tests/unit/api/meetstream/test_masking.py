"""Secrets in echoed requests."""

from __future__ import annotations

from typing import Any

import pytest

from rejoinder.api.meetstream.masking import masked


@pytest.mark.parametrize(
    "name", ["api_key", "apiKey", "deepgram_api_key", "auth_token", "client_secret", "password", "Authorization"]
)
def test_secrets_are_covered_wherever_they_are(name: str) -> None:
    request: dict[str, Any] = {
        name: "hunter2",
        "transcription": {"deepgram": {name: "hunter2", "model": "nova-3"}},
        "agent": {"mcp_servers": [{"url": "https://x", "headers": {"X-Any": "hunter2"}, name: ["hunter2"]}]},
    }
    covered = masked(request)
    assert "hunter2" not in str(covered)
    assert covered["transcription"]["deepgram"]["model"] == "nova-3"
    assert covered["agent"]["mcp_servers"][0]["url"] == "https://x"
    assert request["transcription"]["deepgram"][name] == "hunter2"


def test_all_else_stays() -> None:
    request = {
        "meeting_link": "http://room/a",
        "agent": {"max_tokens": 5, "max_token": 6, "prompt": "p"},
        "transcription": {"deepgram": {"keywords": ["a"], "api_key": "", "tokens": True}},
        "custom_attributes": {"token": "mine", "secret": {"a": 1}},
    }
    assert masked(request) == request

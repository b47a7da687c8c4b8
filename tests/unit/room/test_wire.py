"""Every message a client may send, and every way to get it wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.errors import InvalidRequest
from rejoinder.room import wire

CANDIDATE = {"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"type": "join", "name": "Ada"}, wire.Join("Ada", "person", False, True, False)),
        (
            {"type": "join", "name": "R", "kind": "bot", "lobby": True, "audio": False, "video": True},
            wire.Join("R", "bot", True, False, True),
        ),
        ({"type": "join", "name": "  Ada \n Lovelace "}, wire.Join("Ada Lovelace")),
        ({"type": "join", "name": "x" * 80}, wire.Join("x" * 80)),
        (
            {"type": "signal", "to": "p3", "data": {"candidate": CANDIDATE}},
            wire.Signal("p3", {"candidate": CANDIDATE}),
        ),
        ({"type": "signal", "to": "p3", "data": {"candidate": None}}, wire.Signal("p3", {"candidate": None})),
        (
            {"type": "signal", "to": "p3", "data": {"description": {"type": "answer", "sdp": "v=0"}}},
            wire.Signal("p3", {"description": {"type": "answer", "sdp": "v=0"}}),
        ),
        ({"type": "chat", "text": " hi "}, wire.Chat(" hi ")),
        ({"type": "chat", "text": "é" * 10_000}, wire.Chat("é" * 10_000)),
        ({"type": "state", "audio": True, "video": False}, wire.SetState(True, False)),
        ({"type": "admit", "participant": "p4"}, wire.Admit("p4")),
        ({"type": "deny", "participant": "p4"}, wire.Deny("p4")),
        ({"type": "remove", "participant": "p4"}, wire.Remove("p4")),
        ({"type": "lobby", "enabled": True}, wire.SetLobby(True)),
        ({"type": "end"}, wire.End()),
        ({"type": "leave", "future": "field"}, wire.Leave()),
    ],
)
def test_messages(sent: dict[str, Any], expected: wire.ClientMessage) -> None:
    assert wire.parse(json.dumps(sent)) == expected


@pytest.mark.parametrize(
    ("sent", "code", "field"),
    [
        ({}, "missing", "type"),
        ({"type": "dance"}, "unknown_type", "type"),
        ({"type": 7}, "unknown_type", "type"),
        ({"type": ["join"]}, "unknown_type", "type"),
        ({"type": "join"}, "missing", "name"),
        ({"type": "join", "name": 7}, "invalid", "name"),
        ({"type": "join", "name": ""}, "invalid", "name"),
        ({"type": "join", "name": " \n\t "}, "invalid", "name"),
        ({"type": "join", "name": "x" * 81}, "invalid", "name"),
        ({"type": "join", "name": "a\u0000b"}, "invalid", "name"),
        ({"type": "join", "name": "Ada", "kind": "cat"}, "invalid", "kind"),
        ({"type": "join", "name": "Ada", "kind": ["bot"]}, "invalid", "kind"),
        ({"type": "join", "name": "Ada", "lobby": 1}, "invalid", "lobby"),
        ({"type": "join", "name": "Ada", "audio": "yes"}, "invalid", "audio"),
        ({"type": "join", "name": "Ada", "video": None}, "invalid", "video"),
        ({"type": "signal", "data": {"candidate": None}}, "missing", "to"),
        ({"type": "signal", "to": 3, "data": {"candidate": None}}, "invalid", "to"),
        ({"type": "signal", "to": "p3"}, "missing", "data"),
        ({"type": "signal", "to": "p3", "data": "sdp"}, "invalid", "data"),
        ({"type": "signal", "to": "p3", "data": {}}, "invalid", "data"),
        (
            {"type": "signal", "to": "p3", "data": {"candidate": None, "description": {}}},
            "invalid",
            "data",
        ),
        ({"type": "signal", "to": "p3", "data": {"description": "v=0"}}, "invalid", "data.description"),
        (
            {"type": "signal", "to": "p3", "data": {"description": {"type": "rollback", "sdp": ""}}},
            "invalid",
            "data.description.type",
        ),
        (
            {"type": "signal", "to": "p3", "data": {"description": {"type": "offer"}}},
            "invalid",
            "data.description.sdp",
        ),
        ({"type": "signal", "to": "p3", "data": {"candidate": "x"}}, "invalid", "data.candidate"),
        ({"type": "signal", "to": "p3", "data": {"candidate": {}}}, "invalid", "data.candidate.candidate"),
        (
            {"type": "signal", "to": "p3", "data": {"candidate": {**CANDIDATE, "sdpMid": 0}}},
            "invalid",
            "data.candidate.sdpMid",
        ),
        (
            {"type": "signal", "to": "p3", "data": {"candidate": {**CANDIDATE, "sdpMLineIndex": "0"}}},
            "invalid",
            "data.candidate.sdpMLineIndex",
        ),
        ({"type": "chat"}, "missing", "text"),
        ({"type": "chat", "text": ["hi"]}, "invalid", "text"),
        ({"type": "chat", "text": ""}, "invalid", "text"),
        ({"type": "chat", "text": " \n"}, "invalid", "text"),
        ({"type": "chat", "text": "x" * 10_001}, "invalid", "text"),
        ({"type": "state", "audio": True}, "missing", "video"),
        ({"type": "state", "audio": 0, "video": True}, "invalid", "audio"),
        ({"type": "admit"}, "missing", "participant"),
        ({"type": "deny", "participant": None}, "invalid", "participant"),
        ({"type": "remove", "participant": "x" * 65}, "invalid", "participant"),
        ({"type": "lobby"}, "missing", "enabled"),
        ({"type": "lobby", "enabled": "on"}, "invalid", "enabled"),
    ],
)
def test_faults_name_the_field(sent: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        wire.parse(json.dumps(sent))
    answer = wire.error(caught.value)
    assert (answer["type"], answer["code"], answer["field"]) == ("error", code, field)
    assert field.split(".")[-1] in answer["message"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("NaN", "invalid_json"),
        ("[" * 5000, "invalid_json"),
        ('{"type":"chat","text":"\\ud800"}', "invalid_json"),
        ('"leave"', "invalid_json"),
        ("[]", "invalid_json"),
        ("null", "invalid_json"),
        (b'{"type":"leave"}', "invalid_json"),
        (" " * (wire.MAX_MESSAGE_BYTES + 1), "too_large"),
        ("é" * (wire.MAX_MESSAGE_BYTES // 2 + 1), "too_large"),
        (b"\0" * (wire.MAX_MESSAGE_BYTES + 1), "too_large"),
    ],
)
def test_what_is_no_message_at_all(data: str | bytes, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        wire.parse(data)
    assert (caught.value.code, caught.value.field) == (code, None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("name", "kind", "lobby", "audio", "video", "to", "data", "text", "participant", "enabled")


@given(st.sampled_from(wire.TYPES), st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_anything_is_either_taken_or_refused_in_words(kind: str, fields: dict[str, Any]) -> None:
    try:
        message = wire.parse(json.dumps({**fields, "type": kind}))
    except InvalidRequest as fault:
        outcome = fault.code
    else:
        outcome = type(message).__name__.lower().removeprefix("set")
    assert outcome in {kind, "missing", "invalid", "invalid_json"}

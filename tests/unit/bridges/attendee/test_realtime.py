"""Attendee's realtime audio messages, byte for byte, and what a user's server may get wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.bridges.attendee import realtime as codec
from rejoinder.bridges.attendee.realtime import Pause, Position, Subscribe, Wrong, decode
from rejoinder.core.commands import ClearAudio, PlayAudio

BOT = "bot_12345abcdef"
PCM = np.array([0, 1, -1, 32767, -32768, 258], np.int16)
CHUNK = "AAABAP///38AgAIB"
"""``PCM`` as little-endian bytes in base64, worked out by hand: 0000 0100 ffff ff7f 0080 0201."""


def test_golden_bytes() -> None:
    assert base64.b64decode(CHUNK).hex() == "00000100ffffff7f00800201"
    assert codec.mixed(BOT, PCM, 1703123456789, 16_000) == (
        '{"trigger":"realtime_audio.mixed","bot_id":"bot_12345abcdef",'
        '"data":{"chunk":"AAABAP///38AgAIB","timestamp_ms":1703123456789,"sample_rate":16000}}'
    )
    assert codec.per_participant(BOT, "p7", PCM, 1703123456789, 8_000) == (
        '{"trigger":"realtime_audio.per_participant","bot_id":"bot_12345abcdef",'
        '"data":{"participant_uuid":"p7","chunk":"AAABAP///38AgAIB","timestamp_ms":1703123456789,"sample_rate":8000}}'
    )
    assert codec.error(BOT, Wrong("odd_byte_count", "no", "data.chunk")) == (
        '{"trigger":"error","bot_id":"bot_12345abcdef",'
        '"data":{"code":"odd_byte_count","message":"no","field":"data.chunk"}}'
    )
    assert codec.played(BOT, Position(160, 32, 8, 16_000, "playing"), 5) == (
        '{"trigger":"realtime_audio.played","bot_id":"bot_12345abcdef","data":{"samples":160,"cleared":32,"waiting":8,'
        '"sample_rate":16000,"state":"playing","timestamp_ms":5}}'
    )


def test_an_error_without_a_field_names_none() -> None:
    assert "field" not in json.loads(codec.error(BOT, Wrong("invalid_json", "no")))["data"]


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=400), st.sampled_from(codec.RATES))
def test_what_the_bot_sends_can_be_said_back(samples: list[int], rate: int) -> None:
    """An echo server, the simplest client, sends the chunk back as it came."""
    sent = json.loads(codec.mixed(BOT, np.array(samples, np.int16), 1, rate))
    echo = {"trigger": "realtime_audio.bot_output", "data": sent["data"]}
    assert decode(json.dumps(echo)) == PlayAudio(np.array(samples, "<i2").tobytes(), rate)


def output(**data: Any) -> str:
    return json.dumps({"trigger": "realtime_audio.bot_output", "data": {"chunk": CHUNK, "sample_rate": 16000, **data}})


def pause(duration: Any) -> str:
    return json.dumps({"trigger": "pause_current_lecture", "data": {"duration": duration}})


def test_the_seeds_messages() -> None:
    assert decode(output()) == PlayAudio(PCM.astype("<i2").tobytes(), 16_000)
    assert decode(output(sample_rate=24000.0)) == PlayAudio(PCM.astype("<i2").tobytes(), 24_000)
    assert decode(pause(2000)) == Pause(2.0)
    assert decode(pause(0.5)) == Pause(0.0005)
    assert decode(output().encode()) == decode(output())


def test_our_own_messages() -> None:
    assert decode('{"trigger":"realtime_audio.clear"}') == ClearAudio()
    assert decode('{"trigger":"realtime_audio.clear","data":{}}') == ClearAudio()
    assert decode('{"trigger":"realtime_audio.subscribe","data":{"played":true}}') == Subscribe(True)
    assert decode('{"trigger":"realtime_audio.subscribe","data":{"played":false}}') == Subscribe(False)


def test_an_empty_chunk_is_nothing_and_line_breaks_in_base64_are_forgiven() -> None:
    assert decode(output(chunk="")) is None
    assert decode(output(chunk=CHUNK[:8] + "\r\n" + CHUNK[8:])) == decode(output())


WRONG = {
    "not JSON": ("{", "invalid_json", None),
    "an array": ("[1]", "not_an_object", None),
    "no trigger": ("{}", "missing_field", "trigger"),
    "a trigger that is no string": ('{"trigger": 1}', "invalid_type", "trigger"),
    "an unknown trigger": ('{"trigger": "dance"}', "unknown_trigger", "trigger"),
    "no data": ('{"trigger": "realtime_audio.bot_output"}', "missing_field", "data"),
    "data of a wrong kind": ('{"trigger": "realtime_audio.bot_output", "data": "x"}', "invalid_type", "data"),
    "no chunk": (output(chunk=None), "missing_field", "data.chunk"),
    "a chunk of a wrong kind": (output(chunk=[1]), "invalid_type", "data.chunk"),
    "bad base64": (output(chunk="@@@"), "invalid_base64", "data.chunk"),
    "half a sample": (output(chunk="YWJj"), "odd_byte_count", "data.chunk"),
    "no rate": (output(sample_rate=None), "missing_field", "data.sample_rate"),
    "a rate we do not take": (output(sample_rate=48000), "invalid_sample_rate", "data.sample_rate"),
    "a rate in kHz": (output(sample_rate=16), "invalid_sample_rate", "data.sample_rate"),
    "a rate as text": (output(sample_rate="16000"), "invalid_sample_rate", "data.sample_rate"),
    "a rate as list": (output(sample_rate=[16000]), "invalid_sample_rate", "data.sample_rate"),
    "no duration": (pause(None), "missing_field", "data.duration"),
    "a duration as text": (pause("2000"), "invalid_type", "data.duration"),
    "a duration that is true": (pause(True), "invalid_type", "data.duration"),
    "a negative duration": (pause(-1), "invalid_value", "data.duration"),
    "an endless duration": (pause(600_001), "invalid_value", "data.duration"),
    "a subscription to nothing": (
        '{"trigger": "realtime_audio.subscribe", "data": {}}',
        "missing_field",
        "data.played",
    ),
    "a subscription by number": (
        '{"trigger": "realtime_audio.subscribe", "data": {"played": 1}}',
        "invalid_type",
        "data.played",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str) -> None:
    text, code, field = WRONG[name]
    found = decode(text)
    assert isinstance(found, Wrong)
    assert (found.code, found.field) == (code, field)
    assert len(found.message) > 10
    assert field is None or field in found.message


def test_a_message_that_is_too_large() -> None:
    assert decode(output(), max_bytes=len(output())) == decode(output())
    found = decode(output(), max_bytes=len(output()) - 1)
    assert isinstance(found, Wrong)
    assert found.code == "message_too_large"


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    decode(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from(("realtime_audio.bot_output", "pause_current_lecture", "realtime_audio.subscribe")),
    st.sampled_from(("chunk", "sample_rate", "duration", "played", "data")),
)
def test_no_json_makes_it_raise(value: Any, trigger: str, field: str) -> None:
    body = {"trigger": trigger, "data": {"chunk": CHUNK, "sample_rate": 16000, "duration": 1, "played": True}}
    if field == "data":
        body["data"] = value
    else:
        body["data"] = {**dict(body["data"]), field: value}  # type: ignore[arg-type]
    decode(json.dumps(body))

"""The control socket's codec: what comes in, what is answered."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rejoinder.bridges.meetstream.control import (
    MAX_CHAT_CHARS,
    CommandError,
    Limits,
    decode,
    interrupted,
    ready,
    usermsg,
)
from rejoinder.core.commands import ClearAudio, MirrorChat, PlayAudio, SendChat, ShowImage, ShowImageUrl

BOT = "bot_abc123"
PCM = b"\x01\x00\xff\x7f\x00\x80"
B64 = base64.b64encode(PCM).decode()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def read(limits: Limits | None = None, **body: Any) -> Any:
    return decode(json.dumps(body), BOT, limits)


def error(limits: Limits | None = None, **body: Any) -> tuple[str, str | None, str | None]:
    result = read(limits, **body)
    assert isinstance(result, CommandError), result
    assert result.message
    if result.field is not None:
        assert result.field in result.message or result.code in ("wrong_bot_id", "unknown_command")
    return result.code, result.field, result.command


SEED_COMMANDS = [
    (
        {
            "command": "sendaudio",
            "bot_id": BOT,
            "audiochunk": B64,
            "sample_rate": 48000,
            "encoding": "pcm16",
            "channels": 1,
            "endianness": "little",
        },
        PlayAudio(PCM, 48000),
    ),
    ({"action": "sendaudio", "audio": B64, "sample_rate": 16000, "encoding": "pcm16"}, PlayAudio(PCM, 16000)),
    ({"command": "sendaudio", "audiochunk": B64}, PlayAudio(PCM, 48000)),
    ({"command": "sendaudio", "audio": B64, "sample_rate": None}, PlayAudio(PCM, 48000)),
    ({"command": "sendaudio", "audiochunk": ""}, ClearAudio()),
    ({"command": "sendmsg", "bot_id": BOT, "message": "Hi", "msg": "Hi"}, SendChat("Hi")),
    ({"command": "sendmsg", "message": "Hi"}, SendChat("Hi")),
    ({"command": "sendmsg", "msg": "Hi"}, SendChat("Hi")),
    (
        {"command": "sendchat", "bot_id": BOT, "role": "assistant", "text": "a", "is_final": True},
        MirrorChat("assistant", "a", True),
    ),
    ({"action": "sendchat", "role": "user", "text": "a", "is_final": False}, MirrorChat("user", "a", False)),
    ({"command": "interrupt", "bot_id": BOT, "action": "clear_audio_queue"}, ClearAudio()),
    ({"action": "interrupt", "type": "clear_audio_queue"}, ClearAudio()),
    ({"command": "interrupt", "type": "clear_audio_queue"}, ClearAudio()),
    ({"command": "interrupt"}, ClearAudio()),
    ({"command": "sendimg", "bot_id": BOT, "img": b64(PNG)}, ShowImage(PNG)),
    ({"command": "sendimg", "img": "data:image/jpeg;base64," + b64(JPEG)}, ShowImage(JPEG)),
    (
        {"command": "sendimg_url", "img_url": "https://x.example/a.png"},
        ShowImageUrl("https://x.example/a.png"),
    ),
]


@pytest.mark.parametrize(("body", "command"), SEED_COMMANDS)
def test_both_spellings_of_every_command(body: dict[str, Any], command: object) -> None:
    assert decode(json.dumps(body), BOT) == [command]
    assert decode(json.dumps(body).encode(), BOT) == [command]


@pytest.mark.parametrize(
    "body",
    [
        {"type": "ack"},
        {"type": "ack", "bot_id": "someone else"},
        {"type": "ping"},
        {"command": "ack", "bot_id": BOT, "message": "ok"},
        {"action": "ack"},
        {"command": None, "type": "hello"},
    ],
)
def test_acknowledgements_and_unknown_types_are_ignored(body: dict[str, Any]) -> None:
    assert decode(json.dumps(body), BOT) == []


def test_a_stream_of_tokens_may_begin_with_nothing() -> None:
    assert read(command="sendchat", role="assistant", text="", is_final=False) == []


def test_base64_with_line_breaks_as_mime_encoders_write_it() -> None:
    pcm = bytes(range(256)) * 2
    assert read(command="sendaudio", audiochunk=base64.encodebytes(pcm).decode()) == [PlayAudio(pcm, 48000)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "invalid_json"),
        ("", "invalid_json"),
        ('{"a": NaN}', "invalid_json"),
        ('{"command": "\\ud800"}', "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        ("[" * 5000, "invalid_json"),
        ("[]", "not_an_object"),
        ('"sendmsg"', "not_an_object"),
        ("3", "not_an_object"),
        ("null", "not_an_object"),
    ],
)
def test_what_is_no_json_object(text: str | bytes, code: str) -> None:
    result = decode(text, BOT)
    assert isinstance(result, CommandError)
    assert (result.code, result.command) == (code, None)


def test_commands_that_are_none() -> None:
    assert error() == ("missing_field", "command", None)
    assert error(bot_id=BOT, text="hi") == ("missing_field", "command", None)
    assert error(command="dance") == ("unknown_command", "command", "dance")
    assert error(action="dance") == ("unknown_command", "action", "dance")
    assert error(command=7) == ("invalid_type", "command", None)
    assert error(command=["sendmsg"]) == ("invalid_type", "command", None)
    assert error(type="sendmsg", message="hi") == ("missing_field", "command", None)
    assert error(command="x" * 1000)[2] == "x" * 64


def test_another_bots_id() -> None:
    assert error(command="sendmsg", message="x", bot_id="bot_2") == ("wrong_bot_id", "bot_id", "sendmsg")
    assert error(command="sendmsg", message="x", bot_id=5) == ("invalid_type", "bot_id", "sendmsg")
    assert read(command="sendmsg", message="x", bot_id="") == [SendChat("x")]
    assert read(command="sendmsg", message="x", bot_id=None) == [SendChat("x")]


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"audiochunk": None}, "missing_field", "audiochunk"),
        ({"audiochunk": 5}, "invalid_type", "audiochunk"),
        ({"audiochunk": "@@@@"}, "invalid_base64", "audiochunk"),
        ({"audiochunk": "QUJ"}, "invalid_base64", "audiochunk"),
        ({"audiochunk": "QUI=QUI="}, "invalid_base64", "audiochunk"),
        ({"audiochunk": "ä"}, "invalid_base64", "audiochunk"),
        ({"audiochunk": b64(b"abc")}, "odd_byte_count", "audiochunk"),
        ({"encoding": "mp3"}, "unsupported_encoding", "encoding"),
        ({"encoding": 16}, "unsupported_encoding", "encoding"),
        ({"channels": 2}, "unsupported_channels", "channels"),
        ({"channels": True}, "unsupported_channels", "channels"),
        ({"endianness": "big"}, "unsupported_endianness", "endianness"),
        ({"sample_rate": "16000"}, "invalid_sample_rate", "sample_rate"),
        ({"sample_rate": 16000.5}, "invalid_sample_rate", "sample_rate"),
        ({"sample_rate": True}, "invalid_sample_rate", "sample_rate"),
        ({"sample_rate": 0}, "invalid_sample_rate", "sample_rate"),
        ({"sample_rate": -48000}, "invalid_sample_rate", "sample_rate"),
        ({"sample_rate": 7999}, "invalid_sample_rate", "sample_rate"),
        ({"sample_rate": 192001}, "invalid_sample_rate", "sample_rate"),
    ],
)
def test_audio_that_cannot_be_played(change: dict[str, Any], code: str, field: str) -> None:
    body = {"audiochunk": B64, "sample_rate": 48000} | change
    assert error(command="sendaudio", **body) == (code, field, "sendaudio")


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 44100, 48000, 192000])
def test_sample_rates(rate: int) -> None:
    assert read(command="sendaudio", audiochunk=B64, sample_rate=rate) == [PlayAudio(PCM, rate)]


def test_the_field_is_named_as_the_sender_named_it() -> None:
    assert error(action="sendaudio", audio="@") == ("invalid_base64", "audio", "sendaudio")
    assert error(command="sendmsg", msg=" ") == ("empty_text", "msg", "sendmsg")


def test_chat_that_cannot_be_posted() -> None:
    assert error(command="sendmsg") == ("missing_field", "message", "sendmsg")
    assert error(command="sendmsg", message=1) == ("invalid_type", "message", "sendmsg")
    assert error(command="sendmsg", message=" \n") == ("empty_text", "message", "sendmsg")
    long = "x" * (MAX_CHAT_CHARS + 1)
    assert error(command="sendmsg", message=long) == ("text_too_long", "message", "sendmsg")
    assert read(command="sendmsg", message=long[1:]) == [SendChat(long[1:])]
    good = {"command": "sendchat", "role": "user", "text": "a", "is_final": True}
    assert error(**good | {"text": None}) == ("missing_field", "text", "sendchat")
    assert error(**good | {"text": " "}) == ("empty_text", "text", "sendchat")
    assert error(**good | {"text": long}) == ("text_too_long", "text", "sendchat")
    assert error(**good | {"role": None}) == ("missing_field", "role", "sendchat")
    assert error(**good | {"role": "system"}) == ("invalid_value", "role", "sendchat")
    assert error(**good | {"is_final": None}) == ("missing_field", "is_final", "sendchat")
    assert error(**good | {"is_final": "yes"}) == ("invalid_type", "is_final", "sendchat")


def test_an_interrupt_of_something_else() -> None:
    assert error(command="interrupt", action="pause") == ("invalid_value", "action", "interrupt")
    assert error(action="interrupt", type="pause") == ("invalid_value", "type", "interrupt")


def test_images_that_cannot_be_shown() -> None:
    limits = Limits(image_bytes=len(PNG))
    assert error(command="sendimg") == ("missing_field", "img", "sendimg")
    assert error(command="sendimg", img="%%") == ("invalid_base64", "img", "sendimg")
    assert error(command="sendimg", img="") == ("invalid_image", "img", "sendimg")
    assert error(command="sendimg", img=b64(b"GIF89a....")) == ("invalid_image", "img", "sendimg")
    assert error(command="sendimg", img="data:image/png,abc") == ("invalid_base64", "img", "sendimg")
    assert error(limits, command="sendimg", img=b64(PNG + b"x")) == ("image_too_large", "img", "sendimg")
    assert error(limits, command="sendimg", img=b64(PNG * 9)) == ("image_too_large", "img", "sendimg")
    assert read(limits, command="sendimg", img=b64(PNG)) == [ShowImage(PNG)]


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x.example/a.png", "https://", "data:image/png;base64,aa", "/a"])
def test_image_urls_that_are_none(url: str) -> None:
    assert error(command="sendimg_url", img_url=url) == ("invalid_url", "img_url", "sendimg_url")


def test_a_message_that_is_too_large() -> None:
    body = {"command": "sendmsg", "message": "hello"}
    size = len(json.dumps(body))
    assert error(Limits(message_bytes=size - 1), **body) == ("message_too_large", None, None)
    assert read(Limits(message_bytes=size), **body) == [SendChat("hello")]


def test_what_the_bot_says() -> None:
    assert json.loads(ready(BOT)) == {"type": "ready", "bot_id": BOT, "message": "Ready to receive messages"}
    assert json.loads(ready(BOT, "p7"))["speaker_id"] == "p7"
    assert json.loads(interrupted(BOT)) == {"command": "interrupt", "bot_id": BOT}
    message = json.loads(usermsg(BOT, "hi \ud800", "p2", "Ada", 1790000000.5))
    assert message == {
        "command": "usermsg",
        "message": "hi ?",
        "bot_id": BOT,
        "speaker_id": "p2",
        "speaker_name": "Ada",
        "timestamp": 1790000000.5,
    }
    answer = decode('{"command":"sendmsg"}', BOT)
    assert isinstance(answer, CommandError)
    assert json.loads(answer.encode()) == {
        "type": "error",
        "code": "missing_field",
        "message": '"message" is required.',
        "command": "sendmsg",
        "field": "message",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
)
NAMES = st.sampled_from(["sendaudio", "sendmsg", "sendchat", "interrupt", "sendimg", "sendimg_url", "ack", "x"])
KEYS = st.sampled_from(
    "audiochunk audio sample_rate encoding channels endianness message msg role text is_final type "
    "img img_url bot_id".split()
)


@given(st.text() | st.binary())
def test_no_text_ever_raises(text: str | bytes) -> None:
    result = decode(text, BOT)
    assert isinstance(result, list | CommandError)


@given(st.sampled_from(["command", "action"]), NAMES, st.dictionaries(KEYS, JSON))
def test_no_command_ever_raises_and_every_error_is_json(key: str, name: str, body: dict[str, Any]) -> None:
    result = decode(json.dumps(body | {key: name}), BOT)
    if isinstance(result, CommandError):
        assert json.loads(result.encode())["type"] == "error"
    else:
        assert isinstance(result, list)


@given(st.binary(max_size=2000), st.integers(8000, 192000))
def test_all_whole_samples_arrive(data: bytes, rate: int) -> None:
    result = read(command="sendaudio", audiochunk=b64(data), sample_rate=rate)
    if not data:
        assert result == [ClearAudio()]
    elif len(data) % 2:
        assert isinstance(result, CommandError)
    else:
        assert result == [PlayAudio(data, rate)]

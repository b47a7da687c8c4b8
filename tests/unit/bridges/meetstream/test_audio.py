"""Live audio frames, read back with the decoder of MeetStream's guide."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rejoinder.bridges.meetstream.audio import MAX_TEXT_BYTES, encode_frame, frame_header
from seed_server import decode_audio_frame


def test_golden_bytes() -> None:
    assert encode_frame("p1", "Adé", b"\x01\x02") == b"\x01\x02\x00p1\x04\x00Ad\xc3\xa9\x01\x02"
    assert encode_frame("", "", b"") == b"\x01\x00\x00\x00\x00"


@given(st.text(max_size=50), st.text(max_size=50), st.binary(max_size=100).map(lambda data: data * 2))
def test_round_trip(speaker_id: str, name: str, pcm: bytes) -> None:
    assert decode_audio_frame(encode_frame(speaker_id, name, pcm)) == (speaker_id, name, pcm)
    assert encode_frame(speaker_id, name, memoryview(pcm)) == encode_frame(speaker_id, name, pcm)


def test_long_names_are_cut_between_characters() -> None:
    for lead in range(4):
        name = "x" * lead + "😀" * 20_000
        decoded = decode_audio_frame(encode_frame("p1", name, b"ab"))
        assert decoded is not None
        assert decoded[2] == b"ab"
        assert name.startswith(decoded[1])
        assert MAX_TEXT_BYTES - 3 <= len(decoded[1].encode()) <= MAX_TEXT_BYTES


def test_names_that_have_no_utf8_form() -> None:
    assert decode_audio_frame(encode_frame("p1", "a\ud800b", b"")) == ("p1", "a?b", b"")


def test_a_header_is_made_once_per_speaker() -> None:
    assert frame_header("same", "Same") is frame_header("same", "Same")

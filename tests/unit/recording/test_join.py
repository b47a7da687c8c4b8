"""From the spool to what users get."""

from __future__ import annotations

import json
import random
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from rejoinder.core.participant import Participant
from rejoinder.recording import wav
from rejoinder.recording.join import Recording, finish, read_track_pcm, safe_name

from .meetings import Room, place_of, track_of, wav_of, word

NEAR = 0.002
"""Seconds; the promise is 0.02."""


def tracks(recording: Recording) -> dict[str, np.ndarray]:
    return {track.participant_id: track_of(track.path) for track in recording.tracks}


def test_everything_is_where_it_was_said(tmp_path: Path) -> None:
    room = Room(tmp_path / "1", began_at=1234.5)
    room.join("ada", "silent sam")
    room.run(1.0)
    room.say("ada", word(1))
    room.run(2.0)
    room.join("late")
    room.say("late", word(2))
    room.say("bot", word(3))
    room.run(0.5)
    room.say("ada", word(4))
    room.run(2.0)
    room.end()
    made = finish([tmp_path / "1"], tmp_path / "out")
    heard = tracks(made)
    assert made.began_at == 1234.5
    assert made.duration_s == pytest.approx(5.5, abs=0.03)
    assert set(heard) == {"ada", "late", "bot"}, "who makes no sound has no file"
    assert [track.bot for track in made.tracks] == [track.participant_id == "bot" for track in made.tracks]
    assert made.wav is not None
    mix = wav_of(made.wav)
    assert len(mix) / 48_000 == pytest.approx(made.duration_s)
    for who, sound, at in (("ada", 1, 1.0), ("late", 2, 3.0), ("bot", 3, 3.0), ("ada", 4, 3.5)):
        assert place_of(word(sound), heard[who]) == pytest.approx(at, abs=NEAR)
        assert place_of(word(sound), mix) == pytest.approx(at, abs=NEAR)
    for track in made.tracks:
        assert len(heard[track.participant_id]) / 48_000 == pytest.approx(track.duration_s, abs=0.01)
    late = next(track for track in made.tracks if track.participant_id == "late")
    assert late.path.name == "Late_late_0.webm"
    assert (late.first_sound_s, late.duration_s) == (pytest.approx(3.0, abs=0.03), pytest.approx(4.0, abs=0.3))
    assert not heard["late"][: round(2.9 * 48_000)].any(), "there is silence before"
    assert not track_of(made.tracks[0].path)[round(2.6 * 48_000) : round(3.4 * 48_000)].any(), "and between"
    said = [(speech.participant_id, speech.start_s, speech.end_s) for speech in made.speech if speech.name == "Ada"]
    assert said == [
        ("ada", pytest.approx(1.0, abs=0.05), pytest.approx(2.0, abs=0.05)),
        ("ada", pytest.approx(3.5, abs=0.05), pytest.approx(4.5, abs=0.05)),
    ]


def test_paused_time_is_silence_everywhere_and_the_timeline_goes_on(tmp_path: Path) -> None:
    room = Room(tmp_path / "1")
    room.join("ada")
    room.say("ada", word(1, 6.0))
    room.say("bot", word(2, 6.0))
    room.run(2.0)
    room.recorder.pause()
    room.run(2.0)
    room.recorder.resume()
    room.run(2.5)
    room.end()
    made = finish([tmp_path / "1"], tmp_path / "out")
    assert made.wav is not None
    mix = wav_of(made.wav)
    assert not mix[2 * 48_000 : 4 * 48_000].any()
    assert mix[2 * 48_000 - 480 : 2 * 48_000].any()
    assert mix[4 * 48_000 : 4 * 48_000 + 480].any()
    for audio in tracks(made).values():
        loud = np.flatnonzero(np.abs(audio) > 50) / 48_000
        assert not ((loud > 2.06) & (loud < 3.98)).any(), "but for the codec's ringing"
        assert ((loud > 1.9) & (loud < 2.0)).any()
        assert ((loud > 4.0) & (loud < 4.1)).any()
        assert loud[-1] == pytest.approx(6.0, abs=0.06)
    own = [(round(speech.start_s), round(speech.end_s)) for speech in made.speech if speech.participant_id == "ada"]
    assert own == [(0, 2), (4, 6)]
    assert room.speech[:1] == [("ada", True)]
    assert ("ada", False) not in room.speech[:1], "who talks while paused still counts as talking"


def stays(tmp_path: Path) -> list[Path]:
    """Two epochs, three seconds each, the second begun 10.5 s after the first; Ada has a new id in it."""
    first = Room(tmp_path / "1", began_at=1000.0)
    first.join("ada", "bob")
    first.say("ada", word(1))
    first.say("bob", word(2))
    first.run(3.0)  # and then the process is killed
    second = Room(tmp_path / "2", began_at=1010.507, me=Participant("bot-again", "Bot", is_bot=True))
    second.recorder.joined(Participant("ada-again", "Ada"))
    second.join("bob", "eve")
    second.run(0.5)
    second.say("ada-again", word(3))
    second.say("bob", word(4))
    second.say("eve", word(5))
    second.say("bot", word(6))
    second.run(2.5)
    second.end()
    return [tmp_path / "1", tmp_path / "2"]


def test_epochs_are_joined_on_one_timeline_and_people_are_recognised(tmp_path: Path) -> None:
    made = finish(stays(tmp_path), tmp_path / "out")
    heard = tracks(made)
    assert made.wav is not None
    mix = wav_of(made.wav)
    assert set(heard) == {"ada", "bob", "eve", "bot-again"}
    assert made.duration_s == pytest.approx(13.5, abs=0.05)
    for who, sound, at in (("ada", 1, 0.0), ("bob", 2, 0.0), ("ada", 3, 11.0), ("bob", 4, 11.0), ("eve", 5, 11.0)):
        exact = place_of(word(sound), heard[who])
        assert exact == pytest.approx(at, abs=0.012)
        assert place_of(word(sound), mix) == pytest.approx(exact, abs=NEAR)
    assert not mix[round(3.2 * 48_000) : round(10.4 * 48_000)].any()
    assert {(speech.participant_id, round(speech.start_s)) for speech in made.speech} >= {("ada", 0), ("ada", 11)}


def test_joining_again_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = stays(tmp_path)
    first = finish(folders, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "out" / "audio.wav.part").write_bytes(b"a worker died here")
    assert finish(folders, tmp_path / "out") == first
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize("seed", range(12))
def test_torn_files_give_what_they_hold(tmp_path: Path, seed: int) -> None:
    luck = random.Random(seed)
    folders = stays(tmp_path)
    whole = finish(folders, tmp_path / "whole")
    complete = tracks(whole)
    cuts: dict[str, float] = {}
    for path in sorted(folders[1].iterdir()):
        size = path.stat().st_size
        keep = luck.choice([0, luck.randrange(size), size])
        cuts[path.name] = keep / size
        with path.open("r+b") as file:
            file.truncate(keep)
    made = finish(folders, tmp_path / "torn")
    assert made.wav is not None
    mix, before = wav_of(made.wav), wav_of(whole.wav or Path())
    assert (mix[:120_000] == before[:120_000]).all()
    for who, audio in tracks(made).items():
        if who in complete:
            same = min(len(audio), len(complete[who]), 120_000)
            assert (audio[:same] == complete[who][:same]).all()
            assert len(audio) <= len(complete[who])
    if cuts["mix.pcm"] == 1 and cuts["meta.jsonl"]:
        assert len(mix) == len(before)


def test_without_a_journal_the_mix_is_still_there(tmp_path: Path) -> None:
    folders = stays(tmp_path)
    (folders[0] / "meta.jsonl").unlink()
    made = finish(folders[:1], tmp_path / "out")
    assert made.wav is not None
    assert place_of(word(1), wav_of(made.wav) - 0.0) == pytest.approx(0.0, abs=NEAR)
    assert made.tracks == ()


def test_a_full_disk_leaves_nothing_torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = stays(tmp_path)

    def full(*args: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("rejoinder.recording.join._copy", full)
        with pytest.raises(OSError, match="No space"):
            finish(folders, tmp_path / "out")
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".webm"}
    assert finish(folders, tmp_path / "out").wav is not None


def test_nothing_recorded_gives_no_files(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "meta.jsonl").touch()
    made = finish([tmp_path / "none", tmp_path / "empty"], tmp_path / "out")
    assert made == Recording(0.0, 0.0, None, (), ())
    assert list((tmp_path / "out").iterdir()) == []


def test_an_epoch_whose_clock_was_wrong_follows_the_one_before(tmp_path: Path) -> None:
    for number, began_at in (("1", 1e9), ("2", 1e9 - 50), ("3", 2e9)):
        room = Room(tmp_path / number, began_at=began_at)
        room.join("ada")
        room.say("ada", word(int(number)))
        room.run(1.5)
        room.end()
    made = finish([tmp_path / number for number in "123"], tmp_path / "out")
    assert made.duration_s == pytest.approx(4.5, abs=0.1)
    heard = tracks(made)["ada"]
    assert [round(place_of(word(number), heard), 1) for number in (1, 2, 3)] == [0.0, 1.5, 3.0]


def test_namesakes_who_are_there_together_are_two_people_and_one_who_comes_back_is_one(tmp_path: Path) -> None:
    room = Room(tmp_path / "1")
    for who in ("a1", "a2"):
        room.recorder.joined(Participant(who, "Alex"))
        room.say(who, word(len(who)))
    room.run(1.5)
    room.recorder.left("a1")
    room.run(0.1)
    room.recorder.joined(Participant("a3", "Alex"))
    room.say("a3", word(9))
    room.run(1.5)
    room.end()
    made = finish([tmp_path / "1"], tmp_path / "out")
    assert [track.participant_id for track in made.tracks] == ["a1", "a2"]
    assert place_of(word(9), tracks(made)["a1"]) == pytest.approx(1.6, abs=NEAR)


def test_file_names_are_harmless_and_differ(tmp_path: Path) -> None:
    room = Room(tmp_path / "1")
    names = {"../../etc/x": "../../../root", "u/1": "Ada\x00\nL.", "u 1": "Ada L", "Я": "Зоя ☃ 中文" * 40, "": "🎉"}
    for who, name in names.items():
        room.recorder.joined(Participant(who, name))
        room.say(who, word(1, 0.3))
    room.run(0.6)
    room.end()
    made = finish([tmp_path / "1"], tmp_path / "out")
    assert len(made.tracks) == len(names)
    assert {track.participant_id: track.name for track in made.tracks} == names
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {track.path.name for track in made.tracks} | {"audio.wav"}
    assert {"root_etc_x_0.webm", "Ada_L_u_1_0.webm", "Ada_L_u_1-2_0.webm", "participant_x_0.webm"} < written
    assert all(len(name.encode()) < 200 for name in written)
    assert {path.name for path in tmp_path.iterdir()} == {"1", "out"}


def test_safe_names() -> None:
    assert safe_name("Ada L") == "Ada_L"
    assert safe_name("..") == ""
    assert safe_name("a/b\\c:d") == "a_b_c_d"
    assert safe_name("\ud800x") == "x"


def test_reading_a_track_gives_all_of_it_at_the_rate_asked_for(tmp_path: Path) -> None:
    made = finish(stays(tmp_path), tmp_path / "out")
    ada = next(track for track in made.tracks if track.participant_id == "ada")
    blocks = list(read_track_pcm(ada.path))
    audio = np.concatenate(blocks)
    assert audio.dtype == np.float32
    assert audio.ndim == 1
    assert max(len(block) for block in blocks) < 16_000
    assert len(audio) / 16_000 == pytest.approx(ada.duration_s, abs=0.01)
    loud = np.flatnonzero(np.abs(audio) > 0.02) / 16_000
    assert loud[0] == pytest.approx(0.0, abs=0.01)
    assert loud[loud > 5][0] == pytest.approx(11.0, abs=0.02)


@pytest.mark.parametrize("content", [None, b"", b"no track"])
def test_reading_what_is_no_track_is_an_error_of_the_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.webm"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OSError):
        next(read_track_pcm(path))


def test_a_journal_with_foreign_lines_is_read(tmp_path: Path) -> None:
    folders = stays(tmp_path)
    path = folders[1] / "meta.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    odd = [
        b"\xff\xfe\n",
        b"[1]\n",
        b"7\n",
        b'{"track":"x"}\n',
        b'{"left":99,"at":1}\n',
        b'{"speech":0,"at":"now"}\n',
        b"{\n",
    ]
    odd.append(json.dumps({"began_at": -1, "closed": True}).encode() + b"\n")
    path.write_bytes(b"".join(odd + [line + extra for line, extra in zip(lines, odd * 9, strict=False)]))
    shutil.copytree(folders[1], tmp_path / "copy")
    assert {track.participant_id for track in finish(folders, tmp_path / "out").tracks} == {
        "ada",
        "bob",
        "eve",
        "bot-again",
    }


def test_a_wav_over_four_gigabytes_says_its_size_in_64_bits() -> None:
    small, large = wav.head(48_000), wav.head(1 << 32)
    assert (small[:4], len(small)) == (b"RIFF", 44)
    assert struct.unpack_from("<I", small, 4)[0] == 36 + 96_000
    assert (large[:4], large[12:16], large[-8:-4]) == (b"RF64", b"ds64", b"data")
    whole, data, samples = struct.unpack_from("<QQQ", large, 20)
    assert (whole, data, samples) == (len(large) - 8 + data, 1 << 33, 1 << 32)
    assert struct.unpack_from("<I", large, len(large) - 4)[0] == 0xFFFFFFFF

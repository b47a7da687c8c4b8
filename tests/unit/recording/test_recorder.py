"""The recorder as the bot uses it: threads, disks that fail, and kill -9."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from rejoinder.core.participant import Participant
from rejoinder.recording import recorder as module
from rejoinder.recording.join import finish
from rejoinder.recording.recorder import QUEUE_BYTES, Recorder, Worker

from .meetings import SILENCE, Room, handles, place_of, track_of, wav_of, word

WRITER = Path(__file__).with_name("killed.py")
LOST_S = 1.1
"""What a kill may cost."""


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "recording"]


def until(condition: object, within_s: float = 5.0) -> None:
    end = time.monotonic() + within_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_thread_serves_all_recorders_and_ends_with_the_last(tmp_path: Path) -> None:
    told: list[tuple[str, bool, str]] = []

    async def meeting() -> None:
        now = 0.0
        recorders = [
            Recorder(
                tmp_path / f"{number}",
                lambda: now,
                1000.0,
                on_speech=lambda who, speaking: told.append((who, speaking, threading.current_thread().name)),
            )
            for number in range(3)
        ]
        for block in range(100):
            now = (block + 1) / 100
            for recorder in recorders:
                recorder.hear("ada", word(1)[block * 480 : (block + 1) * 480])
        assert len(threads()) == 1
        await asyncio.gather(*(recorder.close() for recorder in recorders))
        assert all(recorder.closed for recorder in recorders)
        recorders[0].hear("ada", SILENCE)  # too late, and no harm

    asyncio.run(meeting())
    assert told[:3] == [("ada", True, threading.main_thread().name)] * 3
    until(lambda: not threads())
    for number in range(3):
        made = finish([tmp_path / f"{number}"], tmp_path / f"out{number}")
        assert place_of(word(1), track_of(made.tracks[0].path)) == pytest.approx(0.0, abs=0.002)


def test_a_disk_that_is_away_for_a_while_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "bot").write_bytes(b"a file where the folder should be")
    room = Room(tmp_path / "bot" / "1")
    room.join("ada")
    room.say("ada", word(1))
    room.run(5.0)
    assert len(room.told) == 1
    assert "cannot be written" in room.told[0]
    (tmp_path / "bot").unlink()
    room.run(1.5)
    room.say("ada", word(2))
    room.run(2.0)
    room.end()
    assert len(room.told) == 1
    made = finish([tmp_path / "bot" / "1"], tmp_path / "out")
    assert made.wav is not None
    for audio in (wav_of(made.wav), track_of(made.tracks[0].path)):
        assert place_of(word(1), audio) == pytest.approx(0.0, abs=0.002)
        assert place_of(word(2), audio) == pytest.approx(6.5, abs=0.002)


def test_a_disk_full_for_longer_than_memory_lasts_leaves_a_hole_and_the_timeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rejoinder.recording.tape.KEEP_MIX", 96_000)
    monkeypatch.setattr("rejoinder.recording.tape.KEEP_TRACK", 6_000)
    full = False

    def write(file: int, data: bytes, place: int) -> int:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.pwrite(file, data, place)

    room = Room(tmp_path / "1", write=write)
    room.join("ada")
    room.say("ada", word(1))
    room.run(2.0)
    full = True
    room.say("ada", word(2, 8.0))
    room.run(9.0)
    full = False
    room.run(2.0)
    room.say("ada", word(3))
    room.run(2.0)
    room.end()
    assert [("cannot be written" in told, "not complete" in told) for told in room.told] == [
        (True, False),
        (False, True),
    ]
    made = finish([tmp_path / "1"], tmp_path / "out")
    assert made.wav is not None
    assert made.duration_s == pytest.approx(15.0, abs=0.05)
    for audio in (wav_of(made.wav), track_of(made.tracks[0].path)):
        assert place_of(word(1), audio) == pytest.approx(0.0, abs=0.002)
        assert place_of(word(2, 8.0), audio) == -1.0
        assert place_of(word(3), audio) == pytest.approx(13.0, abs=0.002)


def test_a_hanging_disk_holds_up_neither_audio_nor_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_S", 0.2)
    told: list[str] = []
    free = threading.Event()

    def write(file: int, data: bytes, place: int) -> int:
        free.wait(20)
        return os.pwrite(file, data, place)

    async def meeting() -> Recorder:
        now = 0.0
        recorder = Recorder(tmp_path / "1", lambda: now, 0.0, on_problem=told.append, worker=Worker(0.01), write=write)
        recorder.spoke(SILENCE)
        await asyncio.sleep(0.2)  # the thread hangs in its first write
        block = word(1)
        slowest = 0.0
        for number in range(2 * QUEUE_BYTES // block.nbytes):
            now = number / 100
            begun = time.perf_counter()
            recorder.hear("ada", block)
            slowest = max(slowest, time.perf_counter() - begun)
        assert slowest < 0.02
        assert recorder._given - recorder._taken <= QUEUE_BYTES
        await recorder.close()
        await asyncio.sleep(0)
        return recorder

    recorder = asyncio.run(meeting())
    assert ["keep up" in told[0], "does not answer" in told[1]] == [True, True]
    assert len(told) == 2
    assert not recorder.closed
    free.set()
    until(lambda: recorder.closed)
    until(lambda: not threads())


def test_a_fault_of_ours_costs_one_block_and_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path / "1")
    room.join("ada")
    for _ in range(3):
        room.recorder.hear("ada", np.zeros((2, 2, 480), np.int16))  # no audio at all
    room.run(0.3)
    room.say("ada", word(1))
    room.run(1.5)
    room.end()
    assert len(room.told) == 1
    assert "internal error" in room.told[0]
    made = finish([tmp_path / "1"], tmp_path / "out")
    assert place_of(word(1), track_of(made.tracks[0].path)) > 0


def test_there_is_no_limit_of_people_and_leaving_gives_handles_back(tmp_path: Path) -> None:
    room = Room(tmp_path / "1")
    before = handles()
    for number in range(40):
        who = f"p{number}"
        room.join(who)
        room.say(who, word(number, 0.2))
        room.run(0.1)
        if number >= 5:
            room.recorder.left(f"p{number - 5}")
    assert handles() < before + 12
    room.run(1.0)
    room.end()
    assert handles() == before
    made = finish([tmp_path / "1"], tmp_path / "out")
    assert len(made.tracks) == 40
    assert [track.first_sound_s for track in made.tracks] == [pytest.approx(n / 10, abs=0.021) for n in range(40)]


def test_who_leaves_and_comes_back_goes_on_in_the_same_track(tmp_path: Path) -> None:
    room = Room(tmp_path / "1")
    room.join("ada")
    room.say("ada", word(1))
    room.run(1.2)
    room.recorder.left("ada")
    room.run(1.8)
    room.recorder.joined(Participant("ada", "Ada Lovelace"))
    room.say("ada", word(2))
    room.run(2.0)
    room.end()
    made = finish([tmp_path / "1"], tmp_path / "out")
    (track,) = made.tracks
    assert track.name == "Ada Lovelace"
    audio = track_of(track.path)
    assert [place_of(word(n), audio) for n in (1, 2)] == [pytest.approx(0.0, abs=0.002), pytest.approx(3.0, abs=0.002)]
    assert room.speech == [("ada", True), ("ada", False), ("ada", True), ("ada", False)]


def test_audio_half_a_second_late_is_in_the_mix(tmp_path: Path) -> None:
    room = Room(tmp_path / "1")
    room.join("ada", "bob")
    room.say("bob", word(2, 6.0))
    room.say("ada", word(1, 2.0))
    room.run(2.0)
    late = word(3)
    room.run(0.45)  # the network holds Ada's next 450 ms back
    for start in range(0, 21_600, 480):
        room.recorder.hear("ada", late[start : start + 480])
    room.say("ada", late[21_600:])
    room.run(3.0)
    room.end()
    made = finish([tmp_path / "1"], tmp_path / "out")
    assert made.wav is not None
    mix = wav_of(made.wav).astype(np.int32)
    alone = mix - np.pad(word(2, 6.0).astype(np.int32), (0, len(mix)))[: len(mix)]
    assert place_of(late, alone) == pytest.approx(2.0, abs=0.002)
    assert place_of(late, track_of(made.tracks[0].path)) == pytest.approx(2.0, abs=0.002)


def test_kill_9_costs_about_a_second_and_what_is_left_lines_up(tmp_path: Path) -> None:
    """A process of its own records three people and its own voice in real time, and is killed."""
    command = [sys.executable, str(WRITER), str(tmp_path / "1")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        recorded = 0.0
        for line in process.stdout:
            recorded = float(line)
            if recorded >= 5.0:
                process.kill()
                break
        else:
            pytest.fail("the writer ended by itself")
    made = finish([tmp_path / "1"], tmp_path / "out")
    assert made.wav is not None
    mix = wav_of(made.wav)
    assert len(mix) / 48_000 > recorded - LOST_S
    assert len(made.tracks) == 4
    for track in made.tracks:
        assert recorded - LOST_S < track.duration_s <= recorded + 0.1
    shifts = []
    for number, track in enumerate(sorted(made.tracks, key=lambda one: one.participant_id)):
        audio = track_of(track.path)
        for second in (1, 3):
            at = place_of(word(100 * number + second), audio)
            assert place_of(word(100 * number + second), mix) == pytest.approx(at, abs=0.02)
            shifts.append(at - second)
    assert max(shifts) - min(shifts) < 0.02
    lost = recorded - min(len(mix) / 48_000, *(track.duration_s for track in made.tracks))
    print(f"lost {lost:.2f} s; files within {1000 * (max(shifts) - min(shifts)):.1f} ms")

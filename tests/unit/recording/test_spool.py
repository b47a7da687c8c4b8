"""Disks that are full, slow, away, and back."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from rejoinder.recording.spool import REPORT_S, RETRY_S, Disk

from .meetings import handles


class Sick:
    """A disk that takes ``room`` bytes, at most ``most`` at a time."""

    def __init__(self, room: int, most: int = 1 << 30) -> None:
        self.room = room
        self.most = most
        self.tries = 0

    def __call__(self, file: int, data: bytes, place: int) -> int:
        self.tries += 1
        count = min(len(data), self.room, self.most)
        if not count:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= count
        return os.pwrite(file, data[:count], place)


def test_writes_are_with_the_system_at_once_and_in_order(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "a" / "1", pytest.fail, Sick(1000, most=3))
    file = disk.file("x", 100, b"head")
    assert not (tmp_path / "a").exists()
    file.put(b"one")
    file.put(b"two")
    assert disk.flush(0.0)
    assert (tmp_path / "a/1/x").read_bytes() == b"headonetwo"


def test_a_full_disk_is_told_once_and_nothing_is_torn_when_it_recovers(tmp_path: Path) -> None:
    told: list[str] = []
    sick = Sick(7)
    disk = Disk(tmp_path, told.append, sick)
    file = disk.file("x", 100, b"head")
    for number in range(10):
        file.put(b"%d-----" % number)
        assert not disk.flush(number * 0.3)
    assert len(told) == 1
    assert "No space left" in told[0]
    assert sick.tries <= 6, "it is tried once a second, not with every block"
    sick.room = 1000
    assert disk.flush(4.0)
    assert (tmp_path / "x").read_bytes() == b"head" + b"".join(b"%d-----" % number for number in range(10))
    assert disk.lost == 0


def test_what_does_not_fit_into_memory_is_a_hole_and_not_a_shift(tmp_path: Path) -> None:
    sick = Sick(0)
    disk = Disk(tmp_path, lambda message: None, sick)
    placed, appended = disk.file("mix", 20), disk.file("track", 20)
    for number in range(10):
        placed.put(b"%d%d%d%d" % (number, number, number, number), 4 * number)
        appended.put(b"%d%d%d%d" % (number, number, number, number))
        disk.flush(0.0)
    sick.room = 1000
    assert disk.flush(2.0)
    assert (tmp_path / "mix").read_bytes() == bytes(20) + b"55556666777788889999"
    assert (tmp_path / "track").read_bytes() == b"55556666777788889999"
    assert disk.lost == 40


def test_one_bad_file_does_not_hold_up_the_others(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "x").write_bytes(b"another epoch's")
    disk = Disk(tmp_path, told.append)
    disk.file("x", 100).put(b"mine")
    disk.file("y", 100).put(b"mine")
    disk.flush(0.0)
    assert (tmp_path / "x").read_bytes() == b"another epoch's"
    assert (tmp_path / "y").read_bytes() == b"mine"
    assert len(told) == 1


def test_a_disk_that_comes_and_goes_is_told_once_a_minute(tmp_path: Path) -> None:
    told: list[str] = []
    sick = Sick(0)
    disk = Disk(tmp_path, told.append, sick)
    file = disk.file("x", 1000)
    now = 0.0
    while now < REPORT_S - 2 * RETRY_S:
        file.put(b"x")
        sick.room = 1 if int(now) % 2 else 0
        disk.flush(now)
        now += RETRY_S
    assert len(told) == 1
    sick.room = 0
    file.put(b"x")
    disk.flush(REPORT_S + RETRY_S)
    assert len(told) == 2


def test_closing_tries_once_more_and_counts_what_is_lost(tmp_path: Path) -> None:
    sick = Sick(0)
    disk = Disk(tmp_path, lambda message: None, sick)
    one, two = disk.file("one", 100), disk.file("two", 100)
    one.put(b"1234")
    disk.flush(0.0)
    two.put(b"5678")
    sick.room = 4
    disk.close(0.1)
    assert (tmp_path / "one").read_bytes() == b"1234"
    assert disk.lost == 4


def test_handles_are_given_back_when_nobody_needs_them(tmp_path: Path) -> None:
    disk = Disk(tmp_path, pytest.fail)
    before = handles()
    for number in range(50):
        file = disk.file(f"{number}", 100)
        file.put(b"x")
        file.close_when_written()
        disk.flush(0.0)
    assert handles() == before
    file.put(b"y")
    disk.flush(0.0)
    assert (tmp_path / "49").read_bytes() == b"xy"
    disk.close(0.0)
    assert handles() == before

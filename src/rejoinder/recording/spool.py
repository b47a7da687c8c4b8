"""Files that are written as things happen, on a disk that may be slow, full or away for a while.

What the operating system has taken survives the death of the process (not of the computer). What it does not take is
kept, up to a bound, and tried again; when that is too much, the oldest is given up: a hole in the sound, never a shift.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

RETRY_S = 1.0
"""A failing disk is tried again this often."""
REPORT_S = 60.0
"""A disk that fails, recovers and fails again is reported at most this often."""
Write = Callable[[int, bytes, int], int]


class Disk:
    """One folder's files. Not thread-safe; ``now`` is in seconds of any steady clock."""

    def __init__(self, folder: Path, on_problem: Callable[[str], None], write: Write = os.pwrite) -> None:
        self._folder = folder
        self._on_problem = on_problem
        self._write = write
        self._files: list[SpoolFile] = []
        self._retry_at: float | None = None
        self._report_at: float | None = None
        self.lost = 0
        """Bytes given up so far."""

    def file(self, name: str, keep: int, head: bytes = b"") -> SpoolFile:
        """A new file, made with its first bytes. ``keep``: bytes kept for it while the disk fails."""
        made = SpoolFile(self._folder / name, keep, head)
        self._files.append(made)
        return made

    def flush(self, now: float) -> bool:
        """Hand everything to the operating system; False when something is left."""
        if self._retry_at is not None and now < self._retry_at:
            self._shed()
            return False
        failure: OSError | None = None
        for file in self._files:  # all of them: one may be too large while the others can grow
            try:
                if file.waiting:
                    file.flush(self._write)
            except OSError as error:
                failure = failure or error
        if failure is not None:
            self._failed(failure, now)
            return False
        self._retry_at = None
        return True

    def _failed(self, error: OSError, now: float) -> None:
        self._retry_at = now + RETRY_S
        self._shed()
        if self._report_at is None or now >= self._report_at:
            self._report_at = now + REPORT_S
            self._on_problem(
                f"The recording cannot be written ({error.strerror or error}); "
                "it goes on as soon as the disk takes it, and what does not fit into memory until then is missing."
            )

    def _shed(self) -> None:
        self.lost += sum(file.shed() for file in self._files)

    def close(self, now: float) -> None:
        """A last attempt, then close the files."""
        self._retry_at = None
        self.flush(now)
        for file in self._files:
            self.lost += sum(len(data) for _, data in file.pending)
            file.close()
        self._files.clear()


class SpoolFile:
    """A file that grows. Made by :meth:`Disk.file`."""

    def __init__(self, path: Path, keep: int, head: bytes) -> None:
        self._path = path
        self._keep = keep
        self._head = head
        self._file: int | None = None
        self._made = False
        self._resting = False
        self._size = 0
        self._waiting = 0
        self.pending: deque[tuple[int | None, bytes]] = deque()

    @property
    def waiting(self) -> bool:
        """Whether there is something to write."""
        return bool(self.pending)

    def put(self, data: bytes, at: int | None = None) -> None:
        """Write at a place of the file, or (None) behind all that was written."""
        self._resting = False
        self.pending.append((at, data))
        self._waiting += len(data)

    def flush(self, write: Write) -> None:
        """Write what is pending. Raises OSError; then the rest is still pending and nothing counts as half written."""
        file = self._open(write)
        while self.pending:
            at, data = self.pending[0]
            place = self._size if at is None else at
            _write_all(write, file, data, place)
            self._size = max(self._size, place + len(data))
            self.pending.popleft()
            self._waiting -= len(data)
        if self._resting:
            self.close()

    def shed(self) -> int:
        """Give up the oldest beyond what may be kept; how many bytes."""
        lost = 0
        while self._waiting > self._keep and self.pending:
            size = len(self.pending.popleft()[1])
            self._waiting -= size
            lost += size
        return lost

    def close_when_written(self) -> None:
        """Give the file handle back as soon as nothing is pending."""
        self._resting = True
        if not self.pending:
            self.close()

    def close(self) -> None:
        """Give the file handle back; writing more takes it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self, write: Write) -> int:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = 0 if self._made else os.O_EXCL  # never over another epoch's audio
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | new, 0o640)
            self._made = True
        if self._head:
            _write_all(write, self._file, self._head, 0)
            self._size = len(self._head)
            self._head = b""
        return self._file


def _write_all(write: Write, file: int, data: bytes, place: int) -> None:
    view = data
    while view:
        count = write(file, view, place)
        if count <= 0:
            raise OSError("the disk took nothing")
        place += count
        view = view[count:]

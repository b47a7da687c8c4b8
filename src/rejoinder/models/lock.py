"""A lock between processes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import structlog

log = structlog.get_logger(__name__)

POLL_S = 0.1


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``; waits while another process holds it. A process that dies lets go of
    it."""
    with path.open("a+b") as file:
        waiting = False
        while not _try(file):
            if not waiting:
                waiting = True
                log.info("waiting for another process that fetches models", lock=str(path))
            time.sleep(POLL_S)
        yield


if sys.platform == "win32":
    import msvcrt

    def _try(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

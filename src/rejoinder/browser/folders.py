"""The folders browsers keep their data in while they run, and those left behind by a process that was killed.

A folder has a lock file, held by the process that made it for as long as it lives: the system lets go of it whatever
way the process ends. Folders nobody holds, and no browser uses, are removed by whoever starts next.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PREFIX = "rejoinder-chromium-"
LOCK = "held.lock"
UNHELD_S = 600.0
"""A folder without a lock file may be one that is being made, or an earlier version's: it goes when it is this old."""


class Folder:
    """A new folder for one browser. Removed by :meth:`remove`, else by a later :func:`sweep`."""

    def __init__(self, parent: Path | None = None) -> None:
        self.path = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
        # Locked before it has its name, so that a lock file nobody holds is always one whose owner is gone.
        draft = Path(self.path, f"{LOCK}.new")
        self._lock = os.open(draft, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        draft.rename(Path(self.path, LOCK))

    def remove(self) -> None:
        """The browser has ended. Blocks while files are deleted."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):
            os.close(self._lock)


def sweep(parent: Path | None = None, now: float | None = None) -> int:
    """Remove folders of our own user whose process and browser are gone; returns how many. Never raises.

    ``now``: Unix seconds. Blocks while files are deleted.
    """
    parent = parent or Path(tempfile.gettempdir())
    left = [one for one in parent.glob(f"{PREFIX}*") if _is_left(one, time.time() if now is None else now)]
    used = " ".join(_commands()) if left else ""
    removed = 0
    for folder in left:
        if str(folder) not in used and _remove(folder):
            removed += 1
    return removed


def _is_left(folder: Path, now: float) -> bool:
    try:
        found = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or found.st_uid != os.getuid():
            return False
        return (folder / LOCK).exists() or now - found.st_mtime > UNHELD_S
    except OSError:
        return False


def _remove(folder: Path) -> bool:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        lock = None
    except OSError:
        return False
    try:
        if lock is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # held by the process that made it
        return False
    finally:
        if lock is not None:
            os.close(lock)
    return not folder.exists()


def _commands() -> list[str]:
    """Command lines of all processes, as far as they may be read; none where there is no /proc."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(file.read_text(errors="replace"))
    return found

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from rejoinder.browser.folders import LOCK, PREFIX, UNHELD_S, Folder, sweep

OWNER = """
import sys, time
from pathlib import Path
from rejoinder.browser.folders import Folder
print(Folder(Path(sys.argv[1])).path, flush=True)
time.sleep(60)
"""
SOON = time.time() + UNHELD_S / 2


def owner(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(parent)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as out:
        return process, Path(out.readline().strip())


def test_a_folder_of_a_killed_process_goes_and_one_of_a_living_one_stays(tmp_path: Path) -> None:
    mine = Folder(tmp_path)
    killed, theirs = owner(tmp_path)
    try:
        (theirs / "Default").mkdir()
        (theirs / "Default" / "Cookies").write_text("x")
        assert sweep(tmp_path, SOON) == 0
        assert theirs.is_dir()
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert sweep(tmp_path, SOON) == 1
    assert [path.name for path in tmp_path.iterdir()] == [Path(mine.path).name]
    mine.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_a_browser_still_uses_stays(tmp_path: Path) -> None:
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / LOCK).touch()
    browser = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", f"--user-data-dir={left}"])
    try:
        while f"--user-data-dir={left}" not in Path(f"/proc/{browser.pid}/cmdline").read_text():
            time.sleep(0.01)
        assert sweep(tmp_path, SOON) == 0
    finally:
        browser.kill()
        browser.wait()
    assert sweep(tmp_path, SOON) == 1


def test_without_a_lock_file_only_an_old_one_goes_and_nothing_else_is_touched(tmp_path: Path) -> None:
    made, elsewhere, other = tmp_path / f"{PREFIX}made", tmp_path / "kept", tmp_path / "chromium-else"
    for folder in (made, elsewhere, other):
        folder.mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    (tmp_path / f"{PREFIX}file").touch()
    assert sweep(tmp_path, SOON) == 0
    assert sweep(tmp_path, time.time() + 2 * UNHELD_S) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [elsewhere.name, other.name, f"{PREFIX}link", f"{PREFIX}file"]
    )


def test_a_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert Path(folder.path).stat().st_mode & 0o077 == 0
    folder.remove()

"""The log outlives its stream."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import resource
import structlog
from rejoinder import log
from rejoinder.settings import Settings

log.configure(Settings())
structlog.get_logger("a").warning("before")
resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))  # the disk behind stderr is full
structlog.get_logger("a").warning("lost")
structlog.get_logger("b").error("lost, too")
print("alive")
"""


def test_a_log_on_a_full_disk_fails_nothing_else(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        ran = subprocess.run([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=log, text=True, timeout=30)
    assert (ran.returncode, ran.stdout) == (0, "alive\n")
    written = (tmp_path / "log").read_text()
    assert "before" in written
    assert "lost" not in written

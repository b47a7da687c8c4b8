"""The peers' own virtual environment, made from ``constraints.txt`` (every version pinned by hash)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VENV = ROOT / ".venv-bench"
LOCK = HERE / "constraints.txt"


def python() -> Path:
    """The interpreter of the peers' environment; makes or renews the environment when the lock file has changed."""
    stamp = VENV / "locked.sha256"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    interpreter = VENV / "bin" / "python"
    if interpreter.exists() and stamp.exists() and stamp.read_text() == wanted:
        return interpreter
    print(f"making {VENV.name} (pipecat and livekit-agents, about a minute) ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    install = [str(interpreter), "-m", "pip", "install", "-qq", "--require-hashes", "-r", str(LOCK)]
    subprocess.run(install, check=True)
    stamp.write_text(wanted)
    return interpreter

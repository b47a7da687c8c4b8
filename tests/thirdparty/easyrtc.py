"""open-easyrtc, a WebRTC server of somebody else's, with its own demo page for small meetings.

It is installed by npm from the lock file in ``easyrtc/``, once, into the cache folder.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rejoinder.settings import Settings
from servers import free_port
from thirdparty.process import running

SOURCE = Path(__file__).with_name("easyrtc")
_FILES = ("package.json", "package-lock.json", ".npmrc", "server.js")
INSTALL_S = 180.0


def installed() -> Path:
    """The folder in which it is installed; the first time, npm fetches it."""
    files = {name: (SOURCE / name).read_bytes() for name in _FILES}
    digest = hashlib.sha256(b"\0".join(files.values())).hexdigest()[:16]
    folder = Settings().cache_dir / "tests" / f"easyrtc-{digest}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="easyrtc-", dir=folder.parent))
    try:
        for name, content in files.items():
            (draft / name).write_bytes(content)
        _install(draft)
        try:
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another test run was quicker
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _install(folder: Path) -> None:
    npm = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=INSTALL_S,
        check=False,
    )
    if npm.returncode:
        raise RuntimeError(f"npm cannot install open-easyrtc:\n{npm.stdout.decode(errors='replace')[-2000:]}")


@asynccontextmanager
async def easyrtc() -> AsyncIterator[str]:
    """Run it on a free port of loopback; gives the address of its page for up to four people."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise RuntimeError(f"open-easyrtc needs {program}, which is not installed")
    folder = await asyncio.to_thread(installed)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="easyrtc-") as logs:
        env = {**os.environ, "PORT": str(port)}
        async with running(["node", folder / "server.js"], port, Path(logs) / "log", env):
            yield f"http://127.0.0.1:{port}/demos/demo_multiparty.html"

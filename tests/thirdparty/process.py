"""Other people's servers as processes of a test: started, waited for, ended."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
START_S = 20.0


@asynccontextmanager
async def running(
    command: Sequence[str | Path], port: int, log: Path, env: Mapping[str, str] | None = None
) -> AsyncIterator[None]:
    """Run a server of the loopback interface, from when it takes connections until the block is left.

    What it prints goes to the file ``log``, the end of which is in the error of a server that does not start.
    """
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=output, stderr=output, env=env, preexec_fn=_end_with_parent
        )
    try:
        await _listening(process, port, log)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(3):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _listening(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + START_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if process.returncode is not None or loop.time() > end:
                raise RuntimeError(f"the server did not start:\n{_tail(log)}") from None
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def left_behind() -> list[str]:
    """The servers and browsers below this process that still run."""
    waiting, found = [os.getpid()], []
    while waiting:
        for path in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with suppress(OSError):
                waiting += [int(child) for child in path.read_text().split()]
        found += [_program(pid) for pid in waiting]
    return sorted({name for name in found if any(word in name for word in ("janus", "node", "npm", "chrom"))})


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
    except OSError:
        return ""


def _end_with_parent() -> None:
    # A test run that is killed must not leave its server behind.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

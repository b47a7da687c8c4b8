"""Servers for tests: a throw-away PostgreSQL."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

PR_SET_PDEATHSIG = 1


def postgres_bin() -> Path | None:
    """The directory of the newest installed PostgreSQL's programs; None: not installed."""
    on_path = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    candidates = [path for path in (*reversed(installed), *on_path) if (path / "initdb").exists()]
    return candidates[0] if candidates else None


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Postgres:
    """A PostgreSQL server of its own, in a temporary directory, for the loopback interface only.

    ``with Postgres() as server: server.url()`` or ``start``, ``stop``, ``crash`` and ``restart``; data and port survive
    all of these until ``remove``. ``durable`` turns fsync on: not needed against a crash of the process, only against
    a power cut, and slow.
    """

    def __init__(self, durable: bool = False, options: dict[str, str] | None = None) -> None:
        found = postgres_bin()
        if found is None:
            raise RuntimeError("PostgreSQL is not installed: the programs initdb and postgres were not found")
        self._bin = found
        self.port = free_port()
        self._options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "32MB",
            "fsync": "on" if durable else "off",
            **(options or {}),
        }
        self._home = Path(tempfile.mkdtemp(prefix="postgres-"))
        # PostgreSQL refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self._home, self._user)
        self._process: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [
                self._bin / "initdb",
                *("-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8"),
                *("--no-sync", "--no-locale", "--no-instructions"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._user,
            cwd=self._home,
        )

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def running(self) -> bool:
        """Whether the server process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        if self.running:
            return
        settings = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, "-p", str(self.port), *settings],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                user=self._user,
                cwd=self._home,
                preexec_fn=_end_with_parent,
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                self._admin().close()
                return
            except psycopg.OperationalError:
                if not self.running or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start:\n{(self._home / 'log').read_text()}") from None
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop it in order; open connections are cut."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)

    def crash(self) -> None:
        """Kill all its processes at once (SIGKILL)."""
        if self._process is None:
            return
        pids = [self._process.pid, *_children(self._process.pid)]
        for pid in pids:
            _kill(pid)
        self._process.wait(10)
        deadline = time.monotonic() + 10
        while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.02)

    def restart(self) -> None:
        """Stop it in order and start it again."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """End it and delete its data."""
        self.crash()
        shutil.rmtree(self._home, ignore_errors=True)

    def url(self, dbname: str = "test") -> str:
        """A ``postgresql://`` URL of a new, empty database whose name begins with ``dbname``."""
        name = f"{dbname}_{uuid.uuid4().hex[:8]}"
        with self._admin() as connection:
            connection.autocommit = True
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def _admin(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", connect_timeout=5, autocommit=True
        )

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def _end_with_parent() -> None:
    # A test run that is killed must not leave its server behind; SIGQUIT is PostgreSQL's word for "at once".
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

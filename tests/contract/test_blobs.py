"""Both blob stores: a folder, and a real S3 server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path

import pytest
from pydantic import SecretStr

from objects import SeaweedS3
from rejoinder.errors import InvalidRequest, NotFound, Unavailable
from rejoinder.settings import Settings
from rejoinder.storage.blobs import Blobs, LocalBlobs, S3Blobs, disposition, open_blobs

MIB = 2**20
BIG = 100 * MIB
KINDS = ("local", "s3")

Store = Callable[[], Blobs]


@pytest.fixture(scope="module")
def server() -> Iterator[SeaweedS3]:
    with SeaweedS3() as running:
        yield running


def settings_of(server: SeaweedS3, prefix: str, data_dir: Path) -> Settings:
    return Settings(
        data_dir=data_dir,
        storage_url=f"s3://{server.bucket}/{prefix}",
        storage_endpoint=server.endpoint,
        storage_access_key=server.access_key,
        storage_secret_key=SecretStr(server.secret_key),
    )


@pytest.fixture(params=KINDS)
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """An empty store."""
    if request.param == "local":
        return open_blobs(Settings(data_dir=tmp_path))
    return open_blobs(settings_of(request.getfixturevalue("server"), f"tests/{tmp_path.name}", tmp_path))


@pytest.fixture
def s3(server: SeaweedS3, tmp_path: Path) -> Blobs:
    return open_blobs(settings_of(server, f"tests/{tmp_path.name}", tmp_path))


async def whole(blobs: Blobs, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in blobs.read(key, start, end)])


async def put(blobs: Blobs, key: str, source: Path | bytes) -> int:
    return await blobs.put(key, source, "text/plain", "a.txt")


def test_what_was_put_is_read(blobs: Blobs, tmp_path: Path) -> None:
    async def main() -> None:
        await blobs.check()
        content = bytes(range(256)) * 12_345
        (tmp_path / "source").write_bytes(content)
        assert await put(blobs, "bots/1/audio.webm", tmp_path / "source") == len(content)
        assert await put(blobs, "bots/1/empty", b"") == 0
        assert await blobs.size("bots/1/audio.webm") == len(content)
        assert await whole(blobs, "bots/1/audio.webm") == content
        assert await whole(blobs, "bots/1/empty") == b""
        await blobs.fetch("bots/1/audio.webm", tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content
        assert await put(blobs, "bots/1/audio.webm", b"new") == 3
        assert await whole(blobs, "bots/1/audio.webm") == b"new"
        await blobs.check()
        assert await blobs.list("") == ["bots/1/audio.webm", "bots/1/empty"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, None, b"0123456789"), (3, 7, b"3456"), (8, None, b"89"), (8, 99, b"89"), (4, 4, b""), (10, 12, b"")],
)
def test_ranges(blobs: Blobs, start: int, end: int | None, expected: bytes) -> None:
    async def main() -> None:
        await put(blobs, "k", b"0123456789")
        assert await whole(blobs, "k", start, end) == expected

    asyncio.run(main())


def test_ranges_that_are_none(blobs: Blobs) -> None:
    async def main() -> None:
        await put(blobs, "k", b"0123456789")
        for start, end in ((-1, None), (5, 4)):
            with pytest.raises(InvalidRequest, match="start"):
                await whole(blobs, "k", start, end)

    asyncio.run(main())


def test_what_is_not_there(blobs: Blobs, tmp_path: Path) -> None:
    async def main() -> None:
        await put(blobs, "a/b", b"x")
        for key in ("none", "a", "a/b/c"):
            copy = blobs.fetch(key, tmp_path / "c")
            for call in (blobs.size(key), whole(blobs, key), whole(blobs, key, 2, 3), copy):
                with pytest.raises(NotFound):
                    await call
            await blobs.delete(key)
            assert await blobs.delete_prefix("none") == 0
        with pytest.raises(FileNotFoundError):
            await put(blobs, "k", tmp_path / "none")
        assert not (tmp_path / "c").exists()
        assert await blobs.list("") == ["a/b"]

    asyncio.run(main())
    assert {path.name for path in tmp_path.iterdir()} <= {"files"}


def test_folders(blobs: Blobs, tmp_path: Path) -> None:
    async def main() -> None:
        for key in ("bots/1/a", "bots/1/b/c", "bots/10/a", "bots/2"):
            await put(blobs, key, b"x")
        assert await blobs.list("bots/1") == ["bots/1/a", "bots/1/b/c"]
        assert await blobs.list("bots/1/") == ["bots/1/a", "bots/1/b/c"]
        assert await blobs.delete_prefix("bots/1/") == 2
        assert await blobs.delete_prefix("bots/1") == 0
        assert await blobs.list("bots") == ["bots/10/a", "bots/2"]
        await blobs.delete("bots/2")
        assert await blobs.delete_prefix("bots/10") == 1
        assert await blobs.list("") == []
        if isinstance(blobs, LocalBlobs):
            assert list((tmp_path / "files").iterdir()) == []

    asyncio.run(main())


def test_many_files_are_listed_and_removed(s3: Blobs) -> None:
    async def main() -> None:
        many = 1100  # more than S3 lists or removes at a time

        async def some(begin: int) -> None:
            for number in range(begin, many, 20):
                await put(s3, f"many/{number:05}", b"")

        await asyncio.gather(*(some(begin) for begin in range(20)))
        assert await s3.list("many") == [f"many/{number:05}" for number in range(many)]
        assert await s3.delete_prefix("many") == many
        assert await s3.list("") == []

    asyncio.run(main())


@pytest.mark.parametrize(
    "key",
    ["", "/", "/etc/passwd", "../x", "a/../b", "a/..", "..", ".", "./a", "a//b", "a/", "a\\b", "a\nb", "a\n", "a b",
     "é" * 101, "\U0001f600", "\udcff", "a#1", "a%2e", ".hidden", "a?b", "a" * 201, "/".join(["a" * 200] * 5)],
)  # fmt: skip
def test_keys_that_are_refused(blobs: Blobs, tmp_path: Path, key: str) -> None:
    async def main() -> None:
        calls = [
            put(blobs, key, b"x"), blobs.size(key), whole(blobs, key), whole(blobs, key, 1), blobs.delete(key),
            blobs.fetch(key, tmp_path / "c"),
            *([blobs.list(key)] if key not in ("", "a/") else []),
            *([blobs.delete_prefix(key)] if key != "a/" else []),
            *([blobs.sign(key, 60)] if isinstance(blobs, S3Blobs) else []),
        ]  # fmt: skip
        for call in calls:
            with pytest.raises(InvalidRequest) as caught:
                await call
            assert caught.value.field == "key"

    asyncio.run(main())


@pytest.mark.parametrize("key", ["/".join(["a" * 200] * 4), "b/Müller_花子-2_x.webm", "_=@-a.=@-_", "a/" + "é" * 100])
def test_unusual_keys(blobs: Blobs, key: str) -> None:
    async def main() -> None:
        assert await put(blobs, key, b"content") == 7
        assert await blobs.list(key.split("/")[0]) == ([key] if "/" in key else [])
        assert await whole(blobs, key) == b"content"
        url = await blobs.sign(key, 60)
        assert url is None or get(url)[1] == b"content"
        await blobs.delete(key)
        assert await blobs.list("") == []

    asyncio.run(main())


STREAM = """
import asyncio, json, sys, time
from pathlib import Path
from rejoinder.settings import Settings
from rejoinder.storage.blobs import open_blobs

def peak():
    # Not getrusage's, which begins with the parent's.
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024

async def main(source):
    blobs = open_blobs(Settings())
    await blobs.put("warm", b"x", "a/b", "n")
    before, begun = peak(), time.monotonic()
    size = await blobs.put("big", source, "a/b", "n")
    put_s, begun = time.monotonic() - begun, time.monotonic()
    await blobs.fetch("big", source.with_name("copy"))
    fetch_s, begun = time.monotonic() - begun, time.monotonic()
    read = sum([len(piece) async for piece in blobs.read("big")])
    read_s = time.monotonic() - begun
    print(json.dumps(dict(size=size, read=read, grown=peak() - before, put_s=put_s, fetch_s=fetch_s, read_s=read_s)))

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_a_big_file_is_streamed(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    environment = {"REJOINDER_DATA_DIR": str(tmp_path / "data")}
    if kind == "s3":
        server: SeaweedS3 = request.getfixturevalue("server")
        environment |= {
            "REJOINDER_STORAGE_URL": f"s3://{server.bucket}/big",
            "REJOINDER_STORAGE_ENDPOINT": server.endpoint,
            "REJOINDER_STORAGE_ACCESS_KEY": server.access_key,
            "REJOINDER_STORAGE_SECRET_KEY": server.secret_key,
        }
    source = tmp_path / "source"
    with source.open("wb") as file:
        for number in range(BIG // MIB):
            file.write(number.to_bytes(4, "big") * (MIB // 4))
    done = subprocess.run([sys.executable, "-c", STREAM, source], env=environment, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    print(kind, told)
    assert told["size"] == told["read"] == BIG
    assert told["grown"] < 80, "MiB of memory: the file was held in it"
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()


def get(url: str) -> tuple[int, bytes, Message]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b"", error.headers


def test_a_presigned_url(s3: Blobs) -> None:
    async def main() -> None:
        await s3.put("bots/1/a.webm", b"sound", "audio/webm", 'Müller "weekly".webm')
        url = await s3.sign("bots/1/a.webm", 60)
        short = await s3.sign("bots/1/a.webm", 1)
        made = time.monotonic()
        assert url is not None
        assert short is not None
        status, body, headers = get(url)
        assert (status, body) == (200, b"sound")
        assert headers["Content-Type"] == "audio/webm"
        assert headers["Content-Disposition"] == disposition('Müller "weekly".webm')
        await put(s3, "bots/2", b"another's")
        for changed in (
            url.replace("bots/1/a.webm", "bots/2"),
            url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
            url[:-1] + ("0" if url[-1] != "0" else "1"),
            url.split("?")[0],
        ):
            assert changed != url
            assert get(changed)[0] == 403
        await asyncio.sleep(made + 2.1 - time.monotonic())
        assert get(short)[0] == 403
        assert get(url)[0] == 200
        for life_s in (0, -1, 8 * 86_400):
            with pytest.raises(InvalidRequest, match="life_s"):
                await s3.sign("bots/1/a.webm", life_s)

    asyncio.run(main())


def test_a_folder_has_no_urls(tmp_path: Path) -> None:
    assert asyncio.run(LocalBlobs(tmp_path).sign("a", 60)) is None


def test_a_reader_never_sees_half_a_file(blobs: Blobs, tmp_path: Path) -> None:
    async def main() -> None:
        contents = [bytes([number]) * (9 * MIB) for number in range(2)]
        for number, content in enumerate(contents):
            (tmp_path / f"source{number}").write_bytes(content)
        await put(blobs, "k", tmp_path / "source0")
        over = asyncio.Event()

        async def write() -> None:
            for number in (1, 0, 1):
                await put(blobs, "k", tmp_path / f"source{number}")
            over.set()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write())
            while not over.is_set():
                assert await whole(blobs, "k") in contents
                assert await blobs.list("") == ["k"]

    asyncio.run(main())


def test_the_server_is_down(server: SeaweedS3, s3: Blobs, tmp_path: Path) -> None:
    async def main() -> None:
        await put(s3, "k", b"kept")
        server.stop()
        begun = time.monotonic()
        calls = (
            s3.check(), put(s3, "k", b"x"), put(s3, "k", tmp_path / "big"), s3.size("k"), whole(s3, "k"),
            s3.fetch("k", tmp_path / "c"), s3.list(""), s3.delete("k"), s3.delete_prefix("k"),
        )  # fmt: skip
        answers = await asyncio.gather(*calls, return_exceptions=True)
        took = time.monotonic() - begun
        server.start()
        assert [type(answer) for answer in answers] == [Unavailable] * len(calls)
        assert server.secret_key not in repr(answers)
        assert took < 5
        assert await whole(s3, "k") == b"kept"

    (tmp_path / "big").write_bytes(bytes(9 * MIB))
    asyncio.run(main())


@pytest.mark.parametrize(
    ("bucket", "access_key", "secret_key", "reason"),
    [
        (None, None, "wrong", "SignatureDoesNotMatch"),
        (None, "nobody", None, "InvalidAccessKeyId"),
        ("no-such-bucket", None, None, "NoSuchBucket"),
    ],
)
def test_a_server_that_refuses(
    server: SeaweedS3, bucket: str | None, access_key: str | None, secret_key: str | None, reason: str
) -> None:
    blobs = S3Blobs(
        bucket or server.bucket,
        endpoint=server.endpoint,
        access_key=access_key or server.access_key,
        secret_key=SecretStr(secret_key or server.secret_key),
    )

    async def main() -> None:
        for call in (blobs.check(), blobs.list("a"), whole(blobs, "a")):
            with pytest.raises(Unavailable, match=reason) as caught:
                await call
            assert server.endpoint not in str(caught.value)

    asyncio.run(main())


def test_what_a_crash_left_is_never_seen_and_goes_with_the_folder(tmp_path: Path) -> None:
    async def main() -> None:
        blobs = LocalBlobs(tmp_path / "files")
        await put(blobs, "bots/1/a", b"x")
        left = tmp_path / "files" / "bots" / "1" / ".part.0123456789abcdef#1"
        left.write_bytes(b"half")
        assert await blobs.list("") == ["bots/1/a"]
        assert await blobs.delete_prefix("bots/1") == 1
        assert list((tmp_path / "files").iterdir()) == []

    asyncio.run(main())


def test_a_folder_is_private(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "files")
    asyncio.run(put(blobs, "a/b", b"x"))
    modes = [(tmp_path / "files" / name).stat().st_mode & 0o777 for name in (".", "a", "a/b")]
    assert modes == [0o700, 0o700, 0o600]


def test_a_folder_that_went_away(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "files")
    (tmp_path / "files").rmdir()
    (tmp_path / "files").write_text("in its place")
    for call in (blobs.check(), put(blobs, "a/b", b"x")):
        with pytest.raises(Unavailable):
            asyncio.run(call)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"storage_url": "file:///x"}, "storage_url"),
        ({"storage_url": "s3://"}, "storage_url"),
        ({"storage_url": "s3://Bad_Bucket"}, "storage_url"),
        ({"storage_url": "s3://bucket/../x"}, "storage_url"),
        ({"storage_url": "s3://key:secret@bucket"}, "storage_url"),
        ({"storage_url": "s3://bucket", "storage_endpoint": "localhost:9000"}, "storage_endpoint"),
        ({"storage_url": "s3://bucket", "storage_access_key": "k"}, "storage_secret_key"),
        ({"storage_url": "s3://bucket", "storage_secret_key": "s"}, "storage_access_key"),
    ],
)
def test_settings_that_cannot_be(given: dict[str, str], field: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        open_blobs(Settings(data_dir=tmp_path, **given))  # type: ignore[arg-type]
    assert caught.value.field == field
    assert field in str(caught.value)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("audio.webm", 'attachment; filename="audio.webm"'),
        ("a b", 'attachment; filename="a b"'),
        ("é\r\nX: y", "attachment; filename=\"___X: y\"; filename*=UTF-8''%C3%A9%0D%0AX%3A%20y"),
        ('"/\\', "attachment; filename=\"___\"; filename*=UTF-8''%22%2F%5C"),
    ],
)
def test_names_of_downloads(name: str, header: str) -> None:
    assert disposition(name) == header

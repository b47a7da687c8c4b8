"""Signed links: what they give, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from rejoinder.errors import InvalidRequest, NotAuthorised, RejoinderError
from rejoinder.settings import Settings
from rejoinder.storage.links import Link, Links, load_secret

SECRET = bytes(range(32))
LINK = Link("bots/1/audio.webm", "Müller's weekly.webm", "audio/webm")
TOKEN = Links(SECRET).make(LINK.key, LINK.name, LINK.content_type, 1000.0)

INVALID = r"^This link is not valid\.$"


def test_a_link_opens_until_it_expires() -> None:
    links = Links(SECRET)
    assert links.open(TOKEN, 0.0) == LINK
    assert links.open(TOKEN, 999.9) == LINK
    for now in (1000.0, 1e12):
        with pytest.raises(NotAuthorised, match=r"^This link has expired\.$"):
            links.open(TOKEN, now)


def test_a_part_of_a_second_is_not_lost() -> None:
    links = Links(SECRET)
    assert links.open(links.make("k", "n", "t/t", 10.2), 10.1) == Link("k", "n", "t/t")


def test_a_token_fits_a_url() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}", TOKEN)
    assert len(TOKEN) < 200


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=30), st.floats(0, 1e10))
def test_every_name_survives(key: str, name: str, content_type: str, expires_at: float) -> None:
    links = Links(SECRET)
    assert links.open(links.make(key, name, content_type, expires_at), expires_at - 1) == Link(key, name, content_type)


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("Aa0_-.=é\x00"))
def test_any_changed_letter_is_noticed(at: int, letter: str) -> None:
    changed = TOKEN[:at] + letter + TOKEN[at + 1 :]
    if changed != TOKEN:
        with pytest.raises(NotAuthorised, match=INVALID):
            Links(SECRET).open(changed, 0.0)


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a", TOKEN.split(".")[0], TOKEN[:-1], TOKEN + "=", TOKEN + " ", "." + TOKEN.split(".")[1],
     TOKEN + ".a", "\udcff.\udcff", "A" * 10_000, TOKEN.split(".")[0] + ".", "é.é"],
)  # fmt: skip
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(NotAuthorised, match=INVALID):
        Links(SECRET).open(token, 0.0)


def test_another_secret_opens_nothing() -> None:
    with pytest.raises(NotAuthorised, match=INVALID):
        Links(SECRET[:-1] + b"x").open(TOKEN, 0.0)


def test_an_expired_link_that_was_changed_is_not_said_to_have_been_good() -> None:
    with pytest.raises(NotAuthorised, match=INVALID):
        Links(SECRET).open(TOKEN[:-1] + ("A" if TOKEN[-1] != "A" else "E"), 1e12)


def test_the_secret_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    secret = load_secret(settings)
    assert len(secret) == 32
    assert load_secret(settings) == secret
    assert [path.name for path in settings.data_dir.iterdir()] == ["link.key"]
    assert (settings.data_dir / "link.key").stat().st_mode & 0o777 == 0o600
    assert load_secret(Settings(data_dir=tmp_path / "other")) != secret


def test_processes_that_start_together_get_the_same_secret(tmp_path: Path) -> None:
    code = (
        "import sys; from rejoinder.settings import Settings; from rejoinder.storage.links import load_secret;"
        "sys.stdin.read(); print(load_secret(Settings()).hex())"
    )
    environment = {"REJOINDER_DATA_DIR": str(tmp_path / "data")}
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdin=pipe, stdout=pipe) for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
    secrets = set()
    for process in started:
        with process:
            assert process.stdout is not None
            secrets.add(process.stdout.read())
    assert [process.returncode for process in started] == [0] * 4
    assert secrets == {load_secret(Settings(data_dir=tmp_path / "data")).hex().encode() + b"\n"}


def test_the_secret_of_the_settings(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, link_secret=SecretStr("sixteen letters!"))
    assert load_secret(settings) == b"sixteen letters!"
    assert not list(tmp_path.iterdir())
    with pytest.raises(InvalidRequest, match="link_secret") as caught:
        load_secret(Settings(data_dir=tmp_path, link_secret=SecretStr("short")))
    assert caught.value.field == "link_secret"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"not hex", b"00ff"])
def test_a_damaged_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "link.key").write_bytes(content)
    with pytest.raises(RejoinderError, match=r"link\.key"):
        load_secret(Settings(data_dir=tmp_path))
    assert (tmp_path / "link.key").read_bytes() == content

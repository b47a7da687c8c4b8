"""The command ``rejoinder profiles``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from rejoinder import cli
from rejoinder.browser.cli import profiles_app
from rejoinder.browser.profiles import MAX_BYTES, Profile, Profiles

KEY = "a key of some length"
STATE = {"cookies": [{"name": "s", "value": "secret", "domain": ".google.com"}], "origins": []}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REJOINDER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REJOINDER_PROFILE_KEY", KEY)
    monkeypatch.delenv("REJOINDER_PROFILES_DIR", raising=False)
    return tmp_path / "profiles"


def stored(folder: Path) -> Profiles:
    return Profiles(folder, SecretStr(KEY))


def run(*arguments: str, stdin: str | None = None) -> str:
    result = CliRunner().invoke(profiles_app, arguments, stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_add_list_and_remove(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps(STATE))
    assert run("add", "work.example/Bob", str(file)) == "work.example/bob\tgoogle.com\tfree\tall bots\n"
    run("add", "home", "-", "--account", "acme", stdin=json.dumps(STATE))
    assert stored(folder).load("work.example/bob") == Profile(STATE)
    assert stored(folder).load("home") == Profile(STATE, "acme")
    with stored(folder).lease("home"):
        shown = run("list")
    assert shown == "home\tgoogle.com\tin use\tacme\nwork.example/bob\tgoogle.com\tfree\tall bots\n"
    assert "secret" not in shown
    run("remove", "home")
    assert stored(folder).names() == ["work.example/bob"]


def test_a_profile_of_another_key_is_listed_as_such(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(folder).save("home", STATE)
    monkeypatch.setenv("REJOINDER_PROFILE_KEY", "another key of length")
    assert "another REJOINDER_PROFILE_KEY" in run("list")


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("add", "two words", "-"), "{}", "GROUP"),
        (("add", "home", "/nowhere/state.json"), None, "/nowhere/state.json cannot be read"),
        (("add", "home", "-"), "not json", "not a JSON object"),
        (("add", "home", "-"), "[]", "not a JSON object"),
        (("add", "home", "-"), "{}", "storage state"),
        (("add", "home", "-"), " " * (MAX_BYTES + 1), "more than"),
        (("remove", "home"), None, "no browser profile named home"),
        (("sign-in", "home", "--url", "file:///etc/passwd"), None, "https://"),
        (("sign-in", "home"), None, "no display"),
    ],
)
def test_what_is_wrong_is_one_plain_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    stdin: str | None,
    said: str,
) -> None:
    for display in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(display, raising=False)
    result = CliRunner().invoke(profiles_app, arguments, stdin)
    assert result.exception is not None
    monkeypatch.setattr(cli, "app", lambda: (_ for _ in ()).throw(result.exception))
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr().err
    assert said in told.replace("\n", " ")
    assert "Traceback" not in told
    assert stored(folder).names() == []


def test_without_a_key_nothing_is_stored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REJOINDER_PROFILE_KEY")
    result = CliRunner().invoke(profiles_app, ["add", "home", "-"], json.dumps(STATE))
    assert "REJOINDER_PROFILE_KEY" in str(result.exception)
    assert not folder.exists()

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from rejoinder.browser.profiles import MAX_BYTES, Profile, Profiles, is_leased
from rejoinder.errors import Conflict, InvalidRequest, NotFound, Unavailable
from rejoinder.settings import Settings

KEY = SecretStr("a key of some length")
STATE = {"cookies": [{"name": "session", "value": "secret-cookie"}], "origins": []}
NEWER = {"cookies": [{"name": "session", "value": "a-later-cookie"}], "origins": []}
NAME = "work.example/bob@work.example"

HOLDER = """
import sys, time
from pathlib import Path
from pydantic import SecretStr
from rejoinder.browser.profiles import Profiles
lease = Profiles(Path(sys.argv[1]), SecretStr(sys.argv[2])).lease(sys.argv[3])
print("taken", flush=True)
time.sleep(60)
"""


def test_a_profile_is_kept_encrypted_and_comes_back(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / "p", KEY)
    profiles.save("notes", STATE)
    profiles.save(NAME, STATE, "acme")
    assert profiles.load("notes") == Profile(STATE)
    assert profiles.load(NAME) == Profile(STATE, "acme")
    assert profiles.names() == ["notes", NAME]
    for file in (tmp_path / "p").iterdir():
        assert b"secret-cookie" not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0


def test_its_words_have_no_secrets() -> None:
    assert "secret" not in repr(Profile(STATE))


def test_a_server_has_its_profiles_in_one_place(tmp_path: Path) -> None:
    Profiles.of(Settings(data_dir=tmp_path, profile_key=KEY)).save("notes", STATE)
    assert [path.name for path in (tmp_path / "profiles").iterdir()] == ["notes.profile"]
    elsewhere = Settings(data_dir=tmp_path, profiles_dir=tmp_path / "else", profile_key=KEY)
    assert Profiles.of(elsewhere).names() == []


def test_a_profile_is_leased_to_one_bot_at_a_time(tmp_path: Path) -> None:
    profiles, others = Profiles(tmp_path, KEY), Profiles(tmp_path, KEY)
    profiles.save(NAME, STATE)
    with profiles.lease(NAME) as lease:
        assert lease.profile.state == STATE
        assert is_leased(tmp_path, NAME)
        with pytest.raises(Conflict, match="bob"):
            others.lease(NAME)
        with pytest.raises(Conflict):
            others.delete(NAME)
    assert not is_leased(tmp_path, NAME)
    others.lease(NAME).close()


def test_a_process_that_is_killed_gives_its_profile_back(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path, KEY)
    profiles.save(NAME, STATE)
    command = [sys.executable, "-c", HOLDER, str(tmp_path), KEY.get_secret_value(), NAME]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"taken\n"
        with pytest.raises(Conflict):
            profiles.lease(NAME)
        os.kill(holder.pid, signal.SIGKILL)
    profiles.lease(NAME).close()


def test_a_stay_renews_what_is_stored(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path, KEY)
    profiles.save(NAME, STATE, "acme")
    with profiles.lease(NAME) as lease:
        assert lease.keep(NEWER)
        assert profiles.load(NAME) == Profile(NEWER, "acme")
        assert lease.keep(STATE)
        with pytest.raises(InvalidRequest):
            lease.keep({})
    assert profiles.load(NAME) == Profile(STATE, "acme")


def test_what_a_person_stored_meanwhile_stays(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path, KEY)
    profiles.save(NAME, STATE)
    with profiles.lease(NAME) as lease:
        profiles.save(NAME, NEWER)
        assert not lease.keep(STATE)
    assert profiles.load(NAME).state == NEWER


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path, KEY)
    with pytest.raises(NotFound):
        profiles.load("nobody")
    with pytest.raises(NotFound):
        profiles.lease("nobody")
    with pytest.raises(NotFound):
        profiles.delete("nobody")
    for name in ("../up", "a/b/c", "UPPER", "a~b", ""):
        with pytest.raises(InvalidRequest, match="name"):
            profiles.load(name)
    for state in ({"cookies": []}, {"cookies": {}, "origins": []}, {"cookies": ["x"], "origins": []}):
        with pytest.raises(InvalidRequest, match="storage state"):
            profiles.save("notes", state)
    with pytest.raises(InvalidRequest, match="at most"):
        profiles.save("notes", {"cookies": [{"value": "x" * MAX_BYTES}], "origins": []})
    assert profiles.names() == []


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path, KEY)
    profiles.save("notes", STATE)
    stranger = Profiles(tmp_path, SecretStr("another key of length"))
    for look in (stranger.load, stranger.lease):
        with pytest.raises(Unavailable, match="another REJOINDER_PROFILE_KEY"):
            look("notes")
    with pytest.raises(Unavailable, match="REJOINDER_PROFILE_KEY"):
        Profiles(tmp_path, None)
    profiles.delete("notes")
    assert list(tmp_path.iterdir()) == []


def test_domains_are_told_without_their_subdomains() -> None:
    cookies = [{"domain": domain} for domain in (".google.com", "accounts.google.com", "meet.google.com", ".zoom.us")]
    assert Profile({"cookies": [*cookies, {}], "origins": []}).domains == ["google.com", "zoom.us"]

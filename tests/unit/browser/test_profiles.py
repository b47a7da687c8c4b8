from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from rejoinder.browser.profiles import Profiles
from rejoinder.errors import Conflict, InvalidRequest, NotFound, Unavailable

KEY = SecretStr("a key of some length")
STATE = {"cookies": [{"name": "session", "value": "secret-cookie"}], "origins": []}


def test_a_profile_is_kept_encrypted_and_comes_back(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / "p", KEY)
    profiles.save("notes", STATE)
    assert profiles.load("notes") == STATE
    assert profiles.names() == ["notes"]
    (file,) = (tmp_path / "p").iterdir()
    assert b"secret-cookie" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0


def test_a_profile_is_leased_to_one_bot_at_a_time(tmp_path: Path) -> None:
    profiles, others = Profiles(tmp_path, KEY), Profiles(tmp_path, KEY)
    profiles.save("notes", STATE)
    with profiles.lease("notes") as state:
        assert state == STATE
        with pytest.raises(Conflict, match="notes"), others.lease("notes"):
            pass
    with others.lease("notes"):
        pass


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path, KEY)
    with pytest.raises(NotFound):
        profiles.load("nobody")
    with pytest.raises(InvalidRequest, match="name"):
        profiles.load("../up")
    with pytest.raises(InvalidRequest, match="storage state"):
        profiles.save("notes", {"cookies": []})
    profiles.save("notes", STATE)
    with pytest.raises(Unavailable, match="another key"):
        Profiles(tmp_path, SecretStr("another key of length")).load("notes")
    with pytest.raises(Unavailable, match="REJOINDER_PROFILE_KEY"):
        Profiles(tmp_path, None)
    profiles.delete("notes")
    assert profiles.names() == []

"""API keys: made, kept as hashes, recognised, removed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from rejoinder.control.keys import KeyStore
from rejoinder.errors import InvalidRequest, NotAuthorised, NotFound, RejoinderError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keys.json"


def test_a_key_is_shown_once_and_kept_as_a_hash(path: Path) -> None:
    token = KeyStore(path).create("laptop", "acme")
    assert token.startswith("rj_")
    assert len(token) == 3 + 43
    text = path.read_text()
    assert token not in text
    assert token[3:] not in text
    (row,) = json.loads(text)["keys"]
    assert row["sha256"] == hashlib.sha256(token.encode()).hexdigest()
    assert (row["name"], row["account"]) == ("laptop", "acme")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["keys.json"]


def test_each_key_has_its_account(path: Path) -> None:
    store = KeyStore(path)
    one, two = store.create("one", "a"), store.create("two")
    assert (store.authenticate(one), store.authenticate(two)) == ("a", "default")
    assert [key.name for key in store.list()] == ["one", "two"]


@pytest.mark.parametrize("token", ["", "rj_", "nonsense", "rj_" + "A" * 43, "\udcff"])
def test_what_is_no_key(path: Path, token: str) -> None:
    store = KeyStore(path, SecretStr("the-key"))
    store.create("one")
    with pytest.raises(NotAuthorised, match=r"^Invalid token\.$"):
        store.authenticate(token)


def test_the_hash_is_no_key(path: Path) -> None:
    store = KeyStore(path)
    store.create("one")
    with pytest.raises(NotAuthorised):
        store.authenticate(store.list()[0].sha256)


def test_the_key_of_the_settings(path: Path) -> None:
    assert KeyStore(path, SecretStr("the-key")).authenticate("the-key") == "default"
    with pytest.raises(NotAuthorised):
        KeyStore(path).authenticate("the-key")


def test_another_process_makes_and_removes_keys(path: Path) -> None:
    server, cli = KeyStore(path), KeyStore(path)
    token = cli.create("new")
    assert server.authenticate(token) == "default"
    cli.remove("new")
    with pytest.raises(NotAuthorised):
        server.authenticate(token)
    with pytest.raises(NotFound, match='no key "new"'):
        cli.remove("new")


def test_names(path: Path) -> None:
    store = KeyStore(path)
    store.create("one")
    for name, words in (("one", "already"), (" ", "empty")):
        with pytest.raises(InvalidRequest, match=words) as caught:
            store.create(name)
        assert caught.value.field == "name"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": [{}]}', '{"keys": 1}'])
def test_a_broken_file_is_an_error_at_start_but_not_later(path: Path, text: str) -> None:
    store = KeyStore(path)
    token = store.create("one")
    path.write_text(text)
    os.utime(path, ns=(1, 1))
    assert store.authenticate(token) == "default"
    with pytest.raises(RejoinderError, match=r"keys\.json"):
        KeyStore(path)
    with pytest.raises(RejoinderError):
        store.create("two")

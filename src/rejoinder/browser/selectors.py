"""A platform's page in a dated TOML file: where things are and what they say.

    [meta]
    seen = "2026-11"                                     # when it was last seen to be true

    [selectors]                                          # alternatives, tried in order
    name_field = ["input[aria-label='Your name']", "input[type=text]"]
    join = ["button[data-tid=join]", "button >> text:join"]   # CSS, of those whose whole label is a text below

    [texts.en]                                           # matched in any language the file has
    join = ["Ask to join", "Join now"]
    denied = ["someone denied your request"]
    [texts.de]
    join = ["Teilnahme anfragen"]

    [regions]                                            # optional
    ignore = ["[role=log]", ".captions"]                 # what participants write: not the platform's words

An operator overrides a file with one of the same name in ``REJOINDER_SELECTORS_DIR``, so that a change of a platform's
page needs no release. The names of [selectors] and [texts] the built-in file has must be there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rejoinder.errors import InvalidRequest

_SEEN = re.compile(r"20\d\d-(0[1-9]|1[0-2])(-\d\d)?")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TEXT = re.compile(r"^(?P<css>.*?)\s*>>\s*text:(?P<text>[a-z0-9_]+)\s*$")


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to find an element: CSS, and if not None the labels one of which it must carry as a whole."""

    css: str
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Selectors:
    """A platform's selectors and texts."""

    seen: str
    selectors: Mapping[str, tuple[Alternative, ...]]
    texts: Mapping[str, tuple[str, ...]]
    """By name, all languages together."""
    ignore: tuple[str, ...] = ()

    def text(self, name: str) -> tuple[str, ...]:
        """The phrases of a name, in every language. KeyError for a name the file does not have."""
        return self.texts[name]


def load_selectors(file: Path, override_dir: Path | None = None) -> Selectors:
    """Read ``file``, or the file of the same name in ``override_dir`` when there is one (platforms whose file is called
    ``selectors.toml`` give their own folder in ``settings.selectors_dir``).

    Raises :class:`InvalidRequest` naming the file and the key.
    """
    built_in = parse_selectors(file.read_text("utf-8"), file.name)
    other = override_dir / file.name if override_dir is not None else None
    if other is None or not other.is_file():
        return built_in
    try:
        chosen = parse_selectors(other.read_text("utf-8"), str(other))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{other}: cannot be read ({error})", field="selectors_dir") from error
    for table, ours, theirs in (
        ("selectors", built_in.selectors, chosen.selectors),
        ("texts", built_in.texts, chosen.texts),
    ):
        if missing := sorted(set(ours) - set(theirs)):
            raise InvalidRequest(f"{other}: [{table}] lacks {', '.join(missing)}", field=f"{table}.{missing[0]}")
    return chosen


def parse_selectors(source: str, name: str) -> Selectors:
    """Read TOML text; ``name`` is the file's, for errors."""
    try:
        raw = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f"{name}: not TOML: {error}", field="selectors_dir") from error
    reader = _Reader(name)
    for key in raw:
        if key not in ("meta", "selectors", "texts", "regions"):
            raise reader.error(key, "unknown table; expected meta, selectors, texts, regions")
    seen = reader.table(raw, "meta").get("seen")
    if not isinstance(seen, str) or not _SEEN.fullmatch(seen):
        raise reader.error("meta.seen", 'expected a month or day, such as "2026-11"')
    texts: dict[str, tuple[str, ...]] = {}
    for language, phrases in reader.table(raw, "texts", needed=False).items():
        if not isinstance(phrases, dict):
            raise reader.error(f"texts.{language}", "expected a table of names")
        for key, value in phrases.items():
            texts[key] = (*texts.get(key, ()), *reader.strings(f"texts.{language}.{key}", key, value))
    selectors = {
        key: tuple(
            reader.alternative(f"selectors.{key}", text, texts)
            for text in reader.strings(f"selectors.{key}", key, value)
        )
        for key, value in reader.table(raw, "selectors").items()
    }
    ignore = reader.table(raw, "regions", needed=False).get("ignore", [])
    return Selectors(seen, selectors, texts, reader.strings("regions.ignore", "ignore", ignore, empty=True))


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name

    def error(self, key: str, message: str) -> InvalidRequest:
        return InvalidRequest(f"{self._name}: {key}: {message}", field=key)

    def table(self, raw: Mapping[str, Any], key: str, *, needed: bool = True) -> dict[str, Any]:
        value = raw.get(key)
        if value is None and not needed:
            return {}
        if not isinstance(value, dict):
            raise self.error(key, "expected a table")
        return value

    def strings(self, path: str, key: str, value: object, *, empty: bool = False) -> tuple[str, ...]:
        if not _NAME.fullmatch(key):
            raise self.error(path, "names are lower-case words with underscores")
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self.error(path, "expected a list of texts")
        if not value and not empty:
            raise self.error(path, "the list is empty")
        return tuple(value)

    def alternative(self, path: str, text: str, texts: Mapping[str, tuple[str, ...]]) -> Alternative:
        match = _TEXT.match(text)
        if match is None:
            return Alternative(text)
        if match["text"] not in texts:
            raise self.error(path, f"there are no texts named {match['text']}")
        return Alternative(match["css"] or "*", texts[match["text"]])

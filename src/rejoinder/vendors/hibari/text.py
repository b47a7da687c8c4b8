"""What a language model writes, as a person would read it aloud."""

from __future__ import annotations

import re

_REPLACEMENTS: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern, flags), replacement)
    for pattern, replacement, flags in [
        # Markdown: fences, links and images, headings, quotes, list bullets, table rules, emphasis.
        (r"^\s*```.*$", "", re.M),
        (r"^\s{0,3}(?:#{1,6}|>+|[-*+•])\s+", "", re.M),
        (r"^\s*(\d{1,2})[.)]\s+(?=\S)", r"\1, ", re.M),
        (r"^\s*\|?(?:\s*:?-{3,}:?\s*\|?)+\s*$", "", re.M),
        (r"[ \t]*\|[ \t]*", ", ", 0),
        (r"(?<!\w)(\*{1,3}|_{1,3}|~~)(?=\S)(.+?)(?<=\S)\1(?!\w)", r"\2", 0),
        (r"(?<=\d)\s*\*\s*(?=\d)", " times ", 0),
        (r"[`*]+", "", 0),
        # Typography.
        (r"[\u2018\u2019]", "'", 0),
        (r"[\u201c\u201d]", '"', 0),
        (r"\s*(?:->|=>|\u2192)\s*", " to ", 0),
        # Abbreviations whose full stop would end the sentence, and those read as other words.
        (r"\be\.g\.", "for example", re.I),
        (r"\bi\.e\.", "that is", re.I),
        (r"\bapprox\.", "approximately", re.I),
        (r"\b[Nn]o\.\s*(?=\d)", "number ", 0),
        (r"\b(Jan|Feb|Aug|Sept|Oct|Nov|Dec)\.\s+(?=\d)", r"\1 ", 0),
        (r"\b24/7\b", "twenty-four seven", 0),
        (r"\b([CF])#(?!\w)", r"\1 sharp", 0),
        (r"(?<![\w.])~\s?(?=\d)", "about ", 0),
        (r"(?<=\w)\s?&\s?(?=\w)", " and ", 0),
    ]
]
_MONTHS = {
    "Jan": "January",
    "Feb": "February",
    "Aug": "August",
    "Sept": "September",
    "Oct": "October",
    "Nov": "November",
    "Dec": "December",
}
_MONTH = re.compile(r"\b(Jan|Feb|Aug|Sept|Oct|Nov|Dec)(?=\s+\d)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]", re.I)
_EMAIL = re.compile(r"\b([\w.+-]+)@((?:[\w-]+\.)+[a-z]{2,})\b", re.I)
_DOMAIN = re.compile(
    r"(?<![\w@.])((?:[a-z0-9-]+\.)+(?:com|org|net|io|ai|dev|app|edu|gov|eu|de|uk|fr|co|me|info))\b(?!\.\w)",
    re.I,
)
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)")
_VERSION = re.compile(r"(?<![\d.,$€£])\d+(?:\.\d+){2,}(?![\d.]*\d)|(?<![\d.,$€£])\d+\.0(?![\d%])")
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d\u20e3]")


def speakable(text: str) -> str:
    """``text`` without markup, with addresses and version numbers in words. Plain sentences come back
    unchanged.

    Of a web address only the host and a short path are read: nobody follows a query string by ear. Empty
    when there is nothing to pronounce.
    """
    text = _LINK.sub(r"\1", text)
    text = _URL.sub(lambda match: _url(match[0]), text)
    text = _EMAIL.sub(lambda match: f"{_dots(match[1])} at {_dots(match[2])}", text)
    text = _DOMAIN.sub(lambda match: _dots(match[1]), text)
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    text = _MONTH.sub(lambda match: _MONTHS[match[1]], text)
    text = _ADDRESS.sub(lambda match: _dots(match[0]), text)
    text = _VERSION.sub(lambda match: match[0].replace(".", " point "), text)
    text = _EMOJI.sub("", text)
    lines = [" ".join(line.split()).strip(", ") for line in text.split("\n")]
    text = "\n".join(line.strip() for line in lines if line)
    return text if any(character.isalnum() for character in text) else ""


def _url(url: str) -> str:
    host, _, path = re.sub(r"^(?:https?://)?(?:www\.)?", "", url, flags=re.I).partition("/")
    parts = [part for part in re.split(r"[?#]", path)[0].split("/") if part]
    spoken = _dots(host.partition(":")[0])
    if len(parts) <= 2 and all(re.fullmatch(r"[\w-]{1,20}", part) for part in parts):
        spoken += "".join(f" slash {part.replace('-', ' ').replace('_', ' ')}" for part in parts)
    return spoken


def _dots(name: str) -> str:
    return name.replace(".", " dot ").replace("_", " underscore ").replace("+", " plus ")

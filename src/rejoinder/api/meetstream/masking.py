"""Secrets a user sent, covered where their request is echoed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

COVER = "***"

_SECRET = re.compile(
    r"api_?key|access_?key|private_?key|secret|passw|credential|authorization|bearer|(?<!max_)token(?!s)", re.IGNORECASE
)
"""Names of values that let somebody in: ``api_key``, ``auth_token``; not ``max_tokens``."""
_ALL_WITHIN = re.compile(r"headers|auth", re.IGNORECASE)
"""Objects whose every value may be one."""
_THEIR_OWN = frozenset({"custom_attributes"})
"""What users find their bots by is theirs to name."""


def masked(request: Mapping[str, Any]) -> dict[str, Any]:
    """``request`` with each value that looks like a secret replaced by ``***``."""
    return {
        name: value if name in _THEIR_OWN else _value(name, value, covered=False) for name, value in request.items()
    }


def _value(name: str, value: Any, *, covered: bool) -> Any:
    covered = covered or bool(_SECRET.search(name))
    if isinstance(value, Mapping):
        inside = covered or bool(_ALL_WITHIN.fullmatch(name))
        return {key: _value(str(key), part, covered=inside) for key, part in value.items()}
    if isinstance(value, list):
        return [_value("", part, covered=covered) for part in value]
    return COVER if covered and value not in (None, "") and not isinstance(value, bool) else value

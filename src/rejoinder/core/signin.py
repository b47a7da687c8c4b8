"""Which signed-in account a bot uses: names of browser profiles, and the choice among them.

A profile is called ``group`` or ``group/account``. A bot asks for a group and gets any free profile of it, so that
several accounts of one group serve several bots at the same time. In MeetStream's calls the group is the sign-in domain
and the account an address; in Attendee's it is the login group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_PART = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
"""Domains, mail addresses and plain words; nothing that means something in a path."""
PART_RULE = "1 to 100 letters, digits and . _ @ + -, the first a letter or digit"


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a create call asks for.

    ``account``: the one to be preferred; ``strict``: no other will do. ``when``: "always" is signed in from the start;
    "if_required" comes as a guest and signs in when the meeting takes nobody else.
    """

    group: str
    account: str | None = None
    when: Literal["always", "if_required"] = "always"
    strict: bool = False


def part(text: str) -> str | None:
    """A group or an account as profiles' names have it (case does not count); None for what cannot be one."""
    found = text.strip().lower()
    return found if _PART.fullmatch(found) else None


def profile_name(text: str) -> str | None:
    """``group`` or ``group/account`` as it is kept; None for what is no such name."""
    parts = [part(one) for one in text.split("/")]
    return "/".join(one for one in parts if one) if len(parts) <= 2 and all(parts) else None


def fitting(names: Iterable[str], wanted: SignIn) -> list[str]:
    """Which of the profiles ``names`` a bot may use, the best first.

    An account is meant by its name, or, where the group is the domain of the address, by what is before the ``@``.
    """
    group = sorted(name for name in names if name.partition("/")[0] == wanted.group)
    if wanted.account is None:
        return group
    asked = [name for name in group if wanted.account in _addresses(name)]
    return asked if wanted.strict else asked + [name for name in group if name not in asked]


def _addresses(name: str) -> tuple[str, str]:
    group, _, account = name.partition("/")
    return account, f"{account}@{group}"

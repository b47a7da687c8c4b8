"""``google_meet`` and ``teams`` of a create call: with which account the bot joins. Pure.

As with MeetStream, a block that is not as it should be is passed over, and the bot comes as a guest.
"""

from __future__ import annotations

from typing import Any

from rejoinder.core.links import PlatformName
from rejoinder.core.signin import SignIn, part

_BLOCKS: dict[PlatformName, tuple[str, str, bool]] = {
    "GMeet": ("google_meet", "google_login_domain", False),
    "Teams": ("teams", "teams_login_domain", True),
}
"""By platform: the block, its field with the domain, and what ``strict_email`` is when it is left out."""


def parse_sign_in(body: dict[str, Any], platform: PlatformName) -> SignIn | None:
    """The block of the meeting's platform; None: a guest."""
    if platform not in _BLOCKS:
        return None
    name, domain, strict = _BLOCKS[platform]
    block = body.get(name)
    if not isinstance(block, dict) or block.get("login_required") is not True:
        return None
    group, email, only = block.get(domain), block.get("sign_in_email"), block.get("strict_email")
    account = part(email) if isinstance(email, str) else None
    if not isinstance(group, str) or part(group) is None or not isinstance(only, bool | None):
        return None
    if email not in (None, "") and account is None:
        return None
    return SignIn(part(group) or "", account, strict=strict if only is None else only)

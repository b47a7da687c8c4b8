"""What Attendee's endpoints say of themselves in the API's description."""

from __future__ import annotations

from typing import Any

from rejoinder.api.attendee.answers import AttendeeError, AttendeeFieldErrors
from rejoinder.api.describe import RETRY_AFTER, WHY, Responses, first_line

WHY_400 = "The request cannot be taken (by field), or not in the bot's present state."


def answers(ok: Any, *others: int, status: int = 200, key: bool = True) -> Responses:
    """The ``responses`` of an endpoint: ``ok`` (a model, or None for no body) and errors in Attendee's form.

    ``others`` are statuses besides those of endpoints that want a ``key``: 401, 429 and 503.
    """
    known: Responses = {status: {"description": "Done."}}
    if ok is not None:
        known = {status: {"model": ok, "description": first_line(ok)}}
    for code in sorted({*others, *((401, 429, 503) if key else ())}):
        known[code] = {"model": AttendeeError, "description": WHY[code]}
    if 400 in known:
        known[400] = {"model": AttendeeFieldErrors | AttendeeError, "description": WHY_400}
    if key:
        known[401]["description"] = "No key was sent, or one that is not known here."
        known[429]["headers"] = RETRY_AFTER
    return known

"""What the endpoints share: whom they ask, who asks them, and how they answer."""

# No "from __future__ import annotations" here: FastAPI reads the annotations of dependencies.
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends, Path, Request
from fastapi.responses import JSONResponse

from rejoinder.api.auth import AccountOf
from rejoinder.api.limits import Limits
from rejoinder.control.service import BotService
from rejoinder.errors import NotFound
from rejoinder.settings import Settings

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What an id of ours may look like; anything else names nothing, and no database needs to be asked."""


@dataclass(frozen=True, slots=True)
class Context:
    """``account`` is the dependency that gives the caller's account, within ``limits``; ``attendee_account`` the same
    by the rules of Attendee's dialect. ``key_dialect`` tells whose API a request's key was made for."""

    settings: Settings
    service: BotService
    limits: Limits
    account: AccountOf
    attendee_account: AccountOf
    key_dialect: Callable[[Request], Coroutine[Any, Any, str | None]]


class Json(JSONResponse):
    """JSON of what the views made."""

    def render(self, content: Any) -> bytes:
        """The body's bytes."""
        return orjson.dumps(content)


def _bot_id(bot_id: Annotated[str, Path(description="The bot's id.")]) -> str:
    if not _ID.fullmatch(bot_id):
        raise NotFound("Bot not found.")
    return bot_id


def _transcript_id(transcript_id: Annotated[str, Path(description="The transcript's id.")]) -> str:
    if not _ID.fullmatch(transcript_id):
        raise NotFound("Transcript not found.")
    return transcript_id


BotId = Annotated[str, Depends(_bot_id)]
TranscriptId = Annotated[str, Depends(_transcript_id)]

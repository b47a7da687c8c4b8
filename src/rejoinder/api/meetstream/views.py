"""Our nouns as MeetStream's JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rejoinder.core.bot import Bot


def created(bot: Bot) -> dict[str, Any]:
    """The answer to a create call. MeetStream always says "Active" here and names the link ``meeting_url``."""
    return {
        "bot_id": bot.id,
        "transcript_id": None,
        "meeting_url": bot.config.meeting_link,
        "status": "Active",
    }


def status(bot: Bot) -> dict[str, Any]:
    """Where the bot is in its life. ``message``, which MeetStream does not have, says why it ended there."""
    return {
        "bot_id": bot.id,
        "status": bot.status.value,
        "message": bot.message,
        "custom_attributes": bot.config.custom_attributes,
    }


def removed(bot: Bot) -> dict[str, Any]:
    """The answer to a removal."""
    return {"message": "The bot has left." if bot.status.over else "The bot is leaving.", "bot_id": bot.id}


def listing(bots: Sequence[Bot]) -> dict[str, Any]:
    """One page with all bots. Clients read the rows in either spelling."""
    return {"bots": [_row(bot) for bot in bots], "hasNextPage": False, "nextCursor": None}


def _row(bot: Bot) -> dict[str, Any]:
    created_at = datetime.fromtimestamp(bot.created_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "bot_id": bot.id,
        "BotID": bot.id,
        "status": bot.status.value,
        "Status": bot.status.value,
        "bot_name": bot.config.bot_name,
        "BotUsername": bot.config.bot_name,
        "MeetingLink": bot.config.meeting_link,
        "CreatedAt": created_at,
        "custom_attributes": bot.config.custom_attributes,
    }

"""Bots that exist only in a dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rejoinder.core.bot import Bot, BotConfig, BotStatus
from rejoinder.errors import InvalidRequest, NotFound


@dataclass
class FakeService:
    """Knows the meetings at ``http://room/``; bots are in at once and out at once."""

    bots: dict[str, Bot] = field(default_factory=dict)
    fail: Exception | None = None

    async def create(self, config: BotConfig, account: str) -> Bot:
        if self.fail is not None:
            raise self.fail
        if not config.meeting_link.startswith("http://room/"):
            raise InvalidRequest("meeting_link is no meeting known here", field="meeting_link")
        bot = Bot(f"bot-{len(self.bots) + 1}", account, config, 1790000000.0, BotStatus.IN_MEETING)
        self.bots[bot.id] = bot
        return bot

    def get(self, bot_id: str, account: str) -> Bot:
        bot = self.bots.get(bot_id)
        if bot is None or bot.account != account:
            raise NotFound("Bot not found.")
        return bot

    async def remove(self, bot_id: str, account: str) -> Bot:
        bot = self.get(bot_id, account)
        bot.status = BotStatus.STOPPED
        return bot

    def turns(self, bot_id: str, account: str) -> Sequence[dict[str, Any]]:
        self.get(bot_id, account)
        return [{"text": "hello"}]

    def list(self, account: str) -> Sequence[Bot]:
        return [bot for bot in reversed(self.bots.values()) if bot.account == account]

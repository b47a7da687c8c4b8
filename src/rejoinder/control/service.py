"""What the HTTP API asks of whatever runs the bots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rejoinder.core.bot import Bot, BotConfig


class BotService(Protocol):
    """The verbs of the product. An account sees only its own bots: another's are NotFound."""

    async def create(self, config: BotConfig, account: str) -> Bot:
        """Make a bot and set it on its way; does not wait until it has joined.

        Raises InvalidRequest with field ``meeting_link`` for a link that is no meeting known here.
        """
        ...

    def get(self, bot_id: str, account: str) -> Bot:
        """The bot as it is now. Raises NotFound."""
        ...

    async def remove(self, bot_id: str, account: str) -> Bot:
        """Make the bot leave; harmless when it has left. Raises NotFound."""
        ...

    def turns(self, bot_id: str, account: str) -> Sequence[dict[str, Any]]:
        """One JSON-ready record per answer of the bot's agent, oldest first. Raises NotFound."""
        ...

    def list(self, account: str) -> Sequence[Bot]:
        """The account's bots, newest first."""
        ...

"""The bots of this process: created, looked up, removed."""

from __future__ import annotations

import time
import uuid
from typing import Any

import structlog

from rejoinder.core.bot import Bot, BotConfig
from rejoinder.errors import InvalidRequest, NotFound
from rejoinder.media.loop import MediaLoop
from rejoinder.platforms.local.meeting import room_of
from rejoinder.session import BotSession, Parts
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)

KEPT_BOTS = 1000
"""Bots that are over are remembered up to this many in all."""
LEAVE_WITHIN_S = 5.0
"""How long bots may take to say goodbye to users' servers when this one stops; 2 s is the most their sockets need."""


class Bots:
    """Fulfils :class:`rejoinder.control.service.BotService` with sessions on a media loop."""

    def __init__(self, media: MediaLoop, base_url: str) -> None:
        self._media = media
        self._base_url = base_url
        self._parts: Parts | None = None
        self._sessions: dict[str, BotSession] = {}
        self._tasks: Tasks | None = None

    def serve(self, parts: Parts) -> None:
        """Set what the sessions are given; before that no bot can be created."""
        self._parts = parts

    async def create(self, config: BotConfig, account: str) -> Bot:
        if room_of(config.meeting_link, self._base_url) is None:
            raise InvalidRequest(
                "meeting_link is not a meeting known here: expected a room of this server, "
                f"{self._base_url}/room/<name>",
                field="meeting_link",
                code="unknown_meeting",
            )
        bot = Bot(str(uuid.uuid4()), account, config, time.time())
        await self._media.run(self._start(bot))
        return bot

    async def _start(self, bot: Bot) -> None:
        assert self._parts is not None, "serve() comes first"
        if self._tasks is None:
            self._tasks = Tasks()
        session = BotSession(bot, self._parts)
        self._sessions[bot.id] = session
        self._tasks.start(session.run(), f"bot {bot.id}")
        self._forget_old()

    def _forget_old(self) -> None:
        over = [ident for ident, session in self._sessions.items() if session.bot.status.over]
        for ident in over[: max(0, len(self._sessions) - KEPT_BOTS)]:
            del self._sessions[ident]

    def get(self, bot_id: str, account: str) -> Bot:
        return self._session(bot_id, account).bot

    def _session(self, bot_id: str, account: str) -> BotSession:
        session = self._sessions.get(bot_id)
        if session is None or session.bot.account != account:
            raise NotFound("Bot not found.")
        return session

    async def remove(self, bot_id: str, account: str) -> Bot:
        session = self._session(bot_id, account)
        await self._media.run(session.leave())
        return session.bot

    def turns(self, bot_id: str, account: str) -> list[dict[str, Any]]:
        return list(self._session(bot_id, account).turns)

    def events(self, bot_id: str, account: str) -> list[dict[str, Any]]:
        """What happened to a bot, oldest first."""
        return list(self._session(bot_id, account).events)

    def list(self, account: str) -> list[Bot]:
        mine = [session.bot for session in self._sessions.values() if session.bot.account == account]
        return sorted(mine, key=lambda bot: bot.created_at, reverse=True)

    async def close(self) -> None:
        """Make every bot leave, and wait until it has."""
        await self._media.run(self._close())

    async def _close(self) -> None:
        if self._tasks is None:
            return
        for session in list(self._sessions.values()):
            self._tasks.start(session.leave(), f"bot {session.bot.id}: leave")
        await self._tasks.finish(LEAVE_WITHIN_S)

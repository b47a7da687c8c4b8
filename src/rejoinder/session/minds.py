"""What listens to people's words for a bot: its own agent, or the watch for those who speak over it."""

from __future__ import annotations

from collections.abc import Callable

from rejoinder.agent.agent import VoiceAgent
from rejoinder.agent.trace import TurnTrace
from rejoinder.agent.watch import SpeechWatch
from rejoinder.core.bot import Bot
from rejoinder.core.commands import BotCommand
from rejoinder.media.frame import Pcm
from rejoinder.platforms.base import Meeting
from rejoinder.session.parts import Parts


def make_agent(
    bot: Bot,
    parts: Parts,
    meeting: Meeting,
    write: Callable[[Pcm], None],
    perform: Callable[[BotCommand], None],
    on_turn: Callable[[TurnTrace], None],
    note: Callable[[str, str], None],
) -> VoiceAgent | None:
    """The agent the create call asked for; None when it asked for none, or this process has no models."""
    config = bot.config.agent
    if config is None or parts.services is None:
        return None
    return VoiceAgent(
        config,
        bot.config.bot_name,
        parts.services,
        write,
        on_chat=perform,
        on_turn=on_turn,
        on_problem=lambda message: note("agent.error", message),
        network_ms=meeting.network_ms,
    )


def make_watch(bot: Bot, parts: Parts, on_speech: Callable[[str], None]) -> SpeechWatch | None:
    """A user's server that speaks through the bot is told when someone speaks over it."""
    if bot.config.agent is not None or parts.services is None or bot.config.control_socket_url is None:
        return None
    return SpeechWatch(parts.services.scorer, on_speech)

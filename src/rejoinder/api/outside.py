"""URLs in create calls, looked at before a bot is made, so that the caller hears of those that could never work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

from rejoinder.core.bot import AttendeeConfig, BotConfig
from rejoinder.errors import InvalidRequest
from rejoinder.outgoing import check_url
from rejoinder.settings import Settings

MAX_LOOK_UPS = 8
"""Host names that are resolved at the same time."""

_WEB = ("http", "https")
_SOCKET = ("ws", "wss")


async def check_urls(config: BotConfig, settings: Settings) -> None:
    """Raises InvalidRequest that names the field of the first URL that is none or that is refused.

    All are checked again when they are used. A host with a placeholder in it is only known once there is a bot, and
    a webhook's host, or any of a bot for later, need not exist yet.
    """
    together = asyncio.Semaphore(MAX_LOOK_UPS)

    async def check(url: str, schemes: tuple[str, ...], field: str) -> InvalidRequest | None:
        async with together:
            try:
                await check_url(url, schemes, settings, field=field)
            except InvalidRequest as error:
                later = config.join_at is not None or (schemes == _WEB and field != "bot_image_url")
                return None if later and error.code == "unresolvable" else error
        return None

    unique = {url: (schemes, field) for url, schemes, field in reversed([*_urls(config)])}
    found = await asyncio.gather(*(check(url, *rest) for url, rest in reversed(unique.items())))
    for error in found:
        if error is not None:
            raise error


def _urls(config: BotConfig) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Each URL with the schemes it may have and its name in the request."""
    live, attendee = config.live_transcript, config.attendee or AttendeeConfig()
    apart = attendee.per_participant_audio
    candidates = (
        (config.control_socket_url, _SOCKET, "socket_connection_url.websocket_url"),
        (config.audio_socket_url, _SOCKET, "live_audio_required.websocket_url"),
        (config.bot_image_url, _WEB, "bot_image_url"),
        (config.callback_url, _WEB, "callback_url"),
        (live.webhook_url if live else None, _WEB, "live_transcription_required.webhook_url"),
        (live.websocket_url if live else None, _SOCKET, "live_transcription_required.websocket_url"),
        *(
            (hook.url, _WEB, f"recording_config.realtime_endpoints[{index}].url")
            for index, hook in enumerate(config.participant_webhooks)
        ),
        (attendee.audio.url if attendee.audio else None, _SOCKET, "websocket_settings.audio.url"),
        (apart.url if apart else None, _SOCKET, "websocket_settings.per_participant_audio.url"),
        *((hook.url, _WEB, f"webhooks[{index}].url") for index, hook in enumerate(attendee.webhooks)),
    )
    for url, schemes, field in candidates:
        if url is not None and "{" not in urlsplit(url).netloc:
            yield url, schemes, field

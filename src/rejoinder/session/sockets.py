"""The websockets of the user's server: control, and live audio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rejoinder.bridges.meetstream import control as control_codec
from rejoinder.bridges.socket import Connected, GaveUp, Lost, SocketState, UserSocket
from rejoinder.core.bot import Bot
from rejoinder.core.participant import Participant
from rejoinder.settings import Settings


class Sockets:
    """Opened when the bot is in the meeting, closed when it leaves. ``me`` gives the bot's own participant."""

    def __init__(
        self,
        bot: Bot,
        settings: Settings,
        me: Callable[[], Participant | None],
        on_command: Callable[[bytes], None],
        note: Callable[[str, str], None],
    ) -> None:
        self.audio: UserSocket | None = None
        self._bot = bot
        self._settings = settings
        self._me = me
        self._on_command = on_command
        self._note = note
        self._control: UserSocket | None = None

    def open(self) -> None:
        """Connect to where the create call said."""
        config = self._bot.config
        self._control = self._open(config.control_socket_url, "socket_connection_url", self._on_command)
        self.audio = self._open(config.audio_socket_url, "live_audio_required", lambda message: None)

    def tell(self, text: str) -> None:
        """Send a text frame on the control socket, if there is one."""
        if self._control is not None:
            self._control.send_text(text)

    def _open(self, url: str | None, field: str, on_message: Callable[[bytes], None]) -> UserSocket | None:
        if url is None:
            return None
        socket = UserSocket(
            url,
            self._bot.id,
            self._settings,
            greeting=self._greeting,
            on_message=on_message,
            on_state=lambda state: self._state(field, state),
            field=f"{field}.websocket_url",
        )
        socket.start()
        return socket

    def _greeting(self) -> str:
        me = self._me()
        return control_codec.ready(self._bot.id, me.id if me else None)

    def _state(self, field: str, state: SocketState) -> None:
        match state:
            case Connected():
                self._note("socket.connected", field)
            case Lost(reason=reason, attempt=attempt):
                self._note("socket.lost", f"{field}: {reason} (attempt {attempt})")
            case GaveUp(reason=reason):
                self._note("socket.gave_up", f"{field}: {reason}")

    async def close(self) -> None:
        """Say goodbye."""
        sockets = [socket for socket in (self._control, self.audio) if socket is not None]
        await asyncio.gather(*(socket.close() for socket in sockets), return_exceptions=True)

"""One running bot: a meeting, the user's sockets and the agent, wired together.

Wiring only. Rules live in the machines and codecs it connects.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog

from rejoinder.agent.agent import Services, VoiceAgent
from rejoinder.agent.trace import TurnTrace
from rejoinder.agent.watch import SpeechWatch
from rejoinder.bridges.meetstream import audio as audio_codec
from rejoinder.bridges.meetstream import control as control_codec
from rejoinder.bridges.socket import Connected, GaveUp, Lost, SocketState, UserSocket
from rejoinder.core.bot import Bot, BotStatus
from rejoinder.core.commands import (
    BotCommand,
    ClearAudio,
    Leave,
    MirrorChat,
    PlayAudio,
    SendChat,
    ShowImage,
    ShowImageUrl,
)
from rejoinder.core.events import (
    Admitted,
    ChatReceived,
    Ended,
    InLobby,
    MeetingEvent,
    ParticipantJoined,
    ParticipantLeft,
)
from rejoinder.core.participant import Participant
from rejoinder.errors import InvalidRequest, MeetingError
from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm, to_float
from rejoinder.media.image import picture
from rejoinder.media.inlet import Inlet
from rejoinder.media.mouth import Mouth
from rejoinder.media.resample import Resampler
from rejoinder.outgoing import download_image
from rejoinder.platforms.base import Ears, Meeting
from rejoinder.settings import Settings
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)

KEPT_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Parts:
    """What a session is given."""

    settings: Settings
    open_meeting: Callable[[str, str, Ears], Meeting]
    """(link, bot name, ears) to a meeting not yet joined."""
    services: Services | None
    """What an agent thinks with; None when this server has no models."""


_OUTCOMES = {
    "left": BotStatus.DONE,
    "ended": BotStatus.DONE,
    "removed": BotStatus.STOPPED,
    "denied": BotStatus.DENIED,
    "lobby_timeout": BotStatus.NOT_ALLOWED,
    "lost": BotStatus.FAILED,
}


class _Track:
    """One participant's audio: cut to 20 ms for the user's socket, at 16 kHz for the agent."""

    def __init__(self, who: Participant) -> None:
        self.header = audio_codec.frame_header(who.id, who.name)
        self.resampler = Resampler(MEETING_RATE, 16_000)
        self._parts: list[Pcm] = []
        self._waiting = 0

    def frames(self, pcm: Pcm) -> Pcm | None:
        """Collect to 20 ms."""
        if not self._waiting and len(pcm) == FRAME_SAMPLES:
            return pcm
        self._parts.append(pcm)
        self._waiting += len(pcm)
        if self._waiting < FRAME_SAMPLES:
            return None
        whole = np.concatenate(self._parts)
        self._parts.clear()
        self._waiting = 0
        return whole


class BotSession:
    """Create on the event loop it is to run on; :meth:`run` returns when the bot's stay is over."""

    def __init__(self, bot: Bot, parts: Parts, on_change: Callable[[Bot], None] = lambda bot: None) -> None:
        self.bot = bot
        self.events: list[dict[str, Any]] = []
        """What happened to this bot, oldest first: {at, event, message}."""
        self.turns: list[dict[str, Any]] = []
        self._parts = parts
        self._on_change = on_change
        self._tasks = Tasks(on_error=lambda name, error: self._event("bot.error", f"{name}: {error}"))
        self._over = asyncio.Event()
        self._me: Participant | None = None
        self._tracks: dict[str, _Track] = {}
        self._lobby_timer: asyncio.TimerHandle | None = None
        self._meeting = parts.open_meeting(
            bot.config.meeting_link, bot.config.bot_name, Ears(self._meeting_event, self._audio)
        )
        self._agent = self._make_agent()
        self._mouth = self._agent.mouth if self._agent else Mouth(self._meeting.write, continuous=True)
        self._inlet = Inlet(self._mouth)
        self._watch = self._make_watch()
        self._control: UserSocket | None = None
        self._audio_socket: UserSocket | None = None
        self._limits = control_codec.Limits(parts.settings.max_socket_message_bytes, parts.settings.max_image_bytes)

    def _make_agent(self) -> VoiceAgent | None:
        config = self.bot.config.agent
        if config is None or self._parts.services is None:
            return None
        return VoiceAgent(
            config,
            self.bot.config.bot_name,
            self._parts.services,
            self._meeting.write,
            on_chat=self.perform,
            on_turn=self._turn,
            on_problem=lambda message: self._event("agent.error", message),
            network_ms=self._meeting.network_ms,
        )

    def _make_watch(self) -> SpeechWatch | None:
        """A user's server that speaks through the bot is told when someone speaks over it."""
        if self._agent is not None or self._parts.services is None or self.bot.config.control_socket_url is None:
            return None
        return SpeechWatch(self._parts.services.scorer, self._spoken_over)

    def _spoken_over(self, participant: str) -> None:
        if self._control is not None and self._mouth.playout.speaking:
            self._control.send_text(control_codec.interrupted(self.bot.id))

    # -- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Join, stay, and clean up. Never raises: a failure becomes the bot's status and message."""
        try:
            self._status(BotStatus.JOINING, "Joining the meeting")
            await self._meeting.join()
            await self._over.wait()
        except MeetingError as error:
            self._status(BotStatus.FAILED, str(error))
        except asyncio.CancelledError:
            await self._meeting.leave()
            raise
        except Exception as error:
            log.exception("bot failed", bot_id=self.bot.id)
            self._status(BotStatus.FAILED, f"internal error: {error}")
            await self._meeting.leave()
        finally:
            await self._clean_up()

    async def leave(self) -> None:
        """Leave the meeting (from any state)."""
        if self.bot.status.over:
            return
        self._status(BotStatus.LEAVING, "Leaving the meeting")
        await self._meeting.leave()

    async def _clean_up(self) -> None:
        self._stop_lobby_timer()
        if self._agent is not None:
            await self._agent.close()
        if self._watch is not None:
            self._watch.close()
        self._mouth.stop()
        sockets = [socket for socket in (self._control, self._audio_socket) if socket is not None]
        await asyncio.gather(*(socket.close() for socket in sockets), return_exceptions=True)
        await self._tasks.cancel()

    def _status(self, status: BotStatus, message: str) -> None:
        if self.bot.status.over:
            return
        self.bot.status = status
        self.bot.message = message
        self._event(f"bot.{status.value.lower()}", message)
        self._on_change(self.bot)

    def _event(self, event: str, message: str) -> None:
        log.info(event, bot_id=self.bot.id, detail=message)
        self.events.append({"at": time.time(), "event": event, "message": message})
        del self.events[:-KEPT_EVENTS]

    def _turn(self, trace: TurnTrace) -> None:
        self.turns.append(trace.record())
        del self.turns[:-KEPT_EVENTS]

    # -- what the meeting tells ---------------------------------------------------------------------------------

    def _meeting_event(self, event: MeetingEvent) -> None:
        match event:
            case InLobby():
                self._status(BotStatus.IN_WAITING_ROOM, "Waiting to be let in")
                self._stop_lobby_timer()
                loop = asyncio.get_running_loop()
                self._lobby_timer = loop.call_later(self.bot.config.lobby_timeout_s, self._not_admitted)
            case Admitted(me=me):
                self._admitted(me)
            case ParticipantJoined(participant=who):
                self._tracks[who.id] = _Track(who)
                if self._agent is not None:
                    self._agent.participant_joined(who)
            case ParticipantLeft(participant=who):
                self._tracks.pop(who.id, None)
                if self._agent is not None:
                    self._agent.participant_left(who.id)
                elif self._watch is not None:
                    self._watch.forget(who.id)
            case ChatReceived(participant=who, text=text, at=at):
                if self._agent is not None:
                    self._agent.chatted(who, text)
                if self._control is not None:
                    self._control.send_text(control_codec.usermsg(self.bot.id, text, who.id, who.name, at))
            case Ended(reason=reason, message=message):
                self._status(_OUTCOMES[reason], message)
                self._over.set()

    def _not_admitted(self) -> None:
        self._status(BotStatus.NOT_ALLOWED, "Failed: Not admitted to meeting")
        self._tasks.start(self._meeting.leave(), "leave lobby")

    def _stop_lobby_timer(self) -> None:
        if self._lobby_timer is not None:
            self._lobby_timer.cancel()
            self._lobby_timer = None

    def _admitted(self, me: Participant) -> None:
        self._stop_lobby_timer()
        first = self._me is None
        self._me = me
        if not first:
            if self.bot.status is not BotStatus.LEAVING:
                self._status(BotStatus.IN_MEETING, "Bot came back to the meeting")
            return
        self._status(BotStatus.IN_MEETING, "Bot joined the meeting")
        config = self.bot.config
        self._control = self._socket(config.control_socket_url, "socket_connection_url", self._command)
        self._audio_socket = self._socket(config.audio_socket_url, "live_audio_required", lambda message: None)
        if config.bot_message:
            self.perform(SendChat(config.bot_message))
        if config.bot_image_url:
            self.perform(ShowImageUrl(config.bot_image_url))
        if config.agent is not None and self._agent is None:
            self._event("agent.error", "This server runs without models: the built-in agent is not available.")

    def _socket(self, url: str | None, field: str, on_message: Callable[[bytes], None]) -> UserSocket | None:
        if url is None:
            return None
        socket = UserSocket(
            url,
            self.bot.id,
            self._parts.settings,
            greeting=lambda: control_codec.ready(self.bot.id, self._me.id if self._me else None),
            on_message=on_message,
            on_state=lambda state: self._socket_state(field, state),
            field=f"{field}.websocket_url",
        )
        socket.start()
        return socket

    def _socket_state(self, field: str, state: SocketState) -> None:
        match state:
            case Connected():
                self._event("socket.connected", field)
            case Lost(reason=reason, attempt=attempt):
                self._event("socket.lost", f"{field}: {reason} (attempt {attempt})")
            case GaveUp(reason=reason):
                self._event("socket.gave_up", f"{field}: {reason}")

    # -- audio in -----------------------------------------------------------------------------------------------

    def _audio(self, participant: str, pcm: Pcm) -> None:
        track = self._tracks.get(participant)
        if track is None:
            return
        frame = track.frames(pcm)
        if frame is None:
            return
        if self._audio_socket is not None:
            self._audio_socket.send_audio(track.header + frame.tobytes())
        listener = self._agent or self._watch
        if listener is not None:
            listener.hear(participant, to_float(track.resampler.push(frame)))

    # -- commands -----------------------------------------------------------------------------------------------

    def _command(self, message: bytes) -> None:
        decoded = control_codec.decode(message, self.bot.id, self._limits)
        if isinstance(decoded, control_codec.CommandError):
            self._answer(decoded)
            return
        for command in decoded:
            self.perform(command)

    def _answer(self, error: control_codec.CommandError) -> None:
        self._event("command.error", error.message)
        if self._control is not None:
            self._control.send_text(error.encode())

    def perform(self, command: BotCommand) -> None:
        """Do what anyone asked of the bot."""
        match command:
            case PlayAudio(pcm=pcm, sample_rate=rate):
                self._inlet.play(pcm, rate)
            case ClearAudio():
                if self._agent is not None:
                    self._agent.interrupt()
                self._mouth.clear()
                self._inlet.forget()
            case SendChat(text=text):
                self._tasks.start(self._meeting.chat(text), "chat")
            case MirrorChat(text=text, is_final=final):
                if final:
                    self._tasks.start(self._meeting.chat(text), "chat")
            case ShowImage(data=data):
                self._tasks.start(self._show(data, "sendimg", "img"), "image")
            case ShowImageUrl(url=url):
                self._tasks.start(self._show_url(url), "image url")
            case Leave():
                self._tasks.start(self.leave(), "leave")

    async def _show(self, data: bytes, command: str, field: str) -> None:
        try:
            image = await asyncio.to_thread(picture, data, field)
        except InvalidRequest as error:
            self._answer(control_codec.CommandError(error.code, str(error), command, error.field))
            return
        self._meeting.show(image)

    async def _show_url(self, url: str) -> None:
        try:
            data = await download_image(url, self._parts.settings)
        except InvalidRequest as error:
            self._answer(control_codec.CommandError(error.code, str(error), "sendimg_url", error.field))
            return
        await self._show(data, "sendimg_url", "img_url")

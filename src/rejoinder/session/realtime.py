"""Attendee's realtime audio sockets of one running bot: the meeting's audio out, the bot's voice in.

Wiring only: what a message means is in :mod:`rejoinder.bridges.attendee`, when the bot is silent in
:mod:`rejoinder.media.hold`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np

from rejoinder.bridges.attendee import realtime as codec
from rejoinder.bridges.attendee.feed import Chunks, VoiceFeed
from rejoinder.bridges.attendee.mix import SILENCE, LiveMix
from rejoinder.bridges.socket import ATTENDEE, Connected, GaveUp, Lost, SocketState, UserSocket
from rejoinder.core.bot import AttendeeConfig, Bot
from rejoinder.core.commands import BotCommand, ClearAudio, PlayAudio
from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm
from rejoinder.media.hold import Hold
from rejoinder.media.inlet import Inlet
from rejoinder.media.mouth import Mouth
from rejoinder.settings import Settings

TICK_S = FRAME_SAMPLES / MEETING_RATE
LATE_S = 0.03
"""A tick this late follows a standstill of the event loop: what arrived meanwhile is let in first."""
GIVE_WAY_S = 0.005
REPORT_S = 0.2
"""How often the played position is told while the bot speaks; changes are told at once."""
MAX_WAITING_S = 600.0
"""How much audio may wait to be played. No answer is longer; without a bound, a server in a loop would fill memory."""
MAX_STRANGERS = 32
"""How many unknown triggers are told apart, each of which is answered once."""


class Realtime:
    """Opened when the bot is in the meeting, closed when it leaves. All on the event loop that created it.

    ``muted``: the recording is paused, so nobody's audio leaves the meeting; the stream goes on with silence.
    """

    def __init__(
        self,
        bot: Bot,
        settings: Settings,
        mouth: Mouth,
        inlet: Inlet,
        perform: Callable[[BotCommand], None],
        note: Callable[[str, str], None],
    ) -> None:
        self.muted = False
        self._bot_id = bot.id
        self._config = bot.config.attendee or AttendeeConfig()
        self._settings = settings
        self._mouth = mouth
        self._inlet = inlet
        self._perform = perform
        self._note = note
        self._loop = asyncio.get_running_loop()
        audio, voices = self._config.audio, self._config.per_participant_audio
        self._hold = Hold(None if audio is None else audio.threshold)
        self._held = False
        self._mix = LiveMix(self._now())
        self._epoch_ms = 1000 * (time.time() - self._loop.time())
        """Unix milliseconds at the zero of the loop's clock, the zero of all places."""
        self._mixed = None if audio is None else Chunks(audio.sample_rate)
        self._voice_rate = None if voices is None else voices.sample_rate
        self._voices: dict[str, VoiceFeed] = {}
        self._sockets: dict[str, UserSocket] = {}
        self._subscribed: set[str] = set()
        self._told: codec.Position | None = None
        self._told_at = 0.0
        self._problems: set[tuple[str, str | None]] = set()
        self._strangers: set[tuple[str, str]] = set()
        self._next = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Connect to where the create call said, and begin to send."""
        config = self._config
        for name, target in (("audio", config.audio), ("per_participant_audio", config.per_participant_audio)):
            if target is not None and target.url not in self._sockets:
                self._sockets[target.url] = self._connect(target.url, f"websocket_settings.{name}")
        if self._sockets:
            self._next = self._loop.time()
            self._mix = LiveMix(self._now())
            self._tick()

    async def close(self) -> None:
        """Send what waits, say goodbye."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        sockets, self._sockets = list(self._sockets.values()), {}
        await asyncio.gather(*(socket.close() for socket in sockets), return_exceptions=True)

    # -- the meeting's audio ------------------------------------------------------------------------------------

    def hear(self, participant: str, pcm: Pcm) -> None:
        """48 kHz mono of one participant, as it arrives."""
        if not self._sockets:
            return
        now = self._now()
        at = self._mix.add(participant, now, pcm)
        if at is not None and self._voice_rate is not None:
            self._voice(participant, at, pcm)
        self._send_mix(now)

    def left(self, participant: str) -> None:
        """Someone left."""
        self._mix.left(participant)
        self._voices.pop(participant, None)

    def _voice(self, participant: str, at: int, pcm: Pcm) -> None:
        target, rate = self._config.per_participant_audio, self._voice_rate
        assert target is not None
        assert rate is not None
        feed = self._voices.get(participant)
        if feed is None:
            feed = self._voices[participant] = VoiceFeed(rate)
        for chunk in feed.push(at, np.zeros_like(pcm) if self.muted else pcm):
            text = codec.per_participant(self._bot_id, participant, chunk.pcm, self._unix_ms(chunk.at), rate)
            self._sockets[target.url].send_audio(text)

    def _send_mix(self, now: int) -> None:
        for frame in self._mix.take(now):
            if self._mixed is None or self._config.audio is None:
                continue
            self._hold.heard(self._loop.time(), frame.pcm)
            audio = self._config.audio
            for chunk in self._mixed.push(frame.at, frame.pcm if not self.muted else SILENCE):
                text = codec.mixed(self._bot_id, chunk.pcm, self._unix_ms(chunk.at), audio.sample_rate)
                self._sockets[audio.url].send_audio(text)
        self._obey_hold()

    def _now(self) -> int:
        return round(self._loop.time() * MEETING_RATE)

    def _unix_ms(self, at: int) -> int:
        return round(self._epoch_ms + 1000 * at / MEETING_RATE)

    def _tick(self) -> None:
        now = self._loop.time()
        if now - self._next > LATE_S:
            self._next = now
            self._timer = self._loop.call_later(GIVE_WAY_S, self._tick)
            return
        self._send_mix(self._now())
        self._report(now)
        self._next += TICK_S
        self._timer = self._loop.call_at(self._next, self._tick)

    # -- the bot's voice ----------------------------------------------------------------------------------------

    def _obey_hold(self) -> None:
        held = self._hold.on(self._loop.time())
        if held and not self._mouth.playout.paused:
            self._mouth.pause()
        elif self._held and not held:
            self._mouth.resume()
        self._held = held

    def _take(self, url: str, message: bytes) -> None:
        decoded = codec.decode(message, self._settings.max_socket_message_bytes)
        match decoded:
            case PlayAudio(pcm=pcm, sample_rate=rate):
                if self._inlet.waiting / MEETING_RATE + len(pcm) / 2 / rate > MAX_WAITING_S:
                    full = f"More than {MAX_WAITING_S:g} s of audio would wait to be played; this chunk was left out."
                    self._refuse(url, codec.Wrong("queue_full", full, "data.chunk"))
                else:
                    self._perform(decoded)
            case ClearAudio():
                self._hold.forget()
                self._perform(decoded)
            case codec.Pause(duration_s=duration_s):
                self._hold.pause(self._loop.time(), duration_s)
            case codec.Subscribe(played=played):
                self._subscribe(url, played)
            case codec.Wrong():
                self._refuse(url, decoded)
        self._obey_hold()
        self._report(self._loop.time())

    def _refuse(self, url: str, wrong: codec.Wrong) -> None:
        if wrong.code == "unknown_trigger":
            if (url, wrong.message) in self._strangers or len(self._strangers) >= MAX_STRANGERS:
                return
            self._strangers.add((url, wrong.message))
        if (wrong.code, wrong.field) not in self._problems:  # a server repeats its mistake fifty times a second
            self._problems.add((wrong.code, wrong.field))
            self._note("command.error", wrong.message)
        self._tell(url, codec.error(self._bot_id, wrong))

    # -- the played position ------------------------------------------------------------------------------------

    def _subscribe(self, url: str, played: bool) -> None:
        self._told = None
        if played:
            self._subscribed.add(url)
        else:
            self._subscribed.discard(url)

    def _report(self, now: float) -> None:
        if not self._subscribed:
            return
        position, told = self._position(), self._told
        if told is not None:
            turned = (position.state, position.cleared) != (told.state, told.cleared)
            moved = position.samples != told.samples
            if not turned and not (moved and now - self._told_at >= REPORT_S):
                return
        self._told, self._told_at = position, now
        text = codec.played(self._bot_id, position, round(self._epoch_ms + 1000 * now))
        for url in self._subscribed:
            self._tell(url, text)

    def _position(self) -> codec.Position:
        audio = self._config.audio or self._config.per_participant_audio
        rate = codec.RATES[1] if audio is None else audio.sample_rate
        played, cleared, waiting = (
            round(samples * rate / MEETING_RATE)
            for samples in (self._inlet.played, self._inlet.cleared, self._inlet.waiting)
        )
        if not waiting:
            return codec.Position(played, cleared, 0, rate, "idle")
        return codec.Position(played, cleared, waiting, rate, "paused" if self._mouth.playout.paused else "playing")

    # -- connections --------------------------------------------------------------------------------------------

    def _connect(self, url: str, field: str) -> UserSocket:
        socket = UserSocket(
            url,
            self._bot_id,
            self._settings,
            greeting=None,
            on_message=lambda message: self._take(url, message),
            on_state=lambda state: self._state(field, state),
            manner=ATTENDEE,
            field=f"{field}.url",
        )
        socket.start()
        return socket

    def _tell(self, url: str, text: str) -> None:
        if (socket := self._sockets.get(url)) is not None:
            socket.send_text(text)

    def _state(self, field: str, state: SocketState) -> None:
        match state:
            case Connected():
                self._note("socket.connected", field)
            case Lost(reason=reason, attempt=attempt):
                self._note("socket.lost", f"{field}: {reason} (attempt {attempt})")
            case GaveUp(reason=reason):
                self._note("socket.gave_up", f"{field}: {reason}")

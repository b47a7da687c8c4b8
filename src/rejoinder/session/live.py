"""What is said, as text, while it is said: to the user's webhook and websocket, and into the bot's records."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import orjson

from rejoinder.bridges.meetstream import control as control_codec
from rejoinder.bridges.meetstream import transcript as transcript_codec
from rejoinder.bridges.socket import Connected, UserSocket
from rejoinder.core.attendee import NO_ENGINE
from rejoinder.core.bot import Bot, LiveTranscript
from rejoinder.core.entries import Entry, Transcribed
from rejoinder.core.participant import Participant
from rejoinder.core.transcript import Word
from rejoinder.session.parts import Parts
from rejoinder.transcription.base import LiveResult, LiveStream
from rejoinder.transcription.sender import LiveSender
from rejoinder.webhooks import signing

WORD_S = 0.35
"""How long a word takes to say, on the average."""


class LiveFeed:
    """Opens a transcription per participant when the create call asked for one."""

    def __init__(
        self, bot: Bot, parts: Parts, report: Callable[[Entry], None], note: Callable[[str, str], None]
    ) -> None:
        self._bot = bot
        self._parts = parts
        self._report = report
        self._note = note
        self._sender: LiveSender | None = None
        self._socket: UserSocket | None = None

    @property
    def wanted(self) -> bool:
        """Whether anyone asked for live transcripts."""
        config = self._bot.config
        streaming = config.transcript is not None and config.transcript.streaming
        return streaming or config.live_transcript is not None

    @property
    def _captions(self) -> bool:
        """Whether the platform's own captions are the source."""
        config = self._bot.config.transcript
        return config is not None and config.provider == "meeting_captions"

    def caption(self, who: Participant, text: str, *, final: bool, at: float) -> None:
        """The platform's own caption; ``at``: seconds since the recording began. Its words have no times: they are
        spread over what came before."""
        spoken = text.split()
        if not self._captions or not spoken:
            return
        begin = max(0.0, at - WORD_S * len(spoken))
        step = (at - begin) / len(spoken)
        words = tuple(Word(word, begin + step * i, begin + step * (i + 1)) for i, word in enumerate(spoken))
        self._deliver(LiveResult(who.id, who.name, words, spoken[-1], final, final))

    def opener(self) -> Callable[[Participant], LiveStream] | None:
        """What opens a participant's transcription; None when there is to be none. Connects to the receivers."""
        if not self.wanted:
            return None
        if self._captions:
            self._connect(self._bot.config.live_transcript or LiveTranscript())
            return None
        live = self._parts.live
        if live is None:
            self._note("bot.error", "This server runs without models: there is no live transcription.")
            self._note(NO_ENGINE, "There is no live transcription.")
            return None
        self._connect(self._bot.config.live_transcript or LiveTranscript())
        return lambda who: live.open(who.id, who.name, self._deliver)

    def _connect(self, target: LiveTranscript) -> None:
        settings = self._parts.settings
        if target.webhook_url is not None:
            secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
            self._sender = LiveSender(
                target.webhook_url,
                settings,
                lambda message: self._note("transcript.lost", message),
                headers=lambda body: signing.headers(body, secret, datetime.now(UTC), uuid.uuid4().hex),
            )
        if target.websocket_url is not None:
            self._socket = UserSocket(
                target.websocket_url,
                self._bot.id,
                settings,
                greeting=lambda: control_codec.ready(self._bot.id, None),
                on_message=lambda message: None,
                on_state=lambda state: self._note(
                    "socket.connected" if isinstance(state, Connected) else "socket.lost", "live_transcription_required"
                ),
                field="live_transcription_required.websocket_url",
            )
            self._socket.start()

    def _deliver(self, result: LiveResult) -> None:
        if result.final and (segment := result.segment()) is not None:
            self._report(Transcribed(segment))
        if self._sender is None and self._socket is None:
            return
        text = orjson.dumps(
            transcript_codec.live(self._bot.id, result, time.time(), self._bot.config.custom_attributes)
        )
        if self._sender is not None:
            self._sender.send(text, speaker=result.participant_id, final=result.final)
        if self._socket is not None:
            self._socket.send_text(text.decode())

    async def close(self) -> None:
        """Send what is waiting, then close."""
        if self._sender is not None:
            await self._sender.close()
        if self._socket is not None:
            await self._socket.close()

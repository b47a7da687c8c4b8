"""A scripted participant of a built-in room, on real WebRTC: speaks given audio, hears everyone apart."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rejoinder.core.events import Admitted, ChatReceived, Ended, InLobby, MeetingEvent
from rejoinder.core.participant import Participant
from rejoinder.errors import MeetingError
from rejoinder.media.frame import FRAME_SAMPLES, MEETING_RATE, Pcm
from rejoinder.media.mouth import Mouth
from rejoinder.media.playout import Played
from rejoinder.rehearsal.tape import BLOCK, LOUD, Tape
from rejoinder.room.peer import Engine
from rejoinder.room.seat import Seat

JOIN_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Said:
    """When a clip's audible part began and ended at the speaker's mouth, on the loop's clock."""

    began: float
    ended: float
    written: float
    """When the clip's first sample, audible or not, was given to the meeting."""


class Person:
    """One human stand-in. Everything runs on the event loop that created it."""

    def __init__(self, engine: Engine, signalling_url: str, name: str, *, lobby: bool = False) -> None:
        self.name = name
        self.me: Participant | None = None
        self.tapes: dict[str, Tape] = defaultdict(Tape)
        """What was heard of each other participant, by their id."""
        self.own = Tape()
        """What this person said."""
        self.chats: list[ChatReceived] = []
        self.events: list[MeetingEvent] = []
        self.waiting: dict[str, str] = {}
        """Who knocks while this person is host: names by participant id."""
        self._loop = asyncio.get_running_loop()
        self._settled: asyncio.Future[MeetingEvent] = self._loop.create_future()
        self._seat = Seat(
            engine,
            signalling_url,
            name,
            kind="person",
            lobby=lobby,
            on_event=self._event,
            on_audio=self._audio,
            on_knock=self._knock,
        )
        self._mouth: Mouth | None = None
        self._clips = 0
        self._started: dict[str, float] = {}
        self._ended: dict[str, asyncio.Future[float]] = {}

    async def join(self) -> MeetingEvent:
        """Come in; the answer is ``Admitted`` or ``InLobby`` (then :meth:`until_admitted`)."""
        await self._seat.join()
        self._mouth = Mouth(self._write, continuous=True, on_started=self._began, on_finished=self._finished)
        return await asyncio.wait_for(asyncio.shield(self._settled), JOIN_TIMEOUT_S)

    async def leave(self) -> None:
        """Leave the room."""
        if self._mouth is not None:
            self._mouth.stop()
        await self._seat.leave()

    async def say(self, pcm: Pcm) -> Said:
        """Speak a 48 kHz clip; returns when its last sample was given to the meeting."""
        assert self._mouth is not None, "join first"
        self._clips += 1
        clip = f"c{self._clips}"
        self._ended[clip] = self._loop.create_future()
        self._mouth.add(clip, pcm)
        self._mouth.close_clip(clip)
        await self._ended[clip]
        first, last = audible(pcm)
        began = self._started[clip]
        return Said(began + first / MEETING_RATE, began + last / MEETING_RATE, began)

    async def chat(self, text: str) -> None:
        """Post to the chat."""
        await self._seat.chat(text)

    async def send(self, **message: object) -> None:
        """Send a signalling message (a host's ``type="admit", participant="p2"``)."""
        await self._seat.send(dict(message))

    def find(self, name: str) -> Participant:
        """The participant of this name. Raises :class:`MeetingError`."""
        for participant in self._seat.participants:
            if participant.name == name:
                return participant
        raise MeetingError(f"{name} is not in the meeting")

    @property
    def others(self) -> list[Participant]:
        """Everyone else in the meeting."""
        return self._seat.participants

    async def until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        """Wait until a condition on what this person sees and hears holds. Raises :class:`MeetingError`."""
        end = self._loop.time() + within_s
        while not condition():
            if self._loop.time() > end:
                raise MeetingError(f"{self.name} waited {within_s} s in vain for {what}")
            await asyncio.sleep(0.02)

    async def until_knock(self, name: str, within_s: float = 5.0) -> str:
        """As host, wait until someone of this name is in the lobby; their participant id."""
        await self.until(lambda: name in self.waiting.values(), within_s, f"{name} to knock")
        return next(ident for ident, waiting in self.waiting.items() if waiting == name)

    async def until_quiet(self, participant: str, quiet_s: float, within_s: float) -> None:
        """Wait until a participant has not been heard for a while."""

        def quiet() -> bool:
            now = self._loop.time()
            return self.tapes[participant].first_sound(now - quiet_s) is None

        await self.until(quiet, within_s, f"{participant} to be quiet")

    @property
    def now(self) -> float:
        """The clock of all times here."""
        return self._loop.time()

    def _event(self, event: MeetingEvent) -> None:
        self.events.append(event)
        if isinstance(event, Admitted):
            self.me = event.me
        if isinstance(event, ChatReceived):
            self.chats.append(event)
        if isinstance(event, Admitted | InLobby | Ended) and not self._settled.done():
            self._settled.set_result(event)

    def _knock(self, who: Participant, waits: bool) -> None:
        if waits:
            self.waiting[who.id] = who.name
        else:
            self.waiting.pop(who.id, None)

    def _audio(self, participant: str, pcm: Pcm) -> None:
        self.tapes[participant].add(pcm, self._loop.time())

    def _write(self, pcm: Pcm) -> None:
        self.own.add(pcm, self._loop.time() + FRAME_SAMPLES / MEETING_RATE)
        self._seat.write(pcm)

    def _began(self, clip: str, now: float) -> None:
        self._started[clip] = now

    def _finished(self, played: Played, now: float) -> None:
        ended = self._ended.get(played.clip)
        if ended is not None and not ended.done():
            ended.set_result(now)


def audible(pcm: Pcm) -> tuple[int, int]:
    """First and last (exclusive) sample of the part of a clip that can be heard, to 10 ms."""
    samples = pcm.astype(np.float32) / 32768
    loud = [
        start
        for start in range(0, len(samples), BLOCK)
        if float(np.sqrt(np.mean(np.square(samples[start : start + BLOCK])))) >= LOUD
    ]
    return (loud[0], loud[-1] + BLOCK) if loud else (0, len(pcm))

"""A meeting joined in a browser: a driver's rules, tried again where that helps, heard and spoken through the page."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import structlog
from PIL import Image

from rejoinder.browser.channel import Hooks
from rejoinder.browser.chromium import Browsers
from rejoinder.core.events import Admitted, Ended, InLobby, MeetingEvent, ParticipantJoined, ParticipantLeft
from rejoinder.core.outcome import Outcome, Reason, pause_before_retry
from rejoinder.core.participant import Participant
from rejoinder.errors import MeetingError
from rejoinder.media.frame import FRAME_SAMPLES, Pcm, Rgb
from rejoinder.platforms.attempt import Attempt, Told
from rejoinder.platforms.base import Ears, Stay
from rejoinder.platforms.driver import Driver, Fact, JoinConfig
from rejoinder.platforms.login import Login
from rejoinder.platforms.voices import FRAME_S, Voices
from rejoinder.platforms.waiting import Block, Named, Waiting
from rejoinder.settings import Settings
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)

UNKNOWN = Participant("unknown", "Unknown speaker")
UNKNOWN_STAYS_S = 60.0
"""An unknown voice silent for so long is not there any more: it must not keep the bot in an empty meeting."""
SETTLED_S = 60.0
"""After this long inside, earlier failures do not count any more."""
NAME_WAIT_S = 1.0
"""How long to wait, once inside, for the page to say who we are."""
CODEC_MS, PEER_BUFFER_MS = 26.5, 40.0
"""As in the built-in room: Opus' frame and look-ahead, and what a browser's jitter buffer holds on a quiet network."""
TAIL_FRAMES = 5
"""Frames of silence still sent after speech, so that a pause within speech keeps its length."""
FILL_EVERY_S = 0.04
FILL_WAITS_S = 0.2
"""How much later silence is given while sound waits for its name: a short wait is over by then."""
EPOCHS = 1000
"""Loads of a page an attempt may count: epochs of a later attempt are always higher."""
CLOSE_S = 15.0
HISS_PEAK = 16
"""Samples up to this (-66 dBFS) are silence: comfort noise takes nobody from another track."""
_LEFT = Outcome("left", "Bot left the meeting")
_SILENCE = np.zeros(FRAME_SAMPLES, np.int16)


class BrowserMeeting:
    """Fulfils :class:`~rejoinder.platforms.base.Meeting`. Create it on the loop of ``browsers``.

    ``login``: with which account; None: as a guest.
    """

    def __init__(
        self,
        driver: Driver,
        config: JoinConfig,
        ears: Ears,
        stay: Stay,
        browsers: Browsers,
        settings: Settings,
        login: Login | None = None,
    ) -> None:
        self._driver = driver
        self._config = config
        self._ears = ears
        self._browsers = browsers
        self._login = login
        self._url = driver.entry_url(config.link, settings)
        self._folder = settings.data_dir / "evidence" / stay.bot_id
        self._fallback = Participant(f"bot-{stay.bot_id}", config.bot_name, is_bot=True)
        self._roster = driver.roster(config)
        self._loop = asyncio.get_running_loop()
        self._tasks = Tasks(on_error=self._failed)
        self._voices = Voices()
        self._waiting = Waiting(self._roster.label, self._roster.patience)
        self._attempt: Attempt | None = None
        self._attempts = 0
        self._run_task: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()
        self._over = False
        self._lobby_told = False
        self._inside = False
        self._named_by: float | None = None
        self._held: list[MeetingEvent] = []
        self._jpeg: bytes | None = None
        self._tail = 0
        self._stats: Mapping[str, Any] = {}
        self._unknown_at: float | None = None
        self._fill_timer: asyncio.TimerHandle | None = None

    # -- the contract ---------------------------------------------------------------------------------------------

    @property
    def participants(self) -> list[Participant]:
        return self._roster.participants

    async def join(self) -> None:
        opened = await self._login.take() if self._login is not None else None
        attempt = self._new_attempt()
        if opened is None:  # else the account is missing, which ends the stay, and not only this try
            try:
                outcome = await self._open(attempt)
                if outcome is not None:
                    raise MeetingError(outcome.message)
            except BaseException:
                await attempt.close()
                self._give_back()
                raise
        self._attempt = attempt
        self._run_task = self._tasks.start(self._run(attempt, opened), "meeting")

    def write(self, pcm: Pcm) -> None:
        tab = self._attempt.tab if self._attempt is not None else None
        if tab is None or not self._inside:
            return
        self._tail = TAIL_FRAMES if pcm.any() else self._tail - 1
        if self._tail > 0:
            tab.channel.speak(pcm)

    def drop(self) -> bool:
        """Drop what the page has not played yet, 30 ms or so; the page fades over 2 ms."""
        tab = self._attempt.tab if self._attempt is not None else None
        self._tail = 0
        if tab is None:
            return False
        tab.channel.flush()
        return True

    def show(self, image: Rgb | None) -> None:
        self._jpeg = None if image is None else _jpeg(image)
        tab = self._attempt.tab if self._attempt is not None else None
        if tab is not None:
            tab.channel.show(self._jpeg)

    async def chat(self, text: str) -> None:
        attempt = self._attempt
        if attempt is None or not self._inside:
            raise MeetingError("the bot is not in the meeting")
        await attempt.request(lambda snapshot: self._driver.commands.chat(snapshot, text))

    async def mute(self, muted: bool) -> None:
        """Mute or unmute the bot's microphone on the platform. Raises MeetingError when the page does not let us."""
        attempt = self._attempt
        if attempt is not None and self._inside:
            await attempt.request(lambda snapshot: self._driver.commands.mute(snapshot, muted))

    async def leave(self) -> None:
        self._leaving.set()
        if self._attempt is not None:
            self._attempt.leave()
        if self._run_task is not None and self._run_task is not asyncio.current_task():
            await asyncio.wait([self._run_task], timeout=CLOSE_S)
        await self._tasks.cancel()
        if self._attempt is not None:
            await self._attempt.close()
            self._attempt = None
        self._page_gone()
        if self._run_task is not None:
            self._end(_LEFT)

    def network_ms(self, participant: str) -> tuple[float | None, float | None]:
        round_trip, tracks = self._stats.get("rtt_ms"), self._stats.get("tracks")
        if not isinstance(round_trip, (int, float)):
            return None, None
        way = round_trip / 2 + CODEC_MS
        buffer = tracks.get(str(self._voices.track_of(participant))) if isinstance(tracks, dict) else None
        inward = round(way + buffer, 1) if isinstance(buffer, (int, float)) else None
        return inward, round(way + PEER_BUFFER_MS, 1)

    # -- one try after the other ----------------------------------------------------------------------------------

    def _new_attempt(self) -> Attempt:
        base, self._attempts = self._attempts * EPOCHS, self._attempts + 1

        def fact(one: Fact) -> None:
            self._fact(Fact(one.kind, one.data, one.at, base + one.epoch))

        hooks = Hooks(self._audio, lambda *_: None)
        told = Told(self._joined, fact, hooks, self._tick)
        config = replace(self._config, signed_in=self._login is not None and self._login.state is not None)
        return Attempt(self._driver, self._driver.flow(config), self._browsers, told, self._folder)

    async def _open(self, attempt: Attempt) -> Outcome | None:
        state = self._login.state if self._login is not None else None
        return await attempt.open(self._url, self._config.bot_name, state)

    async def _run(self, attempt: Attempt, opened: Outcome | None) -> None:
        tries: dict[Reason, int] = {}
        while True:
            self._attempt = attempt
            if self._leaving.is_set():
                attempt.leave()
            if attempt.tab is not None and self._jpeg is not None:
                attempt.tab.channel.show(self._jpeg)
            outcome = opened or await attempt.run()
            self._page_gone()
            if self._login is not None and attempt.inside_since is not None:
                await self._login.keep(attempt.tab, outcome.reason)
            await attempt.close()
            if attempt.inside_since is not None and self._loop.time() - attempt.inside_since > SETTLED_S:
                tries.clear()
            tries[outcome.reason] = tries.get(outcome.reason, 0) + 1
            pause = pause_before_retry(outcome.reason, tries[outcome.reason])
            if self._login is not None and self._login.next_account(outcome.reason):
                pause = 0.0
            if self._leaving.is_set():
                outcome, pause = _LEFT, None
            log.info(
                "attempt over", reason=outcome.reason, detail=outcome.message, evidence=outcome.evidence, pause=pause
            )
            if pause is None or await self._told_to_leave(pause):
                self._end(outcome if pause is None else _LEFT)
                return
            opened = await self._login.take() if self._login is not None else None
            attempt = self._new_attempt()
            opened = opened or await self._open(attempt)

    async def _told_to_leave(self, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                await self._leaving.wait()
        except TimeoutError:
            return False
        return True

    def _page_gone(self) -> None:
        self._inside = False
        self._named_by = None
        self._held.clear()
        self._hear(self._waiting.rest())
        self._voices.clear()
        self._stats = {}
        self._stop_filling()
        self._unknown_left()

    def _give_back(self) -> None:
        if self._login is not None:
            self._login.give_back()

    def _end(self, outcome: Outcome) -> None:
        self._give_back()
        if not self._over:
            self._over = True
            message = f"{outcome.message} (evidence {outcome.evidence})" if outcome.evidence else outcome.message
            self._ears.event(Ended(outcome.ended, message, outcome.reason))

    def _failed(self, name: str, error: BaseException) -> None:
        log.error("meeting failed", task=name, exc_info=error)
        self._page_gone()
        self._end(Outcome("lost", f"internal error: {error}"))

    # -- what the page tells --------------------------------------------------------------------------------------

    def _joined(self, where: str) -> None:
        if where == "lobby":
            if not self._lobby_told:
                self._lobby_told = True
                self._ears.event(InLobby())
            return
        self._named_by = self._loop.time() + NAME_WAIT_S
        self._tick(self._loop.time())

    def _tick(self, now: float) -> None:
        if self._named_by is not None and (self._roster.me is not None or now >= self._named_by):
            self._named_by = None
            self._inside = True
            self._ears.event(Admitted(self._roster.me or self._fallback))
            held, self._held = self._held, []
            for event in held:
                self._ears.event(event)
        deadline = self._roster.deadline()
        if deadline is not None and now >= deadline:
            self._tell(self._roster.tick(now))
        if self._unknown_at is not None and (now - self._unknown_at > UNKNOWN_STAYS_S or not self._roster.participants):
            self._unknown_left()

    def _fact(self, fact: Fact) -> None:
        if fact.kind == "stats":
            self._stats = fact.data
        try:
            events = self._roster.on_fact(fact, self._loop.time())
        except Exception as error:  # a page may say anything; its roster must not end the meeting
            log.warning("fact not understood", kind=fact.kind, error=repr(error))
            return
        self._tell(events)
        if self._named_by is not None:
            self._tick(self._loop.time())
        if self._waiting.active:
            self._hear(self._waiting.due(self._loop.time()))

    def _tell(self, events: list[MeetingEvent]) -> None:
        for event in events:
            if self._inside:
                self._ears.event(event)
            else:
                self._held.append(event)

    def _audio(self, track: int, at: float, pcm: Pcm, epoch: int) -> None:
        if not self._inside or not self._roster.hears(track, at):
            return
        loud = bool(np.abs(pcm).max(initial=0) > HISS_PEAK)
        self._hear(self._waiting.take(Block(track, at, pcm, loud), self._loop.time()))
        if self._fill_timer is None:
            self._fill_timer = self._loop.call_later(FILL_EVERY_S, self._fill)

    def _hear(self, named: list[Named]) -> None:
        now = self._loop.time()
        for block, person in named:
            if person is None and not block.loud:
                continue
            who = self._unknown(now).id if person is None else person.id
            if self._voices.take(who, block.track, now, loud=block.loud):
                self._ears.audio(who, block.pcm)

    def _unknown(self, now: float) -> Participant:
        if self._unknown_at is None:
            self._ears.event(ParticipantJoined(UNKNOWN))
        self._unknown_at = now
        return UNKNOWN

    def _unknown_left(self) -> None:
        if self._unknown_at is not None:
            self._unknown_at = None
            self._ears.event(ParticipantLeft(UNKNOWN))

    def _fill(self) -> None:
        now = self._loop.time()
        self._hear(self._waiting.due(now))
        since = self._waiting.since
        # What waits may be of somebody who is owed silence: no more of it than up to there, unless it waits for long.
        until = now if since is None else max(min(now, since - FRAME_S), now - FILL_WAITS_S)
        for who, frames in self._voices.owed(until):
            for _ in range(frames):
                self._ears.audio(who, _SILENCE)
        goes_on = self._voices.active or self._waiting.active
        self._fill_timer = self._loop.call_later(FILL_EVERY_S, self._fill) if goes_on else None

    def _stop_filling(self) -> None:
        if self._fill_timer is not None:
            self._fill_timer.cancel()
            self._fill_timer = None


def _jpeg(image: Rgb) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=85)
    return file.getvalue()

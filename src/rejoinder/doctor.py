"""What is wrong here: the parts of an installation, one by one, and a join into a real meeting with evidence."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from rejoinder import plugins
from rejoinder.app.stores import Stores
from rejoinder.browser.chromium import find_chromium
from rejoinder.core.bot import Bot, BotConfig
from rejoinder.core.events import Admitted, Ended, MeetingEvent, SpeakerLabelled
from rejoinder.core.signin import SignIn, profile_name
from rejoinder.errors import InvalidRequest, MeetingError, RejoinderError
from rejoinder.media.frame import MEETING_RATE, Pcm
from rejoinder.models.fetch import status
from rejoinder.platforms.base import Ears, Stay
from rejoinder.settings import Settings
from rejoinder.storage.keys import DEFAULT_ACCOUNT

BOT_ID = "doctor"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: whether it is well, and what was seen."""

    part: str
    well: bool
    seen: str


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at every part of the installation. Never raises."""
    try:
        stores = Stores(settings)
    except (RejoinderError, OSError) as error:
        yield Finding("settings", False, str(error))
        return
    try:
        yield await _look("database", stores.open, "answers, tables are up to date")
        yield await _look("files", stores.blobs.check, "can be written and read")
    finally:
        await stores.close()
    try:
        yield Finding("browser", True, find_chromium(settings.chromium))
    except RejoinderError as error:
        yield Finding("browser", False, str(error))
    needed = set(plugins.models_needed(settings))
    for state in await asyncio.to_thread(status, settings):
        if state.model.name in needed:
            seen = str(state.folder) if state.ready else "is missing: rejoinder models fetch"
            yield Finding(f"model {state.model.name}", state.ready, seen)


async def _look(part: str, check: Callable[[], object], well: str) -> Finding:
    try:
        result = check()
        if asyncio.iscoroutine(result):
            await result
    except Exception as error:  # whatever it is, the next part is looked at, too
        return Finding(part, False, str(error).splitlines()[0] if str(error) else type(error).__name__)
    return Finding(part, True, well)


def sign_in(profile: str) -> SignIn:
    """The wish for a profile, or for any of a group. Raises InvalidRequest for what is no name of one."""
    name = profile_name(profile)
    if name is None:
        raise InvalidRequest("--profile must be GROUP or GROUP/ACCOUNT", field="profile")
    group, _, account = name.partition("/")
    return SignIn(group, account or None, strict=bool(account))


class Visit:
    """A bot without a server joins a meeting, says what it sees, stays a while and leaves."""

    def __init__(
        self, settings: Settings, link: str, name: str, say: Callable[[str], None], sign_in: SignIn | None = None
    ) -> None:
        self._settings = settings
        self._bot = Bot(BOT_ID, DEFAULT_ACCOUNT, BotConfig(link, name, record=False, sign_in=sign_in), time.time())
        self._say = say
        self._began = time.monotonic()
        self._heard: Counter[str] = Counter()
        self._inside = asyncio.Event()
        self._over = asyncio.Event()
        self.ended: Ended | None = None

    @property
    def evidence(self) -> Path:
        """Where the page's pictures and texts are, if a step failed."""
        return self._settings.data_dir / "evidence" / BOT_ID

    async def run(self, stay_s: float) -> bool:
        """Whether the bot came in."""
        plugins.known_meeting(self._settings)(self._bot.config.meeting_link)
        meetings = plugins.Meetings(self._settings, plugins.engine(self._settings))
        meeting = meetings(self._bot, Ears(self._event, self._audio), Stay(BOT_ID, 1))
        try:
            await meeting.join()
            waits = [asyncio.get_running_loop().create_task(event.wait()) for event in (self._inside, self._over)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            if self._inside.is_set():
                await _wait(self._over, stay_s)
        except MeetingError as error:
            self._line(f"cannot join: {error}")
        finally:
            await meeting.leave()
            await meetings.close()
        for who, samples in self._heard.most_common():
            self._line(f"heard {samples / MEETING_RATE:.1f} s of {who}")
        return self._inside.is_set()

    def _line(self, text: str) -> None:
        self._say(f"{time.monotonic() - self._began:7.2f} s  {text}")

    def _event(self, event: MeetingEvent) -> None:
        match event:
            case SpeakerLabelled(participant=who, source=source, confidence=confidence, track=track):
                self._line(f"track {track} carries {who.name} (by {source}, {confidence:.2f})")
            case _:
                self._line(str(event))
        if isinstance(event, Admitted):
            self._inside.set()
        if isinstance(event, Ended):
            self.ended = event
            self._over.set()

    def _audio(self, participant: str, pcm: Pcm) -> None:
        self._heard[participant] += len(pcm)


async def _wait(event: asyncio.Event, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return

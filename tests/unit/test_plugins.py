"""Meetings as bots ask for them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from rejoinder.browser.profiles import Profiles
from rejoinder.core.bot import Bot, BotConfig
from rejoinder.core.events import Ended, MeetingEvent
from rejoinder.core.signin import SignIn
from rejoinder.platforms.base import Ears, Stay
from rejoinder.plugins import Meetings
from rejoinder.settings import Settings

LINKS = ["https://meet.google.com/abc-defg-hij", "https://teams.microsoft.com/l/meetup-join/19%3ameeting_x/0"]


def end_of(folder: Path, link: str, key: str | None, group: str) -> Ended:
    async def stay() -> MeetingEvent:
        settings = Settings(data_dir=folder, profile_key=SecretStr(key) if key else None)
        meetings = Meetings(settings, cast(Any, None))
        told: asyncio.Queue[MeetingEvent] = asyncio.Queue()
        bot = Bot("b1", "acme", BotConfig(link, sign_in=SignIn(group)), 0.0)
        meeting = meetings(bot, Ears(told.put_nowait, lambda _who, _pcm: None), Stay("b1", 1))
        try:
            await meeting.join()
            async with asyncio.timeout(10):
                return await told.get()
        finally:
            await meeting.leave()
            await meetings.close()

    event = asyncio.run(stay())
    assert isinstance(event, Ended)
    return event


@pytest.mark.parametrize("link", LINKS)
def test_a_bot_without_its_account_ends_and_says_why(tmp_path: Path, link: str) -> None:
    key = "a key of some length"
    missing = end_of(tmp_path, link, key, "work")
    assert (missing.cause, missing.message) == ("login_required", "There is no browser profile of the group work.")
    Profiles(tmp_path / "profiles", SecretStr(key)).save("work", {"cookies": [], "origins": []}, "others")
    assert end_of(tmp_path, link, key, "work") == missing, "a bot was given the account of somebody else"
    assert "REJOINDER_PROFILE_KEY" in end_of(tmp_path, link, None, "work").message

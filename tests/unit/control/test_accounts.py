"""Bots that are to join signed in, when they are created."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from house import LINK, House, play
from pydantic import SecretStr

from rejoinder.browser.profiles import Profiles
from rejoinder.core.bot import BotConfig
from rejoinder.core.signin import SignIn
from rejoinder.errors import Throttled

STATE: dict[str, Any] = {"cookies": [], "origins": []}


def test_the_wish_is_kept(tmp_path: Path) -> None:
    async def scene() -> None:
        async with House(tmp_path) as house:
            wanted = SignIn("work.example", "bob@work.example", "if_required", strict=True)
            bot = (await house.bots.create(BotConfig(LINK, sign_in=wanted), "acme")).bot
            assert (await house.bots.get(bot.id, "acme")).config.sign_in == wanted

    play(scene())


def test_a_bot_without_a_free_account_is_refused_where_that_can_be_seen(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / "profiles", SecretStr("a key of some length"))
    config = BotConfig(LINK, sign_in=SignIn("work"))

    async def scene() -> None:
        async with House(tmp_path) as house:
            await house.bots.create(config, "acme")  # no such group: its own end says so
            for who in ("ann", "ben"):
                profiles.save(f"work/{who}", STATE)
            with profiles.lease("work/ann"):
                await house.bots.create(config, "acme", idempotency_key="k")
                with profiles.lease("work/ben"):
                    with pytest.raises(Throttled, match="work"):
                        await house.bots.create(config, "acme")
                    for other in (
                        BotConfig(LINK),
                        BotConfig(LINK, sign_in=SignIn("home")),
                        BotConfig(LINK, sign_in=SignIn("work", when="if_required")),
                        BotConfig(LINK, sign_in=SignIn("work"), join_at=time.time() + 3600),
                    ):
                        await house.bots.create(other, "acme")
                    again = await house.bots.create(config, "acme", idempotency_key="k")
                    assert again.outcome == "replayed", "the bot that has the account is not refused to its creator"
            await house.bots.create(config, "acme")

    play(scene())


def test_with_workers_elsewhere_their_accounts_cannot_be_seen(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / "profiles", SecretStr("a key of some length"))
    profiles.save("work", STATE)

    async def scene() -> None:
        async with House(tmp_path, database_url="postgresql://elsewhere/rejoinder") as house:
            with profiles.lease("work"):
                await house.bots.create(BotConfig(LINK, sign_in=SignIn("work")), "acme")

    play(scene())

"""Which account a stay gets, what it tries when there is none, and what it leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import SecretStr

from rejoinder.browser.profiles import Profile, Profiles
from rejoinder.core.outcome import Outcome, Reason
from rejoinder.core.signin import SignIn
from rejoinder.errors import Unavailable
from rejoinder.platforms import login as logins
from rejoinder.platforms.login import Login

KEY = SecretStr("a key of some length")


def state(who: str) -> dict[str, Any]:
    return {"cookies": [{"name": "session", "value": who}], "origins": []}


made: list[Login] = []


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Profiles]:
    monkeypatch.setattr(logins, "LOOK_AGAIN_S", 0.0)
    yield Profiles(tmp_path, KEY)
    while made:
        made.pop().give_back()


def login(profiles: Profiles, group: str = "work", account: str | None = None, **more: Any) -> Login:
    made.append(Login(SignIn(group, account, **more), "acme", lambda: profiles))
    return made[-1]


def take(one: Login) -> Outcome | None:
    return asyncio.run(one.take())


def test_each_bot_gets_an_account_of_its_own(profiles: Profiles) -> None:
    for who in ("ann", "ben"):
        profiles.save(f"work/{who}", state(who))
    first, second, third = (login(profiles) for _ in range(3))
    assert take(first) is None
    assert take(second) is None
    assert [one.state for one in (first, second)] == [state("ann"), state("ben")]
    assert take(first) is None, "it has one"
    full = take(third)
    assert full is not None
    assert full.reason == "login_busy"
    assert "work" in full.message
    assert third.state is None
    first.give_back()
    first.give_back()
    assert take(third) is None
    assert third.state == state("ann")


def test_no_profile_is_told_with_the_groups_name(profiles: Profiles) -> None:
    profiles.save("home", state("me"))
    assert take(login(profiles)) == Outcome("login_required", "There is no browser profile of the group work.")
    profiles.save("work/ann", state("ann"))
    none = take(login(profiles, account="ben", strict=True))
    assert none == Outcome("login_required", "There is no browser profile of the account ben of the group work.")
    assert take(login(profiles, account="ben")) is None


def test_without_a_key_the_reason_is_told() -> None:
    def none() -> Profiles:
        raise Unavailable("signed-in profiles need REJOINDER_PROFILE_KEY")

    outcome = take(Login(SignIn("work"), "acme", none))
    assert outcome == Outcome("login_required", "signed-in profiles need REJOINDER_PROFILE_KEY")


def test_a_profile_of_another_key_is_passed_over_where_there_are_others(profiles: Profiles, tmp_path: Path) -> None:
    Profiles(tmp_path, SecretStr("another key of length")).save("work/ann", state("ann"))
    outcome = take(login(profiles))
    assert outcome is not None
    assert outcome.reason == "login_required"
    assert "work/ann was encrypted with another" in outcome.message
    profiles.save("work/ben", state("ben"))
    assert take(login(profiles)) is None


def test_somebody_elses_profile_is_as_if_it_were_not_there(profiles: Profiles) -> None:
    profiles.save("work/ann", state("ann"), "other")
    missing = Outcome("login_required", "There is no browser profile of the group work.")
    assert take(login(profiles)) == missing
    with profiles.lease("work/ann"):
        assert take(login(profiles)) == missing
    profiles.save("work/ben", state("ben"), "acme")
    mine = login(profiles)
    assert take(mine) is None
    assert mine.state == state("ben")


def test_a_guest_signs_in_only_when_he_must(profiles: Profiles) -> None:
    profiles.save("work", state("ann"))
    guest = login(profiles, when="if_required")
    assert take(guest) is None
    assert guest.state is None
    for reason in ("denied", "crashed", "captcha", "lobby_timeout"):
        assert not guest.next_account(cast(Reason, reason))
    assert guest.next_account("login_required")
    assert take(guest) is None
    assert guest.state == state("ann")
    assert not guest.next_account("crashed")
    assert guest.state is not None, "a crash takes no account away"


def test_a_guest_who_finds_no_account_gives_up(profiles: Profiles) -> None:
    guest = login(profiles, when="if_required")
    assert guest.next_account("login_required")
    assert take(guest) is not None
    assert not guest.next_account("login_required")


def test_signed_out_accounts_are_passed_over_but_not_for_ever(profiles: Profiles) -> None:
    for who in ("ann", "ben", "cid", "dan", "eve"):
        profiles.save(f"work/{who}", state(who))
    one = login(profiles)
    used = []
    while take(one) is None:
        used.append(one.state)
        if not one.next_account("login_required"):
            break
    assert used == [state(who) for who in ("ann", "ben", "cid")]
    assert not profiles.leased("work/ann")


def test_the_last_account_that_is_signed_out_is_the_end(profiles: Profiles) -> None:
    profiles.save("work", state("ann"))
    one = login(profiles)
    assert take(one) is None
    assert not one.next_account("login_required")
    assert not profiles.leased("work")


class FakeTab:
    """A tab whose cookies have become ``found``."""

    def __init__(self, found: dict[str, Any] | Exception) -> None:
        self.dead = asyncio.Event()
        self.asked: list[bool] = []
        self._found = found
        self.page = SimpleNamespace(page=SimpleNamespace(context=self))

    async def storage_state(self, *, indexed_db: bool) -> dict[str, Any]:
        self.asked.append(indexed_db)
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


def kept(profiles: Profiles, tab: FakeTab | None, reason: Reason) -> Any:
    one = login(profiles)
    assert take(one) is None
    asyncio.run(one.keep(cast(Any, tab), reason))
    one.give_back()
    return profiles.load("work").state


@pytest.mark.parametrize("reason", ["left", "ended", "host_ended"])
def test_a_good_end_renews_the_profile(profiles: Profiles, reason: Reason) -> None:
    profiles.save("work", state("old"), "acme")
    assert kept(profiles, FakeTab(state("new")), reason) == state("new")
    assert profiles.load("work") == Profile(state("new"), "acme")


def test_anything_else_leaves_it_as_it_was(profiles: Profiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "KEEP_S", 0.05)
    profiles.save("work", state("old"))
    for reason in ("removed", "crashed", "lost", "login_required", "network"):
        assert kept(profiles, FakeTab(state("new")), cast(Reason, reason)) == state("old")
    dead = FakeTab(state("new"))
    dead.dead.set()
    empty = {"cookies": [], "origins": []}
    for tab in (dead, None, FakeTab(empty), FakeTab({}), FakeTab(RuntimeError("gone"))):
        assert kept(profiles, tab, "left") == state("old")

    class Slow(FakeTab):
        async def storage_state(self, *, indexed_db: bool) -> dict[str, Any]:
            await asyncio.sleep(60)
            raise AssertionError

    assert kept(profiles, Slow({}), "left") == state("old")


def test_databases_are_renewed_where_the_profile_has_some(profiles: Profiles) -> None:
    profiles.save("work", {"cookies": [{}], "origins": [{"origin": "https://x", "indexedDB": []}]})
    tab = FakeTab(state("new"))
    kept(profiles, tab, "left")
    kept(profiles, tab, "left")
    assert tab.asked == [True, False]


def test_nobody_holds_what_a_cancelled_bot_was_about_to_get(
    profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.save("work", state("ann"))

    async def test() -> None:
        monkeypatch.setattr(logins, "LOOK_AGAIN_S", 0.3)
        one = login(profiles)
        with profiles.lease("work"):
            async with asyncio.TaskGroup() as group:
                taking = group.create_task(one.take())
                await asyncio.sleep(0.1)
                taking.cancel()
        await asyncio.get_running_loop().shutdown_default_executor()
        await asyncio.sleep(0)
        assert not profiles.leased("work")

    asyncio.run(test())

"""How many requests are taken."""

from __future__ import annotations

import asyncio

import pytest

from rejoinder.api import limits as module
from rejoinder.api.limits import Limits
from rejoinder.errors import NotAuthorised, Throttled
from service import FakeKeys


def test_each_account_has_its_own_window() -> None:
    limits = Limits(2)
    limits.request("a")
    limits.request("a")
    with pytest.raises(Throttled, match="Request was throttled") as caught:
        limits.request("a")
    assert 0 < caught.value.retry_after_s <= 60
    limits.request("b")
    free = Limits(None)
    for _ in range(100):
        free.request("a")


def test_each_bot_has_its_own_recording_switch() -> None:
    limits = Limits(None)
    for _ in range(module.RECORDING_SWITCHES_PER_MINUTE):
        limits.recording("a", "b1")
    with pytest.raises(Throttled):
        limits.recording("a", "b1")
    limits.recording("a", "b2")
    limits.recording("other", "b1")


def test_no_more_keys_are_remembered_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED_KEYS", 2)
    monkeypatch.setattr(module, "WRONG_KEYS_PER_MINUTE", 1)
    limits = Limits(None)
    keys = FakeKeys(a="1", b="2", c="3")

    async def story() -> None:
        for key in "abc":
            await limits.authenticate(keys, key, "addr")
        with pytest.raises(NotAuthorised):
            await limits.authenticate(keys, "wrong", "addr")
        for key in "bc":
            await limits.authenticate(keys, key, "addr")
        with pytest.raises(Throttled):
            await limits.authenticate(keys, "a", "addr")
        await limits.authenticate(keys, "a", "elsewhere")

    asyncio.run(story())

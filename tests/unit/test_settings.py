from __future__ import annotations

import pytest
from pydantic import ValidationError

from rejoinder.settings import Settings


def test_chromium_flags_are_read_as_a_shell_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "REJOINDER_CHROMIUM_FLAGS", '--a=1 --host-resolver-rules="MAP m 127.0.0.1" --disable-features=A,B'
    )
    assert Settings().chromium_flags == ["--a=1", "--host-resolver-rules=MAP m 127.0.0.1", "--disable-features=A,B"]
    monkeypatch.setenv("REJOINDER_CHROMIUM_FLAGS", "")
    assert Settings().chromium_flags == []


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ("--ok proxy", "begins with --"),
        ("--disable-blink-features=AutomationControlled", "hide"),
        ("--disable-features=Translate,AutomationControlled", "hide"),
        ("--user-agent=Mozilla/5.0", "hide"),
        ("--User-Agent=x", "hide"),
        ("--remote-debugging-port=9222", "own"),
        ("--user-data-dir=/home/ann", "own"),
        ('--open="quote', "quot"),
    ],
)
def test_flags_that_disguise_the_bot_or_open_its_browser_are_refused(
    monkeypatch: pytest.MonkeyPatch, flags: str, why: str
) -> None:
    monkeypatch.setenv("REJOINDER_CHROMIUM_FLAGS", flags)
    with pytest.raises(ValidationError, match=why):
        Settings()

"""How to be in a video room of Janus' demo page."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from rejoinder.browser.joinflow import Admitted, Click, Held, PageSnapshot, PlainFlow, Step, Type
from rejoinder.browser.selectors import Selectors, load_selectors
from rejoinder.core.links import PlatformName
from rejoinder.core.outcome import Reason
from rejoinder.errors import InvalidRequest
from rejoinder.platforms.driver import Commands, Driver, JoinConfig
from rejoinder.platforms.roster import Roster
from rejoinder.settings import Settings

HERE = Path(__file__).parent
_ENDS: dict[str, tuple[Reason, str]] = {
    "not_found": ("not_found", "There is no such room"),
    "full": ("wall", "The room is full"),
    "destroyed": ("ended", "The room was closed"),
    "unreachable": ("network", "The page lost its server"),
}


class Join(PlainFlow):
    """Start, a name, and until the page sends."""

    def __init__(self, config: JoinConfig, selectors: Selectors) -> None:
        super().__init__()
        self._config = config
        self._selectors = selectors
        # The page takes letters and digits only.
        self._name = re.sub(r"[^a-zA-Z0-9]", "", config.bot_name) or "Bot"
        self._until: float | None = None
        self._sending = Held()
        self._stopped = Held(looks=3)

    def on_snapshot(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        if self._phase == "over":
            return []
        if self._until is None:
            self._until = now + self._config.join_timeout_s
        for name, (reason, message) in _ENDS.items():
            if snapshot.dialog_says(self._selectors.text(name)):
                return self._over(reason, message)
        if self._phase == "inside":
            # Nobody here clicks on Unpublish, so it was somebody else's doing.
            if self._stopped.see("stopped" in snapshot.visible, now):
                return self._over("removed", "The room takes nothing from the bot any more")
            return []
        if self._sending.see("sending" in snapshot.visible, now):
            self._phase = "inside"
            return [Admitted()]
        if "name_field" in snapshot.enabled:
            return [Type("name_field", self._name), Click("join")]
        return [Click("start")] if "start" in snapshot.enabled else []

    def deadline(self) -> float | None:
        return self._until if self._phase == "prejoin" else None

    def tick(self, now: float) -> list[Step]:
        if self._phase != "prejoin" or self._until is None or now < self._until:
            return []
        return self._over("lost", "The page did not let the bot in")


class JanusRoom:
    """Fulfils :class:`~rejoinder.platforms.driver.Driver`. The page has no chat."""

    name = "janus"
    platform: PlatformName = "Room"
    commands = Commands(
        leave=lambda snapshot: [Click("leave", optional=True)],
        chat=lambda snapshot, text: None,
    )

    def __init__(self, selectors_dir: Path | None = None) -> None:
        self._selectors_dir = selectors_dir

    @cached_property
    def selectors(self) -> Selectors:
        return load_selectors(HERE / "janus.toml", self._selectors_dir)

    @cached_property
    def page_script(self) -> str:
        return (HERE / "janus.js").read_text("utf-8")

    def matches(self, link: str) -> bool:
        return urlsplit(link).path.endswith("/videoroomtest.html")

    def entry_url(self, link: str, settings: Settings) -> str:
        room = parse_qs(urlsplit(link).query).get("room", ["1234"])[0]
        if not room.isdigit():
            raise InvalidRequest("meeting_link: the room must be a number", field="meeting_link")
        return link

    def flow(self, config: JoinConfig) -> Join:
        return Join(config, self.selectors)

    def roster(self, config: JoinConfig) -> Roster:
        return Roster(config.bot_name)


def driver(settings: Settings) -> Driver:
    """What an entry point of the group ``rejoinder.platforms`` names. An operator's selectors are ``janus.toml``."""
    return JanusRoom(settings.selectors_dir)

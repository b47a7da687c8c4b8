"""How to be in open-easyrtc's demo for up to four people."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from rejoinder.browser.joinflow import Action, Admitted, Click, Held, PageSnapshot, PlainFlow, Step, Type
from rejoinder.browser.selectors import Selectors, load_selectors
from rejoinder.core.links import PlatformName
from rejoinder.platforms.driver import Commands, Driver, JoinConfig
from rejoinder.platforms.roster import Roster
from rejoinder.settings import Settings

HERE = Path(__file__).parent


class Join(PlainFlow):
    """The page joins by itself; its script gives it the name."""

    def __init__(self, config: JoinConfig, selectors: Selectors) -> None:
        super().__init__()
        self._config = config
        self._selectors = selectors
        self._until: float | None = None
        self._inside = Held()

    def on_snapshot(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        if self._phase == "over":
            return []
        if self._until is None:
            self._until = now + self._config.join_timeout_s
        if snapshot.says(self._selectors.text("lost")):
            return self._over("network", "The page lost its server")
        if self._phase == "inside":
            return []
        if self._inside.see("inside" in snapshot.visible, now):
            self._phase = "inside"
            return [Admitted()]
        return []

    def deadline(self) -> float | None:
        return self._until if self._phase == "prejoin" else None

    def tick(self, now: float) -> list[Step]:
        if self._phase != "prejoin" or self._until is None or now < self._until:
            return []
        return self._over("lost", "The page did not let the bot in")


def _chat(snapshot: PageSnapshot, text: str) -> list[Action]:
    if "chat_field" in snapshot.visible:
        return [Type("chat_field", text), Click("send")]
    # The page offers it only while somebody else is there.
    return [Click("open_chat"), Type("chat_field", text), Click("send")] if "open_chat" in snapshot.visible else []


class EasyRtc:
    """Fulfils :class:`~rejoinder.platforms.driver.Driver`. The page has no button to leave: people close it."""

    name = "easyrtc"
    platform: PlatformName = "Room"
    commands = Commands(leave=lambda snapshot: [], chat=_chat)

    def __init__(self, selectors_dir: Path | None = None) -> None:
        self._selectors_dir = selectors_dir

    @cached_property
    def selectors(self) -> Selectors:
        return load_selectors(HERE / "easyrtc.toml", self._selectors_dir)

    @cached_property
    def page_script(self) -> str:
        return (HERE / "easyrtc.js").read_text("utf-8")

    def matches(self, link: str) -> bool:
        return urlsplit(link).path.endswith("/demos/demo_multiparty.html")

    def entry_url(self, link: str, settings: Settings) -> str:
        return link

    def flow(self, config: JoinConfig) -> Join:
        return Join(config, self.selectors)

    def roster(self, config: JoinConfig) -> Roster:
        return Roster(config.bot_name)


def driver(settings: Settings) -> Driver:
    """What an entry point of the group ``rejoinder.platforms`` names. An operator's selectors are ``easyrtc.toml``."""
    return EasyRtc(settings.selectors_dir)

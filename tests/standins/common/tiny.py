"""A driver of the tiny meeting (``pages/tiny.html``): the shortest one there can be, and an example."""

from __future__ import annotations

from pathlib import Path

from rejoinder.browser.joinflow import (
    Action,
    Admitted,
    Click,
    Held,
    InLobby,
    PageSnapshot,
    PlainFlow,
    Press,
    Step,
    Type,
)
from rejoinder.browser.selectors import load_selectors
from rejoinder.core.links import PlatformName
from rejoinder.core.outcome import Reason
from rejoinder.platforms.driver import Commands, JoinConfig
from rejoinder.platforms.roster import Roster
from rejoinder.settings import Settings

PAGE_SCRIPT = """
const { report, tracks } = __rejoinder;
addEventListener("tiny", ({ detail }) => {
  if (detail.type === "welcome") {
    report("participants", { all: [{ id: detail.id, name: "me", me: true }, ...detail.others] });
  } else if (detail.type === "joined") report("joined", { id: detail.id, name: detail.name });
  else if (detail.type === "left") report("left", { id: detail.id });
  else if (detail.type === "chat") {
    report("chat", { id: detail.id, name: detail.name, text: detail.text, at: Date.now() / 1000 });
  }
});
addEventListener("tinytrack", ({ detail }) => {
  const known = tracks().find((one) => one.id === detail.track.id);
  if (known) report("label", { track: known.track, id: detail.id, source: "track", confidence: 1 });
});
"""


class TinyFlow(PlainFlow):
    def __init__(self, config: JoinConfig) -> None:
        super().__init__()
        self._config = config
        self._inside = Held(looks=2)
        self._asked = False

    def on_snapshot(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        texts = SELECTORS.texts
        for reason in ("denied", "ended", "left", "lost"):
            if snapshot.says(texts[reason]):
                named: Reason = reason  # type: ignore[assignment]
                return self._over(named, texts[reason][0])
        if snapshot.says(texts["waiting"]):
            if self._phase != "lobby":
                self._phase = "lobby"
                return [InLobby()]
            return []
        if self._phase != "inside" and self._inside.see("inside" in snapshot.visible, now):
            self._phase = "inside"
            return [Admitted()]
        if self._phase == "prejoin" and "name" in snapshot.visible and not self._asked:
            self._asked = True
            return [Type("name", self._config.bot_name), Click("join")]
        return []

    def on_failed(self, action: Action, message: str, now: float) -> list[Step]:
        self._asked = False
        return []


SELECTORS = load_selectors(Path(__file__).parent / "tiny.toml")


class TinyDriver:
    name = "tiny"
    platform: PlatformName = "Room"
    selectors = SELECTORS
    page_script = PAGE_SCRIPT
    commands = Commands(
        leave=lambda _snapshot: [Click("leave", optional=True)],
        chat=lambda _snapshot, text: [Type("message", text), Press("Enter")],
    )

    def matches(self, link: str) -> bool:
        return "/tiny.html" in link

    def entry_url(self, link: str, settings: Settings) -> str:
        return link

    def flow(self, config: JoinConfig) -> TinyFlow:
        return TinyFlow(config)

    def roster(self, config: JoinConfig) -> Roster:
        return Roster(config.bot_name)

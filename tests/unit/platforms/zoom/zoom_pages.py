"""Pages of Zoom's web client as snapshots, written down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rejoinder.browser.joinflow import Fact, PageSnapshot, Step
from rejoinder.platforms.driver import JoinConfig
from rejoinder.platforms.zoom.join import ZoomFlow
from rejoinder.platforms.zoom.platform import ZoomDriver

SELECTORS = ZoomDriver().selectors
URL = "https://app.zoom.us/wc/123456789/join"
NAME = "Notes by Ann"


def page(
    *texts: str,
    visible: tuple[str, ...] = (),
    hidden: tuple[str, ...] = (),
    values: dict[str, str] | None = None,
    dialogs: tuple[str, ...] = (),
    **rest: Any,
) -> PageSnapshot:
    """``hidden``: there, but not to be seen."""
    return PageSnapshot(
        at=0.0,
        texts=texts,
        visible=frozenset(visible),
        enabled=frozenset(visible),
        present=frozenset((*visible, *hidden)),
        values=values or {},
        dialogs=dialogs,
        **{"url": URL, "title": "Zoom", **rest},
    )


EMPTY = page()
FORM = page("Enter your name", visible=("name_field", "join_button"))
NAMED = page("Enter your name", visible=("name_field", "join_button"), values={"name_field": NAME})
LOBBY = page("Weekly", "Please wait, the meeting host will let you in soon.", visible=("leave_button", "mic_on"))
INSIDE = page(visible=("meeting_app", "leave_button", "mic_on", "camera_on", "people_list", "chat_field"))
JOINING = page("Joining Meeting...", visible=("meeting_app",))
ALL = (EMPTY, FORM, NAMED, LOBBY, INSIDE, JOINING)


class Run:
    """A flow and a clock."""

    def __init__(self, **config: Any) -> None:
        self.config = JoinConfig(**{"link": URL, "bot_name": NAME, **config})
        self.flow = ZoomFlow(self.config, SELECTORS)
        self.now = 100.0

    def look(self, snapshot: PageSnapshot, times: int = 1, every: float = 0.25) -> list[Step]:
        steps: list[Step] = []
        for _ in range(times):
            self.now += every
            steps += self.flow.on_snapshot(replace(snapshot, at=self.now), self.now)
        return steps

    def tell(self, state: str, epoch: int = 0) -> list[Step]:
        return self.flow.on_fact(Fact("zoom_state", {"state": state}, self.now, epoch), self.now)

    def enter(self) -> Run:
        """Past admission and the devices' window."""
        self.look(INSIDE, 4)
        assert self.flow.phase == "inside"
        return self

"""What Zoom's service itself says of the stay, as page.js reads it: the same in every language.

Facts: ``zoom_state`` {state}: ``joined`` (4098, the service took the bot in), ``held`` and ``let_in`` (7942, the
waiting room), ``ended`` (7939; its reasons are numbers nobody has documented). The numbers are others' reading of
Zoom's client: none of this decides alone. Words of the page come first, and what the page shows must agree.
"""

from __future__ import annotations

from rejoinder.browser.joinflow import Fact, PageSnapshot


class Signals:
    """Facts in; of one load of the page."""

    def __init__(self) -> None:
        self._load = -1
        self._held = False
        self.ended = False
        """The service ended the stay, or the wait."""

    def on_fact(self, fact: Fact) -> bool:
        """Whether the bot was put into the waiting room just now."""
        if fact.epoch > self._load:
            self._load, self._held, self.ended = fact.epoch, False, False
        if fact.kind != "zoom_state" or fact.epoch < self._load:
            return False
        before = self._held
        match fact.data.get("state"):
            case "held":
                self._held, self.ended = True, False
            case "joined" | "let_in":
                # Also a breakout room: the old conference ends and another is joined.
                self._held, self.ended = False, False
            case "ended":
                self._held, self.ended = False, True
        return self._held and not before

    def waits(self, snapshot: PageSnapshot) -> bool:
        """Whether the bot is in the waiting room, whatever the page's toolbar looks like. Sound of others is proof
        that it is not any more."""
        return self._held and snapshot.tracks == 0

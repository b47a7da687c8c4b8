"""The rules inside a Zoom meeting: what ends the stay, what dialogs are answered, which panels stay open."""

from __future__ import annotations

from rejoinder.browser.joinflow import Click, Finish, Held, Note, Nudge, PageSnapshot, Step, Wait
from rejoinder.browser.selectors import Selectors
from rejoinder.core.outcome import Outcome
from rejoinder.platforms.driver import JoinConfig
from rejoinder.platforms.zoom.screens import after_meeting, outcome, toolbar_there, verdict_inside

GRACE_S = 20.0
"""How long the toolbar may be away before anything is made of it (audio set-up and breakout rooms redraw the page)."""
COVERED_S = 10.0
"""How long a dialog may stand after the service said that it is over: time enough to be moved to a breakout room."""
DEVICES_S = 30.0
"""Zoom resets microphone and camera on the way in; afterwards a bot that was muted stays muted."""
PANEL_PAUSE_S = 15.0
PANEL_TRIES = 8


class Inside:
    """From admission to the end. ``since``: the time of admission."""

    def __init__(self, config: JoinConfig, selectors: Selectors, since: float) -> None:
        self._config = config
        self._texts = selectors
        self._since = since
        self._said = Held(looks=2)
        self._gone = Held(looks=3)
        self._gone_long = Held(looks=3, seconds=GRACE_S)
        self._elsewhere = Held(looks=3, seconds=GRACE_S)
        self._ended = False
        self._covered = Held(looks=3, seconds=COVERED_S)
        self._noted = False
        self._aside_at: float | None = None
        self._last: dict[str, float] = {}
        self._tries: dict[str, int] = {}

    def deadline(self) -> float | None:
        """Only while the host keeps the bot in the waiting room again; else the meeting's own limits end the stay."""
        if self._aside_at is None or self._config.lobby_timeout_s is None:
            return None
        return self._aside_at + self._config.lobby_timeout_s

    def tick(self, now: float) -> list[Step]:
        limit = self.deadline()
        if limit is None or now < limit:
            return []
        return [Finish(Outcome("lobby_timeout", "The bot was put back into the waiting room and not let in again"))]

    def signalled(self, *, ended: bool) -> None:
        """Whether Zoom's service says that the stay is over."""
        self._ended = ended

    def on_snapshot(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        if over := self.tick(now):
            return over
        if not snapshot.responding:
            return []
        if over := self._over(snapshot, now):
            return over
        if self._aside(snapshot, now):
            return []
        return self._dialogs(snapshot, now) or self._devices(snapshot, now) or self._panels(snapshot, now)

    def _over(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        """The platform's own words, in a dialog or with the toolbar gone; or the service's message, and a page that
        agrees; or Zoom's page after a meeting, or its form again. Never the missing toolbar alone, and no toast."""
        gone = not toolbar_there(snapshot)
        screen, by_dialog = verdict_inside(snapshot, self._texts)
        said = self._said.see(screen is not None and by_dialog, now)
        silent = self._gone.see((screen is not None or self._ended) and gone, now)
        if screen is not None and (said or silent):
            return [Finish(outcome(screen))]
        if self._covered.see(self._ended and bool(snapshot.dialogs), now) or silent:
            return [Finish(outcome("ended"))]
        # Neither the address nor the form is looked at before the grace is over: setting up audio goes to /wc/.../join.
        form = "name_field" in snapshot.visible
        if self._elsewhere.see(gone and (form or after_meeting(snapshot)), now):
            back = Outcome("lost", "Zoom's page went back to its form")
            return [Finish(back if form else outcome("ended"))]
        if self._gone_long.see(gone, now) and not self._noted:
            self._noted = True
            return [Nudge(), Note("zoom_toolbar_gone", "Zoom's toolbar is gone, nothing says why", evidence=True)]
        self._noted = self._noted and gone
        return []

    def _aside(self, snapshot: PageSnapshot, now: float) -> bool:
        waits = snapshot.says(self._texts.text("waiting")) is not None
        if not waits:
            self._aside_at = None
        elif self._aside_at is None:
            self._aside_at = now
        return waits

    def _dialogs(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        asks = {
            # A notice may be acknowledged; left standing, it ends the connection after 15 to 20 s.
            "recording_notice": "notice_button",
            "asked_unmute_notice": "asked_to_unmute" if self._config.speaks else "asked_no",
            "asked_video_notice": "asked_for_video" if self._config.shows else "asked_no",
            "captions_language": "captions_save",
        }
        for text, button in asks.items():
            if button in snapshot.visible and snapshot.dialog_says(self._texts.text(text)):
                return self._click(button, now, pause_s=1.0, tries=50)
        if "audio_join" in snapshot.visible:
            return self._click("audio_join", now, pause_s=2.0, tries=5)
        if "media_allow" in snapshot.visible:
            return self._click("media_allow", now, pause_s=1.0, tries=3)
        return []

    def _devices(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        if "footer_audio_join" in snapshot.visible:
            return self._click("footer_audio_join", now, pause_s=5.0, tries=5)
        if now - self._since > DEVICES_S:
            return []
        wrong = []
        wrong += ["mic_off"] if self._config.speaks else ["mic_on"]
        wrong += ["camera_off"] if self._config.shows else ["camera_on"]
        for name in wrong:
            if name in snapshot.present and (steps := self._click(name, now, pause_s=3.0, tries=3)):
                return [Nudge(), *steps]
        return []

    def _panels(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        """Zoom draws chat and people only while their panels are open."""
        for button, panel in (("people_open", "people_list"), ("chat_open", "chat_field")):
            closed = button in snapshot.present and panel not in snapshot.present
            if closed and (steps := self._click(button, now, pause_s=PANEL_PAUSE_S, tries=PANEL_TRIES)):
                return [Nudge(), *steps]
        if not self._config.captions or "captions_hide" in snapshot.present:
            return []
        for name in ("captions_show", "more_button"):
            if name in snapshot.visible and (steps := self._click(name, now, pause_s=PANEL_PAUSE_S, tries=3)):
                return steps
        return []

    def _click(self, selector: str, now: float, *, pause_s: float, tries: int) -> list[Step]:
        if self._tries.get(selector, 0) >= tries or now - self._last.get(selector, -1e9) < pause_s:
            return []
        self._tries[selector] = self._tries.get(selector, 0) + 1
        self._last[selector] = now
        return [Click(selector, optional=True, within_s=2.0), Wait(0.2)]

"""Inside a Teams meeting: set the devices once, open the chat, acknowledge notices, notice the end."""

from __future__ import annotations

from rejoinder.browser.joinflow import Action, Click, Held, Note, Nudge, PageSnapshot, Press, Step, Wait
from rejoinder.browser.selectors import Selectors
from rejoinder.core.outcome import Outcome
from rejoinder.platforms.driver import JoinConfig

SETTLE_S = 15.0
"""After admission Teams may reset microphone and camera; until then they are set again, later they are the user's."""
SWITCH_AGAIN_S = 2.0
MAX_SWITCHES = 3
CAPTIONS_AGAIN_S = 8.0
MAX_CAPTIONS = 2
GONE_S = 20.0
"""How long the page may show the join form before it is taken for being out: Teams reloads parts of itself."""
DIALOG_S = 3.0
UNKNOWN_S = 60.0


class Inside:
    """The part of the flow after admission. Being over needs words of the platform or its join form."""

    def __init__(self, config: JoinConfig, selectors: Selectors) -> None:
        self._config = config
        self._selectors = selectors
        self._text = selectors.text
        self._begun = 0.0
        self._form = Held(3, GONE_S)
        self._words = Held(2)
        self._dialog = Held(3, DIALOG_S)
        self._unknown = Held(3, UNKNOWN_S)
        self._unknown_told = False
        self._consent_told = False
        self._switched: dict[str, tuple[int, float]] = {}
        self._chat_opened = False
        self._captions = (0, -1e9)

    def begin(self, now: float) -> None:
        """The bot was admitted."""
        self._begun = now

    # -- over -----------------------------------------------------------------------------------------------------

    def over(self, snapshot: PageSnapshot, now: float) -> Outcome | None:
        """Whether the stay is over. Without the hang-up button words are enough (seen twice); with it only a dialog
        that stays: a toast may carry anybody's words, such as a chat message."""
        out = "hangup" not in snapshot.present
        said = self._said(snapshot, dialogs_only=not out)
        words = self._words.see(said is not None and out, now)
        dialog = self._dialog.see(said is not None and not out, now)
        if said is not None and (words or dialog):
            return said
        if self._form.see(out and bool({"join", "name_field", "continue_browser"} & snapshot.visible), now):
            return Outcome("lost", "The page of Teams went back to its join form.")
        return None

    def _said(self, snapshot: PageSnapshot, *, dialogs_only: bool) -> Outcome | None:
        look = snapshot.dialog_says if dialogs_only else snapshot.says
        if look(self._text("removed")):
            return Outcome("removed", "Somebody removed the bot from the meeting.")
        if look(self._text("denied")):
            return Outcome("denied", "Somebody in the meeting declined to let the bot in.")
        if look(self._text("ended")):
            return Outcome("host_ended", "The meeting was ended for everybody.")
        if look(self._text("left_screen")):
            return Outcome("ended", "The meeting is over for the bot.")
        if look(self._text("network")):
            return Outcome("network", "Teams lost the connection to the meeting.")
        return None

    # -- what is to be done ---------------------------------------------------------------------------------------

    def steps(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        """What to do now."""
        if notice := self._notice(snapshot):
            return notice
        if "hangup" not in snapshot.present:
            return self._nothing_known(now)
        self._unknown.see(False, now)
        if steps := self._switches(snapshot, now):
            return steps
        if not self._chat_opened and now - self._begun >= 1.0 and "chat_button" in snapshot.enabled:
            # The page has messages only while the chat is open.
            self._chat_opened = True
            if "chat_input" not in snapshot.visible:
                return [Click("chat_button", optional=True)]
        return self._caption_steps(snapshot, now)

    def _nothing_known(self, now: float) -> list[Step]:
        if not self._unknown.see(True, now) or self._unknown_told:
            return [Nudge()] if not self._unknown_told else []
        self._unknown_told = True
        return [Note("teams_unknown", "The page of Teams shows neither the meeting nor its end.", evidence=True)]

    def _notice(self, snapshot: PageSnapshot) -> list[Step]:
        """A notice that the meeting is recorded is acknowledged; a question for consent is for people."""
        if not snapshot.dialogs:
            return []
        if snapshot.dialog_says(self._text("consent")):
            if self._consent_told:
                return []
            self._consent_told = True
            return [
                Note("teams_consent", "Teams asks for consent. The bot does not consent for anybody.", evidence=True)
            ]
        if snapshot.dialog_says(self._text("recording_notice")) and "notice_ok" in snapshot.visible:
            return [Click("notice_ok", optional=True)]
        return []

    def _switches(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        if now - self._begun > SETTLE_S:
            return []
        for selector, wanted, kind in (("mic", self._config.speaks, "mic"), ("camera", self._config.shows, "camera")):
            state = switched_on(snapshot, self._selectors, selector, kind)
            if state is None or state == wanted:
                continue
            tries, last = self._switched.get(selector, (0, -1e9))
            if tries < MAX_SWITCHES and now - last >= SWITCH_AGAIN_S:
                self._switched[selector] = (tries + 1, now)
                return [Click(selector, optional=True)]
        return []

    def _caption_steps(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        tries, last = self._captions
        if not self._config.captions or "captions_pane" in snapshot.present or tries >= MAX_CAPTIONS:
            return []
        if now - self._begun < 2.0 or now - last < CAPTIONS_AGAIN_S or "more" not in snapshot.enabled:
            return []
        self._captions = (tries + 1, now)
        return [*(captions_menu(snapshot, on=True) or ())]


def captions_menu(snapshot: PageSnapshot, *, on: bool) -> list[Action] | None:
    """The way through the menus; [] when they are (not) shown already, None when the menu is not there."""
    if on == ("captions_pane" in snapshot.present):
        return []
    if "more" not in snapshot.enabled:
        return None
    wanted = "captions_on" if on else "captions_off"
    return [
        Click("more"),
        Wait(0.5),
        # One variant has the entry in the first menu, another in a menu below it.
        Click("language_menu", optional=True),
        Wait(0.5),
        Click(wanted, optional=True),
        Press("Escape"),
    ]


def switched_on(snapshot: PageSnapshot, selectors: Selectors, selector: str, kind: str) -> bool | None:
    """Whether microphone or camera (``kind``: mic, camera) is on: by what its button offers to do, else by its state;
    None: not known."""
    if selector not in snapshot.present:
        return None
    if snapshot.button(selectors.text(f"{kind}_is_off")) is not None:
        return False
    if snapshot.button(selectors.text(f"{kind}_is_on")) is not None:
        return True
    return {"true": True, "false": False}.get(snapshot.values.get(selector, ""))

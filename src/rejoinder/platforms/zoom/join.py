"""The way into a Zoom meeting: landing page, form, dialogs, waiting room, and :mod:`.inside` once admitted."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from rejoinder.browser.joinflow import (
    Admitted,
    Click,
    Fact,
    Finish,
    Held,
    InLobby,
    Note,
    PageSnapshot,
    PlainFlow,
    Press,
    Reload,
    Stall,
    Step,
    Type,
    Wait,
)
from rejoinder.browser.selectors import Selectors
from rejoinder.core.outcome import Outcome
from rejoinder.platforms.driver import JoinConfig
from rejoinder.platforms.zoom.inside import Inside
from rejoinder.platforms.zoom.screens import OUTCOMES, PASSCODE_MESSAGE, Screen, outcome, screen_of, toolbar_there
from rejoinder.platforms.zoom.signals import Signals

HOST_LATE_S = 600.0
"""How long the page may say that the host has not started the meeting."""
SPINNER_S = 90.0
"""How long "Joining Meeting..." may turn before the page is loaded again (field figure)."""
CAPTCHA_S = 20.0
"""A captcha that is only being judged in the background goes away by itself."""
ENDED_S = 2.0
"""How long the page may take to say in words why the service ended the wait."""
AFTER_LOBBY_S = 90.0
"""From the waiting room's end to the meeting."""
RELOADS = 2
MEDIA_DIALOGS = 3
"""Zoom asks up to twice whether it may use microphone and camera."""
JOIN_PAUSE_S = 3.0
NAME_TRIES = 3
"""A page may shorten the name; that is not to be fought."""
PLAIN_PASSCODE = 10
"""A passcode has at most 10 characters; what is longer in a link is Zoom's encrypted form of it."""


class ZoomFlow(PlainFlow):
    """One attempt to join, and the stay."""

    def __init__(self, config: JoinConfig, selectors: Selectors) -> None:
        super().__init__()
        self._config = config
        self._texts = selectors
        self._signals = Signals()
        self._started: float | None = None
        self._screen: Screen = "unknown"
        self._looks = 0
        self._since = 0.0
        self._stall = Stall()
        self._admission = Held(looks=2, seconds=0.5)
        self._lobby_at: float | None = None
        self._waits = False
        self._out_of_lobby: float | None = None
        self._reloads = 0
        self._clicks: dict[str, int] = {}
        self._join_at = -JOIN_PAUSE_S
        self._joins = 0
        self._typed = 0
        self._inside: Inside | None = None

    def on_snapshot(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        if self._phase == "over":
            return []
        if self._started is None:
            self._started = now
        if self._inside is not None:
            return self._closing(self._inside.on_snapshot(snapshot, now))
        if over := self._expired(now):
            return self._closing(over)
        if not snapshot.responding:
            return []
        screen = screen_of(snapshot, self._texts)
        held = self._signals.waits(snapshot)
        if held and screen in ("inside", "joining", "unknown"):
            screen = "waiting"
        self._looks = self._looks + 1 if screen == self._screen else 1
        if screen != self._screen:
            self._screen, self._since = screen, now
        # A notice over the meeting is answered inside as well; it must not keep the bot from being there.
        covered = screen in ("media", "notice") and toolbar_there(snapshot) and not held
        covered = covered and "name_field" not in snapshot.visible
        inside = self._admission.see(screen == "inside" or covered, now)
        return self._closing(self._step(snapshot, screen, inside, now))

    def on_fact(self, fact: Fact, now: float) -> list[Step]:
        held = self._signals.on_fact(fact)
        if self._inside is None or self._phase == "over":
            return self._lobby(now) if held and self._phase == "prejoin" else []
        self._inside.signalled(ended=self._signals.ended)
        return []

    def deadline(self) -> float | None:
        if self._phase == "over":
            return None
        if self._inside is not None:
            return self._inside.deadline()
        if self._started is None:
            return 0.0
        if self._phase == "prejoin":
            return self._started + self._config.join_timeout_s
        limits = [self._lobby_limit(), self._after_lobby_limit()]
        return min((limit for limit in limits if limit is not None), default=None)

    def tick(self, now: float) -> list[Step]:
        if self._phase == "over":
            return []
        if self._started is None:
            self._started = now
        if self._inside is not None:
            return self._closing(self._inside.tick(now))
        return self._closing(self._expired(now))

    # -- time ---------------------------------------------------------------------------------------------------------

    def _lobby_limit(self) -> float | None:
        if self._lobby_at is None:
            return None
        limit = self._config.lobby_timeout_s
        until = None if limit is None else self._lobby_at + limit
        if self._screen == "waiting_host":
            late = self._since + HOST_LATE_S
            until = late if until is None else min(until, late)
        return until

    def _after_lobby_limit(self) -> float | None:
        return None if self._waits or self._out_of_lobby is None else self._out_of_lobby + AFTER_LOBBY_S

    def _expired(self, now: float) -> list[Step]:
        """What has taken too long. A lobby is left behind on the clock of its own, whatever the page does meanwhile."""
        if self._phase == "prejoin":
            if now < (self._started or 0.0) + self._config.join_timeout_s:
                return []
            return [Finish(Outcome("lost", "Zoom's page did not get to the meeting in time"))]
        after = self._after_lobby_limit()
        if after is not None and now >= after:
            return [Finish(Outcome("lost", "Zoom's page did not get from its waiting room on"))]
        limit = self._lobby_limit()
        if limit is None or now < limit:
            return []
        late = self._screen == "waiting_host"
        message = "The host did not start the meeting in time" if late else "Nobody let the bot in in time"
        return [Finish(Outcome("lobby_timeout", message))]

    # -- screens ------------------------------------------------------------------------------------------------------

    def _step(self, snapshot: PageSnapshot, screen: Screen, inside: bool, now: float) -> list[Step]:
        if screen in OUTCOMES:
            patience = CAPTCHA_S if screen == "captcha" else 0.0
            done = self._looks >= 2 and now - self._since >= patience
            return [Finish(outcome(screen))] if done else []
        if screen in ("waiting", "waiting_host"):
            return self._lobby(self._since)
        if self._waits:
            self._waits, self._out_of_lobby = False, now
        if self._signals.ended and self._phase == "lobby" and screen in ("inside", "joining", "unknown"):
            # In words nobody here knows, or in none.
            return [Finish(outcome("denied"))] if self._looks >= 2 and now - self._since >= ENDED_S else []
        if inside:
            self._phase = "inside"
            self._inside = Inside(self._config, self._texts, now)
            return [Admitted(), *self._inside.on_snapshot(snapshot, now)]
        if screen == "inside":
            return []
        if screen == "joining":
            return self._again(screen) if now - self._since >= SPINNER_S else []
        if self._stall.see(snapshot, now) and (screen == "unknown" or self._joins):
            return self._again(screen)
        return self._answer(snapshot, screen, now)

    def _lobby(self, since: float) -> list[Step]:
        self._waits, self._out_of_lobby = True, None
        if self._phase == "lobby":
            return []
        self._phase = "lobby"
        self._lobby_at = since
        return [InLobby()]

    def _again(self, screen: Screen) -> list[Step]:
        if self._reloads >= RELOADS:
            return []
        self._reloads += 1
        self._screen, self._joins = "unknown", 0
        return [_evidence(screen), Reload()]

    def _answer(self, snapshot: PageSnapshot, screen: Screen, now: float) -> list[Step]:
        match screen:
            case "cookies":
                return self._click("cookie_reject", 5)
            case "media":
                return self._click("media_allow", MEDIA_DIALOGS)
            case "disclaimer":
                return self._click("disclaimer_agree", 3)
            case "notice":
                return self._click("notice_button", 5)
            case "landing":
                return self._click("browser_join", 3)
            case "form":
                return self._form(snapshot, now)
        return []

    def _form(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        typed = snapshot.values.get("name_field", "")
        if self._config.signed_in and "name_field" in snapshot.visible and not typed:
            if now - self._since < 3.0:  # filled in a moment after it is drawn
                return []
            return [Finish(Outcome("login_required", "The profile is signed out of Zoom: the page asks for a name"))]
        if over := self._passcode(snapshot):
            return over
        steps: list[Step] = []
        wanted = typed != self._config.bot_name and not self._config.signed_in
        if "name_field" in snapshot.visible and wanted and self._typed < NAME_TRIES:
            steps += [Type("name_field", self._config.bot_name), Wait(0.2)]
            self._typed += 1
        if not steps and now - self._join_at >= JOIN_PAUSE_S and "join_button" in snapshot.enabled:
            steps += self._devices(snapshot)
            steps += self._join(now)
        return steps

    def _devices(self, snapshot: PageSnapshot) -> list[Step]:
        steps: list[Step] = []
        if self._config.speaks and "form_mic_off" in snapshot.visible:
            steps += self._click("form_mic_off", 2)
        if self._config.shows and "form_camera_off" in snapshot.visible:
            steps += self._click("form_camera_off", 2)
        return steps

    def _join(self, now: float) -> list[Step]:
        """Mouse and keyboard in turn: Zoom's page drops clicks that come while the button is being enabled."""
        self._join_at = now
        self._joins += 1
        if self._joins % 2 == 0 and not self._config.signed_in:
            return [Type("name_field", self._config.bot_name), Press("Enter")]
        return [Click("join_button", within_s=2.0)]

    def _passcode(self, snapshot: PageSnapshot) -> list[Step]:
        if "passcode_field" not in snapshot.visible:
            return []
        wrong = snapshot.says(self._texts.text("passcode_wrong")) is not None
        if snapshot.values.get("passcode_field") and not wrong:
            return []
        passcode = parse_qs(urlsplit(self._config.link).query).get("pwd", [""])[0]
        if not wrong and 0 < len(passcode) <= PLAIN_PASSCODE and self._clicks.get("passcode", 0) < 2:
            self._clicks["passcode"] = self._clicks.get("passcode", 0) + 1
            return [Type("passcode_field", passcode)]
        # A password's value is never in a snapshot: once typed, only words tell that it was wrong.
        if self._clicks.get("passcode") and not wrong:
            return []
        return [Finish(Outcome("not_found", PASSCODE_MESSAGE))] if self._looks >= 4 else []

    def _click(self, selector: str, times: int) -> list[Step]:
        done = self._clicks.get(selector, 0)
        if done >= times:
            return []
        self._clicks[selector] = done + 1
        return [Click(selector, optional=True, within_s=2.0), Wait(0.3)]

    def _closing(self, steps: list[Step]) -> list[Step]:
        if any(isinstance(step, Finish) for step in steps):
            self._phase = "over"
        return steps


def _evidence(screen: Screen) -> Note:
    return Note("zoom_screen", f"Zoom shows: {screen}", evidence=True)

"""Getting into a Teams meeting, and noticing when it is over: page snapshots in, steps out.

The order of looking, and every rule with a reason, is from the field (docs/platforms/teams.md): terminal texts, the
lobby's texts, dialogs, and only then positive evidence of being inside, held for two looks. The page without any of
these is unknown, and unknown is never "over".
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from rejoinder.browser.joinflow import (
    Action,
    Admitted,
    Click,
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
)
from rejoinder.browser.selectors import Selectors
from rejoinder.core.outcome import Reason
from rejoinder.platforms.driver import JoinConfig
from rejoinder.platforms.teams.inside import Inside, switched_on

LOGIN_HOSTS = frozenset({"login.microsoftonline.com", "login.microsoftonline.us", "login.live.com"})
AGAIN_S = 5.0
"""Before the same button is clicked once more: the page is slow, a second click on a slow page may undo the first."""
JOIN_AGAIN_S = 10.0
MODAL_GOES_S = 3.0
"""The "without audio or video" dialog goes by itself as soon as the page has its microphone."""
MODAL_STAYS_S = 10.0
MAX_RELOADS = 2
MAX_JOINS = 3
BACK_S = 5.0

# Dialogs and pages that decide it. In order; the guard against a meeting that is *called* like one of them is in
# TeamsJoin._terminal.
_DECIDED: tuple[tuple[Reason, str, str], ...] = (
    ("removed", "removed", "Somebody removed the bot from the meeting."),
    ("denied", "denied", "Somebody in the meeting declined to let the bot in."),
    ("lobby_timeout", "lobby_expired", "Nobody let the bot in, and Teams ended the wait."),
    ("wall", "encrypted", "The meeting is end-to-end encrypted: Teams lets only its own apps in."),
    ("wall", "wall", "Teams does not let this client into the meeting."),
    ("not_found", "passcode", "Teams asks for a passcode that the meeting link does not have."),
    ("not_found", "not_found", "Teams knows no meeting with this link."),
    ("not_started", "not_started", "The meeting has not started."),
    ("network", "network", "Teams says that it could not connect the bot."),
    ("ended", "ended", "The meeting is over."),
    ("ended", "left_screen", "The meeting is over for the bot."),
)
# Shown beside the join form, too, and no meeting is called like that.
_GATES: tuple[tuple[Reason, str, str], ...] = (
    ("captcha", "captcha", "Teams asks for a proof of being human. The organiser can switch that off for the meeting."),
    ("login_required", "login", "Only people who are signed in can join this meeting."),
)


@dataclass(slots=True)
class _Tries:
    joins: int = 0
    reloads: int = 0
    names: int = 0
    backs: int = 0


class TeamsJoin(PlainFlow):
    """The flow of one attempt (:class:`rejoinder.browser.joinflow.JoinFlow`)."""

    def __init__(self, config: JoinConfig, selectors: Selectors) -> None:
        super().__init__()
        self._config = config
        self._selectors = selectors
        self._text = selectors.text
        self._since: float | None = None
        self._stall = Stall()
        self._inside = Inside(config, selectors)
        self._login = Held(2)
        self._gate = Held(2)
        self._unreachable = Held(2)
        self._admitted = Held(2, 0.4)
        self._back = Held(3, BACK_S)
        self._modal_since: float | None = None
        self._modal_closes = 0
        self._clicked: dict[str, float] = {}
        self._tries = _Tries()
        self._early = False

    def deadline(self) -> float | None:
        if self._since is None:
            return None
        if self._phase == "prejoin":
            return self._since + self._config.join_timeout_s
        if self._phase == "lobby" and self._config.lobby_timeout_s is not None:
            return self._since + self._config.lobby_timeout_s
        return None

    def tick(self, now: float) -> list[Step]:
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return []
        if self._phase == "lobby":
            start = " (the meeting had not started)" if self._early else ""
            return self._over("lobby_timeout", f"Nobody let the bot in from the lobby in time{start}.")
        return self._over("lost", "The page of Teams led neither to the lobby nor into the meeting in time.")

    def on_failed(self, action: Action, message: str, now: float) -> list[Step]:
        if isinstance(action, Click):
            self._clicked.pop(action.selector, None)
        return []

    def on_snapshot(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        if self._phase == "over":
            return []
        if self._since is None:
            self._since = now
        if late := self.tick(now):
            return late
        if not snapshot.responding:
            return []
        if ended := self._terminal(snapshot, now):
            return ended
        if self._phase == "inside":
            if (outcome := self._inside.over(snapshot, now)) is not None:
                return self._over(outcome.reason, outcome.message)
            return self._inside.steps(snapshot, now)
        return self._outside(snapshot, now)

    # -- over -----------------------------------------------------------------------------------------------------

    def _terminal(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        host = _host(snapshot.url)
        if self._login.see(host in LOGIN_HOSTS or "login_form" in snapshot.visible, now):
            return self._over("login_required", "Teams sent the bot to Microsoft's sign-in page.")
        if self._phase == "inside":
            return []
        if self._unreachable.see(snapshot.error is not None or (snapshot.status or 0) >= 500, now):
            return self._over("network", f"Teams cannot be reached ({snapshot.error or snapshot.status}).")
        if snapshot.status in (404, 410):
            return self._over("not_found", "Teams knows no page with this link.")
        gate = next((row for row in _GATES if snapshot.says(self._text(row[1]))), None)
        if self._gate.see(gate is not None, now) and gate is not None:
            return self._over(gate[0], gate[2])
        if self._config.signed_in and "name_field" in snapshot.visible:
            return self._over("login_required", "The profile is signed out: Teams asks for a guest's name.")
        # The join form shows the meeting's title, which anybody may have worded.
        form = {"join", "name_field"} & snapshot.visible and not snapshot.dialogs
        for reason, name, message in _DECIDED:
            words = self._text(name)
            if snapshot.dialog_says(words) or (not form and snapshot.says(words)):
                return self._over(reason, message)
        return []

    # -- before admission -----------------------------------------------------------------------------------------

    def _outside(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        modal = "without_av" in snapshot.visible
        if snapshot.says(self._text("waiting")):
            return self._waits(snapshot, now)
        evidence = not modal and not snapshot.visible & {"join", "name_field"} and _in_call(snapshot)
        if self._admitted.see(evidence, now):
            self._phase = "inside"
            self._inside.begin(now)
            return [Admitted()]
        if evidence:
            return []
        if self._phase == "lobby":
            return self._lobby_left(snapshot, modal, now)
        if modal:
            return self._modal(now)
        self._modal_since = None
        return self._form(snapshot, now) or self._stalled(snapshot, now)

    def _waits(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        # Call controls, and a join button left over behind a dialog, may be there, too: the words count.
        self._admitted.see(False, now)
        self._back.see(False, now)
        self._early = snapshot.says(self._text("waiting_for_start")) is not None
        if self._phase == "lobby":
            return []
        self._phase, self._since = "lobby", now
        return [InLobby()]

    def _lobby_left(self, snapshot: PageSnapshot, modal: bool, now: float) -> list[Step]:
        """Neither waiting nor inside: the page changes over, or it went back to the form."""
        if modal:
            return self._modal(now)
        if not self._back.see(bool({"join", "name_field", "continue_browser"} & snapshot.visible), now):
            return []
        self._tries.backs += 1
        if self._tries.backs > MAX_RELOADS:
            return self._over("lost", "Teams leads from the lobby back to the join form again and again.")
        self._phase, self._since, self._tries.joins = "prejoin", now, 0
        return [Note("teams_back_to_form", "The lobby went back to the join form; joining again.", evidence=True)]

    def _modal(self, now: float) -> list[Step]:
        """ "Continue without audio or video": only a bot that needs neither takes it, since there is no way back."""
        if not (self._config.speaks or self._config.shows):
            return self._click("without_av", now)
        if self._modal_since is None:
            self._modal_since, self._modal_closes = now, 0
        stayed = now - self._modal_since
        if stayed >= MODAL_STAYS_S:
            self._modal_since = None
            return self._reload("Teams did not take the bot's microphone.")
        if stayed >= MODAL_GOES_S * (1 + self._modal_closes):
            self._modal_closes += 1
            return [Click("modal_close")] if self._modal_closes == 1 else [Press("Escape")]
        return []

    def _form(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        seen, config = snapshot.visible, self._config
        if "join" not in seen and "name_field" not in seen:
            return self._click("continue_browser", now) if "continue_browser" in seen else []
        if "name_field" in seen and not config.signed_in:
            value = snapshot.values.get("name_field", "")
            # A field may cut a long name.
            if value != config.bot_name and not (value and config.bot_name.startswith(value) and self._tries.names):
                if self._tries.names >= MAX_JOINS:
                    return self._over("lost", "The page of Teams does not take the bot's name.")
                self._tries.names += 1
                return [Type("name_field", config.bot_name)]
        if steps := self._devices(snapshot, now):
            return steps
        if "join" not in snapshot.enabled or now - self._clicked.get("join", -1e9) < JOIN_AGAIN_S:
            return []
        if self._tries.joins >= MAX_JOINS:
            return self._over("lost", "The join button of Teams does nothing.")
        self._tries.joins += 1
        self._clicked["join"] = now
        return [Click("join")]

    def _devices(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        """Each is clicked once: one that cannot be switched must not keep the bot out."""
        config = self._config
        wrong: list[str] = []
        if config.speaks and snapshot.values.get("computer_audio") == "false":
            wrong.append("computer_audio")
        for selector, wanted, kind in (
            ("prejoin_mic", config.speaks, "mic"),
            ("prejoin_camera", config.shows, "camera"),
        ):
            if switched_on(snapshot, self._selectors, selector, kind) == (not wanted):
                wrong.append(selector)
        for selector in wrong:
            if selector in snapshot.enabled and selector not in self._clicked:
                self._clicked[selector] = now
                return [Click(selector, optional=True)]
        return []

    def _click(self, selector: str, now: float) -> list[Step]:
        if now - self._clicked.get(selector, -1e9) < AGAIN_S:
            return []
        self._clicked[selector] = now
        return [Click(selector, optional=True)]

    def _stalled(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        if not self._stall.see(snapshot, now):
            return []
        return self._reload("The page of Teams makes no progress.")

    def _reload(self, why: str) -> list[Step]:
        self._tries.reloads += 1
        if self._tries.reloads > MAX_RELOADS:
            return self._over("lost", why)
        self._clicked.clear()
        self._tries.names = 0
        return [Note("teams_reload", f"{why} Loading it again.", evidence=True), Reload()]


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _in_call(snapshot: PageSnapshot) -> bool:
    """The hang-up button alone is no evidence: lobbies of some variants show it. People, sound or the menu are."""
    inner = {"more", "tile", "chat_button"} & snapshot.present
    return "hangup" in snapshot.present and (bool(inner) or snapshot.tracks > 0)

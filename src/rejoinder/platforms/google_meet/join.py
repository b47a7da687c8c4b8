"""The knock, the lobby, the refusals: one stay on Google Meet as a machine over page snapshots.

What is decided here was learned in the field by many: the lobby has a toolbar, a Leave button and a tile (one's own
preview); "Return to home screen" stands on the page that waits; Meet itself gives a knock up after 600 s and then shows
any of several pages; a reCAPTCHA frame is on every page, but seldom to be seen; a toast is no removal.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from rejoinder.browser.joinflow import (
    Action,
    Admitted,
    Click,
    Finish,
    Held,
    InLobby,
    Note,
    Nudge,
    PageSnapshot,
    Phase,
    PlainFlow,
    Reload,
    Stall,
    Step,
    Type,
    plain,
)
from rejoinder.browser.selectors import Selectors
from rejoinder.core.outcome import Outcome, Reason
from rejoinder.platforms.driver import JoinConfig

LOBBY_LIMIT_S = 590.0
"""Meet gives a knock up after 600 s, and then it can no longer be told why."""
CAPTCHA_S = 120.0
"""How long a person may take to solve what the page asks."""
REFUSED_S = 3.0
"""A page that refuses without a reason may yet show a captcha."""
NAME_FIELD_S = 3.0
"""A guest is asked for a name; the button may be drawn first."""
KNOCK_AGAIN_S = 10.0
KNOCKS = 3
RELOADS = 2
SETTLING_S = 10.0
"""After admission, in which microphone and camera are put as they were asked for; later they are the people's."""
CHAT_AGAIN_S = 30.0
_ALONE_S = 5.0
"""Of being inside without another tile: only the controls say so, which a lobby may imitate."""
_NAME_MAX = 60
"""Letters Meet's name field keeps."""


class MeetFlow(PlainFlow):
    """See :class:`~rejoinder.browser.joinflow.JoinFlow`."""

    def __init__(self, config: JoinConfig, selectors: Selectors) -> None:
        self._config = config
        self._texts = selectors.texts
        self._phase: Phase = "prejoin"
        self._opened: float | None = None
        self._lobby_since = 0.0
        self._inside_since = 0.0
        self._captcha_since: float | None = None
        self._consent_since: float | None = None
        self._join_seen: float | None = None
        self._knocked_at: float | None = None
        self._knocks = 0
        self._reloads = 0
        self._chat_at = 0.0
        self._tries: dict[str, int] = {}
        self._noted: set[str] = set()
        self._seen = "nothing yet"
        self._stall = Stall()
        self._tiles = Held(looks=2)
        self._alone = Held(looks=4, seconds=_ALONE_S)
        self._refused = Held(looks=2, seconds=REFUSED_S)
        self._signed_out = Held(looks=2)
        self._back = Held(looks=5, seconds=3.0)
        self._post_call = Held(looks=3)

    @property
    def phase(self) -> Phase:
        return self._phase

    def deadline(self) -> float | None:
        if self._opened is None or self._phase in ("inside", "over"):
            return None
        if self._captcha_since is not None:
            return self._captcha_since + CAPTCHA_S
        if self._phase == "lobby":
            return self._lobby_since + self._patience
        if self._consent_since is not None:
            return self._consent_since + self._patience
        return self._opened + self._config.join_timeout_s

    def tick(self, now: float) -> list[Step]:
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return []
        if self._captcha_since is not None:
            return self._over("captcha", "Google Meet asked for a proof of being human, and nobody gave it.")
        if self._phase == "lobby":
            return self._over("lobby_timeout", f"Nobody let the bot in within {self._patience:.0f} s.")
        if self._consent_since is not None:
            return self._over("lobby_timeout", "Google Meet asked a question only a person may answer, and nobody did.")
        return self._over("lost", f"The page did not lead into the meeting; it shows {self._seen}.")

    def on_failed(self, action: Action, message: str, now: float) -> list[Step]:
        return []

    def on_snapshot(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        if self._phase == "over":
            return []
        if self._opened is None:
            self._opened = now
        if not snapshot.responding:
            return []
        if self._phase == "inside":
            return self._inside(snapshot, now)
        self._seen = _shown(snapshot)
        return self._outside(snapshot, now)

    # -- before admission ---------------------------------------------------------------------------------------------

    def _outside(self, page: PageSnapshot, now: float) -> list[Step]:
        if (steps := self._terminal(page, now)) is not None:
            return steps
        if (steps := self._challenged(page, now)) is not None:
            return steps
        if page.says(self._texts["waiting"]) is not None:
            self._tiles.see(False, now)
            self._alone.see(False, now)
            return [*self._enter_lobby(now), *self._consent(page, now)]
        if consent := self._consent(page, now):
            return consent
        if page.dialog_says(self._texts["consent"]) is not None:
            return []
        if page.dialog_says(self._texts["notice"]) is not None and self._may("notice", 10):
            return [Click("notice_ok", optional=True)]
        if self._is_inside(page, now):
            return self._enter(now)
        if self._phase == "lobby":
            return self._left_behind(page, now)
        return self._prejoin(page, now)

    def _terminal(self, page: PageSnapshot, now: float) -> list[Step] | None:
        """The page's last words; None when it has not spoken them."""
        if page.error is not None and page.error.startswith("net::"):
            return self._over("network", f"Google Meet cannot be reached: {page.error}.")
        if page.status == 404:
            return self._over("not_found", "Google Meet does not know this meeting.")
        if page.status is not None and page.status >= 500 and not page.visible:
            return self._over("network", f"Google Meet answers {page.status}.")
        host = urlsplit(page.url).hostname
        if host == "accounts.google.com" or page.says(self._texts["signed_out"]) is not None:
            return self._over("login_required", "Google Meet asks to sign in.")
        said: tuple[tuple[str, Reason, str], ...] = (
            ("denied", "denied", "Someone in the meeting denied the bot's request to join."),
            ("unanswered", "lobby_timeout", "Nobody answered the bot's request to join."),
            ("removed", "removed", "The bot was removed from the meeting."),
            ("host_ended", "host_ended", "The host ended the meeting."),
            ("ended", "ended", "The meeting has ended."),
            ("not_found", "not_found", "Google Meet does not know this meeting."),
            ("not_started", "not_started", "The meeting has not started."),
        )
        for name, reason, message in said:
            if page.says(self._texts[name]) is not None:
                return self._over(reason, message)
        can_join = not page.visible.isdisjoint({"name_field", "join"})
        heading = {plain(text) for text in self._texts["login_heading"]}
        if "sign_in" in page.visible or (
            not can_join
            and any(plain(text) in heading for text in page.texts)
            and page.says(self._texts["login"]) is not None
        ):
            return self._over("login_required", "Google Meet asks to sign in.")
        signed_out = self._config.signed_in and "name_field" in page.visible
        if self._signed_out.see(signed_out, now):
            return self._over("login_required", "The bot's Google account is signed out.")
        return [] if signed_out else None

    def _challenged(self, page: PageSnapshot, now: float) -> list[Step] | None:
        """A captcha waits for a person; a refusal without reason waits for a captcha."""
        refused = page.says(self._texts["refused"])
        if "captcha" in page.visible:
            self._refused.see(False, now)
            if self._captcha_since is not None:
                return []
            self._captcha_since = now
            return [Note("captcha", "Google Meet asks for a proof of being human; only a person may give it.", True)]
        self._captcha_since = None
        if self._refused.see(refused is not None, now):
            return self._over("wall", f"Google Meet does not let this browser in: {refused}.")
        return None if refused is None else []

    def _consent(self, page: PageSnapshot, now: float) -> list[Step]:
        """A question to the people of the meeting is written down and left to them."""
        if page.dialog_says(self._texts["consent"]) is None:
            self._consent_since = None
            return []
        if self._consent_since is None:
            self._consent_since = now
        if "consent" in self._noted:
            return []
        self._noted.add("consent")
        return [Note("consent_needed", "Google Meet asks about note taking; a person must answer.", evidence=True)]

    def _is_inside(self, page: PageSnapshot, now: float) -> bool:
        knocking = not page.visible.isdisjoint({"name_field", "join"})
        others = self._tiles.see(not knocking and _people(page) > 0, now)
        controls = "leave" in page.present and not page.present.isdisjoint({"captions_are_off", "captions_are_on"})
        alone = self._alone.see(not knocking and controls, now)
        return others or alone

    def _left_behind(self, page: PageSnapshot, now: float) -> list[Step]:
        """The lobby's text is gone, and nothing took its place."""
        if self._back.see("name_field" in page.visible, now):
            return self._over("lost", "Google Meet went back to the first page without an answer.")
        return []

    def _prejoin(self, page: PageSnapshot, now: float) -> list[Step]:
        if "use_devices" in page.visible and self._may("use_devices", 3):
            return [Click("use_devices", optional=True)]
        if "reject_cookies" in page.visible and self._may("reject_cookies", 3):
            return [Click("reject_cookies", optional=True)]
        named = "name_field" in page.visible
        if named and not self._is_named(page):
            return [Type("name_field", self._config.bot_name)] if "name_field" in page.enabled else []
        if steps := self._devices(page):
            return steps
        if "join" in page.enabled and self._may_knock(named, now):
            self._knocks += 1
            self._knocked_at = now
            return [Click("join")]
        if self._stall.see(page, now) and self._reloads < RELOADS:
            self._reloads += 1
            self._knocked_at = None
            return [Note("page_stalled", f"The page makes no progress; it shows {self._seen}.", True), Reload()]
        return []

    def _is_named(self, page: PageSnapshot) -> bool:
        value, name = page.values.get("name_field", "").strip(), self._config.bot_name.strip()
        return value == name or (len(value) >= _NAME_MAX and name.startswith(value))

    def _may_knock(self, named: bool, now: float) -> bool:
        if self._join_seen is None:
            self._join_seen = now
        if not named and not self._config.signed_in and now - self._join_seen < NAME_FIELD_S:
            return False
        if self._knocked_at is not None and now - self._knocked_at < KNOCK_AGAIN_S:
            return False
        return self._knocks < KNOCKS

    def _devices(self, page: PageSnapshot) -> list[Step]:
        for device, wanted in (("mic", self._config.speaks), ("camera", self._config.shows)):
            wrong = f"{device}_is_off" if wanted else f"{device}_is_on"
            if wrong in page.visible and self._may(f"{self._phase}-{wrong}", 2):
                return [Click(wrong, optional=True)]
        return []

    # -- inside -------------------------------------------------------------------------------------------------------

    def _inside(self, page: PageSnapshot, now: float) -> list[Step]:
        if _people(page) == 0 and "leave" not in page.present:
            return self._maybe_over(page, now)
        self._post_call.see(False, now)
        self._back.see(False, now)
        if consent := self._consent(page, now):
            return consent
        if page.dialog_says(self._texts["consent"]) is None and page.dialog_says(self._texts["notice"]) is not None:
            return [Click("notice_ok", optional=True)] if self._may("notice_inside", 10) else []
        if now - self._inside_since < SETTLING_S and (steps := self._devices(page)):
            return steps
        if self._config.captions and "captions_are_off" in page.present and self._may("captions", 3):
            return [Nudge(), Click("captions_are_off", optional=True)]
        if "chat_input" not in page.visible and "chat_open" in page.present and now >= self._chat_at:
            # Messages can be read only while the list of them is open.
            self._chat_at = now + CHAT_AGAIN_S
            return [Nudge(), Click("chat_open", optional=True)]
        return []

    def _maybe_over(self, page: PageSnapshot, now: float) -> list[Step]:
        """No tiles and no Leave button: over if the page says so, else nobody knows."""
        said: tuple[tuple[str, Reason, str], ...] = (
            ("removed", "removed", "The bot was removed from the meeting."),
            ("host_ended", "host_ended", "The host ended the meeting."),
            ("ended", "ended", "The meeting has ended."),
            ("you_left", "ended", "Google Meet says that the bot left the meeting, which it did not."),
        )
        if page.says(self._texts["reconnecting"]) is None:
            for name, reason, message in said:
                if page.says(self._texts[name]) is not None:
                    return self._over(reason, message)
            if self._post_call.see("rejoin" in page.visible, now):
                return self._over("ended", "Google Meet shows its last page.")
        if self._back.see("name_field" in page.visible, now):
            return self._over("lost", "Google Meet went back to its first page.")
        return []

    # -- steps --------------------------------------------------------------------------------------------------------

    @property
    def _patience(self) -> float:
        asked = self._config.lobby_timeout_s
        return LOBBY_LIMIT_S if asked is None else min(asked, LOBBY_LIMIT_S)

    def _enter_lobby(self, now: float) -> list[Step]:
        if self._phase == "lobby":
            return []
        self._phase = "lobby"
        self._lobby_since = now
        return [InLobby()]

    def _enter(self, now: float) -> list[Step]:
        self._phase = "inside"
        self._inside_since = now
        return [Admitted()]

    def _over(self, reason: Reason, message: str) -> list[Step]:
        self._phase = "over"
        return [Finish(Outcome(reason, message))]

    def _may(self, what: str, times: int) -> bool:
        self._tries[what] = self._tries.get(what, 0) + 1
        return self._tries[what] <= times


def _people(page: PageSnapshot) -> int:
    """Tiles of people: without one's own preview, which the lobby has too."""
    return page.counts.get("tile", 0) - page.counts.get("preview_tile", 0)


def _shown(page: PageSnapshot) -> str:
    """What a person would see, in a line."""
    buttons = ", ".join(button.label[:40] for button in page.buttons[:8]) or "no buttons"
    return f"{urlsplit(page.url).netloc or 'no page'}, language {page.lang or 'unknown'}, buttons: {buttons}"

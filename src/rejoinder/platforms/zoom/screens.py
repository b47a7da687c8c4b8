"""What a page of Zoom's web client shows, by its own words and elements: one word for each screen.

Order of looking, each learned in the field: what ends it; what waits; what lies over the page; only then what proves
the bot to be inside. The waiting room is drawn inside the meeting's own frame and can carry its toolbar.
"""

from __future__ import annotations

from typing import Literal

from rejoinder.browser.joinflow import PageSnapshot, plain
from rejoinder.browser.selectors import Selectors
from rejoinder.core.outcome import Outcome, Reason

Screen = Literal[
    "wall",
    "captcha",
    "login",
    "not_started",
    "not_found",
    "full",
    "client_needed",
    "denied",
    "removed",
    "host_ended",
    "ended",
    "elsewhere",
    "network",
    "refused",
    "waiting_host",
    "waiting",
    "cookies",
    "media",
    "disclaimer",
    "notice",
    "joining",
    "form",
    "inside",
    "landing",
    "unknown",
]

OUTCOMES: dict[Screen, tuple[Reason, str]] = {
    "wall": (
        "wall",
        "Zoom does not let browser bots into this meeting (it asks for Zoom RTMS); the host's account decides that",
    ),
    "captcha": ("captcha", "Zoom asks for a proof of being human"),
    "login": ("login_required", "Only people signed in to Zoom can join this meeting"),
    "not_started": ("not_started", "The host has not started the meeting, or the link is invalid"),
    "not_found": ("not_found", "Zoom knows no such meeting"),
    "full": ("denied", "The meeting is locked or full"),
    "client_needed": ("wall", "The host allows this meeting in Zoom's own app only"),
    "denied": ("denied", "The host did not let the bot in"),
    "removed": ("removed", "The host removed the bot"),
    "host_ended": ("host_ended", "The host ended the meeting"),
    "ended": ("ended", "The meeting is over"),
    "elsewhere": ("removed", "Someone joined this meeting with the same account elsewhere"),
    "network": ("network", "Zoom's page lost its connection"),
    "refused": ("wall", "Zoom refuses to show the page"),
}
"""What each screen means that ends an attempt to join."""

PASSCODE_MESSAGE = "The meeting asks for a passcode, and the link brings none or a wrong one"

# Zoom's addresses after a meeting, and its sign-in.
_AFTER = ("/wc/leave", "/wc/home", "/postattendee")
_SIGN_IN = ("/signin", "/oauth/authorize", "/login")


def screen_of(snapshot: PageSnapshot, texts: Selectors) -> Screen:
    """What a page shows that has not been admitted yet."""
    return _verdict(snapshot, texts) or _waits(snapshot, texts) or _overlay(snapshot, texts) or _place(snapshot, texts)


def verdict_inside(snapshot: PageSnapshot, texts: Selectors) -> tuple[Screen | None, bool]:
    """What ends a stay, and whether a dialog of Zoom's says so (the toolbar stays behind it); else the toolbar has to
    be gone as well."""
    by_dialog = "modal_end" in snapshot.visible
    for screen in ("removed", "host_ended", "ended", "elsewhere", "network"):
        if snapshot.dialog_says(texts.text(screen)):
            return screen, True
        if screen != "network" and snapshot.says(texts.text(screen)):
            return screen, by_dialog
    return None, False


def toolbar_there(snapshot: PageSnapshot) -> bool:
    """Leave, or End where the bot was made host. In the DOM is enough: the toolbar hides while the mouse rests."""
    return bool({"leave_button", "end_button"} & snapshot.present)


def after_meeting(snapshot: PageSnapshot) -> bool:
    """One of Zoom's addresses one is sent to after a meeting."""
    path = _path(snapshot.url)
    return any(path.startswith(place) for place in _AFTER)


def outcome(screen: Screen) -> Outcome:
    """What a screen of :data:`OUTCOMES` means."""
    reason, message = OUTCOMES[screen]
    return Outcome(reason, message)


def _verdict(snapshot: PageSnapshot, texts: Selectors) -> Screen | None:
    if snapshot.says(texts.text("wall")):
        return "wall"
    if snapshot.says(texts.text("denied")) or snapshot.says(texts.text("removed")):
        return "denied"
    for screen in ("host_ended", "ended", "elsewhere", "client_needed", "full"):
        if snapshot.says(texts.text(screen)):
            return screen
    if "captcha" in snapshot.visible or snapshot.says(texts.text("captcha_text")):
        return "captcha"
    if snapshot.says(texts.text("login")) or any(_path(snapshot.url).startswith(place) for place in _SIGN_IN):
        return "login"
    if snapshot.says(texts.text("not_found")):
        return "not_found"
    if "name_field" not in snapshot.visible and (
        snapshot.says(texts.text("not_started")) or _titled_not_started(snapshot, texts)
    ):
        return "not_started"
    if snapshot.status is not None and snapshot.status in (401, 403, 429):
        return "refused"
    failed = snapshot.error is not None or (snapshot.status is not None and snapshot.status >= 500)
    return "network" if failed or snapshot.dialog_says(texts.text("network")) else None


def _titled_not_started(snapshot: PageSnapshot, texts: Selectors) -> bool:
    """The title of a meeting whose host is not there yet. Titles hang: one that stays from an earlier page says nothing
    once the client shows more than it."""
    if plain(snapshot.title or "") not in {plain(title) for title in texts.text("not_started_title")}:
        return False
    further = toolbar_there(snapshot) or "meeting_app" in snapshot.present or "join_button" in snapshot.visible
    return not further and _waits(snapshot, texts) is None


def _waits(snapshot: PageSnapshot, texts: Selectors) -> Screen | None:
    # Both can stand there while the host arrives: that the host is there is the news.
    if snapshot.says(texts.text("waiting")):
        return "waiting"
    return "waiting_host" if snapshot.says(texts.text("waiting_host")) else None


def _overlay(snapshot: PageSnapshot, texts: Selectors) -> Screen | None:
    if "cookie_banner" in snapshot.visible and "cookie_reject" in snapshot.visible:
        return "cookies"
    if "media_allow" in snapshot.visible:
        return "media"
    if "disclaimer_agree" in snapshot.visible:
        return "disclaimer"
    if "notice_button" in snapshot.visible and snapshot.dialog_says(texts.text("recording_notice")):
        return "notice"
    return None


def _place(snapshot: PageSnapshot, texts: Selectors) -> Screen:
    if "name_field" in snapshot.visible or "join_button" in snapshot.visible:
        return "form"
    if toolbar_there(snapshot):
        return "inside"
    if snapshot.says(texts.text("joining")):
        return "joining"
    return "landing" if "browser_join" in snapshot.visible else "unknown"


def _path(url: str) -> str:
    rest = url.partition("://")[2] or url
    return "/" + rest.partition("/")[2].partition("?")[0].partition("#")[0]

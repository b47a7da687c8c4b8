"""Zoom's web client as a driver: its links, and how chat, mute, captions and leaving are done."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from rejoinder.browser.joinflow import Action, Click, JoinFlow, Nudge, PageSnapshot, Type, Wait
from rejoinder.browser.selectors import Selectors, load_selectors
from rejoinder.core.links import PlatformName, platform_of
from rejoinder.errors import InvalidRequest
from rejoinder.platforms.driver import Commands, Driver, JoinConfig, RosterMachine
from rejoinder.platforms.zoom.join import ZoomFlow
from rejoinder.platforms.zoom.roster import ZoomRoster
from rejoinder.settings import Settings

CLIENT = "https://app.zoom.us/wc"
_SHARED_HOSTS = re.compile(r"(?:(?:www|app|us\d{2}web|eu\d{2}web)\.)?zoom\.us|(?:www\.)?zoom\.com")
"""Zoom's own hosts. A company's own address (company.zoom.us) can ask for its sign-in first and is opened as it is."""
_NUMBER = re.compile(r"/(?:j|wc/join|wc)/(?P<number>[^/]+)(?P<rest>/join|/start)?/?")
_DIGITS = re.compile(r"\d{9,12}")
_KEPT = frozenset({"pwd", "tk"})
"""The passcode, and a registrant's token."""
MAX_CHAT = 1000
"""Characters of one message; what is longer is posted as several."""
SELECTORS = Path(str(resources.files(__package__))) / "selectors.toml"


class ZoomDriver:
    """See :class:`~rejoinder.platforms.driver.Driver`."""

    def __init__(self, selectors_dir: Path | None = None) -> None:
        self._selectors = load_selectors(SELECTORS, selectors_dir and selectors_dir / "zoom")
        self._script = resources.files(__package__).joinpath("page.js").read_text("utf-8")

    @property
    def name(self) -> str:
        return "zoom"

    @property
    def platform(self) -> PlatformName:
        return "Zoom"

    @property
    def selectors(self) -> Selectors:
        return self._selectors

    @property
    def page_script(self) -> str:
        return self._script

    @property
    def commands(self) -> Commands:
        return Commands(leave=leave, chat=chat, mute=mute, captions=captions)

    def matches(self, link: str) -> bool:
        text = link.strip()
        return platform_of(text) == "Zoom" and ("://" not in text or text.lower().startswith(("https://", "http://")))

    def entry_url(self, link: str, settings: Settings) -> str:
        return client_url(link)

    def flow(self, config: JoinConfig) -> JoinFlow:
        return ZoomFlow(config, self._selectors)

    def roster(self, config: JoinConfig) -> RosterMachine:
        return ZoomRoster(config.bot_name, self._selectors.text("you"))


def driver(settings: Settings | None = None) -> Driver:
    """Zoom's driver. An operator's selectors are ``zoom/selectors.toml`` in settings.selectors_dir."""
    return ZoomDriver(None if settings is None else settings.selectors_dir)


def client_url(link: str) -> str:
    """The web client's address for a link with a meeting number on one of Zoom's shared hosts; any other link as it is,
    over https. Raises InvalidRequest for a link that names no meeting."""
    text = link.strip()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest("meeting_link must not contain a user name", field="meeting_link")
    host = (parts.hostname or "").rstrip(".")
    match = _NUMBER.fullmatch(parts.path)
    if not _SHARED_HOSTS.fullmatch(host):
        return parts._replace(scheme="https").geturl()
    if match is None:
        if parts.path.strip("/"):
            return parts._replace(scheme="https").geturl()
        raise InvalidRequest("meeting_link: expected https://zoom.us/j/<meeting number>", field="meeting_link")
    number = re.sub(r"[\s-]|%20", "", match["number"])
    if not _DIGITS.fullmatch(number):
        raise InvalidRequest(
            "meeting_link: a Zoom meeting number has 9 to 12 digits, as in https://zoom.us/j/123456789",
            field="meeting_link",
        )
    kept = [(key, value) for key, value in parse_qsl(parts.query) if key in _KEPT]
    return f"{CLIENT}/{number}/join" + (f"?{urlencode(kept, quote_via=quote)}" if kept else "")


def leave(snapshot: PageSnapshot) -> list[Action]:
    """As a guest the red button leaves; as host it would end the meeting for all, so the other one is taken."""
    if "end_button" in snapshot.present and "leave_button" not in snapshot.present:
        return [Nudge(), Click("end_button", optional=True), Wait(0.3), Click("leave_as_host", optional=True)]
    return [Nudge(), Click("leave_button", optional=True), Wait(0.3), Click("leave_confirm", optional=True)]


def chat(snapshot: PageSnapshot, text: str) -> list[Action] | None:
    """Through the chat panel, which is opened if need be; None where the meeting has none."""
    steps: list[Action] = []
    if "chat_field" not in snapshot.visible:
        if "chat_open" not in snapshot.present:
            return None
        steps += [Nudge(), Click("chat_open"), Wait(0.5)]
    for start in range(0, len(text), MAX_CHAT):
        steps += [Type("chat_field", text[start : start + MAX_CHAT]), Wait(0.1), Click("chat_send")]
    return steps


def mute(snapshot: PageSnapshot, muted: bool) -> list[Action] | None:
    """The microphone button says what it will do, not what is."""
    wrong, right = ("mic_on", "mic_off") if muted else ("mic_off", "mic_on")
    if wrong in snapshot.present:
        return [Nudge(), Click(wrong)]
    return [] if right in snapshot.present else None


def captions(snapshot: PageSnapshot, on: bool) -> list[Action] | None:
    """Directly where the toolbar has it, else through "More"."""
    if ("captions_hide" if on else "captions_show") in snapshot.present:
        return []
    wanted = "captions_show" if on else "captions_hide"
    if wanted in snapshot.visible:
        return [Click(wanted)]
    if "more_button" not in snapshot.present:
        return None
    return [Nudge(), Click("more_button"), Wait(0.3), Click(wanted, optional=True)]

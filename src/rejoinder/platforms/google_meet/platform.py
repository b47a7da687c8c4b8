"""Google Meet as a driver: its links, and how things are done in its page."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from rejoinder.browser.joinflow import Action, Click, JoinFlow, Nudge, PageSnapshot, Type, Wait
from rejoinder.browser.selectors import Selectors, load_selectors
from rejoinder.core.links import PlatformName
from rejoinder.errors import InvalidRequest
from rejoinder.platforms.driver import Commands, Driver, JoinConfig, RosterMachine
from rejoinder.platforms.google_meet.join import MeetFlow
from rejoinder.platforms.google_meet.roster import MeetRoster
from rejoinder.settings import Settings

ORIGIN = "https://meet.google.com"
CHAT_LIMIT = 500
"""Characters Meet takes in one chat message."""
_CODE = re.compile(r"/([a-z]{3}-?[a-z]{4}-?[a-z]{3})/?", re.IGNORECASE)
_ALIAS = re.compile(r"/(lookup/[A-Za-z0-9_-]{1,100})/?")
_READ_BY_PAGE = (
    "tile",
    "tile_name",
    "self_mark",
    "presentation",
    "voice",
    "voice_silent",
    "icon",
    "chat_list",
    "chat_message",
    "chat_group",
    "chat_sender",
    "chat_text",
    "captions",
    "captcha_frame",
)
_FOLDER = Path(str(files(__package__)))


def driver(settings: Settings | None = None) -> Driver:
    """Google Meet. An operator's selectors are ``google_meet/selectors.toml`` in settings.selectors_dir."""
    return GoogleMeet(None if settings is None else settings.selectors_dir)


@dataclass(frozen=True)
class GoogleMeet:
    """See :class:`~rejoinder.platforms.driver.Driver`. ``origin``: where Meet is; tests have one of their own."""

    selectors_dir: Path | None = None
    origin: str = ORIGIN
    name: str = "google_meet"
    platform: PlatformName = "GMeet"

    @cached_property
    def selectors(self) -> Selectors:
        override = None if self.selectors_dir is None else self.selectors_dir / self.name
        return load_selectors(_FOLDER / "selectors.toml", override)

    @cached_property
    def page_script(self) -> str:
        chosen = self.selectors
        told = {
            "css": {name: [one.css for one in chosen.selectors[name]] for name in _READ_BY_PAGE},
            "you": chosen.text("you"),
            "pinned_before": chosen.text("pinned_before"),
            "pinned_after": chosen.text("pinned_after"),
        }
        return f"{(_FOLDER / 'page.js').read_text('utf-8')}({json.dumps(told, ensure_ascii=True)});"

    @cached_property
    def commands(self) -> Commands:
        return Commands(leave=leave, chat=chat, mute=mute, captions=captions)

    def matches(self, link: str) -> bool:
        parts = _split(link)
        return parts is not None and parts.hostname == urlsplit(self.origin).hostname

    def entry_url(self, link: str, settings: Settings) -> str:
        parts = _split(link)
        if parts is None or not self.matches(link):
            raise InvalidRequest("Not a Google Meet link.", field="meeting_link")
        if code := _CODE.fullmatch(parts.path):
            letters = code[1].lower().replace("-", "")
            path = f"/{letters[:3]}-{letters[3:7]}-{letters[7:]}"
        elif alias := _ALIAS.fullmatch(parts.path):
            path = f"/{alias[1]}"
        else:
            raise InvalidRequest(
                "A Google Meet link ends in a code such as abc-defg-hij, or in lookup/ and a name.",
                field="meeting_link",
            )
        # What the link says of an account is kept. The language is pinned: a signed-in account's own would win.
        kept = [(key, value) for key, value in parse_qsl(parts.query) if key in ("authuser", "pli")]
        origin = urlsplit(self.origin)
        return urlunsplit((origin.scheme, origin.netloc, path, urlencode([*kept, ("hl", "en")]), ""))

    def flow(self, config: JoinConfig) -> JoinFlow:
        return MeetFlow(config, self.selectors)

    def roster(self, config: JoinConfig) -> RosterMachine:
        return MeetRoster(config.bot_name, self.selectors.text("you"))


def _split(link: str) -> SplitResult | None:
    text = link.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        if parts.scheme not in ("http", "https") or parts.username is not None:
            return None
        return parts if parts.hostname else None
    except ValueError:
        return None


# -- how things are done ----------------------------------------------------------------------------------------------


def leave(snapshot: PageSnapshot) -> list[Action]:
    """Hang up; a bot that is the host leaves without ending the meeting for the others."""
    return [Nudge(), Click("leave", optional=True), Wait(0.3), Click("just_leave", optional=True)]


def chat(snapshot: PageSnapshot, text: str) -> list[Action] | None:
    """Write to everyone, in messages as long as Meet takes. None when guests cannot write here."""
    if "chat_input" not in snapshot.visible and "chat_open" not in snapshot.present:
        return None
    steps: list[Action] = []
    if "chat_input" not in snapshot.visible:
        steps += [Nudge(), Click("chat_open")]
    for part in messages(text):
        steps += [Type("chat_input", part), Click("chat_send", within_s=2.0), Wait(0.2)]
    return steps


def messages(text: str, limit: int = CHAT_LIMIT) -> list[str]:
    """Cut a text into messages of at most ``limit`` characters, between words where there are any."""
    rest, parts = text.strip(), []
    while len(rest) > limit:
        cut = max(rest.rfind(" ", 0, limit + 1), rest.rfind("\n", 0, limit + 1))
        cut = cut if cut > 0 else limit
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*parts, rest] if rest else parts


def mute(snapshot: PageSnapshot, muted: bool) -> list[Action] | None:
    """Turn the microphone off or on."""
    return _switched(snapshot, *(("mic_is_on", "mic_is_off") if muted else ("mic_is_off", "mic_is_on")))


def captions(snapshot: PageSnapshot, on: bool) -> list[Action] | None:
    """Turn Meet's captions on or off, for the bot only."""
    return _switched(
        snapshot, *(("captions_are_off", "captions_are_on") if on else ("captions_are_on", "captions_are_off"))
    )


def _switched(snapshot: PageSnapshot, wrong: str, right: str) -> list[Action] | None:
    """Click what is there when it is not as wanted; None: neither is there."""
    if wrong in snapshot.present:
        return [Nudge(), Click(wrong)]
    return [] if right in snapshot.present else None

"""The driver for Microsoft Teams: which links, which page, and how chat, mute, captions and leaving are done."""

from __future__ import annotations

import json
import re
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from rejoinder.browser.joinflow import Action, Click, JoinFlow, PageSnapshot, Press, Type, Wait
from rejoinder.browser.selectors import Selectors, load_selectors
from rejoinder.core.links import platform_of
from rejoinder.errors import InvalidRequest
from rejoinder.platforms.driver import Commands, JoinConfig, RosterMachine
from rejoinder.platforms.teams.inside import captions_menu, switched_on
from rejoinder.platforms.teams.join import TeamsJoin
from rejoinder.platforms.teams.roster import TeamsRoster
from rejoinder.settings import Settings

MAX_MESSAGE = 4000
MAX_LINK = 4096
# /l/meetup-join/<thread>/0, /meet/<digits>, /light-meetings/launch, the app launcher, and the two single-page forms
# that carry the link behind a "#".
_PATH = re.compile(
    r"/(l/meetup-join/.+|meet/\d[\d ]*/?|light-meetings/launch|dl/launcher/launcher\.html)", re.IGNORECASE
)
_FRAGMENT = re.compile(r"/?(l/meetup-join/.+|meet/\d+.*)", re.IGNORECASE)
_SHARED = ("tile", "outline", "roster_badge", "caption_text", "caption_author", "captions_pane", "message")
_SHARED_MORE = ("message_author", "message_body")


class TeamsDriver:
    """Teams in a browser (:class:`rejoinder.platforms.driver.Driver`)."""

    name = "teams"
    platform: Literal["Teams"] = "Teams"

    def __init__(self, selectors_dir: Path | None = None) -> None:
        self._selectors_dir = selectors_dir

    @cached_property
    def selectors(self) -> Selectors:
        file = Path(__file__).with_name("selectors.toml")
        return load_selectors(file, None if self._selectors_dir is None else self._selectors_dir / self.name)

    @cached_property
    def page_script(self) -> str:
        source = resources.files(__package__).joinpath("page.js").read_text("utf-8")
        table = {
            name: [one.css for one in self.selectors.selectors[name] if one.labels is None]
            for name in (*_SHARED, *_SHARED_MORE)
        }
        return f"const SELECTORS = {json.dumps(table)};\n{source}"

    @cached_property
    def commands(self) -> Commands:
        return Commands(leave=_leave, chat=_chat, mute=self._mute, captions=_captions)

    def matches(self, link: str) -> bool:
        return platform_of(link) == "Teams"

    def entry_url(self, link: str, settings: Settings) -> str:
        """The link itself, made whole. Raises InvalidRequest for one that names no meeting."""
        text = link.strip()
        if len(text) > MAX_LINK:
            raise InvalidRequest("this link is too long", field="meeting_link")
        try:
            parts = urlsplit(text if "://" in text else f"https://{text}")
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise InvalidRequest("this is no link", field="meeting_link") from error
        if parts.scheme not in ("https", "http") or parts.username or port not in (None, 80, 443):
            raise InvalidRequest("a Teams meeting link begins with https://teams.", field="meeting_link")
        by_path, by_fragment = _PATH.fullmatch(parts.path), _FRAGMENT.fullmatch(parts.fragment)
        if not by_path and not by_fragment:
            raise InvalidRequest(
                "this link leads to Teams, but to no meeting; expected /l/meetup-join/..., /meet/... "
                "or /light-meetings/launch?...",
                field="meeting_link",
            )
        query = parts.query
        if parts.path.lower() == "/light-meetings/launch":
            # Guests get the light page; without these it asks for an account.
            kept = [(key, value) for key, value in parse_qsl(query, keep_blank_values=True) if key not in _LIGHT]
            query = urlencode([*kept, *_LIGHT.items()])
        fragment = "" if by_path else parts.fragment
        return urlunsplit(("https", host, parts.path.replace(" ", "") or "/", query, fragment))

    def flow(self, config: JoinConfig) -> JoinFlow:
        return TeamsJoin(config, self.selectors)

    def roster(self, config: JoinConfig) -> RosterMachine:
        return TeamsRoster(config.bot_name)

    def _mute(self, snapshot: PageSnapshot, muted: bool) -> list[Action] | None:
        speaking = switched_on(snapshot, self.selectors, "mic", "mic")
        # Not knowing the state, switching could do the opposite of what was asked.
        if speaking is None:
            return None
        return [Click("mic")] if speaking == muted else []


_LIGHT = {"anon": "true", "lightExperience": "true"}


def driver(settings: Settings | None = None) -> TeamsDriver:
    """The driver, with the operator's selectors where the settings name a folder of them (its ``teams`` folder)."""
    return TeamsDriver(None if settings is None else settings.selectors_dir)


def _leave(snapshot: PageSnapshot) -> list[Action]:
    return [Click("hangup", optional=True), Wait(0.3), Click("confirm_leave", optional=True)]


def _chat(snapshot: PageSnapshot, text: str) -> list[Action] | None:
    text = text.strip()
    if not text:
        return []
    opens: list[Action] = []
    if "chat_input" not in snapshot.visible:
        if "chat_button" not in snapshot.visible:
            return None
        opens = [Click("chat_button")]
    parts = [text[at : at + MAX_MESSAGE] for at in range(0, len(text), MAX_MESSAGE)]
    return opens + [step for part in parts for step in (Type("chat_input", part), Press("Enter"))]


def _captions(snapshot: PageSnapshot, on: bool) -> list[Action] | None:
    return captions_menu(snapshot, on=on)

"""What a platform that is joined in a browser must be: a link, a page's rules, a roster, a page script.

Everything here is without browser, clock and network; :class:`rejoinder.platforms.browser.BrowserMeeting` does what
a driver says. A driver is one folder: ``driver.py``, ``join.py`` (its :class:`~rejoinder.browser.joinflow.JoinFlow`),
``roster.py`` (its :class:`RosterMachine`), ``selectors.toml`` and ``page.js``.

**The page script.**
``page_script`` is JavaScript that runs in the top frame before the page's own scripts, after rejoinder's core. It is a
sensor: it reports raw facts and judges nothing. It has, as ``window.__rejoinder``:

``report(kind, data)``
    one fact: ``kind`` a word, ``data`` JSON of at most 60 kB. Arrives as a :class:`Fact`. Bounded: 200 a second, what
    is beyond is dropped and counted.
``on(kind, handler)``
    what a ``Tell(kind, data)`` action brings; ``handler(data)``. What was told before anybody listened is given to
    the handler that comes first, the last of each kind.
``name``
    the bot's name, as it was asked for.
``epoch``
    a number that changes with each load of the page.

It may run again after a reload and must not throw when something it looks for is not there.

**Facts every page gives** (from rejoinder's own capture script), besides the platform's:

``track``
    ``{track, state: "live" | "muted" | "unmuted" | "ended", pc, mid, stream, id, mixed}``. ``track``: our number of the
    audio track on this page (0..255). ``mixed``: the track belongs to no receiver (a page that mixes for itself).
    ``stream`` and ``id`` are the page's own ids and need not be unique.
``csrc``
    ``{track, sources: [[id, level], ...]}``: contributing sources of the newest packets, level 0..1 or null; looked at
    every 40 ms, sent when the set changes and five times a second. An empty list: nobody for 0.12 s.
``stats``
    ``{rtt_ms, tracks: {track: jitter_buffer_ms}}``, every 3 s.

All of them go to the roster, and to the flow as well (:meth:`~rejoinder.browser.joinflow.JoinFlow.on_fact`).

**Shared facts**, which :class:`~rejoinder.platforms.roster.Roster` takes, so that a page script that reports them needs
no roster of its own:

``participants``  ``{all: [{id, name, bot, host, me}], }`` the whole roster; who is missing has left.
``joined`` / ``left``  ``{id, name, bot, host, me}`` / ``{id}``
``label``         ``{track, id, source, confidence}``: who is on a track from now on; ``id`` null: nobody known.
``source``        ``{csrc, id}``: whose contributing source a number is.
``chat``          ``{id, name, text, at}``
``caption``       ``{id, name, text, final}``
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rejoinder.browser.joinflow import Action, Fact, JoinFlow, PageSnapshot
from rejoinder.browser.selectors import Selectors
from rejoinder.core.events import LabelSource, MeetingEvent
from rejoinder.core.links import PlatformName
from rejoinder.core.participant import Participant
from rejoinder.settings import Settings

__all__ = ["Commands", "Driver", "Fact", "JoinConfig", "LabelSource", "RosterMachine"]


@dataclass(frozen=True, slots=True)
class JoinConfig:
    """What a flow must know of the stay it is to bring about."""

    link: str
    bot_name: str
    lobby_timeout_s: float | None = None
    """How long to wait to be admitted; None: as long as the platform lets us (the bot's own limits end it)."""
    join_timeout_s: float = 180.0
    """From opening the page to lobby or inside."""
    speaks: bool = True
    """Keep a sending microphone (never "continue without audio")."""
    shows: bool = True
    """Keep a sending camera."""
    signed_in: bool = False
    """A profile is used: a name field on the page means it is signed out (``login_required``)."""
    captions: bool = False
    """Turn the platform's captions on once inside."""


class RosterMachine(Protocol):
    """Who is there and who is on which track: facts in, events out. Data of a page is not to be trusted: whatever is
    missing or of the wrong type is ignored, never raised."""

    @property
    def me(self) -> Participant | None:
        """The bot itself, once the page named it."""
        ...

    @property
    def participants(self) -> list[Participant]:
        """Everyone else who is there now."""
        ...

    def on_fact(self, fact: Fact, now: float) -> list[MeetingEvent]:
        """ParticipantJoined, ParticipantLeft, ChatReceived, SpeakerLabelled, CaptionReceived. Never the bot's own."""
        ...

    def hears(self, track: int, at: float) -> bool:
        """Whether a track's block captured at loop time ``at`` is to be heard at all; no: it is nobody's, such as the
        second copy of a mix. Asked before :meth:`label` and as often: keep it cheap."""
        ...

    def label(self, track: int, at: float) -> Participant | None:
        """Whose audio a track's block captured at loop time ``at`` is; None: not known (it is then heard as "unknown").
        Asked 50 times a second per track: keep it cheap."""
        ...

    def patience(self, track: int, at: float) -> float:
        """How many seconds such a block may wait for a better answer of :meth:`label`, counted from ``at``; 0: that
        answer is final. Asked as often, of waiting blocks each time something was learned."""
        ...

    def deadline(self) -> float | None:
        """When :meth:`tick` wants to be called; None: never."""
        ...

    def tick(self, now: float) -> list[MeetingEvent]:
        """The deadline has come."""
        ...


@dataclass(frozen=True, slots=True)
class Commands:
    """How things are done on this platform, as lists of actions, given the page as it is.

    [] : there is nothing to do, such as muting what is muted. None: the page offers no way, or its state is not known;
    whoever asked is told so (a bot that cannot leave closes its page).
    """

    leave: Callable[[PageSnapshot], list[Action] | None]
    chat: Callable[[PageSnapshot, str], list[Action] | None]
    mute: Callable[[PageSnapshot, bool], list[Action] | None] = lambda _snapshot, _muted: None
    captions: Callable[[PageSnapshot, bool], list[Action] | None] = lambda _snapshot, _on: None


class Driver(Protocol):
    """One platform. Stateless: flows and rosters are made per stay."""

    @property
    def name(self) -> str:
        """A folder-like word: ``google_meet``."""
        ...

    @property
    def platform(self) -> PlatformName:
        """MeetStream's word for it: GMeet, Zoom, Teams."""
        ...

    @property
    def selectors(self) -> Selectors:
        """Built in or the operator's (settings.selectors_dir); read once."""
        ...

    @property
    def page_script(self) -> str:
        """JavaScript, see above; may be empty."""
        ...

    @property
    def commands(self) -> Commands:
        """How chat, mute, captions and leaving are done."""
        ...

    def matches(self, link: str) -> bool:
        """Whether this driver joins such a link."""
        ...

    def entry_url(self, link: str, settings: Settings) -> str:
        """The address to open for a link that matches. Raises InvalidRequest(field="meeting_link") for one that cannot
        lead anywhere."""
        ...

    def flow(self, config: JoinConfig) -> JoinFlow:
        """The rules of a stay that begins."""
        ...

    def roster(self, config: JoinConfig) -> RosterMachine:
        """The roster of a stay; it survives reloads of the page (facts carry the epoch)."""
        ...

"""The language between a page and the rules that get a bot through it.

A page is read into a :class:`PageSnapshot` (plain data), a :class:`JoinFlow` (no clock, no browser) answers with
:data:`Step` s, and :mod:`rejoinder.platforms.browser` performs them. A flow never sees the browser, so every one of its
rules is tested on written-down snapshots.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from rejoinder.core.outcome import Outcome, Reason

Phase = Literal["prejoin", "lobby", "inside", "over"]
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "“": '"', "”": '"', " ": " "})


def plain(text: str) -> str:
    """Text as it is compared: one kind of apostrophe, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).casefold().split())


@dataclass(frozen=True, slots=True)
class Control:
    """A visible button or input as a person would name it (aria-label, else its text, placeholder or title)."""

    label: str
    enabled: bool = True
    pressed: bool | None = None
    """``aria-pressed`` or ``aria-checked``; None where it has neither."""
    value: str = ""
    """Of an input; never of a password field."""


@dataclass(frozen=True, slots=True)
class PageSnapshot:
    """What a page shows at one moment. All text is bounded (see :mod:`rejoinder.browser.page`).

    ``texts`` are the visible blocks of text, without those inside the selectors file's ``ignore`` regions: what
    participants write (chat, captions, names) must never be taken for the platform's own words.
    """

    at: float
    """Loop time at which it was taken."""
    url: str = ""
    title: str | None = None
    """None when the page would not say."""
    lang: str = ""
    """``<html lang>``."""
    texts: tuple[str, ...] = ()
    buttons: tuple[Control, ...] = ()
    inputs: tuple[Control, ...] = ()
    present: frozenset[str] = frozenset()
    """Names of selectors that match something."""
    visible: frozenset[str] = frozenset()
    """Names of selectors that match something visible."""
    enabled: frozenset[str] = frozenset()
    """Of the visible ones, those not disabled."""
    counts: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    """How many elements each present selector matches."""
    values: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Value of the first element of each present selector: of inputs their text, else ``data-*`` free text is not
    taken; ``"true"``/``"false"`` of aria-pressed, aria-checked or aria-expanded."""
    dialogs: tuple[str, ...] = ()
    """Text of each visible dialog (role dialog or alertdialog, ``<dialog open>``)."""
    responding: bool = True
    """False: the page did not answer in time; all of the above is empty."""
    connected: bool = True
    """Whether the page's channel to us is open."""
    online: bool = True
    """``navigator.onLine``."""
    status: int | None = None
    """HTTP status of the page's document."""
    error: str | None = None
    """Why the last navigation failed, such as ``net::ERR_NAME_NOT_RESOLVED``."""
    tracks: int = 0
    """Remote audio tracks that are there."""

    def says(self, phrases: Iterable[str]) -> str | None:
        """The first of the phrases that stands in a visible text or dialog, compared as :func:`plain` does."""
        shown = [plain(text) for text in (*self.texts, *self.dialogs)]
        return next((phrase for phrase in phrases if any(plain(phrase) in text for text in shown)), None)

    def dialog_says(self, phrases: Iterable[str]) -> str | None:
        """The same, dialogs only."""
        shown = [plain(text) for text in self.dialogs]
        return next((phrase for phrase in phrases if any(plain(phrase) in text for text in shown)), None)

    def button(self, labels: Iterable[str]) -> Control | None:
        """The first visible button whose whole label is one of these."""
        wanted = {plain(label) for label in labels}
        return next((button for button in self.buttons if plain(button.label) in wanted), None)

    def fingerprint(self) -> int:
        """Changes whenever the page makes any progress; for :class:`Stall`. Not the same in another process."""
        counts = tuple(sorted(self.counts.items()))
        return hash((self.url, self.title, self.texts, self.dialogs, counts, tuple(self.buttons)))


# -- actions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Click:
    """Click the first visible element of a selector, as a person does (mouse). Fails after ``within_s``.

    ``optional``: it is no failure when it is not there.
    """

    selector: str
    optional: bool = False
    within_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Type:
    """Replace what stands in an input by ``text``, key by key: pages check input on key events."""

    selector: str
    text: str
    within_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Press:
    """Press a key or a chord in Playwright's spelling: ``Enter``, ``Control+Shift+M``."""

    key: str


@dataclass(frozen=True, slots=True)
class Goto:
    """Open another address."""

    url: str


@dataclass(frozen=True, slots=True)
class Reload:
    """Load the page again."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for a while before the next action of the same list; the next snapshot comes after it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Nudge:
    """Move the mouse over the page, for toolbars that hide while it rests."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Hand something to the platform's page script, which took ``__rejoinder.on(kind, handler)``.

    Told before the page's channel is open, it is handed over when it opens; of several of one kind, the last.
    ``state``: how something is from now on, so every later load of the page is told it as well.
    """

    kind: str
    data: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    state: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Write something down in the bot's log; ``evidence``: with the page as it is now."""

    event: str
    message: str
    evidence: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The stay is over (or never began). Always the last step; the flow's phase is "over" then."""

    outcome: Outcome


Action = Click | Type | Press | Goto | Reload | Wait | Nudge | Tell | Note | Finish


@dataclass(frozen=True, slots=True)
class InLobby:
    """The bot knocked and waits. Once per wait."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The bot is inside: positive evidence, held (see :class:`Held`). Once per stay."""


JoinEvent = InLobby | Admitted
"""What a flow tells besides what it wants done; ``Finish`` is its last word."""

Step = Action | JoinEvent


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a page script saw. ``at``: loop time at which the page saw it (not when it arrived)."""

    kind: str
    data: Mapping[str, Any]
    at: float
    epoch: int = 0
    """Which load of the page; tracks of an older epoch are gone."""


class JoinFlow(Protocol):
    """The rules of one stay on one platform: pre-join page, lobby, inside, until it is over.

    Order of looking (from the field, each learned the hard way): terminal texts; waiting texts; dialogs; only then
    positive evidence of being inside. Unknown is never "over": a page that does not respond is the meeting's to judge.
    :class:`PlainFlow` has what most flows answer.
    """

    @property
    def phase(self) -> Phase:
        """Where the bot is."""
        ...

    def on_snapshot(self, snapshot: PageSnapshot, now: float) -> list[Step]:
        """Look at the page (every 0.25 s before admission, every 1 s inside) and say what to do. The next snapshot is
        taken after all of it is done."""
        ...

    def on_fact(self, fact: Fact, now: float) -> list[Step]:
        """The page's script saw something. What it answers is done at once, before the next look at the page; data of a
        page is not to be trusted. Most flows need no facts: []."""
        ...

    def on_failed(self, action: Action, message: str, now: float) -> list[Step]:
        """An action could not be done (not there in time); the rest of its list was skipped. Evidence is saved already.
        Usually [] : look again."""
        ...

    def deadline(self) -> float | None:
        """When :meth:`tick` wants to be called even though no snapshot can be had; None: never."""
        ...

    def tick(self, now: float) -> list[Step]:
        """The deadline has come."""
        ...


# -- helpers for flows ------------------------------------------------------------------------------------------------


class PlainFlow:
    """A base for flows: a phase, its end, and no answer to whatever a flow does not care for."""

    def __init__(self) -> None:
        self._phase: Phase = "prejoin"

    @property
    def phase(self) -> Phase:
        """Where the bot is."""
        return self._phase

    def on_fact(self, fact: Fact, now: float) -> list[Step]:
        """Facts are the roster's."""
        return []

    def on_failed(self, action: Action, message: str, now: float) -> list[Step]:
        """Look again."""
        return []

    def deadline(self) -> float | None:
        """No limit."""
        return None

    def tick(self, now: float) -> list[Step]:
        """Nothing was waited for."""
        return []

    def _over(self, reason: Reason, message: str) -> list[Step]:
        self._phase = "over"
        return [Finish(Outcome(reason, message))]


class Held:
    """True once something has been so for ``looks`` snapshots running and ``seconds``."""

    def __init__(self, looks: int = 2, seconds: float = 0.0) -> None:
        self._looks = looks
        self._seconds = seconds
        self._count = 0
        self._since = 0.0

    def see(self, so: bool, now: float) -> bool:
        """Once per snapshot."""
        if not so:
            self._count = 0
            return False
        if not self._count:
            self._since = now
        self._count += 1
        return self._count >= self._looks and now - self._since >= self._seconds


class Stall:
    """Tells when a page made no progress for too long: 25 s, 12 s when it is blank (figures from the field).

    Use it before admission only; a quiet meeting looks the same for hours.
    """

    def __init__(self, seconds: float = 25.0, blank_s: float = 12.0) -> None:
        self._seconds = seconds
        self._blank_s = blank_s
        self._seen: int | None = None
        self._since = 0.0

    def see(self, snapshot: PageSnapshot, now: float) -> bool:
        """Once per snapshot. True once per stall: the clock starts again."""
        print_ = snapshot.fingerprint()
        if print_ != self._seen:
            self._seen, self._since = print_, now
            return False
        blank = not snapshot.texts and not snapshot.buttons and not snapshot.inputs
        if now - self._since < (self._blank_s if blank else self._seconds):
            return False
        self._since = now
        return True

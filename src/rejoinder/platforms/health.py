"""When a page is beyond hope: rules over signs of life, with the time as an argument.

Nothing here ends a stay because people are silent: silence is what a meeting mostly is.
"""

from __future__ import annotations

from dataclasses import dataclass

from rejoinder.core.outcome import Outcome

FROZEN_S = 10.0
"""A page that answers nothing for so long will not come back; a busy one does within 2 or 3 s."""
CHANNEL_S = 8.0
"""How long the page's worker may take to open its channel again."""
FIRST_CHANNEL_S = 20.0
OFFLINE_S = 12.0
"""Platforms come back by themselves after short cuts, and say so on the page."""
MEDIA_S = 15.0
"""No media connection of the page works: ICE itself gives up after 15 to 30 s."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of a page at one moment. ``connected``: its channel is open and its worker was heard of lately."""

    connected: bool
    responding: bool
    online: bool
    main_age_s: float = 0.0
    """How long its main thread has not answered its own worker."""


class Health:
    """One page load after another of one attempt. ``inside``: media is expected to work."""

    def __init__(self, now: float) -> None:
        self._begun = now
        self._ever = False
        self._cut: float | None = None
        self._mute: float | None = None
        self._offline: float | None = None
        self._media: float | None = None
        self._worked = False
        self._states: dict[object, str] = {}

    def connection(self, number: object, state: object, now: float) -> None:
        """A peer connection of the page changed its state."""
        if state in ("closed", "new") or not isinstance(state, str):
            self._states.pop(number, None)
        elif number in self._states or len(self._states) < 100:
            self._states[number] = state
        # A page may keep connections that never worked, because its media takes another way (Zoom's websockets).
        self._worked = self._worked or state == "connected"
        working = any(one in ("connected", "connecting") for one in self._states.values())
        working = working or not self._states or not self._worked
        self._media = None if working else self._media if self._media is not None else now

    def new_load(self) -> None:
        """The page was loaded again: its connections are gone."""
        self._states.clear()
        self._media = None
        self._worked = False

    def see(self, signs: Signs, now: float) -> Outcome | None:
        """Look at the signs (each second or oftener); an outcome when there is no hope."""
        self._ever = self._ever or signs.connected
        self._cut = None if signs.connected else self._cut if self._cut is not None else now
        self._mute = None if signs.responding else self._mute if self._mute is not None else now
        self._offline = None if signs.online else self._offline if self._offline is not None else now
        if signs.main_age_s > FROZEN_S or _over(self._mute, now, FROZEN_S):
            return Outcome("crashed", f"the meeting's page has not answered for {FROZEN_S:.0f} s")
        if _over(self._offline, now, OFFLINE_S):
            return Outcome("network", f"the browser has been offline for {OFFLINE_S:.0f} s")
        if _over(self._media, now, MEDIA_S):
            return Outcome("network", f"no media connection has worked for {MEDIA_S:.0f} s")
        if self._ever and _over(self._cut, now, CHANNEL_S):
            return Outcome("crashed", "the meeting's page lost its connection to the bot")
        if not self._ever and now - self._begun > FIRST_CHANNEL_S:
            return Outcome("crashed", "the meeting's page never connected to the bot")
        return None


def _over(since: float | None, now: float, limit: float) -> bool:
    return since is not None and now - since > limit

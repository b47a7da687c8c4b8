"""Sound whose speaker is not known yet waits for the name: for as long as its roster says, then it is nobody's.

A platform tells who is on a track a moment after the sound itself, so the first blocks of a speaker would come out
under no name, or under that of whoever had the track before. Where the speaker is settled nothing waits at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from rejoinder.core.participant import Participant
from rejoinder.media.frame import Pcm

MAX_BLOCKS = 150
"""Of one track (3 s): a roster's patience is shorter; this bounds memory whatever it says."""

PAUSE_S = 0.3
"""After so long without sound on a track somebody else may be the next on it: it is worth waiting again."""


class Block(NamedTuple):
    """Sound of a track, as it came. ``at``: loop time of its last sample. ``loud``: it is more than hiss."""

    track: int
    at: float
    pcm: Pcm
    loud: bool


class Named(NamedTuple):
    """A block to be heard now, and whose it is; None: not known."""

    block: Block
    person: Participant | None


Label = Callable[[int, float], Participant | None]
Patience = Callable[[int, float], float]


class Waiting:
    """A machine over blocks and time; see :meth:`rejoinder.platforms.driver.RosterMachine.label` and ``patience``.

    Each block comes out once, and the blocks of a track in the order in which they came.
    """

    def __init__(self, label: Label, patience: Patience) -> None:
        self._label = label
        self._patience = patience
        self._held: dict[int, deque[Block]] = {}
        self._tired: set[int] = set()
        """Tracks that waited in vain: they wait no more before their speaker was known once, or paused."""
        self._loud_at: dict[int, float] = {}

    @property
    def active(self) -> bool:
        """Whether blocks wait."""
        return bool(self._held)

    @property
    def since(self) -> float | None:
        """When the oldest block that waits was captured."""
        return min((held[0].at for held in self._held.values()), default=None)

    def take(self, block: Block, now: float) -> list[Named]:
        """A block came; what is to be heard now."""
        if block.loud:
            if block.at - self._loud_at.get(block.track, block.at) > PAUSE_S:
                self._tired.discard(block.track)
            self._loud_at[block.track] = block.at
        held = self._held.get(block.track)
        if held is None:
            # Silence needs no name, and must not hold up anything.
            if not block.loud or self._ready(block, now):
                return [Named(block, self._label(block.track, block.at))]
            held = self._held[block.track] = deque()
        held.append(block)
        return self._drain(block.track, now)

    def due(self, now: float) -> list[Named]:
        """Ask when something was learned about the tracks, and every 20 to 100 ms while :attr:`active`."""
        return [named for track in list(self._held) for named in self._drain(track, now)]

    def rest(self) -> list[Named]:
        """The page is gone, nothing more will be learned: everything that waits, as it is."""
        blocks = [block for held in self._held.values() for block in held]
        self._held.clear()
        self._tired.clear()
        self._loud_at.clear()
        return [Named(block, self._label(block.track, block.at)) for block in blocks]

    def _drain(self, track: int, now: float) -> list[Named]:
        held = self._held[track]
        named: list[Named] = []
        while held and (len(held) > MAX_BLOCKS or self._ready(held[0], now)):
            block = held.popleft()
            named.append(Named(block, self._label(track, block.at)))
        if not held:
            del self._held[track]
        return named

    def _ready(self, block: Block, now: float) -> bool:
        patience = self._patience(block.track, block.at)
        if patience <= 0.0:
            self._tired.discard(block.track)
        elif block.track not in self._tired:
            if now - block.at < patience:
                return False
            self._tired.add(block.track)
        return True

"""A turn-taking conversation as a test reads it: what is heard, what the machine answers. No clock, no sleep."""

from __future__ import annotations

from rejoinder.agent.decisions import Command
from rejoinder.agent.turn import WINDOW_S, Floor, TurnTaking, TurnTuning


class Talk:
    """Feeds a :class:`TurnTaking` window by window and keeps what it said since the last look."""

    def __init__(self, *, judged: bool = False, tuning: TurnTuning | None = None) -> None:
        self.machine = TurnTaking(tuning, judged=judged)
        self.now = 100.0
        self.said: list[tuple[float, Command]] = []

    def speech(self, seconds: float, who: str = "ada", probability: float = 0.9) -> list[Command]:
        """``who`` speaks."""
        return self._windows(seconds, who, probability)

    def silence(self, seconds: float, who: str = "ada") -> list[Command]:
        """``who`` is silent."""
        return self._windows(seconds, who, 0.02)

    def hush(self, who: str = "ada", silence: float = 0.08) -> list[Command]:
        """The level of ``who`` falls to silence."""
        return self._note(self.machine.hushed(who, silence, self.now))

    def spoke_on(self, who: str = "ada") -> list[Command]:
        """The level of ``who`` rises again."""
        return self._note(self.machine.spoke_on(who, self.now))

    def words(self, text: str, who: str = "ada", *, complete: bool = True) -> list[Command]:
        """The transcriber answers."""
        return self._note(self.machine.heard(who, text, self.now, complete=complete))

    def score(self, score: float, who: str = "ada") -> list[Command]:
        """The turn model answers."""
        return self._note(self.machine.judged(who, score, self.now))

    def floor(self, floor: Floor) -> list[Command]:
        """The bot's voice changes state."""
        return self._note(self.machine.floor(floor, self.now))

    def wait(self, seconds: float) -> list[Command]:
        """No audio comes at all; the machine is ticked when it asked for it."""
        end = self.now + seconds
        commands: list[Command] = []
        while (due := self.machine.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            commands += self._note(self.machine.tick(self.now))
        self.now = end
        return commands

    def _windows(self, seconds: float, who: str, probability: float) -> list[Command]:
        commands: list[Command] = []
        for _ in range(round(seconds / WINDOW_S)):
            self.now += WINDOW_S
            commands += self._note(self.machine.window(who, probability, self.now))
        return commands

    def _note(self, commands: list[Command]) -> list[Command]:
        self.said += [(self.now, command) for command in commands]
        return list(commands)

"""Who has the floor: end of turn, barge-in and false interruption, for any number of speakers.

A machine: speech probabilities, words and time in, commands out. It never waits for the transcriber to decide that a
turn is over or that the bot must be silent; words only decide what an interruption was.

The clocks (all in seconds of silence, counted in audio, not in wall time):

* ``flush_s``: the transcriber is asked for everything said so far, and a reply is begun behind a closed gate;
* ``ask_s`` and later: the turn model judges the sound;
* ``end_s``: the earliest end of a turn. Without a turn model it is the end. With one, the score needed falls as the
  silence grows (``ladder``), and ``limit_s`` ends the turn whatever the score.

Barge-in comes in steps, each of which can be taken back but the last: one window of speech (32 ms) *pauses* the bot,
and unless the next one confirms it, it goes on; words *kill* the reply, and no words, or only a listener's "mhm", let
it go on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rejoinder.agent.decisions import (
    Command,
    Commit,
    Discard,
    EndTurn,
    Flush,
    Interrupt,
    Judge,
    Listen,
    Pause,
    Resume,
    Speculate,
)
from rejoinder.agent.words import is_backchannel, sounds_finished

WINDOW_S = 0.032
"""Seconds of audio per speech probability: 512 samples at 16 kHz, the window Silero is trained on."""


@dataclass(frozen=True, slots=True)
class TurnTuning:
    """The numbers of turn-taking; seconds of silence unless said otherwise."""

    onset: float = 0.5
    """Speech probability that starts speech (Silero's own default)."""
    offset: float = 0.35
    """Speech probability below which speech is over (Silero's default: onset - 0.15)."""
    onset_windows: int = 2
    """Windows in a row at ``onset`` that make speech: one alone is often a click, and silences the bot no longer."""
    flush_s: float = 0.064
    model_lag_s: float = 0.15
    """How long after the last sound the VAD may still report speech (Silero: 60 to 110 ms). If it does for longer, the
    speaker went on softly, and the transcriber is asked again."""
    ask_s: tuple[float, ...] = (0.096, 0.45, 0.9)
    end_s: float = 0.2
    ladder: tuple[tuple[float, float], ...] = ((0.2, 0.75), (0.5, 0.5), (1.2, 0.2))
    """(silence, least score): thresholds that fall with silence hold fewer turns than one query and a long timer."""
    unjudged_s: float = 0.6
    """When the turn model is late (a loaded machine): the end, unless the words clearly break off."""
    limit_s: float = 2.2
    words_wait_s: float = 0.7
    """After an interrupting sound: how long to wait for the transcriber before the bot goes on."""
    long_speech_s: float = 1.3
    """Seconds of speech over the bot that end its reply without any words."""
    commit_wait_s: float = 2.5
    """After the end of a turn: how long to wait for its words."""


class Floor(Enum):
    """What the bot is doing with its voice."""

    QUIET = "quiet"
    PENDING = "pending"
    """A reply is due; nothing of it has been heard."""
    SPEAKING = "speaking"


_NOTHING: list[Command] = []


@dataclass(slots=True)
class _Speaker:
    speaking: bool = False
    open: bool = False
    """An utterance is under way (speech, or a pause in it)."""
    run: int = 0
    """Windows of likely speech in a row."""
    quiet: int = 0
    """Windows of silence in a row, within an utterance."""
    began: float = 0.0
    last_window: float = 0.0
    flushed: bool = False
    """The transcriber was asked about the present pause."""
    hushed_at: float | None = None
    """Since when the speaker's level has been that of silence, if that was noticed before the model did."""
    text: str | None = None
    """The words, once they cover everything said."""
    partial: str = ""
    score: float | None = None
    asked: int = 0
    over: bool = False
    """The turn is over, its words are still to come."""
    over_at: float = 0.0
    interrupting: bool = False
    """The bot is paused for this speaker, until it is known what they said."""
    tentative: bool = False
    """The bot is paused for one window of what may be speech."""
    speculating: bool = False

    @property
    def silence(self) -> float:
        return self.quiet * WINDOW_S


class TurnTaking:
    """The machine. ``judged``: whether a turn model answers :class:`Judge`."""

    def __init__(self, tuning: TurnTuning | None = None, *, judged: bool = True) -> None:
        self.tuning = tuning or TurnTuning()
        self._judged = judged
        self._speakers: dict[str, _Speaker] = {}
        self._floor = Floor.QUIET
        self._paused = False

    # -- the bot's own voice ------------------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Whether the bot holds its tongue for someone."""
        return self._paused

    @property
    def anyone_speaking(self) -> bool:
        """Whether any participant is speaking now."""
        return any(speaker.speaking for speaker in self._speakers.values())

    def floor(self, floor: Floor, now: float) -> list[Command]:
        """The bot began to prepare (PENDING), began to speak (SPEAKING) or is done (QUIET)."""
        before, self._floor = self._floor, floor
        if floor is Floor.QUIET:
            self._paused = False
            for speaker in self._speakers.values():
                speaker.interrupting = speaker.tentative = False
            return _NOTHING
        if before is Floor.QUIET:
            return self._yield_to_present_speech()
        return _NOTHING

    def _yield_to_present_speech(self) -> list[Command]:
        commands: list[Command] = []
        for name, speaker in self._speakers.items():
            if speaker.speaking:
                commands += self._pause_for(name, speaker)
        return commands

    # -- participants -------------------------------------------------------------------------------------------

    def gone(self, participant: str, now: float) -> list[Command]:
        """A participant left; an utterance they were in the middle of ends here."""
        speaker = self._speakers.pop(participant, None)
        if speaker is None:
            return []
        commands: list[Command] = []
        if speaker.open:
            text = speaker.text if speaker.text is not None else speaker.partial
            commands.append(Commit(participant, text))
        if speaker.interrupting or speaker.tentative:
            commands += self._maybe_resume()
        return commands

    def window(self, participant: str, probability: float, now: float) -> list[Command]:
        """One window (32 ms) of a participant's audio was scored."""
        speaker = self._speakers.get(participant)
        if speaker is None:
            speaker = self._speakers[participant] = _Speaker()
        speaker.last_window = now
        tuning = self.tuning
        if speaker.speaking:
            if probability >= tuning.offset:
                speaker.quiet = 0
                return self._still_speaking(participant, speaker, now)
            speaker.quiet += 1
            if speaker.silence >= tuning.flush_s - 1e-6:
                return self._fell_silent(participant, speaker, now)
            return _NOTHING
        if probability >= tuning.onset:
            speaker.run += 1
            if speaker.run >= tuning.onset_windows:
                return self._onset(participant, speaker, now)
            commands = self._perhaps(participant, speaker)
        else:
            speaker.run = 0
            commands = self._was_nothing(speaker)
        if not speaker.open:
            return commands
        speaker.quiet += 1
        return commands + self._silent(participant, speaker, now)

    def _perhaps(self, participant: str, speaker: _Speaker) -> list[Command]:
        if self._floor is not Floor.SPEAKING or self._paused:
            return _NOTHING
        speaker.tentative = self._paused = True
        return [Pause(participant)]

    def _was_nothing(self, speaker: _Speaker) -> list[Command]:
        if not speaker.tentative:
            return _NOTHING
        speaker.tentative = False
        return self._maybe_resume()

    def _fell_silent(self, participant: str, speaker: _Speaker, now: float) -> list[Command]:
        speaker.speaking = False
        speaker.run = 0
        hushed, speaker.hushed_at = speaker.hushed_at, None
        voiced_until = now - speaker.silence
        if speaker.flushed and hushed is not None and voiced_until - hushed <= self.tuning.model_lag_s:
            return []
        speaker.flushed = True
        return [Flush(participant, speaker.silence)]

    def hushed(self, participant: str, silence: float, now: float) -> list[Command]:
        """A speaker's level has been that of silence for ``silence`` seconds: a guess, ahead of :meth:`window`."""
        speaker = self._speakers.get(participant)
        if speaker is None or not speaker.speaking or speaker.flushed:
            return []
        speaker.flushed = True
        speaker.hushed_at = now - silence
        return [Flush(participant, silence)]

    def spoke_on(self, participant: str, now: float) -> list[Command]:
        """The guess was wrong: the level is that of speech again."""
        speaker = self._speakers.get(participant)
        if speaker is None or not speaker.speaking or not speaker.flushed:
            return []
        speaker.flushed = False
        speaker.hushed_at = None
        speaker.text = None
        commands: list[Command] = [Listen(participant)]
        if speaker.speculating:
            speaker.speculating = False
            commands.insert(0, Discard(participant))
        return commands

    def _onset(self, participant: str, speaker: _Speaker, now: float) -> list[Command]:
        commands: list[Command] = []
        speaker.speaking = True
        speaker.tentative = False
        speaker.quiet = 0
        speaker.began = now - speaker.run * WINDOW_S
        speaker.over = False
        speaker.flushed = False
        speaker.hushed_at = None
        speaker.text = None
        speaker.score = None
        speaker.asked = 0
        if not speaker.open:
            speaker.open = True
            speaker.partial = ""
        if speaker.speculating:
            speaker.speculating = False
            commands.append(Discard(participant))
        commands.append(Listen(participant))
        if self._floor is not Floor.QUIET:
            commands += self._pause_for(participant, speaker)
        return commands

    def _pause_for(self, participant: str, speaker: _Speaker) -> list[Command]:
        speaker.interrupting = True
        if self._paused:
            return []
        self._paused = True
        return [Pause(participant)]

    def _still_speaking(self, participant: str, speaker: _Speaker, now: float) -> list[Command]:
        if speaker.interrupting and now - speaker.began >= self.tuning.long_speech_s:
            return self._interrupt(participant)
        return _NOTHING

    def _silent(self, participant: str, speaker: _Speaker, now: float) -> list[Command]:
        tuning, silence = self.tuning, speaker.silence
        commands: list[Command] = []
        if speaker.interrupting and speaker.text is None and silence >= tuning.words_wait_s:
            speaker.interrupting = False
            commands += self._maybe_resume()
        asked = speaker.asked
        if self._judged and asked < len(tuning.ask_s) and silence >= tuning.ask_s[asked] - 1e-6:
            speaker.asked += 1
            commands.append(Judge(participant))
        if not speaker.over:
            commands += self._maybe_end(participant, speaker, now)
        return commands

    # -- end of turn --------------------------------------------------------------------------------------------

    def _maybe_end(self, participant: str, speaker: _Speaker, now: float) -> list[Command]:
        if speaker.speaking or not self._is_over(speaker):
            return []
        speaker.over = True
        speaker.over_at = now
        commands: list[Command] = [EndTurn(participant, speaker.silence, speaker.score)]
        if speaker.text is not None:
            commands += self._commit(participant, speaker, speaker.text)
        return commands

    def _is_over(self, speaker: _Speaker) -> bool:
        tuning, silence = self.tuning, speaker.silence
        if silence < tuning.end_s - WINDOW_S / 2:
            return False
        if not self._judged or silence >= tuning.limit_s:
            return True
        hint = sounds_finished(speaker.text) if speaker.text is not None else 0.0
        if speaker.score is None:
            return silence >= tuning.unjudged_s and hint >= 0.0
        needed = min(least for since, least in tuning.ladder if silence >= since - WINDOW_S / 2)
        return speaker.score + hint >= needed

    def judged(self, participant: str, score: float, now: float) -> list[Command]:
        """The turn model's answer: probability that the turn is complete."""
        speaker = self._speakers.get(participant)
        if speaker is None or not speaker.open or speaker.speaking or speaker.over:
            return []
        speaker.score = score
        return self._maybe_end(participant, speaker, now)

    def _commit(self, participant: str, speaker: _Speaker, text: str) -> list[Command]:
        speaker.open = speaker.over = speaker.flushed = speaker.speculating = False
        speaker.text = None
        speaker.partial = ""
        speaker.quiet = 0
        return [Commit(participant, text)]

    # -- words --------------------------------------------------------------------------------------------------

    def heard(self, participant: str, text: str, now: float, *, complete: bool) -> list[Command]:
        """Words of the open utterance. ``complete``: they cover everything said until the present pause."""
        speaker = self._speakers.get(participant)
        if speaker is None or not speaker.open:
            return []
        if not complete or not speaker.flushed:
            speaker.partial = text
            if speaker.interrupting and not is_backchannel(text):
                return self._interrupt(participant)
            return []
        speaker.text = text
        commands: list[Command] = []
        if speaker.interrupting:
            speaker.interrupting = False
            if is_backchannel(text):
                return commands + self._maybe_resume() + self._commit(participant, speaker, text)
            commands += self._interrupt(participant)
        elif self._floor is Floor.SPEAKING and not is_backchannel(text):
            commands += self._interrupt(participant)
        if speaker.over:
            return commands + self._commit(participant, speaker, text)
        if text:
            speaker.speculating = True
            commands.append(Speculate(participant, text))
        return commands + self._maybe_end(participant, speaker, now)

    # -- interruption -------------------------------------------------------------------------------------------

    def _interrupt(self, participant: str) -> list[Command]:
        if self._floor is Floor.QUIET:
            return []
        self._floor = Floor.QUIET
        self._paused = False
        for speaker in self._speakers.values():
            speaker.interrupting = speaker.tentative = False
        return [Interrupt(participant)]

    def _maybe_resume(self) -> list[Command]:
        waiting = any(speaker.interrupting or speaker.tentative for speaker in self._speakers.values())
        if not self._paused or waiting:
            return []
        self._paused = False
        return [Resume()]

    # -- time ---------------------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When something is due although no audio comes (a track that stopped, a transcriber that is silent)."""
        due = [self._due(speaker) for speaker in self._speakers.values() if speaker.open]
        return min(due, default=None)

    def _due(self, speaker: _Speaker) -> float:
        if speaker.over:
            return speaker.over_at + self.tuning.commit_wait_s
        return speaker.last_window + self.tuning.limit_s

    def tick(self, now: float) -> list[Command]:
        """Time has passed."""
        commands: list[Command] = []
        for participant, speaker in self._speakers.items():
            if not speaker.open or now < self._due(speaker):
                continue
            speaker.speaking = False
            text = speaker.text if speaker.text is not None else speaker.partial
            if speaker.interrupting:
                speaker.interrupting = False
                commands += self._maybe_resume()
            if not speaker.over:
                commands.append(EndTurn(participant, speaker.silence, speaker.score))
            commands += self._commit(participant, speaker, text)
        return commands

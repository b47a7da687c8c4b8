"""When a bot leaves by itself. A machine without clock or I/O: every call says what happened and when.

``now`` is any clock in seconds that only goes forward, the same in all calls. After each call,
:meth:`AutoLeave.deadline` says when :meth:`AutoLeave.tick` must be called at the latest; ``tick`` answers
:class:`Leave` when the time has come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rejoinder.core.bot import AutomaticLeave
from rejoinder.core.lifecycle import TABLE, Moment
from rejoinder.core.participant import Participant

LeaveReason = Literal[
    "waiting_room",
    "max_recording",
    "recording_permission",
    "no_one_joined",
    "everyone_left",
    "only_bots",
    "voice_inactivity",
]


@dataclass(frozen=True, slots=True)
class Leave:
    """The bot is to leave: why, in a word and in words for people, and what its life is told of it."""

    reason: LeaveReason
    message: str
    moment: Moment


class AutoLeave:
    """The limits of ``automatic_leave`` (:class:`~rejoinder.core.bot.AutomaticLeave`) for one bot.

    Known bots (``Participant.is_bot``) are not people. ``bot_name``: the bot's own name; with ``bot_detection``,
    whoever has the same one (a seat left behind, another bot of the same user) is a bot too.

    For a bot that another worker had before: ``started_at`` is when it first came into the meeting, on this clock,
    and ``people_seen`` whether anybody had been there.
    """

    def __init__(
        self,
        config: AutomaticLeave,
        bot_name: str,
        *,
        started_at: float | None = None,
        people_seen: bool = False,
    ) -> None:
        self._config = config
        self._bot_name = bot_name.strip().casefold()
        self._started_at = started_at
        self._people_seen = people_seen
        self._place: Literal["outside", "waiting", "inside"] = "outside"
        self._waiting_since = 0.0
        self._present: dict[str, Participant] = {}
        self._speaking: set[str] = set()
        self._empty_since = 0.0
        self._quiet_since = 0.0
        self._only_bots_since: float | None = None
        self._refused_at: float | None = None
        self._told = False

    @property
    def people_seen(self) -> bool:
        """Whether anybody who is no known bot has been there; for the next worker's machine."""
        return self._people_seen

    # -- what happens ------------------------------------------------------------------------------------------

    def waiting(self, now: float) -> None:
        """The bot is in the waiting room. Told again while it is, nothing changes."""
        if self._place != "waiting":
            self._place = "waiting"
            self._waiting_since = now

    def admitted(self, now: float) -> None:
        """The bot is in the meeting, for the first time or after it had lost it. Those who are there follow as
        :meth:`joined`. How long the whole meeting may last counts from the first time."""
        if self._started_at is None:
            self._started_at = now
        self._place = "inside"
        self._present.clear()
        self._speaking.clear()
        self._empty_since = self._quiet_since = now
        self._only_bots_since = None

    def joined(self, participant: Participant, now: float) -> None:
        """Somebody is there (or is there under another name)."""
        alone = not self._people()
        self._present[participant.id] = participant
        if self._people():
            self._people_seen = True
            if alone:
                self._quiet_since = now
        elif not alone:
            self._empty_since = now
        self._look_for_bots(now)

    def left(self, participant_id: str, now: float) -> None:
        """Somebody went."""
        were = self._people()
        self._present.pop(participant_id, None)
        if participant_id in self._speaking:
            self._speaking.discard(participant_id)
            self._quiet_since = now
        if were and not self._people():
            self._empty_since = now
        self._look_for_bots(now)

    def spoke(self, now: float) -> None:
        """Somebody is speaking now. To be told again and again while they are, or use :meth:`speech`."""
        self._quiet_since = max(self._quiet_since, now)

    def speech(self, participant_id: str, speaking: bool, now: float) -> None:
        """Somebody begins or stops to speak."""
        if speaking:
            self._speaking.add(participant_id)
        else:
            self._speaking.discard(participant_id)
        self.spoke(now)

    def recording_refused(self, now: float) -> None:
        """The host does not let the bot record."""
        if self._refused_at is None:
            self._refused_at = now

    def recording_allowed(self, now: float) -> None:
        """The host lets the bot record after all."""
        self._refused_at = None

    # -- what follows ------------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When to call :meth:`tick` at the latest; None while there is no limit."""
        limits = self._limits()
        return min(limits)[0] if limits else None

    def tick(self, now: float) -> Leave | None:
        """Whether to leave, said once: for the limit that was reached first."""
        limits = self._limits()
        if not limits or now < min(limits)[0]:
            return None
        self._told = True
        _, _, reason, limit_s = min(limits)
        return Leave(reason, _message(reason, limit_s), self._moment(reason))

    def _limits(self) -> list[tuple[float, int, LeaveReason, float]]:
        """(when, rank, why, the limit in seconds) of all limits that run now."""
        if self._told or self._place == "outside":
            return []
        config, found = self._config, list[tuple[float, int, LeaveReason, float]]()

        def limit(reason: LeaveReason, since: float | None, limit_s: float | None) -> None:
            if since is not None and limit_s is not None:
                found.append((since + limit_s, len(found), reason, limit_s))

        limit("max_recording", self._started_at, config.in_call_recording_s)
        if self._place == "waiting":
            limit("waiting_room", self._waiting_since, config.waiting_room_s)
            return found
        limit("recording_permission", self._refused_at, config.recording_permission_denied_s)
        if not self._people():
            if self._people_seen:
                limit("everyone_left", self._empty_since, config.everyone_left_s)
            else:
                limit("no_one_joined", self._started_at, config.no_one_joined_s)
        elif not self._speaking:
            counts_from = (self._started_at or 0.0) + config.voice_inactivity_after_s
            limit("voice_inactivity", max(self._quiet_since, counts_from), config.voice_inactivity_s)
        if config.bot_detection is not None and self._only_bots_since is not None:
            assert self._started_at is not None
            looked = max(self._only_bots_since, self._started_at + config.bot_detection.activate_after_s)
            limit("only_bots", looked, config.bot_detection.timeout_s)
        return found

    def _moment(self, reason: LeaveReason) -> Moment:
        # Sent back to the waiting room in the middle of a meeting, the bot has been in it and may have recorded.
        refused = reason == "waiting_room" and self._started_at is None
        return Moment.NOT_ALLOWED if refused else Moment.STOPPED

    def _people(self) -> bool:
        return any(not participant.is_bot for participant in self._present.values())

    def _look_for_bots(self, now: float) -> None:
        only = bool(self._present) and all(self._seems_bot(each) for each in self._present.values())
        if not only:
            self._only_bots_since = None
        elif self._only_bots_since is None:
            self._only_bots_since = now

    def _seems_bot(self, participant: Participant) -> bool:
        if participant.is_bot or self._config.bot_detection is None:
            return participant.is_bot
        name = participant.name.strip().casefold()
        return name == self._bot_name or any(
            match.casefold() in name for match in self._config.bot_detection.matches if match
        )


def _message(reason: LeaveReason, limit_s: float) -> str:
    """Why the bot left, for its log and its webhook."""
    limit = f"{limit_s:g} seconds"
    match reason:
        case "waiting_room":
            return TABLE[Moment.NOT_ALLOWED].message
        case "max_recording":
            return f"Left: the meeting has lasted as long as it may ({limit})"
        case "recording_permission":
            return f"Left: recording was not allowed within {limit}"
        case "no_one_joined":
            return f"Left: nobody joined within {limit}"
        case "everyone_left":
            return f"Left: everyone had left for {limit}"
        case "only_bots":
            return f"Left: only bots were left for {limit}"
        case "voice_inactivity":
            return f"Left: nobody spoke for {limit}"

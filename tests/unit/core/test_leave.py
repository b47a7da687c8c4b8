"""When a bot leaves by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rejoinder.core.bot import NEVER_LEAVE, AutomaticLeave, BotDetection
from rejoinder.core.leave import AutoLeave, Leave
from rejoinder.core.lifecycle import Moment
from rejoinder.core.participant import Participant

ADA = Participant("p1", "Ada")
BEN = Participant("p2", "Ben")
TAKER = Participant("p3", "Acme Notetaker")
BOT = Participant("p4", "Helper", is_bot=True)
T0 = 1000.0


def machine(config: AutomaticLeave | None = None, **more: Any) -> AutoLeave:
    return AutoLeave(config or AutomaticLeave(), "rejoinder", **more)


def inside(config: AutomaticLeave | None = None, *present: Participant) -> AutoLeave:
    """A bot that came in at T0 and found ``present``."""
    made = machine(config)
    made.admitted(T0)
    for participant in present:
        made.joined(participant, T0)
    return made


def leaves(made: AutoLeave, reason: str, at: float) -> Leave:
    """It leaves at ``at``, not a moment before, and says so once."""
    assert made.deadline() == at
    assert made.tick(at - 0.001) is None
    told = made.tick(at)
    assert told is not None
    assert told.reason == reason
    assert made.tick(at + 1) is None
    assert made.deadline() is None
    return told


def test_nothing_runs_before_the_meeting_answers() -> None:
    assert machine().deadline() is None
    assert machine().tick(1e12) is None


def test_the_waiting_room() -> None:
    made = machine()
    made.waiting(T0)
    made.waiting(T0 + 100)
    told = leaves(made, "waiting_room", T0 + 600)
    assert told == Leave("waiting_room", "Failed: Not admitted to meeting", Moment.NOT_ALLOWED)


def test_back_in_the_waiting_room_the_bot_has_been_in_the_meeting() -> None:
    made = inside(None, ADA)
    made.waiting(T0 + 50)
    assert leaves(made, "waiting_room", T0 + 650).moment is Moment.STOPPED


def test_nobody_comes() -> None:
    told = leaves(inside(None, BOT), "no_one_joined", T0 + 600)
    assert told == Leave("no_one_joined", "Left: nobody joined within 600 seconds", Moment.STOPPED)


def test_everyone_leaves() -> None:
    made = inside(None, ADA, BEN, BOT)
    made.left("p1", T0 + 10)
    assert made.deadline() == T0 + 100  # of the silence
    made.left("p2", T0 + 20)
    leaves(made, "everyone_left", T0 + 320)


def test_somebody_comes_back() -> None:
    made = inside(None, ADA)
    made.left("p1", T0 + 10)
    made.joined(ADA, T0 + 309)
    made.left("p1", T0 + 311)
    leaves(made, "everyone_left", T0 + 611)


def test_silence() -> None:
    made = inside(None, ADA)
    made.spoke(T0 + 90)
    made.joined(BEN, T0 + 95)
    leaves(made, "voice_inactivity", T0 + 190)


def test_silence_does_not_count_while_nobody_is_there() -> None:
    made = inside()
    made.joined(ADA, T0 + 500)
    leaves(made, "voice_inactivity", T0 + 600)


def test_a_long_speech_is_no_silence() -> None:
    made = inside(AutomaticLeave(in_call_recording_s=None), ADA)
    made.speech("p1", True, T0 + 5)
    assert made.deadline() is None
    made.speech("p1", False, T0 + 5000)
    assert made.deadline() == T0 + 5100


def test_who_speaks_and_goes_is_silent() -> None:
    made = inside(None, ADA, BEN)
    made.speech("p1", True, T0 + 5)
    made.left("p1", T0 + 50)
    leaves(made, "voice_inactivity", T0 + 150)


def test_the_longest_meeting() -> None:
    made = inside(None, ADA)
    for minute in range(240):
        made.spoke(T0 + minute * 60)
    leaves(made, "max_recording", T0 + 14_400)


def test_recording_is_refused() -> None:
    made = inside(None, ADA)
    made.recording_refused(T0 + 5)
    made.recording_refused(T0 + 30)
    leaves(made, "recording_permission", T0 + 65)


def test_recording_is_allowed_after_all() -> None:
    made = inside(None, ADA)
    made.recording_refused(T0 + 5)
    made.recording_allowed(T0 + 30)
    leaves(made, "voice_inactivity", T0 + 100)


def test_only_bots_are_left() -> None:
    detection = AutomaticLeave(bot_detection=BotDetection(("NOTETAKER",)))
    made = inside(detection, ADA, TAKER)
    made.spoke(T0 + 400)
    made.left("p1", T0 + 410)
    leaves(made, "only_bots", T0 + 415)


def test_bots_are_not_looked_at_too_early() -> None:
    detection = AutomaticLeave(voice_inactivity_s=None, bot_detection=BotDetection(("notetaker",), 300, 5))
    leaves(inside(detection, TAKER, BOT), "only_bots", T0 + 305)


def test_another_with_the_bots_name_is_a_bot_where_names_count() -> None:
    detection = AutomaticLeave(voice_inactivity_s=None, bot_detection=BotDetection(("notetaker",), 300, 5))
    leaves(inside(detection, Participant("p9", "Rejoinder ")), "only_bots", T0 + 305)
    without = inside(None, Participant("p9", "rejoinder"))
    leaves(without, "voice_inactivity", T0 + 100)


def test_an_empty_meeting_is_not_one_of_bots() -> None:
    detection = AutomaticLeave(bot_detection=BotDetection(("notetaker",), 1, 1))
    leaves(inside(detection), "no_one_joined", T0 + 600)


def test_coming_back_after_a_lost_connection() -> None:
    """The meeting is lost at 200 and found again at 210, with new ids."""
    made = inside(AutomaticLeave(no_one_joined_s=600, in_call_recording_s=600), ADA)
    made.spoke(T0 + 200)
    made.admitted(T0 + 210)
    made.joined(Participant("p7", "Ada"), T0 + 210)
    assert made.deadline() == T0 + 310
    for second in range(300, 600, 50):
        made.spoke(T0 + second)
    leaves(made, "max_recording", T0 + 600)


def test_nobody_came_counts_on_after_a_lost_connection() -> None:
    made = inside()
    made.admitted(T0 + 500)
    leaves(made, "no_one_joined", T0 + 600)


def test_another_worker_takes_over() -> None:
    made = machine(started_at=T0 - 14_000)
    assert made.deadline() is None
    made.admitted(T0)
    assert made.deadline() == T0 - 13_400
    made = machine(started_at=T0 - 14_000, people_seen=True)
    made.admitted(T0)
    leaves(made, "everyone_left", T0 + 300)
    assert made.people_seen


def test_the_first_limit_wins() -> None:
    made = inside(AutomaticLeave(no_one_joined_s=50, in_call_recording_s=40))
    assert made.tick(T0 + 100) == Leave(
        "max_recording", "Left: the meeting has lasted as long as it may (40 seconds)", Moment.STOPPED
    )


# -- all limits together, against a count of seconds ------------------------------------------------------------

WHO = [ADA, BEN, TAKER, BOT]
EVENTS = st.one_of(
    st.sampled_from(["waiting", "admitted", "spoke", "refused", "allowed"]).map(lambda name: (name,)),
    st.tuples(st.sampled_from(["joined", "left", "speaks", "silent"]), st.sampled_from(WHO)),
)
LIMIT = st.none() | st.integers(1, 12)
CONFIGS = st.builds(
    AutomaticLeave,
    LIMIT,
    LIMIT,
    LIMIT,
    LIMIT,
    st.none() | st.integers(10, 30),
    LIMIT,
    st.none() | st.builds(BotDetection, st.just(("notetaker",)), st.integers(1, 8), st.integers(1, 5)),
)
STORIES = st.lists(st.tuples(st.integers(1, 6), EVENTS), min_size=1, max_size=20)


@dataclass
class Count:
    """What the limits mean, second by second: how long each condition has held."""

    config: AutomaticLeave
    place: str = "outside"
    started: int | None = None
    seen: bool = False
    refused: bool = False
    present: set[Participant] = field(default_factory=set)
    speaking: set[str] = field(default_factory=set)
    held: dict[str, int] = field(default_factory=dict)

    def apply(self, event: Any, now: int) -> None:
        match event:
            case ("waiting",):
                self.place = "waiting"
            case ("admitted",):
                self.place, self.present, self.speaking = "inside", set(), set()
                self.started = now if self.started is None else self.started
                self.reset("everyone_left", "voice_inactivity", "only_bots")
            case ("joined", who):
                self.present.add(who)
                self.seen = self.seen or not who.is_bot
            case ("left", who):
                self.present.discard(who)
                self.speaking.discard(who.id)
            case ("speaks", who):
                self.speaking.add(who.id)
                self.reset("voice_inactivity")
            case ("silent", who):
                self.speaking.discard(who.id)
                self.reset("voice_inactivity")
            case ("spoke",):
                self.reset("voice_inactivity")
            case ("refused",):
                self.refused = True
            case ("allowed",):
                self.refused = False

    def reset(self, *reasons: str) -> None:
        self.held.update(dict.fromkeys(reasons, 0))

    def holds(self, now: int) -> dict[str, bool]:
        """Which conditions hold during the second that begins now."""
        there = self.place == "inside"
        people = any(not who.is_bot for who in self.present)
        bots = bool(self.present) and all(who.is_bot or who is TAKER for who in self.present)
        detection = self.config.bot_detection
        return {
            "waiting_room": self.place == "waiting",
            "max_recording": self.started is not None,
            "recording_permission": self.refused,
            "no_one_joined": self.started is not None,
            "everyone_left": there and self.seen and not people,
            "voice_inactivity": there and people and not self.speaking,
            "only_bots": there
            and bots
            and detection is not None
            and self.started is not None
            and now >= self.started + detection.activate_after_s,
        }

    def due(self) -> set[str]:
        """The limits that are reached now."""
        config, there = self.config, self.place == "inside"
        alone = there and not any(not who.is_bot for who in self.present)
        limits = {
            "waiting_room": config.waiting_room_s,
            "max_recording": config.in_call_recording_s if self.place != "outside" else None,
            "recording_permission": config.recording_permission_denied_s if there else None,
            "no_one_joined": config.no_one_joined_s if alone and not self.seen else None,
            "everyone_left": config.everyone_left_s,
            "voice_inactivity": config.voice_inactivity_s,
            "only_bots": config.bot_detection.timeout_s if config.bot_detection else None,
        }
        return {why for why, limit in limits.items() if limit is not None and self.held.get(why, 0) >= limit}


def counted(config: AutomaticLeave, story: dict[int, Any], end: int) -> tuple[int | None, set[str]]:
    """When and for what a bot must leave."""
    count = Count(config)
    for now in range(end):
        if due := count.due():
            return now, due
        if now in story:
            count.apply(story[now], now)
            if due := count.due():
                return now, due
        for why, holds in count.holds(now).items():
            count.held[why] = count.held.get(why, 0) + 1 if holds else 0
    return None, set()


def perform(made: AutoLeave, event: Any, now: float) -> None:
    match event:
        case ("waiting",):
            made.waiting(now)
        case ("admitted",):
            made.admitted(now)
        case ("joined", who):
            made.joined(who, now)
        case ("left", who):
            made.left(who.id, now)
        case ("speaks", who):
            made.speech(who.id, True, now)
        case ("silent", who):
            made.speech(who.id, False, now)
        case ("spoke",):
            made.spoke(now)
        case ("refused",):
            made.recording_refused(now)
        case ("allowed",):
            made.recording_allowed(now)


def played(made: AutoLeave, story: dict[int, Any], end: int) -> tuple[float | None, str]:
    """When and why the machine leaves, if it is only ticked when it asked for it."""
    for at, event in [*sorted(story.items()), (end, ("end",))]:
        if (due := made.deadline()) is not None and due <= at:
            told = made.tick(due)
            assert told is not None
            return due, told.reason
        perform(made, event, at)
        if (told := made.tick(at)) is not None:
            return at, told.reason
    return None, ""


def story_of(steps: list[tuple[int, Any]]) -> tuple[dict[int, Any], int]:
    """Events at growing times, and when to stop looking."""
    story, now = {}, 0
    for wait, event in steps:
        now += wait
        story[now] = event
    return story, now + 60


@settings(max_examples=300)
@given(CONFIGS, STORIES)
def test_the_bot_leaves_exactly_when_a_limit_is_reached(config: AutomaticLeave, steps: list[tuple[int, Any]]) -> None:
    story, end = story_of([(1, ("admitted",)), *steps])
    at, due = counted(config, story, end)
    left_at, reason = played(machine(config), story, end - 1)
    assert left_at == at
    assert at is None or reason in due


@given(STORIES)
def test_without_limits_a_bot_stays(steps: list[tuple[int, Any]]) -> None:
    story, end = story_of(steps)
    made = machine(NEVER_LEAVE)
    assert played(made, story, end) == (None, "")
    assert made.deadline() is None
    assert made.tick(1e12) is None


@pytest.mark.parametrize("field_name", ["no_one_joined_s", "everyone_left_s", "voice_inactivity_s"])
def test_one_limit_less(field_name: str) -> None:
    made = inside(AutomaticLeave(**{field_name: None}))
    if field_name != "no_one_joined_s":
        made.joined(ADA, T0)
        made.spoke(T0)
        if field_name == "everyone_left_s":
            made.left("p1", T0)
    leaves(made, "max_recording", T0 + 14_400)


def test_silence_may_count_only_after_a_while() -> None:
    config = AutomaticLeave(voice_inactivity_s=10.0, voice_inactivity_after_s=100.0, in_call_recording_s=None)
    made = inside(config, ADA)
    assert made.deadline() == T0 + 110
    made.spoke(T0 + 50)
    assert made.deadline() == T0 + 110
    made.spoke(T0 + 105)
    leaves(made, "voice_inactivity", T0 + 115)

"""Who is in a Google Meet, and who is on which track."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rejoinder.core.events import (
    CaptionReceived,
    ChatReceived,
    MeetingEvent,
    ParticipantJoined,
    ParticipantLeft,
    SpeakerLabelled,
)
from rejoinder.platforms.driver import Fact
from rejoinder.platforms.google_meet.roster import LEARN_S, LEAVES_AFTER_S, NUMBER_S, MeetRoster
from rejoinder.platforms.waiting import Block, Waiting

ME = {"id": "d/1", "name": "You", "me": True}
ADA = {"id": "d/2", "name": "Ada", "me": False}
BEN = {"id": "d/3", "name": "Ben", "me": False}
CAT = {"id": "d/4", "name": "Cat", "me": False}
NUMBERS = {"d/2": 1002, "d/3": 1003, "d/4": 1004}


class Room:
    """Facts as a page gives them: voices and numbers every tenth of a second."""

    def __init__(self, *people: dict[str, Any]) -> None:
        self.roster = MeetRoster("Rejoinder", ("You", "Du"))
        self.now = 10.0
        self.epoch = 0
        self.events: list[MeetingEvent] = []
        if people:
            self.people(*people)

    def fact(self, kind: str, **data: Any) -> list[MeetingEvent]:
        events = self.roster.on_fact(Fact(kind, data, self.now, self.epoch), self.now)
        self.events += events
        return events

    def people(self, *rows: dict[str, Any]) -> list[MeetingEvent]:
        return self.fact("people", all=list(rows))

    def talk(self, seconds: float, on: dict[int, str], glow: bool = True, lag: float = 0.2) -> list[str | None]:
        """So many seconds of people (by id) on tracks; whom the first track was labelled as, in tenths."""
        labels: list[str | None] = []
        for step in range(round(seconds * 10)):
            for track, who in on.items():
                self.fact("csrc", track=track, sources=[[NUMBERS[who], 0.4]])
            if glow:
                self.fact("voices", ids=list(on.values()) if step * 0.1 >= lag else [])
            labels.append(self.named(next(iter(on))))
            self.now += 0.1
        for track in on:
            self.fact("csrc", track=track, sources=[])
        self.fact("voices", ids=[])
        return labels

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.fact("voices", ids=[])

    def named(self, track: int) -> str | None:
        person = self.roster.label(track, self.now)
        return person.name if person is not None else None


def test_people_come_and_the_bot_is_not_among_them() -> None:
    room = Room()
    events = room.people(ME, ADA)
    assert [event.participant.name for event in events if isinstance(event, ParticipantJoined)] == ["Ada"]
    assert room.roster.me is not None
    assert room.roster.me.name == "Rejoinder"
    assert [person.name for person in room.roster.participants] == ["Ada"]


def test_an_unmarked_tile_of_the_bots_name_is_the_bot_and_stays_it() -> None:
    room = Room({"id": "d/1", "name": "Rejoinder"}, ADA)
    assert [person.id for person in room.roster.participants] == ["d/2"]
    room.people({"id": "d/1", "name": ""}, ADA, {"id": "d/9", "name": "Rejoinder"})
    assert [person.id for person in room.roster.participants] == ["d/2", "d/9"]


def test_the_preview_of_the_lobby_is_not_kept_as_the_bot() -> None:
    room = Room({"id": "preview", "name": "", "me": True})
    room.people({"id": "d/1", "name": "Rejoinder"}, ADA)
    assert room.roster.me is not None
    assert room.roster.me.id == "d/1"
    assert [person.id for person in room.roster.participants] == ["d/2"]


def test_a_page_drawn_anew_is_nobody_leaving() -> None:
    room = Room(ME, ADA)
    room.people(ME)
    room.now += LEAVES_AFTER_S - 0.1
    assert room.roster.tick(room.now) == []
    room.people(ME, ADA)
    assert room.roster.deadline() is None
    room.people(ME)
    room.now += LEAVES_AFTER_S
    assert room.roster.deadline() == room.now
    (gone,) = room.roster.tick(room.now)
    assert isinstance(gone, ParticipantLeft)
    assert room.roster.participants == []


def test_no_tiles_at_all_is_not_nobody() -> None:
    room = Room(ME, ADA)
    room.people()
    assert room.roster.deadline() is None
    assert len(room.roster.participants) == 1


def test_a_name_that_cannot_be_read_for_a_moment_is_kept() -> None:
    room = Room(ME, ADA)
    assert room.people(ME, {"id": "d/2", "name": ""}) == []
    assert room.roster.participants[0].name == "Ada"


def test_a_number_is_learned_from_the_glow_and_then_known_at_once_on_any_track() -> None:
    room = Room(ME, ADA, BEN, CAT)
    first = room.talk(2.0, {0: "d/2"})
    assert first[:2] == [None, None]
    assert set(first[3:]) == {"Ada"}
    room.pause(1.0)
    room.talk(2.0, {1: "d/3"})
    room.pause(1.0)
    # Slots are reassigned: each is on another track now, without any glow yet.
    assert set(room.talk(0.5, {1: "d/2", 0: "d/3"}, glow=False)) == {"Ada"}
    assert room.named(0) == "Ben"
    labels = [event for event in room.events if isinstance(event, SpeakerLabelled)]
    assert labels[0].source == "dom"
    assert labels[-1].source == "csrc"
    assert labels[-1].confidence >= 0.7


def test_who_is_left_over_needs_no_glow() -> None:
    room = Room(ME, ADA, BEN)
    room.talk(2.0, {0: "d/2"})
    assert set(room.talk(1.0, {1: "d/3"}, glow=False)) == {"Ben"}


def test_two_at_once_who_never_spoke_alone_are_not_guessed() -> None:
    room = Room(ME, ADA, BEN, CAT)
    room.talk(5.0, {0: "d/2", 1: "d/3"})
    assert room.named(0) is None
    assert room.named(1) is None


def test_a_wrong_lesson_is_unlearned() -> None:
    room = Room(ME, ADA, BEN, CAT)
    for _ in range(20):
        room.fact("csrc", track=0, sources=[[1003, 0.4]])
        room.fact("voices", ids=["d/2"])
        room.now += 0.1
    assert room.named(0) == "Ada"
    room.pause(1.0)
    room.talk(5.0, {0: "d/3"})
    assert set(room.talk(1.0, {0: "d/3"})) == {"Ben"}


def test_someone_with_a_new_number_is_known_again() -> None:
    room = Room(ME, ADA, BEN, CAT)
    room.talk(4.0, {0: "d/2"})
    room.pause(1.0)
    for _ in range(60):
        room.fact("csrc", track=1, sources=[[2002, 0.4]])
        room.fact("voices", ids=["d/2"])
        room.now += 0.1
    assert room.named(1) == "Ada"


def test_the_last_track_of_a_speaker_is_not_theirs_any_more() -> None:
    room = Room(ME, ADA, BEN, CAT)
    room.talk(2.0, {0: "d/2"})
    room.talk(0.5, {2: "d/2"})
    assert room.named(2) == "Ada"
    assert room.named(0) is None
    room.now += 3.0
    assert room.named(2) is None


def test_alone_with_one_other_there_is_nothing_to_learn() -> None:
    room = Room(ME, ADA)
    room.fact("track", track=0, state="live", mixed=False)
    assert room.named(0) == "Ada"
    assert room.talk(0.3, {1: "d/2"}, glow=False) == ["Ada"] * 3


def test_sound_whose_number_does_not_come_is_nobody_elses() -> None:
    """The last sound of a track whose speaker has moved on: not of the one person who is not heard."""
    room = Room(ME, ADA, BEN, CAT)
    room.talk(2.0, {0: "d/2"})
    room.talk(2.0, {1: "d/3"})
    room.fact("csrc", track=2, sources=[[1002, 0.4]])
    room.fact("csrc", track=1, sources=[[1003, 0.4]])
    assert room.named(0) is None


def test_sound_waits_for_its_number_and_no_longer() -> None:
    room = Room(ME, ADA, BEN, CAT)
    room.talk(2.0, {0: "d/2"})
    assert room.roster.patience(0, room.now - 0.05) == 0.0, "it came while Ada's number was heard"
    room.now += 0.5
    assert room.roster.patience(0, room.now) == NUMBER_S, "whoever speaks on it now, it need not be Ada"
    assert room.roster.patience(7, room.now) == NUMBER_S
    said = room.now
    room.now += 0.06
    room.fact("csrc", track=0, sources=[[1002, 0.4]])
    assert room.roster.patience(0, said) == 0.0
    assert room.roster.label(0, said) == room.roster.participants[0]


def test_a_number_nobody_is_known_for_is_waited_for_once() -> None:
    room = Room(ME, ADA, BEN, CAT)
    room.fact("csrc", track=0, sources=[[1002, 0.4]])
    room.fact("csrc", track=1, sources=[[1003, 0.4]])
    assert room.roster.patience(0, room.now) == LEARN_S
    room.talk(LEARN_S + 0.2, {0: "d/2", 1: "d/3"}, lag=0.0)  # at once: nothing tells them apart
    room.fact("csrc", track=2, sources=[[1002, 0.4]])
    assert room.named(2) is None
    assert room.roster.patience(2, room.now) == 0.0


def test_nothing_waits_where_there_is_nothing_to_wait_for() -> None:
    room = Room(ME, ADA)
    assert room.roster.patience(0, room.now) == 0.0
    room.people(ME, ADA, BEN)
    room.fact("track", track=0, state="live", mixed=True)
    assert room.roster.patience(0, room.now) == 0.0


def test_the_first_words_of_a_person_come_out_under_their_name() -> None:
    """Audio every 20 ms from the first word on, its number 60 ms later, the tile 0.3 s later."""
    room = Room(ME, ADA, BEN, CAT)
    waiting = Waiting(room.roster.label, room.roster.patience)
    heard: list[tuple[float, str]] = []
    began, loud = room.now, [[1002, 0.4]]
    for step in range(50):
        room.now = began + step * 0.02
        if step >= 3 and step % 10 == 3:
            room.fact("csrc", track=0, sources=loud)
        if step >= 15 and step % 20 == 15:
            room.fact("voices", ids=["d/2"])
        named = waiting.due(room.now) + waiting.take(Block(0, room.now, np.ones(960, np.int16), True), room.now)
        heard += [(room.now, person.name if person is not None else "?") for _, person in named]
    assert [name for _, name in heard] == ["Ada"] * 50
    assert heard[0][0] - began < 0.35, "the live loop waits for the tile, no longer"


def test_a_tile_that_glows_for_the_last_speaker_names_nobody_new() -> None:
    room = Room(ME, ADA, BEN, CAT)
    room.fact("csrc", track=0, sources=[[1002, 0.4]])
    room.now += 0.1
    room.fact("voices", ids=["d/2"])
    assert room.named(0) == "Ada"
    room.now += 0.1
    room.fact("csrc", track=0, sources=[])
    room.now += 0.4
    room.fact("csrc", track=1, sources=[[1004, 0.4]])
    room.fact("voices", ids=["d/2"])
    assert room.named(1) is None
    room.now += 0.2
    room.fact("voices", ids=["d/4"])
    assert room.named(1) == "Cat"


def test_two_who_begin_one_soon_after_the_other_are_told_apart_at_first_sight_and_stay_it() -> None:
    room = Room(ME, ADA, BEN, CAT)

    def both(seconds: float, lit: list[str]) -> None:
        for _ in range(round(seconds * 10)):
            room.fact("csrc", track=0, sources=[[1002, 0.4]])
            room.fact("csrc", track=1, sources=[[1003, 0.4]])
            room.fact("voices", ids=lit)
            room.now += 0.1

    room.fact("csrc", track=0, sources=[[1002, 0.4]])
    room.now += 0.1
    room.fact("csrc", track=0, sources=[[1002, 0.4]])
    room.fact("voices", ids=["d/2"])
    both(0.2, ["d/2"])
    both(1.0, ["d/2", "d/3"])
    assert (room.named(0), room.named(1)) == ("Ada", "Ben")
    told = [event for event in room.events if isinstance(event, SpeakerLabelled)]
    assert {(event.source, event.confidence) for event in told[:2]} == {("dom", 0.5)}


def test_a_guess_says_nothing_of_sound_long_after_its_number() -> None:
    room = Room(ME, ADA, BEN, CAT)
    room.fact("csrc", track=0, sources=[[1002, 0.4]])
    room.now += 0.2
    room.fact("voices", ids=["d/2"])
    assert room.named(0) == "Ada"
    room.fact("csrc", track=0, sources=[])
    for _ in range(30):
        room.now += 0.1
        room.fact("voices", ids=["d/3"])
    assert room.named(0) is None


def test_a_mix_is_whoever_glows_with_little_confidence() -> None:
    room = Room(ME, ADA, BEN)
    room.fact("track", track=0, state="live", mixed=True)
    assert room.named(0) is None
    (label,) = room.fact("voices", ids=["d/3"])
    assert label == SpeakerLabelled(0, room.roster.participants[1], "mixed", 0.5)
    (label,) = room.fact("voices", ids=["d/2", "d/3"])
    assert isinstance(label, SpeakerLabelled)
    assert (label.participant.name, label.confidence) == ("Ben", 0.3)
    room.fact("voices", ids=["d/2"])
    assert room.named(0) == "Ada"
    room.pause(2.5)
    assert room.named(0) is None


def test_a_reload_forgets_tracks_and_numbers_but_no_people_and_no_messages() -> None:
    room = Room(ME, ADA, BEN, CAT)
    room.talk(3.0, {0: "d/2"})
    told = {"message": "m1", "name": "Ada", "text": "Hello", "at": 1.0}
    assert len(room.fact("chat", **told)) == 1
    room.epoch = 1
    assert room.people(ME, ADA, BEN, CAT) == []
    assert room.named(0) is None
    assert room.fact("chat", **told) == []
    room.epoch = 0
    assert room.fact("voices", ids=["d/2"]) == []


def test_chat_and_captions_are_of_their_person_and_never_the_bots() -> None:
    room = Room(ME, ADA)
    (chat,) = room.fact("chat", message="m1", id="d/2", name="Ada", text="Hello", at=5.0)
    assert isinstance(chat, ChatReceived)
    assert (chat.participant.id, chat.text, chat.at) == ("d/2", "Hello", 5.0)
    (caption,) = room.fact("caption", id=None, name="Ada", text="so", final=False)
    assert isinstance(caption, CaptionReceived)
    assert (caption.participant.id, caption.final) == ("d/2", False)
    assert room.fact("caption", id=None, name="Du", text="ich", final=True) == []
    assert room.fact("chat", message="m2", id=None, name="You", text="me", at=5.0) == []
    assert room.fact("chat", message="m3", id="d/1", name="Rejoinder", text="me", at=5.0) == []


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "me"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["people", "voices", "csrc", "track", "chat", "caption", "other"]),
            st.dictionaries(st.sampled_from(["all", "ids", "track", "sources", "text", "name", "id", "message"]), JUNK),
            st.integers(0, 3),
        ),
        max_size=15,
    )
)
def test_a_page_may_say_anything(facts: list[tuple[str, dict[str, Any], int]]) -> None:
    room = Room(ME, ADA)
    for kind, data, epoch in facts:
        room.epoch = epoch
        room.fact(kind, **data)
        room.named(0)
        assert room.roster.patience(0, room.now) >= 0.0
        room.now += 0.1
    room.roster.tick(room.now + 10)

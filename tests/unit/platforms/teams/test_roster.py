"""Facts of a Teams page to people, labels, chat and captions."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rejoinder.core.events import (
    CaptionReceived,
    ChatReceived,
    MeetingEvent,
    ParticipantJoined,
    ParticipantLeft,
    SpeakerLabelled,
)
from rejoinder.core.participant import Participant
from rejoinder.platforms.driver import Fact
from rejoinder.platforms.teams.roster import TeamsRoster

BOT = "Rejoinder"
ANN, BEN = Participant("8:a", "Ann"), Participant("8:b", "Ben")
ROWS = [["8:me", BOT, False, False], ["8:a", "Ann (Guest)", False, False], ["8:b", "Ben (Unverified)", False, False]]


class Page:
    """A roster and a clock."""

    def __init__(self) -> None:
        self.roster = TeamsRoster(BOT)
        self.now = 100.0

    def tell(self, kind: str, after: float = 0.1, epoch: int = 0, **data: Any) -> list[MeetingEvent]:
        self.now += after
        return self.roster.on_fact(Fact(kind, data, self.now, epoch), self.now)

    def tiles(self, *lit: str, rows: Any = None, count: Any = 3, after: float = 0.1) -> list[MeetingEvent]:
        rows = [[who, name, who in lit, me] for who, name, _, me in (ROWS if rows is None else rows)]
        return self.tell("tiles", after, rows=rows, count=count)

    def tracks(self) -> None:
        self.tell("track", track=0, id="audioDouble-9", state="live")
        self.tell("track", track=1, id="mainAudio-9", state="live")

    def label(self, track: int = 1) -> Participant | None:
        return self.roster.label(track, self.now)


def test_people_come_by_their_tiles_without_teams_own_additions_and_the_bot_is_not_one() -> None:
    page = Page()
    assert page.tiles() == [ParticipantJoined(ANN), ParticipantJoined(BEN)]
    assert page.roster.me == Participant("8:me", BOT)
    assert page.roster.participants == [ANN, BEN]
    assert page.tiles() == []


def test_a_person_called_like_the_bot_is_still_a_person() -> None:
    page = Page()
    page.tiles(rows=[["8:me", BOT, False, False], ["8:x", BOT, False, False]], count=2)
    assert page.roster.participants == [Participant("8:x", BOT)]


def test_without_ids_two_of_one_name_are_two() -> None:
    page = Page()
    rows = [["", BOT, False, False], ["", "Ann", False, False], ["", "Ann", False, False]]
    page.tiles(rows=rows)
    assert [person.id for person in page.roster.participants] == ["name:Ann", "name:Ann#2"]


def test_who_is_gone_while_the_badge_says_that_all_are_shown_left() -> None:
    page = Page()
    page.tiles()
    assert page.tiles(rows=ROWS[:2], count=2) == []
    assert page.tiles(rows=ROWS[:2], count=2) == []
    assert page.tiles(rows=ROWS[:2], count=2, after=2.0) == [ParticipantLeft(BEN)]


def test_who_is_not_shown_because_the_page_shows_only_some_did_not_leave() -> None:
    page = Page()
    page.tiles()
    for _ in range(200):
        assert page.tiles(rows=ROWS[:2], count=3, after=1.0) == []


def test_a_missing_badge_is_unknown_but_not_for_ever() -> None:
    page = Page()
    page.tiles()
    for _ in range(59):
        assert page.tiles(rows=ROWS[:1], count=None, after=1.0) == []
    assert page.roster.participants == [ANN, BEN]
    gone = [*page.tiles(rows=ROWS[:1], count=None, after=1.0), *page.tiles(rows=ROWS[:1], count=None, after=1.0)]
    assert gone == [ParticipantLeft(ANN), ParticipantLeft(BEN)]


def test_a_badge_of_zero_is_no_genuine_count() -> None:
    page = Page()
    page.tiles()
    for _ in range(30):
        assert page.tiles(rows=ROWS[:1], count=0, after=1.0) == []


def test_the_main_mix_is_labelled_and_its_double_is_nobodys() -> None:
    page = Page()
    page.tiles()
    page.tracks()
    assert page.tiles("8:b") == [SpeakerLabelled(1, BEN, "dom", 0.8)]
    assert page.label() == BEN
    assert page.roster.hears(1, page.now)
    assert not page.roster.hears(0, page.now)
    assert page.tiles("8:a", "8:b") == [SpeakerLabelled(1, BEN, "mixed", 0.4)]


def test_the_hiss_before_anybody_spoke_is_no_unknown_speaker_but_a_voice_without_a_light_is() -> None:
    page = Page()
    page.tracks()
    page.tiles()
    page.tell("levels", levels={"0": 0.0, "1": 0.0005})
    assert page.label() == ANN
    page.tell("levels", levels={"0": 0.1, "1": 0.1})
    assert page.label() is None


def test_the_hiss_of_a_mix_nobody_is_in_is_not_heard_but_a_voice_is() -> None:
    page = Page()
    page.tracks()
    page.tell("levels", levels={"0": 0.0, "1": 0.0005})
    assert not page.roster.hears(1, page.now)
    page.tell("levels", levels={"0": 0.1, "1": 0.1})
    assert page.roster.hears(1, page.now)


def test_contributing_sources_say_nothing_here() -> None:
    page = Page()
    page.tracks()
    page.tiles()
    assert page.tell("source", csrc=7, id="8:a") == []
    assert page.tell("csrc", track=1, sources=[[7, 0.5]]) == []


def test_chat_comes_once_with_its_writer_and_not_the_bots_own() -> None:
    page = Page()
    page.tiles()
    message = {"id": "m1", "name": "Ann (Guest)", "text": "Hello", "at": 5.0}
    assert page.tell("message", **message) == [ChatReceived(ANN, "Hello", 5.0)]
    assert page.tell("message", **message) == []
    assert page.tell("message", epoch=1, **message) == []
    assert page.tell("message", epoch=1, id="m2", name=BOT, text="Hi", at=6.0) == []


def test_captions_come_interim_and_final_under_known_names_only_once() -> None:
    page = Page()
    page.tiles()
    assert page.tell("lines", rows=[["1", "Ann (Guest)", "so we"], ["2", BOT, "yes"]]) == [
        CaptionReceived(ANN, "so we", final=False)
    ]
    deadline = page.roster.deadline()
    assert deadline is not None
    assert page.roster.tick(deadline) == [CaptionReceived(ANN, "so we", final=True)]


def test_after_a_reload_tracks_are_new_and_people_the_same() -> None:
    page = Page()
    page.tiles()
    page.tracks()
    page.tell("track", epoch=1, track=0, id="mainAudio-10", state="live")
    assert page.roster.hears(0, page.now)
    assert page.roster.participants == [ANN, BEN]
    assert page.tell("track", epoch=0, track=3, id="mainAudio-8", state="live") == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["tiles", "track", "levels", "lines", "message", "csrc", "chat"]),
            st.dictionaries(
                st.sampled_from(["rows", "count", "track", "id", "state", "levels", "name", "text", "at"]), _JSON
            ),
        ),
        max_size=15,
    )
)
def test_a_page_may_say_anything(facts: list[tuple[str, dict[str, Any]]]) -> None:
    page = Page()
    for kind, data in facts:
        page.tell(kind, **data)
        page.label(1)

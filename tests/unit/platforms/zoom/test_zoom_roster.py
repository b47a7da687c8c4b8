"""Who is there, who speaks on the mix, and captions that roll."""

from __future__ import annotations

from typing import Any

import pytest
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
from rejoinder.platforms.zoom.roster import CONFIDENCE, GONE_READS, ZoomRoster, initials, new_words

BOT = "Notes"


class Stage:
    def __init__(self) -> None:
        self.roster = ZoomRoster(BOT, ("You", "Sie"))
        self.now = 10.0
        self.epoch = 1

    def fact(self, kind: str, **data: Any) -> list[MeetingEvent]:
        self.now += 0.25
        return self.roster.on_fact(Fact(kind, data, self.now, self.epoch), self.now)

    def signal(self, *rows: dict[str, Any]) -> list[MeetingEvent]:
        return self.fact("zoom_roster", rows=list(rows))

    def panel(self, *names: str, count: int | None = None) -> list[MeetingEvent]:
        rows = [{"name": BOT, "me": True}, *({"name": name} for name in names)]
        return self.fact("zoom_people", rows=rows, count=len(rows) if count is None else count, tiles=[])

    def mix(self) -> list[MeetingEvent]:
        return self.fact("track", track=0, state="live", mixed=True, stream="webaudio", id="a", pc=None, mid=None)

    def speaks(self, name: str, by: str = "border") -> list[MeetingEvent]:
        return self.fact("zoom_speaker", by=by, name=name)

    def heard(self) -> str | None:
        person = self.roster.label(0, self.now)
        return None if person is None else person.name

    @property
    def names(self) -> list[str]:
        return sorted(person.name for person in self.roster.participants)


def test_people_by_zooms_signalling_keep_their_ids() -> None:
    stage = Stage()
    stage.signal({"id": "16778240", "name": "Ann", "host": True}, {"id": "16779264", "name": BOT})
    assert stage.names == ["Ann"]
    assert stage.roster.me is not None
    assert stage.roster.me.id == "16779264"
    renamed = stage.signal({"id": "16778240", "name": "Ann Lee"})
    assert [event.participant.name for event in renamed if isinstance(event, ParticipantJoined)] == ["Ann Lee"]
    assert stage.roster.participants[0].is_host  # an update without the flag keeps it
    assert isinstance(stage.signal({"id": "16778240", "gone": True})[0], ParticipantLeft)


def test_second_person_of_the_bots_name_is_a_person() -> None:
    stage = Stage()
    stage.signal({"id": "1024", "name": BOT}, {"id": "2048", "name": BOT})
    assert [person.id for person in stage.roster.participants] == ["2048"]


def test_own_id_told_by_zoom_beats_the_name() -> None:
    stage = Stage()
    stage.signal({"id": "2048", "name": BOT, "me": True})
    stage.signal({"id": "1024", "name": BOT, "me": False})
    assert [person.id for person in stage.roster.participants] == ["1024"]


def test_panel_that_shows_a_part_of_the_list_removes_nobody() -> None:
    stage = Stage()
    stage.panel("Ann", "Ben", "Cas")
    for _ in range(20):
        assert stage.panel("Ann", count=4) == []
    assert stage.names == ["Ann", "Ben", "Cas"]


def test_leaving_needs_several_whole_reads() -> None:
    stage = Stage()
    stage.panel("Ann", "Ben")
    for _ in range(GONE_READS - 1):
        assert stage.panel("Ann") == []
    stage.panel("Ann", "Ben")
    for _ in range(GONE_READS - 1):
        assert stage.panel("Ann") == []
    assert [type(event) for event in stage.panel("Ann")] == [ParticipantLeft]


def test_closed_panel_and_no_count_are_unknown_not_nobody() -> None:
    stage = Stage()
    stage.panel("Ann")
    for _ in range(10):
        stage.fact("zoom_people", rows=[], count=None, tiles=["Ann", BOT])
        stage.fact("zoom_people", rows=[{"name": BOT, "me": True}], count=None, tiles=[])
    assert stage.names == ["Ann"]


def test_two_people_of_one_name_are_two() -> None:
    stage = Stage()
    stage.panel("Ann", "Ann")
    assert stage.names == ["Ann", "Ann"]
    stage.mix()
    stage.speaks("Ann")
    assert stage.heard() is None  # which of them is not known


def test_own_tile_is_nobody_else() -> None:
    stage = Stage()
    stage.fact("zoom_people", rows=[], count=None, tiles=[BOT, "Ann"])
    assert stage.names == ["Ann"]


def test_signalling_replaces_what_the_panel_gave() -> None:
    stage = Stage()
    stage.panel("Ann")
    events = stage.signal({"id": "1024", "name": "Ann"})
    assert [type(event) for event in events] == [ParticipantLeft, ParticipantJoined]
    stage.panel("Ann", "Ben")
    assert [person.id for person in stage.roster.participants] == ["1024"]


def test_mix_is_whoever_the_page_shows_as_speaking() -> None:
    stage = Stage()
    stage.panel("Ann", "Ben")
    stage.mix()
    assert stage.heard() is None
    told = stage.speaks("Ann")
    assert told == [SpeakerLabelled(0, stage.roster.participants[0], "mixed", CONFIDENCE["border"])]
    assert stage.heard() == "Ann"
    stage.speaks("Ben", by="stage")
    assert stage.heard() == "Ben"
    stage.now += 60
    assert stage.heard() is None  # the page has not said so for long


def test_only_other_person_is_who_is_heard() -> None:
    stage = Stage()
    stage.panel("Ann")
    told = stage.mix()
    assert [event.confidence for event in told if isinstance(event, SpeakerLabelled)] == [CONFIDENCE["only"]]
    stage.now += 600
    assert stage.heard() == "Ann"
    stage.panel("Ann", "Ben")
    assert stage.heard() is None


def test_bots_own_tile_as_speaker_takes_nothing_from_the_others() -> None:
    stage = Stage()
    stage.panel("Ann", "Ben")
    stage.mix()
    stage.speaks("Ann")
    stage.speaks(BOT)
    assert stage.heard() == "Ann"


def test_signalling_knows_the_speaker_better_than_the_tiles() -> None:
    stage = Stage()
    stage.signal({"id": "16778240", "name": "Ann"}, {"id": "16779264", "name": "Ben"})
    stage.mix()
    stage.fact("zoom_speaker", by="signal", id="16778243")  # a stream of Ann's
    assert stage.heard() == "Ann"
    stage.speaks("Ben")
    assert stage.heard() == "Ann"


def test_streams_of_the_sdk_carry_who_it_is() -> None:
    stage = Stage()
    stage.fact("track", track=3, state="live", mixed=False, stream="abc+CS+16779265", id="x", pc=0, mid="1")
    assert stage.roster.label(3, stage.now) is None
    events = stage.signal({"id": "16778240", "name": "Ann"}, {"id": "16779264", "name": "Ben"})
    labelled = [event for event in events if isinstance(event, SpeakerLabelled)]
    assert [(event.participant.name, event.source) for event in labelled] == [("Ben", "track")]
    person = stage.roster.label(3, stage.now)
    assert person is not None
    assert person.name == "Ben"


def test_reload_forgets_tracks_and_keeps_people() -> None:
    stage = Stage()
    stage.signal({"id": "1024", "name": "Ann"})
    stage.mix()
    stage.epoch = 2
    stage.fact("stats")
    assert stage.heard() is None
    assert stage.names == ["Ann"]
    assert stage.signal({"id": "1024", "name": "Ann"}) == []
    stage.epoch = 1
    assert stage.signal({"id": "2048", "name": "Old"}) == []


def test_chat_of_others_only() -> None:
    stage = Stage()
    stage.panel("Ann")
    [message] = stage.fact("zoom_chat", id=None, name="Ann", text="hello", at=5.0)
    assert isinstance(message, ChatReceived)
    assert (message.participant.name, message.text) == ("Ann", "hello")
    assert stage.fact("zoom_chat", id=None, name="You", text="mine", at=5.0) == []
    assert stage.fact("zoom_chat", id=None, name="Sie", text="mine", at=5.0) == []


def test_caption_belongs_to_the_initials_and_gives_each_word_once() -> None:
    stage = Stage()
    stage.panel("Ann Lee", "Ben")
    [first] = stage.fact("zoom_caption", key="AL", text="so let us")
    assert first == CaptionReceived(stage.roster.participants[0], "so let us", final=False)
    stage.fact("zoom_caption", key="AL", text="So let us begin.")
    deadline = stage.roster.deadline()
    assert deadline is not None
    [final] = stage.roster.tick(deadline)
    assert isinstance(final, CaptionReceived)
    assert final.final
    assert final.text == "So let us begin."
    assert stage.roster.deadline() is None
    [rolled] = stage.fact("zoom_caption", key="AL", text="us begin. The weather")
    assert isinstance(rolled, CaptionReceived)
    assert rolled.text == "The weather"
    events = stage.fact("zoom_caption", key="B", text="is fine")
    assert [(event.participant.name, event.final) for event in events if isinstance(event, CaptionReceived)] == [
        ("Ann Lee", True),
        ("Ben", False),
    ]


@pytest.mark.parametrize(
    ("before", "after", "new"),
    [
        ("", "hello there", "hello there"),
        ("hello there", "hello there friend", "friend"),
        ("Hello there,", "there friend", "friend"),
        ("hello there", "hello there", ""),
        ("one two", "three", "three"),
    ],
)
def test_new_words(before: str, after: str, new: str) -> None:
    assert new_words(before, after) == new


def test_initials() -> None:
    assert [initials(name) for name in ("Ann Maria Lee", "ben", "")] == ["AL", "B", ""]


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "name", "me", "gone"]), inner),
    max_leaves=8,
)
kinds = st.sampled_from(["zoom_roster", "zoom_people", "zoom_speaker", "zoom_caption", "zoom_chat", "track", "label"])
keys = st.sampled_from(
    ["rows", "tiles", "count", "id", "name", "by", "key", "text", "track", "stream", "mixed", "state"]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(kinds, st.dictionaries(keys, junk)), max_size=12))
def test_whatever_a_page_says_raises_nothing(facts: list[tuple[str, dict[str, Any]]]) -> None:
    stage = Stage()
    for kind, data in facts:
        stage.fact(kind, **data)
        stage.roster.label(0, stage.now)
        stage.roster.tick(stage.now)

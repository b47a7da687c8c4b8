from __future__ import annotations

from collections.abc import Mapping
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
from rejoinder.platforms.roster import Roster

ANN, BEN = Participant("a", "Ann"), Participant("b", "Ben")
ALL = {"all": [{"id": "a", "name": "Ann"}, {"id": "b", "name": "Ben"}, {"id": "m", "name": "Bot", "me": True}]}


def tell(roster: Roster, kind: str, data: Mapping[str, Any], at: float = 0.0, epoch: int = 0) -> list[MeetingEvent]:
    return roster.on_fact(Fact(kind, data, at, epoch), at)


def full() -> Roster:
    roster = Roster("Bot")
    tell(roster, "participants", ALL)
    return roster


def test_the_whole_roster_tells_who_came_and_went() -> None:
    roster = Roster("Bot")
    assert tell(roster, "participants", ALL) == [ParticipantJoined(ANN), ParticipantJoined(BEN)]
    assert roster.me == Participant("m", "Bot")
    assert tell(roster, "participants", ALL) == []
    assert tell(roster, "participants", {"all": ALL["all"][1:]}) == [ParticipantLeft(ANN)]
    assert tell(roster, "left", {"id": "b"}) == [ParticipantLeft(BEN)]
    assert roster.participants == []


def test_a_labelled_track_is_someones() -> None:
    roster = full()
    label = {"track": 3, "id": "a", "source": "track", "confidence": 1}
    assert tell(roster, "label", label) == [SpeakerLabelled(3, ANN, "track", 1.0)]
    assert tell(roster, "label", label) == []
    assert roster.label(3, 99.0) == ANN
    tell(roster, "track", {"track": 3, "state": "ended"})
    assert roster.label(3, 99.0) is None


def test_the_loudest_contributing_source_names_a_track_until_it_is_silent() -> None:
    roster = full()
    tell(roster, "source", {"csrc": 11, "id": "a"})
    tell(roster, "source", {"csrc": 22, "id": "b"})
    assert tell(roster, "csrc", {"track": 0, "sources": [[11, 0.1], [22, 0.4]]}, 1.0) == [
        SpeakerLabelled(0, BEN, "csrc", 0.8)
    ]
    assert roster.label(0, 1.2) == BEN
    tell(roster, "csrc", {"track": 0, "sources": [[11, 0.3], [99, None]]}, 1.3)
    assert roster.label(0, 1.3) == ANN
    assert roster.label(0, 2.0) is None


def test_a_new_load_of_the_page_forgets_tracks_but_not_people() -> None:
    roster = full()
    tell(roster, "label", {"track": 0, "id": "a"})
    tell(roster, "participants", ALL, epoch=1)
    assert roster.label(0, 0.0) is None
    assert roster.participants == [ANN, BEN]
    assert tell(roster, "left", {"id": "a"}, epoch=0) == [], "a message of the page before"


def test_chat_and_captions_are_someones_and_never_our_own() -> None:
    roster = full()
    assert tell(roster, "chat", {"id": "a", "text": "hi", "at": 5}) == [ChatReceived(ANN, "hi", 5.0)]
    assert tell(roster, "chat", {"name": "Ben", "text": "yo"}) == [ChatReceived(BEN, "yo", 0.0)]
    assert tell(roster, "caption", {"id": "a", "text": "so", "final": False}) == [CaptionReceived(ANN, "so", False)]
    assert tell(roster, "chat", {"id": "m", "text": "mine"}) == []
    assert tell(roster, "caption", {"name": "Bot", "text": "mine"}) == []
    assert tell(roster, "chat", {"id": "a", "text": "  "}) == []


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_keys = st.sampled_from(
    ["id", "name", "track", "state", "sources", "csrc", "all", "text", "at", "source", "confidence"]
)


@given(
    st.sampled_from(["participants", "joined", "left", "track", "label", "source", "csrc", "chat", "caption", "x"]),
    st.dictionaries(_keys, _json, max_size=6),
)
def test_whatever_a_page_says_raises_nothing(kind: str, data: dict[str, Any]) -> None:
    roster = full()
    tell(roster, kind, data)
    roster.label(0, 0.0)

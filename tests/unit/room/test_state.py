"""The rules of a room: coming in, leaving, the host, talking."""

from __future__ import annotations

import pytest

from rejoinder.room import wire
from rejoinder.room.state import CHAT_HISTORY, Close

from .conversation import OFFER, Room, guarded


@pytest.fixture
def room() -> Room:
    return Room()


# Coming in


def test_the_first_person_is_host_and_alone() -> None:
    room = Room(ice_servers=[{"urls": ["stun:example.org"]}])
    who = room.join("Ada")
    assert room.only(who) == {
        "type": "joined",
        "you": "p1",
        "room": "standup",
        "host": "p1",
        "lobby": False,
        "participants": [],
        "ice_servers": [{"urls": ["stun:example.org"]}],
        "chat": [],
    }


def test_a_newcomer_is_told_who_is_there_and_they_of_the_newcomer(room: Room) -> None:
    ada = room.join("Ada", audio=False)
    grace = room.join("Grace", video=True)
    (joined,) = room.sent[grace]
    assert joined["participants"] == [{"id": ada, "name": "Ada", "kind": "person", "audio": False, "video": False}]
    assert joined["host"] == ada
    assert room.sent[ada] == [
        {
            "type": "participant_joined",
            "participant": {"id": grace, "name": "Grace", "kind": "person", "audio": True, "video": True},
        }
    ]


def test_names_may_repeat_but_ids_never_do(room: Room) -> None:
    first = room.join("Ada")
    room.gone(first)
    assert [room.join("Ada"), room.join("Ada")] == ["p2", "p3"]


def test_who_is_in_by_name_kind_and_host(room: Room) -> None:
    room.join("Robin", kind="bot")
    room.join("Ada")
    people = [(p.name, p.is_bot, p.is_host) for p in room.state.participants()]
    assert people == [("Robin", True, False), ("Ada", False, True)]


def test_joining_twice_is_refused(room: Room) -> None:
    ada = room.join("Ada")
    room.say(ada, wire.Join("Ada again"))
    room.refused(ada, "already_joined", "type")
    assert room.names() == ["Ada"]


@pytest.mark.parametrize(
    "message",
    [wire.Chat("hi"), wire.Signal("p1", OFFER), wire.SetState(True, True), wire.End(), wire.Admit("p1")],
)
def test_nothing_goes_before_join(room: Room, message: wire.ClientMessage) -> None:
    room.join("Ada")
    stranger = room.state.connect()
    room.say(stranger, message)
    room.refused(stranger, "not_joined", "type")
    assert room.names() == ["Ada"]


def test_a_full_room_turns_newcomers_away() -> None:
    room = Room(capacity=2)
    room.join("Ada")
    room.join("Grace")
    third = room.join("Linus")
    room.refused(third, "room_full", None)
    assert room.closed[third] == Close(third, 1013, "room_full")
    assert room.names() == ["Ada", "Grace"]
    room.gone("p2")
    assert room.join("Margaret") == "p4"
    assert room.names() == ["Ada", "Margaret"]


# Leaving


def test_leaving_closes_the_socket_and_tells_the_others(room: Room) -> None:
    ada, grace = room.join("Ada"), room.join("Grace")
    room.say(grace, wire.Leave())
    assert room.only(ada) == {"type": "participant_left", "participant": grace}
    assert room.closed[grace].code == 1000
    room.gone(grace)
    assert room.sent == {}, "told twice"


def test_a_lost_socket_is_gone_at_once(room: Room) -> None:
    ada, grace = room.join("Ada"), room.join("Grace")
    room.gone(grace)
    assert room.only(ada) == {"type": "participant_left", "participant": grace}
    assert room.names() == ["Ada"]


def test_leaving_before_join_closes(room: Room) -> None:
    stranger = room.state.connect()
    room.say(stranger, wire.Leave())
    assert stranger in room.closed
    assert room.state.empty


def test_a_room_is_empty_when_the_last_socket_is_gone(room: Room) -> None:
    assert room.state.empty
    ada = room.join("Ada")
    stranger = room.state.connect()
    assert (room.state.empty, room.state.connections) == (False, 2)
    room.gone(ada)
    assert not room.state.empty
    room.gone(stranger)
    assert room.state.empty


def test_what_is_said_after_leaving_is_not_heard(room: Room) -> None:
    ada, grace = room.join("Ada"), room.join("Grace")
    room.say(grace, wire.Leave())
    room.say(grace, wire.Chat("and another thing"))
    assert room.sent == {}
    room.say(ada, wire.Chat("peace"))
    assert list(room.sent) == [ada]


# The host


def test_host_passes_to_the_person_who_is_longest_in(room: Room) -> None:
    ada = room.join("Ada")
    robin, grace, linus = room.join("Robin", kind="bot"), room.join("Grace"), room.join("Linus")
    room.gone(ada)
    for who in (robin, grace, linus):
        assert room.sent[who] == [
            {"type": "participant_left", "participant": ada},
            {"type": "host", "participant": grace},
        ]
    room.say(grace, wire.Remove(linus))
    assert room.types(linus) == ["removed"]


def test_a_bot_is_never_host(room: Room) -> None:
    robin = room.join("Robin", kind="bot", lobby=True)
    (joined,) = room.sent[robin]
    assert (joined["host"], joined["lobby"]) == (None, False)
    room.say(robin, wire.End())
    room.refused(robin, "not_host", "type")
    ada = room.join("Ada")
    assert room.types(robin) == ["participant_joined", "host"]
    assert room.sent[ada][0]["host"] == ada
    room.gone(ada)
    assert room.types(robin) == ["participant_left"]
    assert room.state.host is None


@pytest.mark.parametrize(
    "message",
    [wire.Admit("p1"), wire.Deny("p1"), wire.Remove("p1"), wire.SetLobby(True), wire.End()],
)
def test_only_the_host_rules(room: Room, message: wire.ClientMessage) -> None:
    room.join("Ada")
    grace = room.join("Grace")
    room.say(grace, message)
    room.refused(grace, "not_host", "type")
    assert (room.names(), room.state.lobby) == (["Ada", "Grace"], False)


def test_the_host_removes(room: Room) -> None:
    ada, grace, linus = room.join("Ada"), room.join("Grace"), room.join("Linus")
    room.say(ada, wire.Remove(grace))
    assert room.sent[grace] == [{"type": "removed"}]
    assert room.closed[grace].code == 1000
    for who in (ada, linus):
        assert room.sent[who] == [{"type": "participant_left", "participant": grace}]


@pytest.mark.parametrize("target", ["p1", "p99", "someone"])
def test_the_host_removes_only_others_who_are_in(room: Room, target: str) -> None:
    ada = room.join("Ada")
    room.say(ada, wire.Remove(target))
    room.refused(ada, "unknown_participant", "participant")


def test_end_is_for_everyone_also_in_the_lobby() -> None:
    room, ada = guarded()
    guest = room.join("Grace")
    room.say(ada, wire.End())
    assert room.sent == {ada: [{"type": "ended"}], guest: [{"type": "ended"}]}
    assert set(room.closed) == {ada, guest}
    assert {close.code for close in room.closed.values()} == {1000}
    assert room.state.empty


# Talking


def test_a_signal_is_passed_on_as_it_is(room: Room) -> None:
    ada, grace = room.join("Ada"), room.join("Grace")
    room.join("Linus")
    room.say(grace, wire.Signal(ada, OFFER))
    assert room.only(ada) == {"type": "signal", "from": grace, "data": OFFER}


@pytest.mark.parametrize("to", ["p2", "p99", "Ada"])
def test_a_signal_needs_another_participant(room: Room, to: str) -> None:
    room.join("Ada")
    grace = room.join("Grace")
    room.say(grace, wire.Signal(to, OFFER))
    room.refused(grace, "unknown_participant", "to")


def test_chat_goes_to_everyone_and_back_to_its_author(room: Room) -> None:
    ada, grace = room.join("Ada"), room.join("Grace")
    room.say(grace, wire.Chat("hi"))
    said = {"type": "chat", "id": "m1", "from": grace, "name": "Grace", "text": "hi", "at": 1790000000.123}
    assert room.sent == {ada: [said], grace: [said]}


def test_newcomers_get_the_last_of_the_chat(room: Room) -> None:
    ada = room.join("Ada")
    for number in range(CHAT_HISTORY + 5):
        room.say(ada, wire.Chat(f"{number}"))
    grace = room.join("Grace")
    history = room.sent[grace][0]["chat"]
    assert len(history) == CHAT_HISTORY == 200
    assert [history[0]["text"], history[-1]["text"]] == ["5", "204"]
    assert history[0] == {"id": "m6", "from": ada, "name": "Ada", "text": "5", "at": 1790000000.123}


def test_mute_and_camera_are_told_to_the_others_and_to_newcomers(room: Room) -> None:
    ada, grace = room.join("Ada"), room.join("Grace")
    room.say(grace, wire.SetState(audio=False, video=True))
    assert room.only(ada) == {"type": "state", "participant": grace, "audio": False, "video": True}
    linus = room.join("Linus")
    seen = room.sent[linus][0]["participants"][1]
    assert (seen["audio"], seen["video"]) == (False, True)


def test_a_later_coming_takes_the_place_of_an_earlier_one(room: Room) -> None:
    ada = room.join("Ada")
    first = room.join("Robin", kind="bot", key="b1", epoch=1)
    second = room.join("Robin", kind="bot", key="b1", epoch=2)
    assert room.closed[first].reason == "replaced"
    assert room.types(first) == ["replaced"]
    assert room.types(second) == ["joined"]
    assert room.types(ada) == ["participant_left", "participant_joined"]
    assert room.names() == ["Ada", "Robin"]
    assert all("key" not in person for person in room.sent[second][0]["participants"])


def test_an_earlier_coming_is_refused_also_after_the_later_one_left(room: Room) -> None:
    room.join("Ada")
    second = room.join("Robin", kind="bot", key="b1", epoch=2)
    room.gone(second)
    late = room.state.connect()
    room.say(late, wire.Join("Robin", "bot", key="b1", epoch=1))
    room.refused(late, "replaced", "epoch")
    assert room.names() == ["Ada"]


def test_whoever_was_let_in_comes_back_without_knocking_unless_removed(room: Room) -> None:
    ada = room.join("Ada", lobby=True)
    robin = room.join("Robin", kind="bot", key="b1", epoch=1)
    assert room.types(robin) == ["waiting"]
    room.say(ada, wire.Admit(robin))
    room.gone(robin)
    robin = room.join("Robin", kind="bot", key="b1", epoch=2)
    assert room.types(robin) == ["joined"]
    room.say(ada, wire.Remove(robin))
    robin = room.join("Robin", kind="bot", key="b1", epoch=3)
    assert room.types(robin) == ["waiting"]


def test_one_who_waits_again_knocks_once(room: Room) -> None:
    ada = room.join("Ada", lobby=True)
    first = room.join("Robin", kind="bot", key="b1")
    second = room.join("Robin", kind="bot", key="b1")
    assert room.types(ada) == ["knock_withdrawn", "knock"]
    assert room.types(first) == ["replaced"]
    assert room.types(second) == ["waiting"]

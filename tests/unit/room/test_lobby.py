"""The rules of the lobby: who waits, who lets in, and what happens when nobody is there to ask."""

from __future__ import annotations

import pytest

from rejoinder.room import wire

from .conversation import OFFER, Room, guarded


@pytest.fixture
def room() -> Room:
    return Room()


def test_the_one_who_opens_the_room_may_turn_the_lobby_on() -> None:
    room, ada = guarded()
    assert room.sent[ada][0]["lobby"] is True
    guest = room.join("Grace", video=True)
    assert room.sent[guest] == [{"type": "waiting"}]
    knock = {"id": guest, "name": "Grace", "kind": "person", "audio": True, "video": True}
    assert room.sent[ada] == [{"type": "knock", "participant": knock}]
    assert room.names() == ["Ada"]


def test_only_the_opener_turns_it_on_by_joining(room: Room) -> None:
    room.join("Ada")
    room.join("Grace", lobby=True)
    assert not room.state.lobby


def test_a_bot_waits_like_anyone() -> None:
    room, _ = guarded()
    robin = room.join("Robin", kind="bot")
    assert room.types(robin) == ["waiting"]


def test_the_opener_after_a_bot_turns_it_on_for_the_bot_too(room: Room) -> None:
    robin = room.join("Robin", kind="bot")
    room.join("Ada", lobby=True)
    assert room.types(robin) == ["participant_joined", "host", "lobby"]


def test_admit() -> None:
    room, ada = guarded()
    guest = room.join("Grace")
    room.say(ada, wire.Admit(guest))
    assert room.types(guest) == ["joined"]
    assert room.types(ada) == ["knock_withdrawn", "participant_joined"]
    assert room.names() == ["Ada", "Grace"]


def test_deny() -> None:
    room, ada = guarded()
    guest = room.join("Grace")
    room.say(ada, wire.Deny(guest))
    assert room.sent[guest] == [{"type": "denied"}]
    assert room.closed[guest].code == 1000
    assert room.sent[ada] == [{"type": "knock_withdrawn", "participant": guest}]
    assert room.names() == ["Ada"]


@pytest.mark.parametrize("leave", [True, False])
def test_a_guest_who_gives_up_withdraws_the_knock(leave: bool) -> None:
    room, ada = guarded()
    guest = room.join("Grace")
    if leave:
        room.say(guest, wire.Leave())
    else:
        room.gone(guest)
    assert room.sent == {ada: [{"type": "knock_withdrawn", "participant": guest}]}
    room.say(ada, wire.Admit(guest))
    room.refused(ada, "unknown_participant", "participant")


@pytest.mark.parametrize("verb", [wire.Admit, wire.Deny])
def test_only_those_who_wait_are_admitted_or_denied(verb: type[wire.Admit] | type[wire.Deny]) -> None:
    room, ada = guarded()
    guest = room.join("Grace")
    room.say(ada, wire.Admit(guest))
    room.say(ada, verb(guest))
    room.refused(ada, "unknown_participant", "participant")
    assert room.names() == ["Ada", "Grace"]


@pytest.mark.parametrize("message", [wire.Chat("hi"), wire.Signal("p1", OFFER), wire.End(), wire.Admit("p2")])
def test_a_guest_in_the_lobby_can_only_wait(message: wire.ClientMessage) -> None:
    room, _ = guarded()
    guest = room.join("Grace")
    room.say(guest, message)
    room.refused(guest, "waiting", "type")


def test_a_guest_may_mute_while_waiting() -> None:
    room, ada = guarded()
    guest = room.join("Grace")
    room.say(guest, wire.SetState(audio=False, video=True))
    assert room.sent == {}
    room.say(ada, wire.Admit(guest))
    assert room.sent[ada][-1]["participant"] == {
        "id": guest,
        "name": "Grace",
        "kind": "person",
        "audio": False,
        "video": True,
    }


def test_nobody_can_signal_into_the_lobby() -> None:
    room, ada = guarded()
    guest = room.join("Grace")
    room.say(ada, wire.Signal(guest, OFFER))
    room.refused(ada, "unknown_participant", "to")


def test_switching_the_lobby_tells_everyone_and_off_lets_all_in(room: Room) -> None:
    ada, grace = room.join("Ada"), room.join("Grace")
    room.say(ada, wire.SetLobby(True))
    assert room.sent == {who: [{"type": "lobby", "enabled": True}] for who in (ada, grace)}
    linus, robin = room.join("Linus"), room.join("Robin", kind="bot")
    room.say(ada, wire.SetLobby(False))
    assert room.types(linus) == ["joined", "participant_joined"]
    assert room.types(robin) == ["joined"]
    assert room.types(grace) == ["lobby", "participant_joined", "participant_joined"]
    assert room.names() == ["Ada", "Grace", "Linus", "Robin"]


def test_switching_to_what_it_is_says_nothing(room: Room) -> None:
    ada = room.join("Ada")
    room.say(ada, wire.SetLobby(False))
    assert room.sent == {}


def test_the_next_host_hears_the_knocks() -> None:
    room, ada = guarded()
    grace, linus = room.join("Grace"), room.join("Linus")
    room.say(ada, wire.Admit(grace))
    room.gone(ada)
    assert room.types(grace) == ["participant_left", "host", "knock"]
    room.say(grace, wire.Admit(linus))
    assert room.types(linus) == ["joined"]


def test_without_anyone_to_ask_those_waiting_come_in_until_one_is_host() -> None:
    room, ada = guarded()
    robin, grace, linus = room.join("Robin", kind="bot"), room.join("Grace"), room.join("Linus")
    room.gone(ada)
    assert room.names() == ["Robin", "Grace"]
    assert room.types(robin) == ["joined", "participant_joined", "host"]
    assert room.types(grace) == ["joined", "knock"]
    assert room.sent[grace][1]["participant"]["id"] == linus
    assert linus not in room.sent
    assert (room.state.host, room.state.lobby) == (grace, True)


def test_the_lobby_does_not_hold_when_no_host_is_there() -> None:
    room, ada = guarded()
    robin = room.join("Robin", kind="bot")
    room.say(ada, wire.Admit(robin))
    room.gone(ada)
    grace = room.join("Grace")
    assert room.types(grace) == ["joined"]
    assert room.state.host == grace
    assert room.types(room.join("Linus")) == ["waiting"]


def test_admitting_into_a_full_room_is_refused_and_the_guest_waits_on() -> None:
    room = Room(capacity=2)
    ada = room.join("Ada", lobby=True)
    grace, linus = room.join("Grace"), room.join("Linus")
    room.say(ada, wire.Admit(grace))
    room.say(ada, wire.Admit(linus))
    room.refused(ada, "room_full", "participant")
    room.gone(grace)
    room.say(ada, wire.Admit(linus))
    assert room.types(linus) == ["joined"]


def test_switching_the_lobby_off_fills_the_room_only_to_the_brim() -> None:
    room = Room(capacity=2)
    ada = room.join("Ada", lobby=True)
    room.join("Grace")
    linus = room.join("Linus")
    room.say(ada, wire.SetLobby(False))
    assert room.names() == ["Ada", "Grace"]
    assert linus not in room.sent


def test_a_full_room_without_host_lets_in_when_there_is_space() -> None:
    room = Room(capacity=2)
    ada = room.join("Ada", lobby=True)
    robin, wren, grace = (room.join(n, kind=k) for n, k in (("R", "bot"), ("W", "bot"), ("Grace", "person")))
    room.say(ada, wire.Admit(robin))
    room.gone(ada)
    assert room.names() == ["R", "W"]
    room.gone(wren)
    assert room.types(grace) == ["joined"]


def test_the_lobby_is_bounded_too() -> None:
    room = Room(waiting_capacity=1)
    room.join("Ada", lobby=True)
    room.join("Grace")
    third = room.join("Linus")
    room.refused(third, "room_full", None)
    assert third in room.closed

"""The knock, the lobby, the refusals: Google Meet's rules on written-down pages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rejoinder.browser.joinflow import (
    Admitted,
    Click,
    Control,
    Finish,
    InLobby,
    Note,
    Nudge,
    PageSnapshot,
    Reload,
    Step,
    Type,
)
from rejoinder.platforms.driver import JoinConfig
from rejoinder.platforms.google_meet.join import CAPTCHA_S, LOBBY_LIMIT_S, MeetFlow
from rejoinder.platforms.google_meet.platform import GoogleMeet

SELECTORS = GoogleMeet().selectors
CALL = ("leave", "mic_is_on", "camera_is_on", "chat_open", "captions_are_off")


def page(
    *present: str,
    texts: tuple[str, ...] = (),
    dialogs: tuple[str, ...] = (),
    tiles: int = 0,
    preview: int = 0,
    name: str = "",
    **more: Any,
) -> PageSnapshot:
    names = frozenset({*present, *(("tile",) if tiles else ())})
    return PageSnapshot(
        0.0,
        more.pop("url", "https://meet.google.com/abc-defg-hij?hl=en"),
        texts=texts,
        dialogs=dialogs,
        present=names,
        visible=names,
        enabled=more.pop("enabled", names),
        counts={"tile": tiles, "preview_tile": preview},
        values={"name_field": name} if name else {},
        **more,
    )


PREJOIN = page("name_field", "join", "mic_is_on", "camera_is_on", tiles=1, preview=1, enabled=frozenset({"name_field"}))
NAMED = page("name_field", "join", "mic_is_on", "camera_is_on", tiles=1, preview=1, name="Rejoinder")
LOBBY = page(*CALL, texts=("Asking to be let in", "Return to home screen"), tiles=1, preview=1)
INSIDE = page(*CALL, tiles=2, preview=1)


class Stay:
    """A flow, looked at every quarter of a second."""

    def __init__(self, **config: Any) -> None:
        self.flow = MeetFlow(JoinConfig("https://meet.google.com/abc-defg-hij", "Rejoinder", **config), SELECTORS)
        self.now = 100.0

    def see(self, snapshot: PageSnapshot, seconds: float = 0.25) -> list[Step]:
        steps: list[Step] = []
        for _ in range(max(1, round(seconds / 0.25))):
            steps += self.flow.on_snapshot(snapshot, self.now)
            self.now += 0.25
        return steps

    def wait(self, seconds: float) -> list[Step]:
        self.now += seconds
        return self.flow.tick(self.now)

    def inside(self) -> Stay:
        assert Admitted() in self.see(INSIDE, 0.5)
        self.see(INSIDE, 15)
        return self


def reason(steps: list[Step]) -> str:
    assert isinstance(steps[-1], Finish)
    return steps[-1].outcome.reason


def test_a_guest_types_the_name_and_knocks_once() -> None:
    stay = Stay()
    assert stay.see(PREJOIN) == [Type("name_field", "Rejoinder")]
    assert stay.see(NAMED, 5) == [Click("join")]
    assert stay.see(LOBBY, 5) == [InLobby()]
    assert stay.flow.phase == "lobby"
    assert stay.see(INSIDE, 0.5) == [Admitted()]
    assert stay.flow.phase == "inside"
    assert stay.flow.deadline() is None


def test_the_button_is_not_taken_before_the_name_field_could_be_there() -> None:
    early = page("join", "mic_is_on", "camera_is_on")
    assert Stay().see(early, 2.5) == []
    assert Stay(signed_in=True).see(early) == [Click("join")]


def test_the_name_is_the_one_asked_for() -> None:
    wrong = page("name_field", "join", name="Rejoi")
    assert Stay().see(wrong) == [Type("name_field", "Rejoinder")]


@pytest.mark.parametrize(("speaks", "shows"), [(True, True), (False, False)])
def test_microphone_and_camera_are_put_as_asked(speaks: bool, shows: bool) -> None:
    was = ("mic_is_off", "camera_is_off") if speaks else ("mic_is_on", "camera_is_on")
    stay = Stay(speaks=speaks, shows=shows)
    steps = stay.see(page("name_field", "join", *was, name="Rejoinder"), 3)
    assert [step.selector for step in steps if isinstance(step, Click)] == [was[0], was[0], was[1], was[1], "join"]


def test_devices_are_used_never_done_without() -> None:
    assert Stay().see(page("name_field", "join", "use_devices")) == [Click("use_devices", optional=True)]


def test_toolbar_leave_button_captions_and_preview_are_no_admission() -> None:
    stay = Stay()
    stay.see(NAMED)
    assert stay.see(LOBBY, 60) == [InLobby()]
    # Between lobby and meeting the text is gone, and only one's own tile is there.
    assert stay.see(page("leave", "mic_is_on", tiles=1, preview=1), 60) == []
    assert stay.flow.phase == "lobby"


def test_an_open_room_is_entered_without_a_lobby_even_alone() -> None:
    stay = Stay()
    stay.see(NAMED)
    assert stay.see(page(*CALL, tiles=1, preview=1), 4.75) == []
    assert stay.see(page(*CALL, tiles=1, preview=1), 1)[0] == Admitted()


def test_one_glimpse_of_a_tile_is_not_enough() -> None:
    stay = Stay()
    for _ in range(5):
        assert stay.see(INSIDE) == []
        assert stay.see(page("leave")) == []


@pytest.mark.parametrize(("asked", "waits"), [(None, LOBBY_LIMIT_S), (60.0, 60.0), (1200.0, LOBBY_LIMIT_S)])
def test_the_lobby_has_its_own_time(asked: float | None, waits: float) -> None:
    stay = Stay(lobby_timeout_s=asked)
    start = stay.now
    stay.see(LOBBY)
    assert stay.flow.deadline() == start + waits
    assert stay.wait(waits - 1) == []
    assert reason(stay.wait(1)) == "lobby_timeout"
    assert stay.flow.phase == "over"
    assert stay.see(INSIDE, 5) == []


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Someone in the call denied your request to join", "denied"),
        ("You weren't allowed to join", "denied"),
        ("You weren’t allowed to join", "denied"),
        ("Ask to join again", "denied"),
        ("No one responded to your request to join the call", "lobby_timeout"),
        ("You’ve been removed from the meeting", "removed"),
        ("The meeting has ended", "ended"),
        ("The host ended the meeting for everyone", "host_ended"),
        ("Check your meeting code", "not_found"),
        ("This meeting hasn’t started yet", "not_started"),
        ("Your sign-in credentials might have changed", "login_required"),
        ("Niemand hat auf deine Teilnahmeanfrage reagiert", "lobby_timeout"),
    ],
)
def test_last_words_before_admission(text: str, outcome: str) -> None:
    for first in (NAMED, LOBBY):
        stay = Stay()
        stay.see(first)
        assert reason(stay.see(page(texts=(text, "Return to home screen")))) == outcome


def test_a_denial_is_a_denial_with_a_captcha_on_the_page() -> None:
    assert reason(Stay().see(page("captcha", texts=("Someone in the call denied your request",)))) == "denied"


def test_return_to_home_screen_is_no_denial() -> None:
    stay = Stay()
    stay.see(LOBBY)
    assert stay.see(page(texts=("Return to home screen",)), 30) == []


def test_a_captcha_waits_for_a_person() -> None:
    stay = Stay()
    shown = page("captcha", texts=("You can't join this video call",))
    (note,) = stay.see(shown, 60)
    assert isinstance(note, Note)
    assert note.evidence
    assert reason(stay.wait(CAPTCHA_S)) == "captcha"


def test_a_captcha_solved_is_forgotten() -> None:
    stay = Stay()
    stay.see(page("captcha"), 60)
    assert stay.see(LOBBY) == [InLobby()]
    assert stay.flow.deadline() == stay.now - 0.25 + LOBBY_LIMIT_S


def test_a_refusal_without_a_word_is_a_wall() -> None:
    stay = Stay()
    assert stay.see(page(texts=("You can’t join this video call",)), 2.5) == []
    assert reason(stay.see(page(texts=("You can’t join this video call",)), 1)) == "wall"


def test_signing_in_is_not_done_here() -> None:
    wall = page(texts=("Sign in", "Use your Google Account"))
    assert reason(Stay().see(wall)) == "login_required"
    assert reason(Stay().see(page(url="https://accounts.google.com/v3/signin"))) == "login_required"
    # The first page has a link of the same words.
    assert Stay().see(page("name_field", "join", texts=("Sign in", "Use your Google Account"), name="Rejoinder")) == [
        Click("join")
    ]


def test_a_name_field_on_a_profile_means_signed_out() -> None:
    stay = Stay(signed_in=True)
    assert stay.see(NAMED) == []
    assert reason(stay.see(NAMED)) == "login_required"


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"error": "net::ERR_NAME_NOT_RESOLVED"}, "network"),
        ({"status": 404}, "not_found"),
        ({"status": 503}, "network"),
    ],
)
def test_pages_that_do_not_come(more: dict[str, Any], outcome: str) -> None:
    assert reason(Stay().see(page(**more))) == outcome


def test_consent_is_asked_of_people_and_never_given() -> None:
    gate = page("notice_ok", "join", "name_field", dialogs=("Gemini can take notes for me",), name="Rejoinder")
    stay = Stay(lobby_timeout_s=30.0)
    (note,) = stay.see(gate, 20)
    assert isinstance(note, Note)
    assert note.event == "consent_needed"
    assert reason(stay.wait(30)) == "lobby_timeout"
    inside = Stay().inside()
    steps = inside.see(
        page(*CALL, "notice_ok", tiles=2, dialogs=("Gemini can take notes for me, is being recorded",)), 9
    )
    assert [type(step) for step in steps] == [Note]


def test_notices_are_acknowledged_one_after_the_other() -> None:
    notice = page(*CALL, "notice_ok", tiles=2, dialogs=("This video call is being recorded", "is being transcribed"))
    assert Stay().see(notice, 0.5) == [Click("notice_ok", optional=True)] * 2
    assert Stay().inside().see(notice, 0.5) == [Click("notice_ok", optional=True)] * 2


def test_the_pill_of_running_notes_is_no_question() -> None:
    stay = Stay()
    assert stay.see(page(*CALL, tiles=2, texts=("Gemini is taking notes for me",)), 0.5) == [Admitted()]


# -- inside -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Reconnecting…",
        "You've been removed from the meeting",
        "Ada says in chat: the meeting has ended",
        "Leaving soon",
    ],
)
def test_a_toast_is_no_end(text: str) -> None:
    stay = Stay().inside()
    steps = stay.see(page(*CALL, texts=(text,), tiles=3, preview=1), 90)
    assert not [step for step in steps if isinstance(step, Finish)]
    # Nor where the tiles are gone for a moment, or the network is.
    assert not [step for step in stay.see(page(*CALL, texts=(text,)), 90) if isinstance(step, Finish)]


def test_nothing_is_over_while_the_page_reconnects() -> None:
    stay = Stay().inside()
    assert stay.see(page("rejoin", texts=("Reconnecting", "The call has ended")), 90) == []


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("You’ve been removed from the meeting", "removed"),
        ("You've been removed from the meeting", "removed"),
        ("The host ended the meeting for everyone", "host_ended"),
        ("The meeting has ended", "ended"),
        ("You left the meeting", "ended"),
        ("Du wurdest aus der Besprechung entfernt", "removed"),
    ],
)
def test_removal_and_end_are_seen_at_once(text: str, outcome: str) -> None:
    assert reason(Stay().inside().see(page(texts=(text,)))) == outcome


def test_the_last_page_ends_it_without_a_word() -> None:
    stay = Stay().inside()
    assert stay.see(page("rejoin"), 0.5) == []
    assert reason(stay.see(page("rejoin"))) == "ended"


def test_back_at_the_first_page_is_lost() -> None:
    assert reason(Stay().inside().see(NAMED, 5)) == "lost"


def test_microphone_is_set_right_once_and_then_the_hosts() -> None:
    stay = Stay()
    stay.see(INSIDE, 0.5)
    muted = page("leave", "mic_is_off", "chat_input", tiles=2)
    assert stay.see(muted, 8) == [Click("mic_is_off", optional=True)] * 2
    assert Stay().inside().see(muted, 60) == []


def test_chat_is_opened_to_be_read_and_captions_when_asked() -> None:
    stay = Stay(captions=True)
    stay.see(INSIDE, 0.5)
    steps = stay.see(page(*CALL, tiles=2), 20)
    assert [step.selector for step in steps if isinstance(step, Click)] == ["captions_are_off"] * 3 + ["chat_open"]
    assert Nudge() in steps


# -- time and chance --------------------------------------------------------------------------------------------------


def test_a_page_that_does_not_move_is_loaded_again_twice() -> None:
    stay = Stay()
    steps = stay.see(page(texts=("Loading",), buttons=(Control("Help"),)), 170)
    assert [type(step) for step in steps] == [Note, Reload, Note, Reload]
    (end,) = stay.wait(180)
    assert isinstance(end, Finish)
    assert end.outcome.reason == "lost"
    assert "Help" in end.outcome.message


PIECES = st.sampled_from(
    ["leave", "mic_is_on", "mic_is_off", "camera_is_on", "chat_open", "captions_are_off", "tile", "notice_ok", "voice"]
)
UNKNOWN = st.builds(
    lambda present, texts, tiles, responding, online, connected: page(
        *present, texts=tuple(texts), tiles=tiles, responding=responding, online=online, connected=connected
    ),
    st.lists(PIECES, max_size=5),
    st.lists(st.sampled_from(["Reconnecting", "Return to home screen", "Loading…", "Ada", "Sign in"]), max_size=3),
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(UNKNOWN, max_size=40), st.booleans())
def test_what_is_not_known_is_never_over(pages: list[PageSnapshot], inside: bool) -> None:
    stay = Stay().inside() if inside else Stay()
    for snapshot in pages:
        assert not [step for step in stay.see(snapshot) if isinstance(step, Finish)]
    assert stay.flow.phase != "over"


ANY = st.one_of(
    UNKNOWN, st.sampled_from([PREJOIN, NAMED, LOBBY, page("captcha"), page(dialogs=("take notes for me",))])
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ANY, min_size=1, max_size=30))
def test_whoever_is_not_inside_comes_to_an_end(pages: list[PageSnapshot]) -> None:
    stay = Stay()
    for snapshot in pages:
        stay.see(snapshot)
    for _ in range(5):
        if stay.flow.phase in ("inside", "over"):
            break
        deadline = stay.flow.deadline()
        assert deadline is not None
        assert deadline <= stay.now + LOBBY_LIMIT_S
        stay.now = max(stay.now, deadline)
        stay.wait(0)
    assert stay.flow.phase in ("inside", "over")
    assert stay.flow.deadline() is None

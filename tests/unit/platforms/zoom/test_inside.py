"""Inside a Zoom meeting: what ends it, what does not, and what is answered."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zoom_pages import INSIDE, LOBBY, Run, page

from rejoinder.browser.joinflow import Click, Finish, Note, PageSnapshot, Step

BAR = ("meeting_app", "leave_button", "mic_on", "camera_on", "people_list", "chat_field")


def clicks(steps: list[Step]) -> list[str]:
    return [step.selector for step in steps if isinstance(step, Click)]


def reason(steps: list[Step]) -> str | None:
    return next((step.outcome.reason for step in steps if isinstance(step, Finish)), None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You have been removed", "removed"),
        ("This meeting has been ended by host", "host_ended"),
        ("This free Zoom meeting has ended", "ended"),
        ("You have joined this meeting on another device", "removed"),
        ("Dieses Meeting wurde vom Host beendet", "host_ended"),
    ],
)
def test_dialog_over_a_standing_toolbar_ends_it(text: str, expected: str) -> None:
    run = Run().enter()
    over = page(visible=BAR, dialogs=(text,))
    assert reason(run.look(over)) is None
    assert reason(run.look(over)) == expected


def test_modal_that_is_no_dialog_ends_it() -> None:
    run = Run().enter()
    text = "This meeting has been ended by host"
    assert reason(run.look(page(text, visible=(*BAR, "modal_end")), 2)) == "host_ended"


def test_service_says_it_is_over_and_the_page_agrees() -> None:
    run = Run().enter()
    run.tell("ended")
    assert reason(run.look(page(visible=BAR), 60, every=1.0)) is None
    assert reason(run.look(page("Fino de rondo"), 2, every=1.0)) is None
    assert reason(run.look(page("Fino de rondo"), 1, every=1.0)) == "ended"


def test_service_says_it_is_over_and_a_dialog_stays() -> None:
    run = Run().enter()
    run.tell("ended")
    assert reason(run.look(page(visible=BAR, dialogs=("Tju ek",)), 10, every=1.0)) is None
    assert reason(run.look(page(visible=BAR, dialogs=("Tju ek",)), 2, every=1.0)) == "ended"


def test_conference_that_is_left_for_a_breakout_room_is_not_over() -> None:
    run = Run().enter()
    run.tell("ended")
    run.look(page("Joining..."), 2, every=1.0)
    run.tell("joined")
    assert reason(run.look(page("Joining..."), 10, every=1.0)) is None


def test_words_on_the_page_count_only_without_the_toolbar() -> None:
    run = Run().enter()
    words = "You have been removed from this meeting"
    assert reason(run.look(page(words, visible=BAR), 50, every=1.0)) is None
    assert reason(run.look(page(words), 2)) is None
    assert reason(run.look(page(words), 1)) == "removed"


@pytest.mark.parametrize(
    "shown",
    [
        page("Reconnecting..."),
        page("Reconnecting...", visible=BAR, dialogs=("Your network connection is unstable",)),
        page("Ben has left the meeting", visible=BAR),
        page(),
        page(url="https://app.zoom.us/wc/123456789/join", visible=("meeting_app",)),
        page(responding=False),
    ],
)
def test_these_are_no_end(shown: PageSnapshot) -> None:
    run = Run().enter()
    assert reason(run.look(shown, 600, every=1.0)) is None
    assert run.flow.phase == "inside"


def test_toolbar_that_is_gone_is_noted_once() -> None:
    run = Run().enter()
    notes = [step for step in run.look(page(), 60, every=1.0) if isinstance(step, Note)]
    assert [note.event for note in notes] == ["zoom_toolbar_gone"]
    assert notes[0].evidence


def test_page_after_a_meeting_is_the_end_after_the_grace() -> None:
    run = Run().enter()
    after = page(url="https://app.zoom.us/wc/leave?x=1")
    assert reason(run.look(after, 15, every=1.0)) is None
    assert reason(run.look(after, 10, every=1.0)) == "ended"


def test_form_again_for_long_is_lost_so_that_it_is_tried_again() -> None:
    run = Run().enter()
    form = page(visible=("name_field", "join_button"))
    assert reason(run.look(form, 15, every=1.0)) is None
    assert reason(run.look(form, 10, every=1.0)) == "lost"


def test_lost_connection_is_tried_again() -> None:
    assert reason(Run().enter().look(page(visible=BAR, dialogs=("You were disconnected",)), 2)) == "network"


def test_recording_notice_is_acknowledged_each_time() -> None:
    run = Run().enter()
    notice = page(visible=(*BAR, "notice_button"), dialogs=("This meeting is being recorded. Got it",))
    assert clicks(run.look(notice)) == ["notice_button"]
    run.look(INSIDE, 10, every=1.0)
    assert clicks(run.look(notice)) == ["notice_button"]


def test_other_dialogs_are_not_answered() -> None:
    """An unknown dialog may ask for someone's consent."""
    run = Run().enter()
    asks = page(visible=(*BAR, "notice_button"), dialogs=("Ann asks all of you to agree to AI Companion. OK",))
    assert clicks(run.look(asks, 20, every=1.0)) == []


def test_asked_to_unmute() -> None:
    asks = page(visible=(*BAR, "asked_to_unmute", "asked_no"), dialogs=("The host would like you to unmute",))
    assert clicks(Run().enter().look(asks)) == ["asked_to_unmute"]
    assert clicks(Run(speaks=False).enter().look(asks)) == ["asked_no"]


def test_devices_are_set_again_after_admission_and_not_later() -> None:
    reset = page(visible=("leave_button", "mic_off", "camera_off", "people_list", "chat_field"))
    run = Run().enter()
    assert clicks(run.look(reset)) == ["mic_off"]
    assert clicks(run.look(reset)) == ["camera_off"]
    run.look(INSIDE, 40, every=1.0)
    assert clicks(run.look(reset, 10, every=1.0)) == []  # muted by somebody: stays so


def test_bot_that_does_not_speak_mutes_itself() -> None:
    assert clicks(Run(speaks=False, shows=False).enter().look(INSIDE, 10, every=1.0))[:2] == [
        "camera_on",
        "mic_on",
    ] or (clicks(Run(speaks=False, shows=False).enter().look(INSIDE, 10, every=1.0))[:2] == ["mic_on", "camera_on"])


def test_audio_is_joined_when_zoom_asks() -> None:
    assert clicks(Run().enter().look(page(visible=(*BAR, "audio_join")))) == ["audio_join"]
    assert clicks(Run().enter().look(page(visible=(*BAR, "footer_audio_join")))) == ["footer_audio_join"]


def test_panels_are_opened_and_not_for_ever() -> None:
    run = Run().enter()
    closed = page(visible=("leave_button", "people_open", "chat_open"))
    assert clicks(run.look(closed)) == ["people_open"]
    assert clicks(run.look(closed)) == ["chat_open"]
    assert len(clicks(run.look(closed, 1000, every=1.0))) < 20


def test_captions_are_turned_on_when_wanted() -> None:
    more = page(visible=(*BAR, "more_button"))
    run = Run(captions=True).enter()
    assert clicks(run.look(more)) == ["more_button"]
    assert clicks(run.look(page(visible=(*BAR, "captions_show")))) == ["captions_show"]
    assert clicks(Run().enter().look(page(visible=(*BAR, "captions_show")))) == []


def test_back_in_the_waiting_room_is_no_end_until_its_time() -> None:
    run = Run(lobby_timeout_s=60).enter()
    assert reason(run.look(LOBBY, 50, every=1.0)) is None
    assert reason(run.look(INSIDE, 2)) is None
    assert run.flow.deadline() is None
    assert reason(run.look(LOBBY, 62, every=1.0)) == "lobby_timeout"


UNKNOWN = st.sampled_from(
    [
        page(),
        page("Reconnecting"),
        page(responding=False),
        INSIDE,
        LOBBY,
        page("Ann: you have been removed", visible=BAR),
    ]
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(UNKNOWN, st.sampled_from([0.25, 1.0, 60.0])), max_size=80))
def test_unknown_is_never_over(looks: list[tuple[PageSnapshot, float]]) -> None:
    run = Run().enter()
    for shown, gap in looks:
        assert reason(run.look(shown, every=gap)) is None
    assert run.flow.phase == "inside"

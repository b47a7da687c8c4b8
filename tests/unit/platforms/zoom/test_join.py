"""Getting into a Zoom meeting: each fact of the field is a case."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zoom_pages import ALL, EMPTY, FORM, INSIDE, JOINING, LOBBY, NAME, NAMED, Run, page

from rejoinder.browser.joinflow import (
    Admitted,
    Click,
    Finish,
    InLobby,
    PageSnapshot,
    Press,
    Reload,
    Step,
    Type,
)
from rejoinder.platforms.zoom import join


def clicks(steps: list[Step]) -> list[str]:
    return [step.selector for step in steps if isinstance(step, Click)]


def reason(steps: list[Step]) -> str | None:
    return next((step.outcome.reason for step in steps if isinstance(step, Finish)), None)


def test_form_is_typed_into_key_by_key_then_joined() -> None:
    run = Run()
    assert Type("name_field", NAME) in run.look(FORM)
    assert clicks(run.look(NAMED)) == ["join_button"]
    assert run.look(NAMED) == []  # not at once again


def test_join_that_did_nothing_is_tried_by_keyboard_then_by_mouse() -> None:
    run = Run()
    run.look(NAMED)
    run.now += join.JOIN_PAUSE_S
    assert Press("Enter") in run.look(NAMED)
    run.now += join.JOIN_PAUSE_S
    assert clicks(run.look(NAMED)) == ["join_button"]


def test_join_button_that_is_not_enabled_is_not_clicked() -> None:
    from dataclasses import replace

    assert clicks(Run().look(replace(NAMED, enabled=frozenset({"name_field"})))) == []


def test_name_the_page_shortens_is_not_fought() -> None:
    run = Run()
    cut = page(visible=("name_field", "join_button"), values={"name_field": NAME[:5]})
    run.look(cut, 3)
    assert clicks(run.look(cut)) == ["join_button"]


def test_microphone_and_camera_of_the_form_are_turned_on_for_a_bot_that_uses_them() -> None:
    form = page(visible=("name_field", "join_button", "form_mic_off", "form_camera_off"), values={"name_field": NAME})
    assert clicks(Run().look(form)) == ["form_mic_off", "form_camera_off", "join_button"]
    assert clicks(Run(speaks=False, shows=False).look(form)) == ["join_button"]


def test_cookie_banner_is_turned_down_before_the_form() -> None:
    over = page(visible=("cookie_banner", "cookie_reject", "name_field", "join_button"))
    assert clicks(Run().look(over)) == ["cookie_reject"]


def test_media_dialog_is_accepted_twice_not_for_ever() -> None:
    run = Run()
    asks = page("Do you want people to hear you?", visible=("media_allow", "name_field", "join_button"))
    assert clicks(run.look(asks, 10)) == ["media_allow"] * join.MEDIA_DIALOGS


def test_disclaimer_and_landing_page_are_passed() -> None:
    assert clicks(Run().look(page(visible=("disclaimer_agree",)))) == ["disclaimer_agree"]
    assert clicks(Run().look(page(visible=("browser_join",)))) == ["browser_join"]


def test_waiting_room_that_shows_the_toolbar_is_the_waiting_room() -> None:
    run = Run()
    assert run.look(LOBBY, 20) == [InLobby()]
    assert run.flow.phase == "lobby"
    assert Admitted() in run.look(INSIDE, 4)
    assert run.flow.phase == "inside"


@pytest.mark.parametrize("mark", ["'", "’"])
def test_either_apostrophe(mark: str) -> None:
    run = Run()
    assert run.look(page(f"Host has joined. We{mark}ve let them know you{mark}re here.")) == [InLobby()]


def test_host_present_beats_host_late() -> None:
    both = page("Waiting for the host to start this meeting", "Host has joined. We've let them know you're here")
    run = Run()
    run.look(both)
    run.now += join.HOST_LATE_S + 1
    assert reason(run.look(both)) is None


def test_admission_must_hold() -> None:
    run = Run()
    assert run.look(INSIDE) == []
    assert run.look(JOINING) == []
    assert run.look(INSIDE) == []
    assert Admitted() in run.look(INSIDE, 3)


def test_notice_that_stays_over_the_meeting_keeps_nobody_out() -> None:
    notice = page(visible=("leave_button", "notice_button"), dialogs=("This meeting is being recorded",))
    steps = Run().look(notice, 5)
    assert Admitted() in steps
    assert "notice_button" in clicks(steps)


def test_host_button_end_is_inside_as_well() -> None:
    assert Admitted() in Run().look(page(visible=("end_button",)), 4)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (page("Something", title="Error - Zoom"), "not_started"),
        (page("This meeting link is invalid (3,001)", title=None), "not_started"),
        (page("Dieser Meeting-Link ist ungültig", title="Fehler - Zoom"), "not_started"),
        (page("Only authenticated users can join this meeting"), "login_required"),
        (page(url="https://zoom.us/signin?_x=1"), "login_required"),
        (
            page("We detected you may be a bot", "Sign in to join", visible=("captcha", "name_field")),
            "wall",
        ),
        (page("Automated bots aren’t allowed to join this meeting or webinar and must use Zoom RTMS."), "wall"),
        (page(status=403), "wall"),
        (page("Invalid meeting ID. Please check and try again."), "not_found"),
        (page("The meeting has been locked by the host"), "denied"),
        (page("You have been removed", visible=("leave_button",)), "denied"),
        (page("This meeting has been ended by host", visible=("meeting_app",)), "host_ended"),
        (page(error="net::ERR_NAME_NOT_RESOLVED"), "network"),
        (page(status=502), "network"),
    ],
)
def test_outcomes_before_admission(shown: PageSnapshot, expected: str) -> None:
    run = Run()
    assert reason(run.look(shown)) is None  # one look may be a page that changes
    assert reason(run.look(shown)) == expected
    assert run.flow.phase == "over"
    assert run.look(shown) == []


def test_denied_in_the_waiting_room() -> None:
    run = Run()
    run.look(LOBBY)
    assert reason(run.look(page("You have been removed"), 2)) == "denied"


def test_captcha_that_goes_away_is_none() -> None:
    run = Run()
    captcha = page(visible=("captcha", "name_field", "join_button"), values={"name_field": NAME})
    assert reason(run.look(captcha, 10)) is None
    assert clicks(run.look(NAMED)) == ["join_button"]
    assert reason(run.look(captcha, 100)) == "captcha"


def test_title_that_hangs_stops_nothing() -> None:
    from dataclasses import replace

    assert clicks(Run().look(replace(NAMED, title=None))) == ["join_button"]


def test_error_title_over_a_form_is_not_believed() -> None:
    from dataclasses import replace

    assert reason(Run().look(replace(NAMED, title="Error - Zoom"), 5)) is None


@pytest.mark.parametrize("shown", [LOBBY, INSIDE, JOINING, page("Dialling in", visible=("meeting_app",))])
def test_error_title_that_stays_from_an_earlier_page_is_not_believed(shown: PageSnapshot) -> None:
    from dataclasses import replace

    assert reason(Run().look(replace(shown, title="Error - Zoom"), 10)) is None


# -- what Zoom's service says -----------------------------------------------------------------------------------------

WORDLESS = page("Vortu afablo", visible=("leave_button", "mic_on"), hidden=("meeting_app",))


def test_waiting_room_in_words_nobody_knows_is_still_no_admission() -> None:
    run = Run()
    run.look(FORM)
    assert run.tell("held") == [InLobby()]
    assert run.tell("held") == []
    assert run.look(WORDLESS, 40) == []
    covered = page(visible=("leave_button", "media_allow"))
    assert Admitted() not in run.look(covered, 8)
    assert run.flow.phase == "lobby"
    run.tell("let_in")
    assert Admitted() in run.look(INSIDE, 4)


def test_service_that_joins_the_meeting_proper_ends_the_wait_and_so_does_sound() -> None:
    for told, tracks in (("joined", 0), (None, 1)):
        run = Run()
        run.tell("held")
        assert Admitted() not in run.look(INSIDE, 8)
        if told:
            run.tell(told)
        assert Admitted() in run.look(page(visible=("leave_button", "mic_on"), tracks=tracks), 4)


def test_wait_that_the_service_ends_is_a_denial_unless_the_page_says_better() -> None:
    run = Run()
    run.tell("held")
    run.look(WORDLESS, 4)
    run.tell("ended")
    assert reason(run.look(WORDLESS, 4)) is None
    assert reason(run.look(WORDLESS, 8)) == "denied"
    run = Run()
    run.tell("held")
    run.tell("ended")
    assert reason(run.look(page("This meeting has been ended by host", visible=("meeting_app",)), 2)) == "host_ended"


def test_what_an_earlier_load_heard_is_forgotten() -> None:
    run = Run()
    run.tell("held")
    run.tell("ended", epoch=1)
    assert run.tell("held", epoch=0) == []
    assert run.tell("held", epoch=2) == []  # in the lobby already
    assert Admitted() not in run.look(INSIDE, 8)


def test_signed_in_profile_that_is_asked_for_a_name_is_signed_out() -> None:
    run = Run(signed_in=True)
    assert run.look(FORM, 5) == []  # Zoom fills the name in a moment later
    assert reason(run.look(FORM, 20)) == "login_required"


def test_signed_in_profile_keeps_its_name() -> None:
    prefilled = page(visible=("name_field", "join_button"), values={"name_field": "Ann Lee"})
    assert clicks(Run(signed_in=True).look(prefilled)) == ["join_button"]


def test_passcode_of_the_link_is_typed_when_it_is_a_plain_one() -> None:
    asks = page(
        "Meeting Passcode", visible=("name_field", "passcode_field", "join_button"), values={"name_field": NAME}
    )
    run = Run(link="https://zoom.us/j/123456789?pwd=123456")
    assert run.look(asks) == [Type("passcode_field", "123456")]


def test_missing_passcode_ends_it_with_a_reason() -> None:
    asks = page(
        "Meeting Passcode", visible=("name_field", "passcode_field", "join_button"), values={"name_field": NAME}
    )
    steps = Run(link="https://zoom.us/j/123456789?pwd=" + "x" * 32).look(asks, 5)
    assert reason(steps) == "not_found"
    assert any("passcode" in step.outcome.message for step in steps if isinstance(step, Finish))


def test_spinner_is_reloaded_after_90_s_and_given_up_at_180_s() -> None:
    run = Run()
    steps = run.look(JOINING, 100, every=1.0)
    assert steps.count(Reload()) == 1
    assert reason(run.look(JOINING, 100, every=1.0)) == "lost"


def test_page_that_stands_still_is_reloaded_twice_then_lost() -> None:
    run = Run()
    steps = run.look(EMPTY, 200, every=1.0)
    assert steps.count(Reload()) == join.RELOADS
    assert reason(steps) == "lost"
    assert run.now <= 100 + 182 + 30


def test_lobby_times_out_and_is_no_denial() -> None:
    run = Run(lobby_timeout_s=60)
    run.look(LOBBY)
    deadline = run.flow.deadline()
    assert deadline is not None
    assert run.flow.tick(deadline - 0.1) == []
    assert reason(run.flow.tick(deadline)) == "lobby_timeout"


def test_waiting_room_without_limit_waits() -> None:
    run = Run()
    run.look(LOBBY)
    assert run.flow.deadline() is None
    assert run.look(LOBBY, 100, every=600.0) == []


def test_host_who_never_comes_is_waited_for_10_minutes() -> None:
    run = Run()
    late = page("Waiting for the host to start this meeting")
    run.look(late)
    assert reason(run.look(late, 598, every=1.0)) is None
    assert reason(run.look(late, 3, every=1.0)) == "lobby_timeout"


def test_after_the_waiting_room_nothing_but_a_spinner_is_bounded() -> None:
    run = Run()
    run.look(LOBBY)
    assert reason(run.look(JOINING, 300, every=1.0)) == "lost"


def test_page_that_does_not_answer_changes_nothing_but_time() -> None:
    run = Run()
    run.look(LOBBY)
    assert run.look(page(responding=False), 100) == []
    assert run.flow.phase == "lobby"


def test_clock_starts_without_a_page() -> None:
    run = Run()
    assert run.flow.deadline() == 0.0
    run.flow.tick(5.0)
    assert run.flow.deadline() == 185.0
    assert reason(run.flow.tick(185.0)) == "lost"


def test_nothing_evades() -> None:
    """The name is what was asked, typed as a person does; no step of a whole way in is anything else."""
    run = Run(bot_name="Notetaker (AI)")
    steps = [*run.look(FORM), *run.look(FORM, 20, every=2.0), *run.look(LOBBY), *run.look(INSIDE, 10)]
    assert {step.text for step in steps if isinstance(step, Type)} == {"Notetaker (AI)"}


snapshots = st.sampled_from(ALL)
gaps = st.sampled_from([0.25, 1.0, 30.0])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(snapshots, gaps), max_size=60))
def test_what_is_not_said_never_ends_it_but_time(looks: list[tuple[PageSnapshot, float]]) -> None:
    run = Run()
    for shown, gap in looks:
        deadline = run.flow.deadline()
        steps = run.look(shown, every=gap)
        if reason(steps) is not None:
            assert reason(steps) == "lost"
            assert deadline is not None or run.flow.phase == "over"
    if run.flow.phase == "inside":
        assert run.flow.deadline() is None


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from([EMPTY, FORM, NAMED, LOBBY, JOINING, page(responding=False)]), min_size=120, max_size=120)
)
def test_an_attempt_that_is_not_admitted_ends(looks: list[PageSnapshot]) -> None:
    run = Run(lobby_timeout_s=300)
    for shown in looks:
        run.look(shown, every=6.0)
        if run.flow.phase == "over":
            return
    raise AssertionError(f"still {run.flow.phase}")

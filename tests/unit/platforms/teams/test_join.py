"""The way into a Teams meeting and out of it, on written-down pages."""

from __future__ import annotations

from dataclasses import replace
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
    PageSnapshot,
    Press,
    Reload,
    Step,
    Type,
)
from rejoinder.core.outcome import Outcome, Reason
from rejoinder.platforms.driver import JoinConfig
from rejoinder.platforms.teams.join import TeamsJoin
from rejoinder.platforms.teams.platform import TeamsDriver

SELECTORS = TeamsDriver().selectors
URL = "https://teams.microsoft.com/meet/123?p=x"
NAME = "Notes by Ann"


def page(*texts: str, visible: str = "", hidden: str = "", **rest: Any) -> PageSnapshot:
    """``hidden``: there, but not to be seen."""
    seen = frozenset(visible.split())
    return PageSnapshot(
        0.0, texts=texts, visible=seen, enabled=seen, present=seen | set(hidden.split()), **{"url": URL, **rest}
    )


UNKNOWN = page()
LAUNCHER = page("Join your Teams meeting", visible="continue_browser")
FORM = page("Weekly", visible="name_field join prejoin_mic prejoin_camera", values={"prejoin_mic": "true"})
NAMED = page("Weekly", visible="name_field join", values={"name_field": NAME})
MODAL = page(visible="without_av modal_close join", dialogs=("Are you sure you don't want audio or video?",))
LOBBY = page("Hi, Notes by Ann! Someone will let you in shortly", visible="hangup mic more", hidden="join")
CALL = page(visible="hangup mic more chat_button chat_input tile", tracks=1)
DISPLAYED = (UNKNOWN, LAUNCHER, FORM, NAMED, MODAL, LOBBY, CALL)


class Run:
    """A flow and a clock."""

    def __init__(self, **config: Any) -> None:
        self.flow = TeamsJoin(JoinConfig(**{"link": URL, "bot_name": NAME, **config}), SELECTORS)
        self.now = 100.0

    def look(self, snapshot: PageSnapshot, times: int = 1, every: float = 0.25) -> list[Step]:
        steps: list[Step] = []
        for _ in range(times):
            self.now += every
            steps += self.flow.on_snapshot(replace(snapshot, at=self.now), self.now)
        return steps

    def inside(self) -> Run:
        assert Admitted() in self.look(CALL, 4)
        return self

    def outcome(self, snapshot: PageSnapshot, times: int = 2, every: float = 0.25) -> Reason | None:
        finished = [step.outcome.reason for step in self.look(snapshot, times, every) if isinstance(step, Finish)]
        assert len(finished) <= 1
        assert bool(finished) == (self.flow.phase == "over")
        return finished[0] if finished else None


# -- in ---------------------------------------------------------------------------------------------------------------


def test_from_the_launcher_to_the_join_button_under_the_asked_name() -> None:
    run = Run(shows=False)
    assert run.look(LAUNCHER, 3) == [Click("continue_browser", optional=True)]
    assert run.look(FORM) == [Type("name_field", NAME)]
    assert run.look(NAMED, 4) == [Click("join")]
    assert run.look(LOBBY, 3) == [InLobby()]
    assert run.look(CALL, 3) == [Admitted()]
    assert run.flow.phase == "inside"


def test_the_name_is_the_asked_one_letter_for_letter() -> None:
    name = "Notetaker of Zoë O’Neil"
    assert Run(bot_name=name).look(FORM) == [Type("name_field", name)]


def test_a_name_the_field_cuts_off_is_accepted_and_one_it_refuses_ends_it() -> None:
    cut = page(visible="name_field join", values={"name_field": NAME[:5]})
    run = Run()
    assert [type(step) for step in run.look(cut, 2)] == [Type, Click]
    run = Run()
    refused = page(visible="name_field join", values={"name_field": "Guest"})
    assert run.outcome(refused, 5) == "lost"


def test_devices_are_set_before_joining() -> None:
    off = page(
        visible="name_field join prejoin_mic prejoin_camera computer_audio",
        values={"name_field": NAME, "prejoin_mic": "false", "prejoin_camera": "true", "computer_audio": "false"},
    )
    clicked = [step.selector for step in Run(shows=False).look(off, 8) if isinstance(step, Click)]
    assert clicked == ["computer_audio", "prejoin_mic", "prejoin_camera", "join"]


def test_a_signed_out_profile_is_told() -> None:
    assert Run(signed_in=True).outcome(FORM) == "login_required"


# -- "Continue without audio or video" --------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [[], [NAMED]])
def test_a_bot_that_speaks_never_goes_without_its_microphone(before: list[PageSnapshot]) -> None:
    run = Run()
    for snapshot in before:
        assert Click("join") in run.look(snapshot)
    steps = run.look(MODAL, 42)
    assert not [step for step in steps if isinstance(step, Click) and step.selector in ("without_av", "join")]
    assert [step for step in steps if isinstance(step, Click | Press | Reload)] == [
        Click("modal_close"),
        Press("Escape"),
        Press("Escape"),
        Reload(),
    ]


def test_a_page_that_never_takes_the_microphone_ends_it() -> None:
    assert Run(join_timeout_s=600).outcome(MODAL, 300) == "lost"


def test_a_bot_that_only_listens_goes_without() -> None:
    run = Run(speaks=False, shows=False)
    assert run.look(MODAL, 3) == [Click("without_av", optional=True)]


def test_a_join_button_left_over_behind_the_dialog_is_not_the_lobby() -> None:
    run = Run()
    run.look(NAMED)
    run.look(MODAL, 8)
    assert run.flow.phase == "prejoin"


# -- lobby ------------------------------------------------------------------------------------------------------------


def test_call_controls_in_the_lobby_are_no_admission() -> None:
    run = Run()
    assert run.look(replace(LOBBY, tracks=1), 400) == [InLobby()]


def test_the_hang_up_button_alone_is_no_admission() -> None:
    assert Admitted() not in Run().look(page(visible="hangup mic"), 20)


def test_admission_needs_two_looks() -> None:
    run = Run()
    assert Admitted() not in run.look(CALL)
    run.look(LOBBY)
    assert Admitted() not in run.look(CALL)


@pytest.mark.parametrize(
    "text",
    [
        "Jemand lässt Sie in Kürze herein",
        "When the meeting starts, we’ll let people know you’re waiting.",
        "When the meeting starts, we'll let people know you're waiting.",
    ],
)
def test_waiting_is_understood_with_either_apostrophe_and_in_german(text: str) -> None:
    assert Run().look(page(text), 2) == [InLobby()]


def test_the_lobby_time_out_is_ours() -> None:
    run = Run(lobby_timeout_s=20.0)
    run.look(LOBBY)
    assert run.flow.deadline() == run.now + 20.0
    assert run.flow.tick(run.now + 19.9) == []
    [step] = run.flow.tick(run.now + 20.0)
    assert isinstance(step, Finish)
    assert step.outcome.reason == "lobby_timeout"


def test_without_a_limit_the_lobby_lasts() -> None:
    run = Run()
    assert run.look(LOBBY, 1000, every=5) == [InLobby()]
    assert run.flow.deadline() is None


def test_from_the_lobby_back_to_the_form_it_joins_again_but_not_for_ever() -> None:
    run = Run()
    reasons = []
    for _ in range(4):
        run.look(NAMED)
        run.look(LOBBY, 2)
        reasons.append(run.outcome(NAMED, 24))
        if run.flow.phase == "over":
            break
    assert reasons == [None, None, "lost"]


# -- how it ends ------------------------------------------------------------------------------------------------------

BEFORE: list[tuple[Reason, str]] = [
    ("denied", "Sorry, but you were denied access to the meeting."),
    ("denied", "Ihnen wurde der Zugriff auf die Besprechung verweigert"),
    ("lobby_timeout", "Sorry, no one responded to your request to join"),
    ("captcha", "Verify you’re a real person"),
    ("captcha", "Verify you're a real person"),
    ("login_required", "We need to verify your info before you can join"),
    ("login_required", "Wir müssen Ihre Informationen überprüfen, bevor Sie teilnehmen können"),
    ("wall", "This meeting is end-to-end encrypted"),
    ("not_found", "We couldn’t find that meeting"),
    ("network", "Sorry, we couldn’t connect you"),
    ("not_started", "The meeting hasn't started"),
    ("ended", "The meeting has ended"),
    ("removed", "You've been removed from this meeting"),
]


@pytest.mark.parametrize(("reason", "text"), BEFORE)
def test_what_the_page_says_before_admission_has_a_name(reason: Reason, text: str) -> None:
    assert Run().outcome(page(text)) == reason


def test_a_bounce_to_microsofts_login_is_final() -> None:
    assert Run().outcome(page(url="https://login.microsoftonline.com/common/oauth2")) == "login_required"
    assert Run().outcome(page(visible="login_form")) == "login_required"
    assert Run().outcome(page(url="https://teams.microsoft.com/?x=login.microsoftonline.com"), 8) is None


def test_an_address_that_cannot_be_reached_is_the_network() -> None:
    assert Run().outcome(page(error="net::ERR_NAME_NOT_RESOLVED")) == "network"
    assert Run().outcome(page(status=503)) == "network"
    assert Run().outcome(page(status=404)) == "not_found"


def test_a_meeting_may_be_called_like_its_end() -> None:
    titled = replace(NAMED, texts=("After the meeting has ended",))
    assert Run().outcome(titled, 3) is None


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("removed", "You’ve been removed from this meeting"),
        ("host_ended", "The meeting has ended"),
        ("host_ended", "Die Besprechung wurde beendet"),
        ("ended", "You left the meeting"),
        ("network", "Sorry, we couldn't connect you"),
    ],
)
def test_the_screen_after_the_meeting_ends_it(reason: Reason, text: str) -> None:
    assert Run().inside().outcome(page(text), 2, every=1) == reason


@pytest.mark.parametrize(
    "text", ["Reconnecting…", "Ben: You've been removed from this meeting", "The meeting has ended, wrote Ben"]
)
def test_a_toast_ends_nothing(text: str) -> None:
    assert Run().inside().outcome(replace(CALL, texts=(text,)), 30, every=1) is None


def test_a_dialog_over_the_call_ends_it_when_it_stays() -> None:
    dialog = replace(CALL, dialogs=("You've been removed from this meeting",))
    run = Run().inside()
    assert run.outcome(dialog, 2, every=1) is None
    assert run.outcome(dialog, 4, every=1) == "removed"


def test_a_badge_or_toolbar_that_is_missing_is_unknown() -> None:
    run = Run().inside()
    steps = run.look(UNKNOWN, 900, every=1)
    assert run.flow.phase == "inside"
    assert [step.event for step in steps if isinstance(step, Note)] == ["teams_unknown"]


def test_the_join_form_after_the_meeting_means_that_the_page_lost_it() -> None:
    run = Run().inside()
    assert run.outcome(NAMED, 10, every=1) is None
    assert run.outcome(NAMED, 15, every=1) == "lost"


# -- inside -----------------------------------------------------------------------------------------------------------


def test_devices_that_teams_resets_are_set_again_and_later_left_to_people() -> None:
    muted = replace(CALL, buttons=(Control("Unmute mic"),))
    run = Run(shows=False).inside()
    assert run.look(muted, 2, every=1) == [Click("mic", optional=True)]
    run = Run(shows=False).inside()
    run.now += 20
    assert Click("mic", optional=True) not in run.look(muted, 5, every=1)


def test_the_chat_is_opened_once() -> None:
    run = Run().inside()
    closed = page(visible="hangup mic more chat_button tile")
    assert run.look(closed, 10, every=1) == [Click("chat_button", optional=True)]


def test_a_notice_is_acknowledged_and_consent_is_left_to_people() -> None:
    notice = replace(CALL, visible=CALL.visible | {"notice_ok"}, dialogs=("This meeting is being recorded. Got it",))
    assert Run().inside().look(notice)[0] == Click("notice_ok", optional=True)
    consent = replace(notice, dialogs=("This meeting is being recorded. Do you consent to being recorded? OK",))
    steps = Run().inside().look(consent, 10, every=1)
    assert not [step for step in steps if isinstance(step, Click) and step.selector == "notice_ok"]
    assert [step.event for step in steps if isinstance(step, Note)] == ["teams_consent"]


def test_captions_are_turned_on_when_wanted() -> None:
    steps = Run(captions=True).inside().look(CALL, 30, every=1)
    assert [step.selector for step in steps if isinstance(step, Click)] == [
        "more", "language_menu", "captions_on"] * 2  # fmt: skip
    assert not Run().inside().look(CALL, 30, every=1)


# -- always -----------------------------------------------------------------------------------------------------------


def test_a_page_that_stands_still_is_loaded_again_twice_at_most() -> None:
    run = Run()
    steps = run.look(page("Loading"), 700)
    assert [type(step) for step in steps if not isinstance(step, Note)] == [Reload, Reload, Finish]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(DISPLAYED), st.floats(0.1, 30)), max_size=60))
def test_joining_always_ends_in_time_and_says_everything_once(looks: list[tuple[PageSnapshot, float]]) -> None:
    run = Run(lobby_timeout_s=60.0, join_timeout_s=60.0)
    steps: list[Step] = []
    for snapshot, pause in looks:
        if run.flow.phase == "over":
            assert run.look(snapshot) == []
            break
        steps += run.look(snapshot, every=pause)
    for _ in range(6):
        deadline = run.flow.deadline()
        assert (deadline is None) == (run.flow.phase in ("inside", "over") or not looks)
        if deadline is not None:
            run.now = max(run.now, deadline)
            steps += run.flow.tick(run.now)
    assert run.flow.phase in ("inside", "over") or not looks
    assert steps.count(Admitted()) <= 1
    assert sum(isinstance(step, Finish) for step in steps) == (run.flow.phase == "over")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            page,
            st.sampled_from(["", "Reconnecting…", "Ben joined", "Recording has stopped", "Weekly"]),
            visible=st.sampled_from(["", "mic", "hangup", "more", "notice_ok", "chat_button tile"]),
            responding=st.booleans(),
            online=st.booleans(),
            connected=st.booleans(),
            title=st.sampled_from([None, "", "Microsoft Teams"]),
        ),
        max_size=80,
    )
)
def test_inside_unknown_is_never_over(looks: list[PageSnapshot]) -> None:
    run = Run().inside()
    for snapshot in looks:
        run.look(snapshot, every=30)
    assert run.flow.phase == "inside"
    assert run.flow.deadline() is None


def test_nothing_in_the_flow_evades_detection() -> None:
    """The pointer moves only over a page that shows no toolbar; no step waits at random."""
    run, other = Run(), Run()
    shown = [LAUNCHER, FORM, NAMED, LOBBY, LOBBY, CALL, CALL, CALL, CALL]
    assert [run.look(one) for one in shown] == [other.look(one) for one in shown]
    assert Outcome("captcha", "").retryable is False

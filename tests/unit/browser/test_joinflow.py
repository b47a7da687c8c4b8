from __future__ import annotations

from rejoinder.browser.joinflow import Control, Held, PageSnapshot, Stall, plain


def test_texts_are_compared_without_regard_to_apostrophes_case_and_spaces() -> None:
    assert plain("You CAN’T\n  join\u00a0this call") == "you can't join this call"
    page = PageSnapshot(0.0, texts=("Sorry: You can’t  join this video call.",), dialogs=("Someone denied you",))
    assert page.says(["other", "you can't join this video call"]) == "you can't join this video call"
    assert page.says(["denied"]) == "denied"
    assert page.dialog_says(["can't join"]) is None
    assert page.says([]) is None


def test_a_button_is_found_by_its_whole_label() -> None:
    page = PageSnapshot(0.0, buttons=(Control("Join now and share"), Control(" join NOW ", enabled=False)))
    assert page.button(["Join now"]) == Control(" join NOW ", enabled=False)
    assert page.button(["Join"]) is None


def test_held_needs_looks_and_time_without_a_break() -> None:
    held = Held(looks=3, seconds=1.0)
    assert [held.see(True, now) for now in (0.0, 0.2, 0.4, 0.9, 1.0)] == [False, False, False, False, True]
    assert not held.see(False, 1.1)
    assert [held.see(True, now) for now in (1.2, 3.0, 3.1)] == [False, False, True]


def test_a_stall_is_told_once_and_sooner_for_a_blank_page() -> None:
    stall, blank = Stall(25.0, 12.0), PageSnapshot(0.0)
    shown = PageSnapshot(0.0, texts=("Joining...",))
    assert [now for now in range(60) if stall.see(shown, float(now))] == [25, 50]
    assert [now for now in range(60, 80) if stall.see(blank, float(now))] == [72]


def test_any_progress_of_the_page_puts_off_the_stall() -> None:
    stall = Stall(25.0)
    for now in range(0, 100, 5):
        assert not stall.see(PageSnapshot(0.0, texts=(f"step {now // 20}",)), float(now))

"""What the benches of the bot service compute: where a piece of sound belongs, and whether webhooks are complete."""

from __future__ import annotations

import numpy as np
import pytest

from bench.kill_worker import EXPECTED, judge
from bench.position import SYMBOL, heard, lost_after, resolve, sound, times_of
from rejoinder.media.frame import MEETING_RATE


def test_a_piece_of_sound_tells_where_it_belongs() -> None:
    whole = sound(0, 400)
    # Symbols 300 to 349 after 5 s of silence.
    piece = np.concatenate([np.zeros(5 * MEETING_RATE, np.int16), whole[300 * SYMBOL : 350 * SYMBOL]])
    times = times_of([(0, 100.0), (200, 120.0), (400, 140.0)])
    found = resolve(heard(piece), times, offset_s=5.0 - 130.0 + 4.0)  # the guess is 4 s off
    assert sorted(found) == list(range(300, 350))
    assert found[300] == pytest.approx(5.03, abs=0.04)


def test_what_is_missing_is_found_and_noise_is_no_symbol() -> None:
    whole = sound(0, 300).astype(np.float64)
    whole += np.random.default_rng(1).normal(0, 100, len(whole))
    whole[100 * SYMBOL : 120 * SYMBOL] = np.random.default_rng(2).normal(0, 3000, 20 * SYMBOL)
    found = resolve(heard(whole.clip(-32768, 32767).astype(np.int16)), times_of([(0, 0.0), (250, 25.0)]), 0.0)
    missing = sorted(set(range(300)) - set(found))
    assert missing == list(range(100, 120))


def test_a_speaker_that_hesitates_loses_nothing() -> None:
    # Two seconds of silence between two chunks of 50 symbols.
    whole = np.concatenate([sound(0, 50), np.zeros(2 * MEETING_RATE, np.int16), sound(50, 50)])
    found = resolve(heard(whole), times_of([(0, 0.0), (49, 4.9), (50, 7.0)]), 0.0)
    assert sorted(found) == list(range(100))


def test_losses_go_to_the_kill_they_follow() -> None:
    there = set(range(1000)) - set(range(98, 130)) - set(range(500, 510))
    assert lost_after(there, [100, 500, 800], 999) == [3.2, 1.0, 0.0]


def test_webhooks_are_judged_against_the_catalogue() -> None:
    joined_again = [*EXPECTED[:3], "bot.joining", "bot.joining", *EXPECTED[3:]]
    assert judge(joined_again) == {"sent": 10, "missing": 0, "repeated": 0, "out_of_order": 0}
    assert judge(["bot.joining", *joined_again])["repeated"] == 1
    assert judge([*EXPECTED[:3], *EXPECTED[4:]])["missing"] == 1
    assert judge([*EXPECTED, "bot.done"])["repeated"] == 1
    assert judge([EXPECTED[1], EXPECTED[0], *EXPECTED[2:]])["out_of_order"] == 1
    assert judge([*EXPECTED[:4], EXPECTED[5], EXPECTED[4], *EXPECTED[6:]])["out_of_order"] == 1
    assert judge([*EXPECTED[:5], "bot.joining", *EXPECTED[5:]])["out_of_order"] == 1

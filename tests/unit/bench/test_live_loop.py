"""The ruler of the live_loop bench: clips, loudspeaker, microphone, figures. No framework, no clock."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.live_loop import analysis, clips, report, services
from bench.live_loop.analysis import Run
from bench.live_loop.clips import Clip
from bench.live_loop.device import MERGE_S, RATE, WORDS, Device, mark_of
from bench.live_loop.mic import CHUNK, CHUNK_S, Ears, Mic, Utterance
from bench.live_loop.runner import Job, command
from bench.live_loop.services import LONG, Profile, answer_words, height, voice_samples
from bench.live_loop.stats import full_spread, percentile, spread


def test_percentiles_interpolate_and_nothing_gives_none() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0], 0.95) == 3.0
    assert percentile([4.0, 1.0, 2.0, 3.0], 0.5) == 2.5
    assert spread([1.0, 2.0, 3.0]) == {"p50": 2.0, "p95": 2.9}
    assert full_spread([]) == {"p50": None, "p95": None, "n": 0}


def test_speech_is_found_to_the_frame() -> None:
    samples = np.zeros(16_000, np.float32)
    samples[4_000:9_000] = np.sin(np.arange(5_000) / 5)
    assert clips.find_speech(samples) == (4_000, 9_040)
    with pytest.raises(ValueError, match="silent"):
        clips.find_speech(np.zeros(16_000, np.float32))


def test_resampling_keeps_length_and_pitch() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(24_000) / 24_000).astype(np.float32)
    out = clips.resample(tone, 24_000, 16_000)
    assert len(out) == 16_000
    assert int(np.argmax(np.abs(np.fft.rfft(out)))) == 440


def test_words_end_in_order_and_the_last_with_the_speech() -> None:
    clip = Clip("q", "one three", np.zeros(16_000, np.int16), 1_600, 9_600)
    assert clip.words() == [(pytest.approx(0.1 + 0.5 * 3 / 8), "one"), (pytest.approx(0.6), "one three")]


def test_a_cough_is_short_and_has_an_attack() -> None:
    burst = clips.cough()
    onset, end = clips.find_speech(burst)
    assert onset == 0
    assert 0.1 < end / clips.RATE <= 0.22
    assert int(np.argmax(np.abs(burst))) < 0.05 * clips.RATE


def test_every_word_of_an_answer_has_its_own_mark() -> None:
    for reply in (0, 7, 19):
        tokens = answer_words(reply, LONG)
        marks = [mark_of(height(token.strip().strip(".").lower())) for token in tokens]
        assert marks == [WORDS * reply + word for word in range(sum(LONG.sentences))]
    assert mark_of(height("hello")) == -1


def test_the_voice_says_the_words_it_is_given_however_they_are_cut() -> None:
    profile = Profile(word_s=0.1)
    tokens = answer_words(3, profile)
    whole = voice_samples("".join(tokens), profile)
    parts = np.concatenate([voice_samples(token, profile) for token in tokens])
    assert np.array_equal(whole, parts)
    assert len(whole) == 16 * RATE // 10


def _speech(words: int, reply: int = 0) -> np.ndarray[Any, np.dtype[np.int16]]:
    return voice_samples("".join(answer_words(reply, Profile(word_s=0.1))[:words]), Profile(word_s=0.1))


def test_the_loudspeaker_plays_on_time_and_merges_what_is_contiguous() -> None:
    device = Device()
    device.play(_speech(2), 10.0)
    device.play(_speech(4)[2 * RATE // 10 :], 10.15)
    assert device.queued_s(10.15) == pytest.approx(0.25)
    device.advance(11.0)
    assert [(round(s.start, 3), round(s.end, 3), s.first, s.last) for s in device.spans] == [(10.0, 10.4, 0, 3)]


def test_pause_ends_with_the_frame_and_resume_goes_on_where_it_was() -> None:
    device = Device()
    device.play(_speech(4), 10.0)
    device.pause(10.105)
    assert device.audible_for(10.3) == 0.0
    device.resume(10.5)
    device.advance(12.0)
    first, second = device.spans
    assert first.end == pytest.approx(10.12)
    assert (first.last, second.first) == (1, 1)
    assert second.start == pytest.approx(10.5)
    assert second.end == pytest.approx(10.5 + 0.4 - 0.12)
    assert device.played == 4 * RATE // 10


def test_clear_forgets_and_a_later_piece_starts_at_once() -> None:
    device = Device()
    device.play(_speech(4), 10.0)
    device.clear(10.05)
    device.play(_speech(2, reply=1), 11.0)
    device.advance(12.0)
    assert [(round(s.start, 3), round(s.end, 3), s.first // WORDS) for s in device.spans] == [
        (10.0, 10.06, 0),
        (11.0, 11.2, 1),
    ]


def test_a_fade_belongs_to_the_speech_before_it_and_silence_is_not_heard() -> None:
    device = Device()
    device.play(_speech(1), 10.0)
    fade = np.zeros(480, np.int16)
    fade[:72] = np.linspace(height("maronb"), 1, 72).astype(np.int16)
    device.play(fade, 10.1)
    device.play(np.zeros(480, np.int16), 10.13)
    device.advance(11.0)
    (span,) = device.spans
    assert span.end == pytest.approx(10.1 + 72 / RATE)
    assert span.last == 0


def test_jitter_of_the_writer_is_no_silence() -> None:
    device = Device()
    device.play(_speech(1), 10.0)
    device.play(_speech(2)[RATE // 10 :], 10.1 + MERGE_S / 2)
    device.advance(11.0)
    assert len(device.spans) == 1


def test_the_microphone_says_when_speech_passed_it() -> None:
    said: list[Utterance] = []
    mic = Mic(5, -66.0, said.append)
    clip = Clip("q", "hello", np.full(1_000, 9_000, np.int16), 100, 900)
    chunks = [mic.next_chunk(1.0)]
    mic.say(clip)
    chunks += [mic.next_chunk(1.0 + CHUNK_S * (i + 1)) for i in range(6)]
    (utterance,) = said
    loud = int(np.argmax(np.abs(np.concatenate(chunks)) > 5_000))
    assert utterance.started == pytest.approx(1.0 - CHUNK_S + loud / clips.RATE)
    assert utterance.end - utterance.onset == pytest.approx(800 / clips.RATE)
    assert not mic.busy
    assert 0 < np.abs(chunks[0]).max() < 200
    assert all(len(chunk) == CHUNK for chunk in chunks)


def test_transcripts_come_after_the_words_by_the_latency() -> None:
    clip = Clip("q", "one two", np.zeros(16_000, np.int16), 0, 8_000)
    calls: list[tuple[float, str, bool]] = []

    def later(delay: float, deliver: Any, text: str, final: bool, utterance: Utterance) -> None:
        calls.append((delay, text, final))

    import time

    now = time.perf_counter()
    Ears(0.15, lambda *_: None).heard(Utterance(clip, now, now, now + 0.5), later)
    assert [(text, final) for _, text, final in calls] == [("one", False), ("one two", True)]
    assert calls[0][0] == pytest.approx(0.4, abs=0.02)
    assert calls[1][0] == pytest.approx(0.65, abs=0.02)


def _run(utterances: list[dict[str, Any]], spans: list[list[float]], stops: list[float] | None = None) -> Run:
    session = {
        "index": 0,
        "utterances": utterances,
        "spans": spans,
        "vad_stops": stops or [],
        "llm_requests": [1.0] * len(utterances),
        "tts_requests": [],
        "notes": [],
    }
    return Run(sessions=[session], lag={"p95": 0.001})


def _said(name: str, onset: float, end: float) -> dict[str, Any]:
    return {"name": name, "text": "", "onset": onset, "end": end}


def test_answers_are_measured_from_the_last_sample_and_the_own_decision() -> None:
    questions = [_said("question0", 1.0, 2.0), _said("question1", 5.0, 6.0), _said("question2", 9.0, 10.0)]
    run = _run(questions, [[2.6, 3.0, 0, 5], [6.7, 7.0, 64, 70]], [2.25, 6.22, 10.2])
    assert analysis.voice_to_voice(run) == [pytest.approx(600), pytest.approx(700)]
    assert analysis.added(run) == [pytest.approx(350), pytest.approx(480)]
    assert analysis.decision(run) == [pytest.approx(250), pytest.approx(220), pytest.approx(200)]
    assert analysis.unanswered(run) == 1
    assert analysis.requests_per_question(run) == 1.0


def test_barge_in_ends_with_the_last_sample_before_silence() -> None:
    run = _run([_said("barge_in0", 2.0, 3.0)], [[1.0, 2.1, 0, 4], [2.15, 2.2, 4, 4], [4.0, 5.0, 64, 70]])
    assert analysis.barge_in(run) == [pytest.approx(200)]
    assert analysis.barge_in(_run([_said("barge_in0", 9.0, 9.5)], [[1.0, 2.0, 0, 4]])) == []


@pytest.mark.parametrize(
    ("spans", "silent", "resumed"),
    [
        ([[1.0, 12.0, 0, 40]], 0, True),
        ([[1.0, 2.1, 0, 4], [2.5, 12.0, 4, 40]], 400, True),
        ([[1.0, 2.1, 0, 4], [2.5, 12.0, 9, 40]], 400, False),  # words are missing
        ([[1.0, 2.1, 0, 4], [3.1, 12.0, 64, 90]], 1000, False),  # another reply
        ([[1.0, 2.1, 0, 4]], 7900, False),  # nothing more
    ],
)
def test_false_interruptions(spans: list[list[float]], silent: float, resumed: bool) -> None:
    (found,) = analysis.false_interruptions(_run([_said("question1", 0.0, 0.5), _said("uh", 2.0, 2.3)], spans))
    assert found.silent_ms == pytest.approx(silent)
    assert found.resumed is resumed


def test_an_overloaded_process_has_no_cpu_figure() -> None:
    run = _run([_said("question0", 1.0, 2.0), _said("question1", 9.0, 10.0)], [[2.3, 3.0, 0, 5], [10.3, 11.0, 64, 70]])
    run.load = {"cpu_s": 2.0, "wall_s": 30.0, "sessions": 10, "rss_mb": 150.0, "rss_base_mb": 141.0}
    assert analysis.overload(run) is None
    assert analysis.cpu_per_minute(run) == pytest.approx(0.4)
    assert analysis.sessions_per_core({10: run}) == 120
    assert analysis.memory_per_session({10: run}) == pytest.approx(1.0)
    run.lag = {"p95": 0.3}
    assert "300 ms" in (analysis.overload(run) or "")
    run.lag = {"p95": 0.001}
    run.sessions[0]["spans"] = [[5.0, 6.0, 0, 5], [10.3, 11.0, 64, 70]]
    assert "1 of 2" in (analysis.overload(run) or "")


def test_a_process_that_says_nothing_has_failed() -> None:
    assert Run.of([]).failed
    assert Run.of([{"event": "failed", "error": "no such module"}]).failed == "no such module"
    assert Run.of([]).late


def test_the_result_has_the_agreed_keys() -> None:
    question = _run([_said("question0", 1.0, 2.0)], [[2.6, 3.0, 0, 5]], [2.25])
    point = _run([_said("question0", 1.0, 2.0)], [[2.3, 3.0, 0, 5]])
    point.load = {"cpu_s": 2.0, "wall_s": 30.0, "sessions": 10, "rss_mb": 150.0, "rss_base_mb": 141.0}
    runs: report.Runs = {("voice_to_voice", "cloud", "fast"): [question]}
    one = report.subject_figures(runs, {10: point, 50: Run(failed="not tried")})
    assert set(one) >= {
        "voice_to_voice_ms",
        "added_ms",
        "barge_in_ms",
        "false_interruption_ms",
        "cpu_s_per_min",
        "rss_mb_per_session",
    }
    assert one["voice_to_voice_ms"] == {"p50": 600.0, "p95": 600.0}
    assert one["cpu_s_per_min"] == {"n10": 0.4, "n50": None, "n100": None}
    assert one["details"]["cpu_refused"] == {"n50": "not tried"}
    slower = {**one, "voice_to_voice_ms": {"p50": 800.0, "p95": 900.0}}
    result = {"ours": one, "pipecat": slower, "livekit": {**slower, "voice_to_voice_ms": {"p50": 750.0, "p95": 1.0}}}
    assert report.ratios(result) == {
        "voice_to_voice": 0.8,
        "barge_in": None,
        "cpu": 1.0,
        "cpu_without_harness": None,
        "barge_in_peers_tuned": None,
    }
    cheaper = {**one, "cpu_s_per_min": {"n10": 0.25, "n50": None, "n100": None}}
    whole = {**result, "ours": cheaper, "harness": {"cpu_s_per_min": {"n10": 0.1}}}
    assert report.ratios(whole)["cpu"] == 0.625
    assert report.ratios(whole)["cpu_without_harness"] == 0.5
    assert "CPU s per session-minute, n10" in report.table(result)


def test_a_peer_runs_in_its_own_environment() -> None:
    job = Job("livekit", "cpu", "talk", sessions=10, pin="last")
    with pytest.raises(ValueError, match="environment"):
        command(job, None)
    from pathlib import Path

    line = command(job, Path("/venv/bin/python"))
    assert line[:3] == ["/venv/bin/python", "-m", "bench.live_loop.subject_livekit"]
    assert line[-2:] == ["--pin", "last"]
    assert services.PROFILES[job.profile] is services.TALK

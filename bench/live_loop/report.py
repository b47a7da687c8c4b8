"""The figures of all runs as one JSON object and as a plain table."""

from __future__ import annotations

from typing import Any

from bench.live_loop import analysis
from bench.live_loop.analysis import Run
from bench.live_loop.stats import full_spread, spread

MAIN_SOUNDS = ("ahem", "uh", "yeah")
"""What ``false_interruption_ms`` is made of: short sounds that a detector hears. The rest is under ``details``."""

Runs = dict[tuple[str, str, str], list[Run]]
"""(scenario, profile, variant) to the runs that count."""


def _pool(runs: list[Run], figure: Any) -> list[float]:
    return [value for run in runs for value in figure(run)]


def _disturbances(runs: list[Run]) -> dict[str, Any]:
    found = [one for run in runs for one in analysis.false_interruptions(run)]
    by_sound: dict[str, Any] = {}
    for sound in dict.fromkeys(one.sound for one in found):
        some = [one for one in found if one.sound == sound]
        by_sound[sound] = {
            **full_spread([one.silent_ms for one in some], 0),
            "reply_lost": sum(not one.resumed for one in some),
        }
    main = [one.silent_ms for one in found if one.sound in MAIN_SOUNDS]
    return {"ms": spread(main, 0), "by_sound": by_sound}


def subject_figures(runs: Runs, points: dict[int, Run]) -> dict[str, Any]:
    """Everything about one subject."""
    cloud = runs.get(("voice_to_voice", "cloud", "fast"), [])
    zero = runs.get(("voice_to_voice", "zero", "fast"), [])
    token = runs.get(("voice_to_voice", "cloud_token_tts", "fast"), [])
    barge = runs.get(("barge_in", "long", "fast"), [])
    disturbed = _disturbances(runs.get(("false_interruption", "long_cloud", "fast"), []))
    carried = {count: run for count, run in points.items() if analysis.overload(run) is None}
    refused = {f"n{count}": analysis.overload(run) for count, run in points.items() if count not in carried}
    per_minute = {
        f"n{n}": round(analysis.cpu_per_minute(carried[n]), 3) if n in carried else None for n in (10, 50, 100)
    }
    memory = analysis.memory_per_session(carried)
    figures: dict[str, Any] = {
        "voice_to_voice_ms": spread(_pool(cloud, analysis.voice_to_voice)),
        "added_ms": spread(_pool(zero, analysis.added), 2),
        "barge_in_ms": spread(_pool(barge, analysis.barge_in)),
        "false_interruption_ms": disturbed["ms"],
        "cpu_s_per_min": per_minute,
        "rss_mb_per_session": None if memory is None else round(memory, 3),
    }
    details: dict[str, Any] = {
        "voice_to_voice_cloud": full_spread(_pool(cloud, analysis.voice_to_voice)),
        "voice_to_voice_zero": full_spread(_pool(zero, analysis.voice_to_voice)),
        "voice_to_voice_cloud_token_tts": full_spread(_pool(token, analysis.voice_to_voice)),
        "vad_decision_zero": full_spread(_pool(zero, analysis.decision)),
        "added_zero": full_spread(_pool(zero, analysis.added), 2),
        "barge_in": full_spread(_pool(barge, analysis.barge_in)),
        "unanswered": sum(analysis.unanswered(run) for run in [*cloud, *zero, *token]),
        "longest_gap_in_an_answer_ms": round(max(map(analysis.longest_gap, cloud), default=0.0), 1),
        "llm_requests_per_question": _mean([analysis.requests_per_question(run) for run in cloud]),
        "false_interruption_by_sound": disturbed["by_sound"],
        "sessions_per_core": analysis.sessions_per_core(carried),
        "cpu_loop_lag_p95_ms": {f"n{n}": round(run.lag["p95"] * 1000, 1) for n, run in points.items() if run.lag},
        "cpu_refused": refused,
    }
    for (scenario, _profile, variant), some in runs.items():
        if scenario == "barge_in" and variant != "fast":
            details[f"barge_in_{variant}"] = full_spread(_pool(some, analysis.barge_in))
        if scenario == "false_interruption" and variant != "fast":
            details[f"false_interruption_{variant}"] = _disturbances(some)
    abouts = [run.about for some in runs.values() for run in some if run.about]
    return {
        **figures,
        "details": details,
        "versions": abouts[0]["versions"] if abouts else {},
        "settings": {variant: _settings(runs, variant) for variant in dict.fromkeys(key[2] for key in runs)},
    }


def _settings(runs: Runs, variant: str) -> Any:
    for (_, _, name), some in runs.items():
        if name == variant and some:
            return some[0].about.get("settings")
    return None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 2) if known else None


def ratios(result: dict[str, Any]) -> dict[str, float | None]:
    """Ours over the better (smaller) peer: p50 of answer and barge-in, CPU with 10 sessions.

    Besides: CPU without the harness's own share, and barge-in against the peers as commonly tuned (0.1 and 0.2 s of
    speech) instead of at the edge of what their options allow.
    """
    harness = result.get("harness", {}).get("cpu_s_per_min", {}).get("n10")

    def ratio(pick: Any, pick_peer: Any = None) -> float | None:
        own = pick(result["ours"]) if "ours" in result else None
        others = [(pick_peer or pick)(result[peer]) for peer in ("pipecat", "livekit") if peer in result]
        known = [value for value in others if value]
        return None if own is None or not known else round(own / min(known), 3)

    def net(one: dict[str, Any]) -> float | None:
        raw = one["cpu_s_per_min"]["n10"]
        return None if raw is None or harness is None else float(raw - harness)

    return {
        "voice_to_voice": ratio(lambda one: one["voice_to_voice_ms"]["p50"]),
        "barge_in": ratio(lambda one: one["barge_in_ms"]["p50"]),
        "cpu": ratio(lambda one: one["cpu_s_per_min"]["n10"]),
        "cpu_without_harness": ratio(net),
        "barge_in_peers_tuned": ratio(
            lambda one: one["barge_in_ms"]["p50"],
            lambda one: one["details"].get("barge_in_tuned", {}).get("p50"),
        ),
    }


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return f"{_cell(value.get('p50'))} / {_cell(value.get('p95'))}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def table(result: dict[str, Any]) -> str:
    """The figures for a terminal."""
    names = [name for name in ("ours", "pipecat", "livekit") if name in result]

    def row(title: str, pick: Any) -> list[str]:
        return [title, *(_cell(pick(result[name])) for name in names)]

    def detail(key: str) -> Any:
        return lambda one: one["details"].get(key)

    def sound(variant: str, name: str) -> Any:
        def pick(one: dict[str, Any]) -> str | None:
            details = one["details"]
            by = details["false_interruption_by_sound"] if variant == "fast" else None
            if variant != "fast":
                by = details.get(f"false_interruption_{variant}", {}).get("by_sound", {})
            some = (by or {}).get(name)
            if not some:
                return None
            lost = f", {some['reply_lost']}/{some['n']} lost" if some["reply_lost"] else ""
            return f"{_cell(some['p50'])}{lost}"

        return pick

    rows = [
        ["p50 / p95", *names],
        row("answer, cloud services, ms", lambda one: one["voice_to_voice_ms"]),
        row("  same, voice that takes tokens", detail("voice_to_voice_cloud_token_tts")),
        row("  services without latency", detail("voice_to_voice_zero")),
        row("  own decision that speech is over", detail("vad_decision_zero")),
        row("added after that decision, ms", lambda one: one["added_ms"]),
        row("model requests per question", detail("llm_requests_per_question")),
        row("barge-in, onset to silence, ms", lambda one: one["barge_in_ms"]),
        row("  tuned, not fastest", detail("barge_in_tuned")),
        row("false interruption, ms silent", lambda one: one["false_interruption_ms"]),
    ]
    for name in ("cough", "ahem", "uh", "yeah", "okay_right", "uh_not_transcribed"):
        rows.append(row(f"  {name}", sound("fast", name)))
    for name in ("ahem", "uh", "yeah", "uh_not_transcribed"):
        rows.append(row(f"  {name}, peers' defaults", sound("default", name)))
    for point in ("n10", "n50", "n100"):
        rows.append(row(f"CPU s per session-minute, {point}", lambda one, point=point: one["cpu_s_per_min"][point]))
    rows.append(row("RSS per session, MB", lambda one: one["rss_mb_per_session"]))
    rows.append(row("sessions per core (estimate)", detail("sessions_per_core")))
    widths = [max(len(line[i]) for line in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in rows]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)

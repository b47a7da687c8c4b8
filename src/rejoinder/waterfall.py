"""A turn's latency, stage by stage, as text and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rejoinder.agent.trace import STAGES

LABELS = {
    "capture_network": "capture + network",
    "vad": "VAD: silence noticed",
    "stt": "speech to text",
    "end_of_turn": "end of turn decided",
    "llm_first_token": "LLM first token",
    "first_piece": "LLM first words",
    "tts_first_audio": "TTS first audio",
    "send": "sent to the meeting",
    "audible": "network + playout",
}


def spans(turn: dict[str, Any]) -> list[tuple[str, float, float]]:
    """(stage, begin, end) in milliseconds since the speaker's last sound left their mouth."""
    marks, stages = turn["marks"], turn["stages_ms"]
    if "speech_end" not in marks:
        return []
    lead = stages.get("capture_network", 0.0)
    found = [("capture_network", 0.0, lead)] if "capture_network" in stages else []
    for stage, since, until in STAGES:
        if stage in stages:
            begin, end = (lead + 1000 * (marks[mark] - marks["speech_end"]) for mark in (since, until))
            found.append((stage, begin, end))
    if "audible" in stages and "sent" in marks:
        sent = lead + 1000 * (marks["sent"] - marks["speech_end"])
        found.append(("audible", sent, sent + stages["audible"]))
    return found


def text(turn: dict[str, Any], width: int = 48) -> str:
    """The waterfall for a terminal."""
    rows = spans(turn)
    total = max((end for _, _, end in rows), default=0.0)
    lines = [f'{turn["id"]}  {turn["speaker"]}: "{turn["question"]}"  ->  "{turn["answer"]}" ({turn["outcome"]})']
    for stage, begin, end in rows:
        left = round(width * max(begin, 0.0) / total) if total else 0
        bar = max(1, round(width * (end - max(begin, 0.0)) / total)) if total else 1
        lines.append(f"  {LABELS[stage]:<22}{' ' * left}{'█' * bar:<{max(width - left, bar)}} {end - begin:7.0f} ms")
    if turn.get("total_ms") is not None:
        lines.append(f"  {'mouth to ear':<22}{' ' * width} {turn['total_ms']:7.0f} ms")
    return "\n".join(lines)


_BACKGROUND, _INK, _SOFT = (250, 250, 248), (34, 38, 46), (120, 126, 138)
_COLOURS = ((93, 134, 190), (118, 170, 140), (206, 160, 90), (160, 120, 180), (196, 104, 96), (196, 134, 96))


def picture(turns: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the waterfalls of some turns into a PNG."""
    from PIL import Image, ImageDraw, ImageFont

    font, bold = ImageFont.load_default(15), ImageFont.load_default(17)
    shown = [(turn, spans(turn)) for turn in turns]
    shown = [(turn, rows) for turn, rows in shown if rows]
    longest = max((end for _, rows in shown for _, _, end in rows), default=1.0)
    height = 30 + sum(66 + 24 * len(rows) for _, rows in shown) if shown else 80
    image = Image.new("RGB", (1100, height), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    y = 20
    for turn, rows in shown:
        total = f"{turn['total_ms']:.0f} ms" if turn.get("total_ms") is not None else ""
        draw.text((20, y), f'{turn["speaker"]}: "{turn["question"]}"'[:110], _INK, bold)
        draw.text((1000, y), total, _INK, bold)
        y += 28
        for number, (stage, begin, end) in enumerate(rows):
            left, right = (240 + 740 * max(moment, 0.0) / longest for moment in (begin, end))
            draw.text((20, y), LABELS[stage], _SOFT, font)
            draw.rounded_rectangle((left, y + 3, max(right, left + 2), y + 17), 3, _COLOURS[number % len(_COLOURS)])
            draw.text((max(right, left + 2) + 6, y), f"{end - begin:.0f} ms", _INK, font)
            y += 24
        draw.line((20, y + 12, 1080, y + 12), (225, 225, 220))
        y += 38
    if not shown:
        draw.text((20, 30), "No answered turns yet.", _INK, bold)
    image.save(path, "PNG")

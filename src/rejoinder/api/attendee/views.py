"""Bots and what they leave, as Attendee's JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rejoinder.api.attendee.pages import Here, pack, page
from rejoinder.control.reading import cursor_of
from rejoinder.control.service import Page, ParticipantEvent
from rejoinder.core import attendee
from rejoinder.core.attendee import NO_ENGINE
from rejoinder.core.bot import AttendeeConfig, Bot, BotStatus
from rejoinder.core.records import ChatLine, Happening
from rejoinder.core.transcript import Segment
from rejoinder.webhooks.attendee import chat_message, iso, participant_event, short_id, utterance


def state(bot: Bot, log: Sequence[Happening]) -> str:
    """Where a bot is in its life."""
    found, _ = attendee.replay(log, records=bot.config.record)
    return found


def bot_object(bot: Bot, log: Sequence[Happening]) -> dict[str, Any]:
    """The bot object. ``log``: its :meth:`~rejoinder.control.service.BotService.lives`."""
    config = bot.config.attendee or AttendeeConfig()
    found, steps = attendee.replay(log, records=bot.config.record)
    return {
        "id": bot.id,
        "metadata": config.metadata or None,
        "meeting_url": bot.config.meeting_link,
        "state": found,
        "events": [{"type": step.event, "sub_type": step.sub_type, "created_at": iso(step.at)} for step in steps],
        "transcription_state": transcription_state(bot, log),
        "recording_state": recording_state(bot),
        "join_at": None if bot.config.join_at is None else iso(bot.config.join_at),
        "deduplication_key": bot.config.deduplication_key,
    }


def recording_state(bot: Bot) -> str:
    """not_started, in_progress, paused, complete or failed."""
    if bot.recording != "none":
        return "paused" if bot.recording == "paused" else "in_progress"
    if not bot.config.record or bot.started_at is None or not bot.status.over:
        return "not_started"
    if bot.audio_status is None:
        return "failed" if bot.closed else "in_progress"
    return {"Success": "complete", "Skipped": "not_started"}.get(bot.audio_status, "failed")


def transcription_state(bot: Bot, log: Sequence[Happening]) -> str:
    """not_started, in_progress, complete or failed."""
    if any(line.event == NO_ENGINE for line in log):
        return "failed"
    if bot.config.transcript is None or bot.started_at is None:
        return "not_started"
    if not bot.config.transcript.streaming and bot.closed:
        return {"Success": "complete", None: "not_started"}.get(bot.transcript_status, "failed")
    return "complete" if bot.status.over and (bot.closed or bot.status is not BotStatus.STOPPED) else "in_progress"


def listing(found: Page, logs: Any, place: Here, *, cursor: str | None, backwards: bool) -> dict[str, Any]:
    """One page of bots. ``cursor``: the one it was asked for with."""
    bots = found.bots
    rows = [bot_object(bot, logs[bot.id]) for bot in bots]
    after: str | None = None
    before: str | None = None
    if backwards:
        after = pack("n", cursor_of(bots[-1])) if bots else None
        before = None if found.next_cursor is None else pack("p", found.next_cursor)
    else:
        after = None if found.next_cursor is None else pack("n", found.next_cursor)
        before = pack("p", cursor_of(bots[0])) if cursor is not None and bots else None
    return page(rows, place, after, before)


def hosts(events: Sequence[ParticipantEvent]) -> dict[str, bool]:
    """Who hosts, by participant id."""
    return {event.participant_id: event.is_host for event in events}


def participants(bot_id: str, events: Sequence[ParticipantEvent]) -> list[dict[str, Any]]:
    """Everybody once, in the order they first came."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        found[event.participant_id] = {
            "id": short_id("par", bot_id, event.participant_id),
            "name": event.name,
            "uuid": event.participant_id,
            "user_uuid": None,
            "is_host": event.is_host,
        }
    return list(found.values())


def participant_events(bot_id: str, events: Sequence[ParticipantEvent]) -> list[dict[str, Any]]:
    """Who came, went and spoke."""
    return [
        participant_event(bot_id, one.id, (one.participant_id, one.name, one.is_host), one.event, one.at)
        for one in events
    ]


def chats(bot_id: str, lines: Sequence[ChatLine], after: float | None) -> list[dict[str, Any]]:
    """The meeting's chat; the bot's own messages have ``additional_data.from_bot``."""
    return [chat_message(bot_id, line) for line in lines if after is None or line.at > after]


def utterances(
    segments: Sequence[Segment], began_at: float, host: dict[str, bool], after: float | None
) -> list[dict[str, Any]]:
    """A transcript, in the order of time."""
    ordered = sorted(segments, key=lambda segment: (segment.start, segment.end))
    return [
        utterance(segment, began_at, host.get(segment.participant_id, False))
        for segment in ordered
        if segment.words and (after is None or began_at + segment.end > after)
    ]

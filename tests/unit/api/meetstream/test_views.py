"""Our nouns as MeetStream's JSON."""

from __future__ import annotations

from rejoinder.api.meetstream import views
from rejoinder.core.bot import Bot, BotConfig, BotStatus

CONFIG = BotConfig("http://room/a", bot_name="Ada", custom_attributes={"tenant": "t1"})


def bot(status: BotStatus = BotStatus.IN_MEETING, message: str = "") -> Bot:
    return Bot("b1", "acme", CONFIG, 1790000000.4, status, message)


def test_created() -> None:
    assert views.created(bot()) == {
        "bot_id": "b1",
        "transcript_id": None,
        "meeting_url": "http://room/a",
        "status": "Active",
    }


def test_status() -> None:
    assert views.status(bot(BotStatus.DENIED, "The host refused.")) == {
        "bot_id": "b1",
        "status": "Denied",
        "message": "The host refused.",
        "custom_attributes": {"tenant": "t1"},
    }


def test_removed() -> None:
    assert views.removed(bot(BotStatus.LEAVING))["message"] == "The bot is leaving."
    assert views.removed(bot(BotStatus.STOPPED))["message"] == "The bot has left."


def test_listing_in_both_spellings() -> None:
    assert views.listing([]) == {"bots": [], "hasNextPage": False, "nextCursor": None}
    (row,) = views.listing([bot()])["bots"]
    assert row["bot_id"] == row["BotID"] == "b1"
    assert row["status"] == row["Status"] == "InMeeting"
    assert row["bot_name"] == row["BotUsername"] == "Ada"
    assert row["CreatedAt"] == "2026-09-21T14:13:20Z"
    assert row["MeetingLink"] == "http://room/a"

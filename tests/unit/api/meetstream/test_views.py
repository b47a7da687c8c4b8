"""Our nouns as MeetStream's JSON: bots."""

from __future__ import annotations

from dataclasses import replace

from rejoinder.api.meetstream import answers, views
from rejoinder.api.meetstream.views import TIMELINE
from rejoinder.control.service import Created, Detail, Page
from rejoinder.core.bot import Bot, BotConfig, BotStatus, TranscriptConfig
from rejoinder.core.lifecycle import TABLE, Moment
from rejoinder.core.records import Attendance, Happening

AT = 1_790_000_000.0  # 2026-09-21T14:13:20Z
CONFIG = BotConfig("http://room/a", bot_name="Ada", custom_attributes={"tenant": "t1"})


def bot(status: BotStatus = BotStatus.IN_MEETING, message: str = "", config: BotConfig = CONFIG) -> Bot:
    return Bot("b1", "acme", config, AT + 0.4, status, message)


def test_created() -> None:
    answer = {"bot_id": "b1", "transcript_id": None, "meeting_url": "http://room/a", "status": "Active"}
    assert views.created(Created(bot(), "new")) == views.created(Created(bot(), "duplicate")) == answer
    replayed = views.created(Created(bot(), "replayed"))
    assert replayed == answer | {"message": "Duplicate request. Returning the original result."}
    answers.ReplayedBot.model_validate(replayed, strict=True)


def test_only_a_transcript_to_fetch_has_an_id() -> None:
    def made(provider: str) -> object:
        one = bot(config=replace(CONFIG, transcript=TranscriptConfig(provider)))
        one.transcript_id = "t1"
        return views.created(Created(one, "new"))["transcript_id"]

    assert made("deepgram") == "t1"
    assert made("deepgram_streaming") is None
    assert made("meeting_captions") is None


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
    assert views.listing(Page([], None)) == {"bots": [], "hasNextPage": False, "nextCursor": None}
    page = views.listing(Page([bot()], "c1"))
    assert (page["hasNextPage"], page["nextCursor"]) == (True, "c1")
    (row,) = page["bots"]
    assert row["bot_id"] == row["BotID"] == "b1"
    assert row["status"] == row["Status"] == "InMeeting"
    assert row["bot_name"] == row["BotUsername"] == "Ada"
    assert row["CreatedAt"] == row["created_at"] == "2026-09-21T14:13:20Z"
    assert row["Platform"] == row["platform"] == "Room"
    assert row["MeetingLink"] == row["meeting_link"] == "http://room/a"
    answers.BotList.model_validate(page, strict=True)


def test_the_whole_detail() -> None:
    request = {"meeting_link": "http://room/a", "recording_config": {"provider": {"x": {"api_key": "sk"}}}}
    one = bot(BotStatus.DONE, "Completed", replace(CONFIG, request=request, bot_message="hi"))
    one.started_at, one.ended_at, one.updated_at, one.expires_at = AT + 20, AT + 80.6, AT + 100.9, AT + 3600
    one.audio_status, one.transcript_status, one.transcript_id = "Success", "Failed", "t1"
    happenings = [
        Happening(AT, "bot.joining", "Joining"),
        Happening(AT + 1, "socket.lost", "a note"),
        Happening(AT + 2, "bot.joining", "Joining again"),
        Happening(AT + 20, "bot.inmeeting", "In"),
        Happening(AT + 81, "manifest.completed", "Manifest"),
        Happening(AT + 90, "bot.done", "Completed"),
    ]
    stays = [Attendance("p1", "Ben", False, AT + 21, AT + 50.5), Attendance("p2", "Cat", False, AT + 30)]
    answer = views.detail(Detail(one, happenings, stays))
    answers.BotDetail.model_validate(answer, strict=True)
    details = answer["bot_details"]
    assert {*answers.BotDetails.model_fields} == {*details}
    assert (details["BotID"], details["UserID"], details["BotMessage"]) == ("b1", "acme", "hi")
    assert (details["CreatedAt"], details["StartTime"]) == ("2026-09-21T14:13:20Z", "2026-09-21T14:13:40Z")
    assert (details["EndTime"], details["Duration"]) == ("2026-09-21T14:14:40Z", 61)
    assert (details["LastUpdatedAt"], details["ExpiresAt"]) == (1_790_000_100, "2026-09-21T15:13:20Z")
    assert (details["AudioStatus"], details["TranscriptStatus"]) == ("Success", "Failed")
    assert (details["ManifestStatus"], details["transcript_id"]) == ("Success", "t1")
    assert details["caption_file"] == {"available": False}
    assert details["RequestPayload"]["recording_config"] == {"provider": {"x": {"api_key": "***"}}}
    timeline = details["StatusTimeline"]
    assert list(timeline) == list(TIMELINE)
    assert timeline["Joining"] == {"message": "Joining", "status": True, "timestamp": "2026-09-21T14:13:20.000Z"}
    assert timeline["Stopped"] == {"message": "", "status": False, "timestamp": ""}
    assert [(event["action"], event["participant"]["name"]) for event in details["participant_events"]] == [
        ("join", "Ben"),
        ("join", "Cat"),
        ("leave", "Ben"),
    ]
    assert details["participant_events"][2]["timestamp"] == {
        "absolute": "2026-09-21T14:14:10.500Z",
        "relative": 30.5,
    }
    summary = views.detail(Detail(one, happenings, stays), "We met.")
    answers.Summary.model_validate(summary, strict=True)


def test_a_bot_that_has_not_come_in() -> None:
    details = views.detail(Detail(bot(BotStatus.JOINING), [], []))["bot_details"]
    unknown = ("StartTime", "EndTime", "Duration", "AudioStatus", "TranscriptStatus", "ManifestStatus", "transcript_id")
    assert [details[name] for name in unknown] == [None] * len(unknown)
    answers.BotDetails.model_validate(details, strict=True)


def test_every_stage_of_the_lifecycle_is_one_of_the_timelines() -> None:
    for moment in Moment:
        name = TABLE[moment].timeline
        stages = views.timeline([Happening(AT, moment.value, "m")])
        reached = [stage for stage, entry in stages.items() if entry["status"]]
        assert reached == ([name] if name else []), moment

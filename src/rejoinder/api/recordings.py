"""Recordings over HTTP: links to finished files (contract 4.5 to 4.7)."""

# No "from __future__ import annotations" here: FastAPI reads the endpoints' annotations, and `Account` is local.
import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends

from rejoinder.api.bots import PREFIX
from rejoinder.api.context import BotId, Context, Json
from rejoinder.api.describe import answers
from rejoinder.api.meetstream import media_answers as shapes
from rejoinder.api.meetstream import media_views as views
from rejoinder.control.service import BotService
from rejoinder.core.records import FileKind, StoredFile
from rejoinder.errors import NotFound, NotReady

AUDIO_LIFE_S = 3600
STREAM_LIFE_S = 600
"""How long links live (contract 14)."""


async def linked(service: BotService, files: Sequence[StoredFile], life_s: int) -> list[tuple[StoredFile, str]]:
    """Each file with a link that lives ``life_s`` seconds."""
    urls = await asyncio.gather(*(service.link(file, life_s) for file in files))
    return list(zip(files, urls, strict=True))


def recordings_router(context: Context) -> APIRouter:
    """What was recorded. All endpoints want ``Authorization: Token <key>``; the links they give do not."""
    router = APIRouter(prefix=PREFIX, tags=["recordings"])
    _add_audio(router, context)
    _add_pictures(router, context)
    return router


def _add_audio(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.account)]
    service = context.service

    @router.get(
        "/{bot_id}/get_audio",
        operation_id="get_audio",
        summary="Get the recording",
        responses=answers(shapes.Audio, 202, 404),
    )
    async def get_audio(account: Account, bot_id: BotId) -> Json:
        """The whole meeting as one WAV file. The link lives one hour."""
        files = await service.files(bot_id, account, "audio")
        if not files:
            raise NotFound("Nothing was recorded.")
        return Json({"audio_url": await service.link(files[-1], AUDIO_LIFE_S)})

    @router.get(
        "/{bot_id}/get_audio_streams",
        operation_id="get_audio_streams",
        summary="Get each participant's own recording",
        responses=answers(shapes.AudioStreams | shapes.NoAudioStreams, 404, _202=shapes.AudioInProgress),
    )
    async def get_audio_streams(account: Account, bot_id: BotId) -> Json:
        """WebM files with Opus, for bots made with `audio_separate_streams`. The links live ten minutes."""
        bot = await service.get(bot_id, account)
        if not bot.config.audio_separate_streams:
            return Json(views.no_audio_streams(bot_id, "The bot was made without audio_separate_streams."))
        try:
            files = await service.files(bot_id, account, "track")
        except NotReady:
            return Json(views.AUDIO_IN_PROGRESS, 202)
        return Json(views.audio_streams(bot_id, await linked(service, files, STREAM_LIFE_S)))


def _add_pictures(router: APIRouter, context: Context) -> None:
    Account = Annotated[str, Depends(context.account)]
    service = context.service

    @router.get(
        "/{bot_id}/get_video",
        operation_id="get_video",
        summary="Get the video",
        status_code=404,
        responses=answers(None, 404, status=404),
    )
    async def get_video(account: Account, bot_id: BotId) -> Json:
        """Always 404: this server records no video."""
        await service.get(bot_id, account)
        raise NotFound("This server records no video.")

    @router.get(
        "/{bot_id}/get_recording_streams",
        operation_id="get_recording_streams",
        summary="Get each participant's own video",
        responses=answers(shapes.NoRecordingStreams, 404),
    )
    async def get_recording_streams(account: Account, bot_id: BotId) -> Json:
        """Always that there are none: this server records no video."""
        await service.get(bot_id, account)
        return Json(views.no_recording_streams(bot_id))

    @router.get(
        "/{bot_id}/get_screenshots",
        operation_id="get_screenshots",
        summary="Get pictures of the meeting",
        responses=answers(shapes.Screenshots, 202, 404),
    )
    async def get_screenshots(account: Account, bot_id: BotId) -> Json:
        """The links live ten minutes."""
        files = await service.files(bot_id, account, "screenshot")
        return Json(views.screenshots(bot_id, await linked(service, files, STREAM_LIFE_S)))

    @router.get(
        "/{bot_id}/evidence",
        operation_id="get_evidence",
        summary="Get what was saved where joining failed",
        responses=answers(shapes.EvidenceList, 202, 404),
    )
    async def get_evidence(account: Account, bot_id: BotId) -> Json:
        """Not in MeetStream's API: pictures and texts of the meeting's page at each step that failed, after the bot
        has left. The links live ten minutes."""
        kinds: tuple[FileKind, ...] = ("screenshot", "evidence")
        files = [file for kind in kinds for file in await service.files(bot_id, account, kind)]
        return Json(views.evidence(bot_id, await linked(service, files, STREAM_LIFE_S)))

"""Webhooks over HTTP: what was sent, and sending it again. Not in MeetStream's API."""

# No "from __future__ import annotations" here: FastAPI reads the endpoints' annotations, and `Account` is local.
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from rejoinder.api.bots import PREFIX
from rejoinder.api.context import BotId, Context, Json
from rejoinder.api.describe import answers
from rejoinder.api.meetstream import answers as shapes
from rejoinder.api.meetstream import media_views as views

DeliveryId = Annotated[int, Path(ge=1, lt=2**63, description="The delivery's id.")]


def deliveries_router(context: Context) -> APIRouter:
    """A bot's webhooks. All endpoints want ``Authorization: Token <key>``."""
    router = APIRouter(prefix=PREFIX, tags=["webhooks"])
    Account = Annotated[str, Depends(context.account)]
    service = context.service

    @router.get(
        "/{bot_id}/deliveries",
        operation_id="list_deliveries",
        summary="List a bot's webhooks",
        responses=answers(shapes.Deliveries, 404),
    )
    async def deliveries(account: Account, bot_id: BotId) -> Json:
        """Each webhook with what became of it, in order."""
        return Json(views.deliveries(bot_id, await service.deliveries(bot_id, account)))

    @router.post(
        "/{bot_id}/deliveries/{delivery_id}/redeliver",
        operation_id="redeliver",
        summary="Send a webhook again",
        responses=answers(shapes.OneDelivery, 400, 404, 409),
    )
    async def redeliver(account: Account, bot_id: BotId, delivery_id: DeliveryId) -> Json:
        """Whatever became of it before."""
        return Json(views.delivery(await service.redeliver(bot_id, account, delivery_id)))

    return router

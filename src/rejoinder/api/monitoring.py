"""For those who run a server: is it alive, can it work, and how much does it do."""

# No "from __future__ import annotations" here: FastAPI reads the endpoints' annotations.
import hmac
import ipaddress

from fastapi import APIRouter, Request, Response

from rejoinder import metrics
from rejoinder.api.describe import WHY, said
from rejoinder.control.service import BotService, Counts
from rejoinder.errors import NotAuthorised, Unavailable
from rejoinder.settings import Settings

_TEXT = {"text/plain": {"schema": {"type": "string"}}}


def may_read(settings: Settings, authorization: str | None, address: str, forwarded: bool) -> bool:
    """Whether a caller may read the figures: with the operator's token, or without one from this computer itself,
    not through a proxy on it. Pure."""
    if settings.metrics_token is not None:
        expected = f"Bearer {settings.metrics_token.get_secret_value()}".encode()
        return hmac.compare_digest((authorization or "").encode("utf-8", "surrogatepass"), expected)
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback and not forwarded


def monitoring_router(settings: Settings, service: BotService) -> APIRouter:
    """``/healthz``, ``/readyz`` and ``/metrics``; none wants an API key."""
    router = APIRouter(tags=["monitoring"])

    @router.get("/healthz", operation_id="healthz", summary="Is the process alive?")
    async def healthz() -> dict[str, str]:
        """Answers as long as the event loop does."""
        return {"status": "ok"}

    @router.get(
        "/readyz",
        operation_id="readyz",
        summary="Can it take requests?",
        responses={503: said("The database or the file store does not answer.")},
    )
    async def readyz() -> dict[str, str]:
        """Asks the database and the file store."""
        await service.check()
        return {"status": "ok"}

    @router.get(
        "/metrics",
        operation_id="metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={
            200: {"description": "Prometheus' text format.", "content": _TEXT},
            403: said(WHY[403]),
        },
    )
    async def figures(request: Request) -> Response:
        """With `Bearer <REJOINDER_METRICS_TOKEN>`; without that setting, only from the server's own computer."""
        address = request.client.host if request.client else ""
        forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
        if not may_read(settings, request.headers.get("authorization"), address, forwarded):
            raise NotAuthorised("Only with REJOINDER_METRICS_TOKEN, or from this computer.")
        try:
            counts = await service.counts()
        except Unavailable:  # this process' own figures are worth most when the database is away
            counts = Counts({}, {}, 0, 0)
        text = metrics.exposition(counts.bots, counts.deliveries, counts.workers, counts.capacity)
        return Response(text, headers={"Content-Type": metrics.CONTENT_TYPE})

    return router

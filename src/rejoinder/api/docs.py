"""``/docs``: the API's description to read and to try, from our own files, so that it works without the internet."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from rejoinder.api.security import PAGE_HEADERS

_STATIC = Path(__file__).with_name("static")


def docs_router() -> APIRouter:
    """The page and its files."""
    router = APIRouter(include_in_schema=False)
    files = StaticFiles(directory=_STATIC)

    @router.get("/docs")
    async def docs() -> Response:
        return FileResponse(_STATIC / "docs.html", headers=PAGE_HEADERS)

    @router.get("/static/api/{path:path}")
    async def static(path: str, request: Request) -> Response:
        try:
            response = await files.get_response(path, request.scope)
        except HTTPException as fault:
            return Response("Not found", fault.status_code, media_type="text/plain")
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return router

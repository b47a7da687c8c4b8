"""Downloads of finished files by signed links, which need no key (contract 4.5), and ranges of them (RFC 9110, 14)."""

# No "from __future__ import annotations" here: FastAPI reads the endpoints' annotations.
import hashlib
import re
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse

from rejoinder.api.describe import WHY, Responses, said
from rejoinder.api.meetstream.answers import Message
from rejoinder.errors import RejoinderError
from rejoinder.storage.blobs import Blobs, disposition
from rejoinder.storage.links import Links

PREFIX = "/media"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_BINARY = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_ANSWERS: Responses = {
    200: {"description": "The file.", "content": _BINARY},
    206: {"description": "A part of the file.", "content": _BINARY},
    403: said("The link is not valid, or has expired."),
    404: said(WHY[404]),
    416: said("The range is not in the file."),
    503: said(WHY[503]),
}


class Unsatisfiable(RejoinderError):
    """A range that lies outside the file."""


def part_of(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one behind the last that a Range header asks for; None: the whole file.

    Headers that are malformed or ask for several ranges are ignored, as RFC 9110 allows. Raises Unsatisfiable. Pure.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or match.group(1, 2) == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), size if last == "" else min(int(last) + 1, size)
        if last != "" and int(last) < start:
            return None
    if start >= end:
        raise Unsatisfiable("The range is not in the file.")
    return start, end


def files_router(blobs: Blobs, links: Links) -> APIRouter:
    """The one endpoint that gives files away; the link is the credential."""
    router = APIRouter(prefix=PREFIX, tags=["files"])

    @router.head("/{token}/{name}", include_in_schema=False)
    @router.get(
        "/{token}/{name}",
        operation_id="download",
        summary="Download a file",
        responses=_ANSWERS,
        response_class=Response,
    )
    async def download(
        request: Request,
        token: Annotated[str, Path(description="As in the link.")],
        name: Annotated[str, Path(description="What the download is called; the token decides which file it is.")],
    ) -> Response:
        """By a link that another answer gave. Parts can be asked for with `Range`."""
        link = links.open(token, time.time())
        size = await blobs.size(link.key)
        etag = f'"{hashlib.sha256(link.key.encode()).hexdigest()[:24]}-{size:x}"'
        headers = {
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Content-Disposition": disposition(link.name),
            "Cache-Control": "private, no-transform",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Referrer-Policy": "no-referrer",
        }
        asked = request.headers.get("range")
        if request.headers.get("if-range", etag) != etag:
            asked = None  # the client holds another version: it gets the whole of this one
        try:
            part = part_of(asked, size)
        except Unsatisfiable as error:
            refused = Message(message=str(error)).model_dump_json()
            return Response(refused, 416, {"Content-Range": f"bytes */{size}"}, "application/json")
        start, end = part or (0, size)
        headers["Content-Length"] = str(end - start)
        if part is not None:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        status = 200 if part is None else 206
        if request.method == "HEAD":
            return Response(None, status, headers, link.content_type)
        return StreamingResponse(_bytes(blobs, link.key, start, end), status, headers, link.content_type)

    return router


async def _bytes(blobs: Blobs, key: str, start: int, end: int) -> AsyncIterator[bytes]:
    if start == end:
        return
    async for piece in blobs.read(key, start, end):
        yield piece

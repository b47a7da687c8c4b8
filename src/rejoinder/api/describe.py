"""The API's description (OpenAPI 3.1): what endpoints say of themselves, and the whole document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from rejoinder.api.meetstream.answers import Message

WHY = {
    202: "Not ready yet: ask again later.",
    400: "The request cannot be taken; `message` names the field.",
    401: "No key was sent.",
    403: "The key is not known here.",
    404: "There is no such thing (for this account).",
    409: "Not in its present state.",
    413: "The body is too large.",
    429: "Too many requests; `Retry-After` says in how many seconds to try again.",
    503: "The server cannot do it now; worth trying again.",
}
ALWAYS = {
    421: "The server does not answer to this host name.",
    500: "A defect of this server; `x-request-id` names the request in its log.",
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
_REF = {"$ref": "#/components/schemas/Message"}

Responses = dict[int | str, dict[str, Any]]


def answers(ok: Any, *others: int, status: int = 200, **more: type[BaseModel]) -> Responses:
    """The ``responses`` of an endpoint that wants a key: ``ok`` (a model, or None) and errors as ``{"message"}``.

    ``others`` are statuses besides 401, 403, 429 and 503. ``more``: models of other shapes, ``_202=Model``.
    """
    known: Responses = {} if ok is None else {status: {"model": ok, "description": first_line(ok)}}
    for code in sorted({401, 403, 429, 503, *others}):
        known[code] = said(WHY[code])
    known[429]["headers"] = RETRY_AFTER
    for name, model in more.items():
        code = int(name.removeprefix("_"))
        known[code] = {"model": model, "description": WHY.get(code, first_line(model))}
    return known


def said(description: str) -> dict[str, Any]:
    """An answer that is ``{"message"}``."""
    return {"description": description, "content": {"application/json": {"schema": dict(_REF)}}}


def first_line(model: Any) -> str:
    """The first line of a model's docstring; of each, where there are several, or rows of one."""
    kinds = get_args(model) or (model,)
    return " Or: ".join((kind.__doc__ or "Done.").strip().splitlines()[0] for kind in kinds)


def body(schema: dict[str, Any]) -> dict[str, Any]:
    """The ``openapi_extra`` of an endpoint that reads a JSON body itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def query(name: str, description: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A query parameter that the endpoint reads itself."""
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema, **more}


def describer(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """A replacement for ``app.openapi``: FastAPI's document, without the answers we never give (422), with those any
    request may get."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, summary=app.summary, routes=app.routes, tags=app.openapi_tags
            )
            app.openapi_schema = _completed(document)
        return app.openapi_schema

    return describe


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Message"] = Message.model_json_schema()
    components["responses"] = {str(code): said(text) for code, text in ALWAYS.items()}
    for path in document["paths"].values():
        for operation in path.values():
            responses = operation["responses"]
            responses.pop("422", None)
            for code in ALWAYS:
                responses.setdefault(str(code), {"$ref": f"#/components/responses/{code}"})
            operation["responses"] = dict(sorted(responses.items()))
    return document

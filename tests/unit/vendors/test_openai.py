"""The OpenAI-compatible model against a small server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from rejoinder.agent.base import Message
from rejoinder.errors import ProviderError
from rejoinder.vendors.openai.llm import OpenAIModel

HELLO = [Message("system", "Be brief."), Message("user", "Hello?")]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Base URL of a server that answers chat completions with ``handler``."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()


async def send(response: web.StreamResponse, text: str) -> None:
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunk["choices"] = [{"index": 0, "delta": {"content": text}, "finish_reason": None}]  # type: ignore[assignment]
    await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")


async def stream_of(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return response


def error(status: int, message: str) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"message": message, "type": "x"}}, status=status)

    return handler


async def answer(model: OpenAIModel) -> str:
    return "".join([text async for text in model.stream(HELLO)])


def run(handler: Handler, use: Callable[[OpenAIModel], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        async with serving(handler) as url:
            model = OpenAIModel("m", url=url, key="secret", **options)
            try:
                async with asyncio.timeout(10):
                    return await use(model)
            finally:
                await model.aclose()

    return asyncio.run(main())


def test_streams_the_answer() -> None:
    asked: list[dict[str, Any]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(await request.json())
        assert request.headers["Authorization"] == "Bearer secret"
        response = await stream_of(request)
        for text in ("Hi", " there", "."):
            await send(response, text)
        await response.write(b"data: [DONE]\n\n")
        return response

    assert run(handler, answer, temperature=0.0, extra={"cache_prompt": True}) == "Hi there."
    assert asked[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
    ]
    assert (asked[0]["max_tokens"], asked[0]["stream"], asked[0]["cache_prompt"]) == (200, True, True)


@pytest.mark.parametrize(
    ("status", "message", "says", "retryable"),
    [
        (401, "bad key secret", "REJOINDER_LLM_KEY", False),
        (404, "no model", "knows no model 'm'", False),
        (429, "slow down", "too many requests", True),
        (500, "oops", "failed with status 500", True),
        (400, "prompt too long", "prompt too long", False),
    ],
)
def test_errors_become_sentences(status: int, message: str, says: str, retryable: bool) -> None:
    with pytest.raises(ProviderError, match=says) as caught:
        run(error(status, message), answer)
    assert caught.value.provider == "openai"
    assert caught.value.retryable is retryable
    assert "secret" not in str(caught.value)


def test_nobody_there() -> None:
    async def main() -> None:
        model = OpenAIModel("m", url="http://127.0.0.1:9/v1")
        await answer(model)

    with pytest.raises(ProviderError, match="cannot be reached"):
        asyncio.run(main())


def test_an_answer_that_breaks_off_is_an_error() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = await stream_of(request)
        await send(response, "Hi")
        assert request.transport is not None
        request.transport.abort()
        return response

    with pytest.raises(ProviderError, match=r"at 127\.0\.0\.1"):
        run(handler, answer)


def test_the_new_name_of_the_token_limit_is_learnt() -> None:
    asked: list[dict[str, Any]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(body := await request.json())
        if "max_tokens" in body:
            text = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return web.json_response({"error": {"message": text, "type": "x"}}, status=400)
        response = await stream_of(request)
        await send(response, "ok")
        await response.write(b"data: [DONE]\n\n")
        return response

    async def twice(model: OpenAIModel) -> str:
        return await answer(model) + await answer(model)

    assert run(handler, twice) == "okok"
    assert [("max_tokens" in body) for body in asked] == [True, False, False]


def endless(gone: asyncio.Event) -> Handler:
    """Streams words until the client hangs up, then sets ``gone``."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = await stream_of(request)
        try:
            while True:
                await send(response, "word ")
                await asyncio.sleep(0.01)
        except (ConnectionError, asyncio.CancelledError):
            gone.set()
            raise

    return handler


def test_closing_the_iterator_hangs_up() -> None:
    gone = asyncio.Event()

    async def use(model: OpenAIModel) -> None:
        async with aclosing(model.stream(HELLO)) as words:
            async for _ in words:
                break
        await gone.wait()

    run(endless(gone), use)


def test_cancelling_hangs_up() -> None:
    gone = asyncio.Event()

    async def use(model: OpenAIModel) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await answer(model)
        await gone.wait()

    run(endless(gone), use)


def test_an_answer_cuts_a_warm_up_short() -> None:
    gone, warming = asyncio.Event(), asyncio.Event()
    slow = endless(gone)

    async def handler(request: web.Request) -> web.StreamResponse:
        if (await request.json())["max_tokens"] == 1:
            warming.set()
            return await slow(request)
        response = await stream_of(request)
        await send(response, "ok")
        await response.write(b"data: [DONE]\n\n")
        return response

    async def use(model: OpenAIModel) -> str:
        async with asyncio.TaskGroup() as group:
            warm = group.create_task(model.warm(HELLO))
            await warming.wait()
            said = await answer(model)
            await warm
        await gone.wait()
        return said

    assert run(handler, use, prefix_cache=True) == "ok"


def test_warming_never_raises_and_does_not_generate_elsewhere() -> None:
    asked: list[int] = []

    async def handler(_: web.Request) -> web.StreamResponse:
        asked.append(1)
        return web.Response(status=500)

    run(handler, lambda model: model.warm(HELLO))
    assert asked == []
    run(handler, lambda model: model.warm(HELLO), prefix_cache=True)
    assert asked

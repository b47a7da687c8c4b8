"""Any chat model behind an OpenAI-compatible endpoint: OpenAI, vLLM, Ollama, llama.cpp and many more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any

import structlog

from rejoinder.agent.base import Message
from rejoinder.errors import ProviderError

log = structlog.get_logger(__name__)

CONNECT_S = 5.0
READ_S = 20.0
"""Longest wait for the first token, and between tokens: in a conversation a later answer is none."""
KEEP_S = 120.0
"""How long an idle connection is kept, so that the next answer need not set one up."""
TOUCH_S = 45.0
"""How often a warm-up keeps an otherwise idle connection open; servers close theirs after about a minute."""


class OpenAIModel:
    """The :class:`~rejoinder.agent.base.LanguageModel` at ``url`` called ``model``.

    ``prefix_cache``: the server keeps what it has read of a prompt and we may make it read ahead for free,
    as the local model does; elsewhere :meth:`warm` only keeps the connection open. ``extra``: fields added
    to each request. Lives on one event loop.
    """

    def __init__(
        self,
        model: str,
        *,
        url: str | None = None,
        key: str | None = None,
        prefix_cache: bool = False,
        temperature: float | None = None,
        extra: dict[str, Any] | None = None,
        name: str = "openai",
    ) -> None:
        import httpx2  # what the client is built on; both take a second to import
        import openai

        self.name = name
        self._openai = openai
        self._model = model
        self._prefix_cache = prefix_cache
        self._temperature = temperature
        self._extra = extra
        self._limit = "max_tokens"
        self._used_at = 0.0
        self._warming: set[asyncio.Timeout] = set()
        self._client: Any = openai.AsyncOpenAI(
            base_url=url,
            api_key=key or "none",
            max_retries=1,
            timeout=openai.Timeout(READ_S, connect=CONNECT_S),
            http_client=openai.DefaultAsyncHttpxClient(
                limits=httpx2.Limits(max_connections=100, keepalive_expiry=KEEP_S)
            ),
        )

    async def stream(self, messages: Sequence[Message], *, max_tokens: int = 200) -> AsyncGenerator[str]:
        """Yield the answer as text increments; see :class:`~rejoinder.agent.base.LanguageModel`.

        A warm-up under way gives way.
        """
        for scope in self._warming:
            scope.reschedule(asyncio.get_running_loop().time())
        answer: Any = None
        try:
            answer = await self._ask(messages, max_tokens)
            async for chunk in answer:
                if chunk.choices and (text := chunk.choices[0].delta.content):
                    yield text
        except Exception as error:
            raise self._translated(error) from error
        finally:
            self._used_at = time.monotonic()
            if answer is not None:
                with suppress(Exception):
                    await answer.close()

    async def warm(self, messages: Sequence[Message]) -> None:
        """Have the prompt read ahead, or keep the connection open; see :class:`LanguageModel`.

        Cut short as soon as an answer is asked for.
        """
        scope = asyncio.timeout(None)
        self._warming.add(scope)
        try:
            async with scope:
                await (self._read_ahead(messages) if self._prefix_cache else self._touch())
        except TimeoutError:
            pass  # an answer goes first
        except Exception as error:
            log.debug("warming a language model failed", provider=self.name, error=type(error).__name__)
        finally:
            self._warming.discard(scope)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _read_ahead(self, messages: Sequence[Message]) -> None:
        # Streamed, so that closing the response stops the server; the one token is thrown away.
        answer = await self._ask(messages, 1)
        async with answer:
            async for _ in answer:
                pass

    async def _touch(self) -> None:
        if time.monotonic() - self._used_at > TOUCH_S:
            self._used_at = time.monotonic()
            await self._client.models.list()

    async def _ask(self, messages: Sequence[Message], max_tokens: int) -> Any:
        """Send the request. Newer OpenAI models want the limit by its new name: learnt from their refusal."""
        request: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "stream": True,
        }
        if self._temperature is not None:
            request["temperature"] = self._temperature
        if self._extra:
            request["extra_body"] = self._extra
        try:
            return await self._client.chat.completions.create(**request, **{self._limit: max_tokens})
        except self._openai.BadRequestError as error:
            if self._limit != "max_tokens" or "max_completion_tokens" not in str(error):
                raise
            self._limit = "max_completion_tokens"
            return await self._client.chat.completions.create(**request, **{self._limit: max_tokens})

    def _translated(self, error: Exception) -> ProviderError:
        """What went wrong, as a sentence without the key or the prompt."""
        if isinstance(error, ProviderError):
            return error
        openai, where = self._openai, self._client.base_url.host
        retryable = True
        match error:
            case openai.APITimeoutError():
                said = f"did not answer within {READ_S:.0f} s"
            case openai.APIConnectionError():
                said = "cannot be reached; check REJOINDER_LLM_URL"
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                said, retryable = "refuses the key; check REJOINDER_LLM_KEY", False
            case openai.NotFoundError():
                said, retryable = f"knows no model {self._model!r}; check REJOINDER_LLM_MODEL and _URL", False
            case openai.RateLimitError():
                said = "refuses for now: too many requests, or no credit left"
            case openai.BadRequestError():
                said, retryable = f"does not take the request: {_said(error)}", False
            case openai.APIStatusError():
                said = f"failed with status {error.status_code}"
            case openai.APIError():
                said = f"failed: {_said(error)}"
            case _:
                said = f"broke off its answer ({type(error).__name__})"
        return ProviderError(f"The language model at {where} {said}.", provider=self.name, retryable=retryable)


def _said(error: Exception) -> str:
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    return str(message or type(error).__name__)[:200].rstrip(".")

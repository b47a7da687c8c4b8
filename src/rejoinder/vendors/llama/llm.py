"""The local language model: llama.cpp in a child process, spoken to as any other OpenAI-compatible
endpoint."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import secrets
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from pathlib import Path

import structlog

from rejoinder.agent.base import Message
from rejoinder.errors import ModelUnavailable, ProviderError
from rejoinder.tasks import Tasks
from rejoinder.vendors.inference import missing
from rejoinder.vendors.llama.ahead import known, steps
from rejoinder.vendors.llama.serve import Orders
from rejoinder.vendors.openai.llm import OpenAIModel

log = structlog.get_logger(__name__)

READY_S = 120.0
"""Longest time the model may take to load: a gigabyte from a slow disk."""
CLOSE_S = 3.0
"""Time the child has to end by itself."""
PAUSES_S = (0.5, 2.0, 10.0, 30.0)
"""Pauses before the model is started again after it stopped; the last one from then on."""


STEP_S = 1.5
"""Longest time an answer waits for a step of reading ahead; then the step is broken off."""
REMEMBERED = 16
"""Prompts of which we know that they were read."""


class LlamaProcess:
    """The child process with the model; started again when it dies."""

    def __init__(self, model: Path, *, threads: int = 2, context: int = 4096, parallel: int = 1) -> None:
        self._orders = Orders(str(model), secrets.token_hex(16), threads, context, parallel)
        self._process: Process | None = None
        self._tasks = Tasks()
        self.url: str | None = None
        """Base URL of the API; None while the model is not up. Changes with each start."""

    @classmethod
    async def start(cls, model: Path, *, threads: int = 2, context: int = 4096, parallel: int = 1) -> LlamaProcess:
        """Load ``model`` (GGUF) and wait until it answers.

        ``context``: tokens a request may have. ``parallel``: requests computed at a time; each has a prompt cache of
        its own, so with one a meeting's prompt is never read twice. Raises :class:`ModelUnavailable`.
        """
        if importlib.util.find_spec("xllamacpp") is None:
            raise missing("xllamacpp")
        if not await asyncio.to_thread(model.is_file):
            raise ModelUnavailable(f"The model file {model} is missing; run: rejoinder models fetch")
        self = cls(model, threads=threads, context=context, parallel=parallel)
        try:
            await self._spawn()
        except BaseException:
            await self.close()
            raise
        self._tasks.start(self._supervise(), "llama")
        return self

    @property
    def key(self) -> str:
        """The API's key."""
        return self._orders.key

    @property
    def pid(self) -> int | None:
        """The child's process id."""
        return self._process.pid if self._process else None

    async def close(self) -> None:
        """End the child."""
        await self._tasks.cancel()
        self.url = None
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _spawn(self) -> None:
        command = (sys.executable, "-m", "rejoinder.vendors.llama.serve")
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(self._orders.line())
        try:
            async with asyncio.timeout(READY_S):
                line = await process.stdout.readline()
        except TimeoutError:
            process.kill()
            line = b""
        if not line:
            await process.wait()
            raise ModelUnavailable(
                f"The local language model {Path(self._orders.model).name} cannot be loaded; "
                "check its file with: rejoinder models verify"
            )
        self.url = str(json.loads(line)["url"])

    async def _supervise(self) -> None:
        failures = 0
        while True:
            if self._process is not None:
                code = await self._process.wait()
                self.url = self._process = None
                log.error("the local language model stopped; starting it again", code=code)
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
            try:
                await self._spawn()
                failures = 0
            except (ModelUnavailable, OSError) as error:
                failures += 1
                self._process = None
                log.error("the local language model does not start", error=str(error))


class LlamaModel:
    """The :class:`~rejoinder.agent.base.LanguageModel` in a :class:`LlamaProcess`.

    Answers go before reading ahead: reading cannot be broken off, so prompts are read ahead in short steps, none is
    begun while an answer is under way, and an answer waits for the end of the present one (which, of its own prompt,
    is work it needs anyway).
    """

    name = "llama"

    def __init__(self, process: LlamaProcess) -> None:
        self._process = process
        self._client: tuple[str, OpenAIModel] | None = None
        self._read: deque[list[Message]] = deque(maxlen=REMEMBERED)
        self._stepping = asyncio.Lock()
        self._answers = 0
        self._silent = asyncio.Event()
        self._silent.set()

    async def stream(self, messages: Sequence[Message], *, max_tokens: int = 200) -> AsyncIterator[str]:
        """Yield the answer as text increments; see :class:`~rejoinder.agent.base.LanguageModel`."""
        model = self._model()
        if model is None:
            raise ProviderError(
                "The local language model stopped and is being started again.",
                provider=self.name,
                retryable=True,
            )
        self._answers += 1
        self._silent.clear()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(STEP_S), self._stepping:
                    pass
            async with aclosing(model.stream(messages, max_tokens=max_tokens)) as answer:
                async for text in answer:
                    yield text
            self._remember(list(messages))
        finally:
            self._answers -= 1
            if not self._answers:
                self._silent.set()

    async def warm(self, messages: Sequence[Message]) -> None:
        """Let the model read ``messages`` ahead; gives way to answers. What it has read is not read again."""
        read = max((known(messages, earlier) for earlier in self._read), default=0)
        for step in steps(messages, read):
            if not await self._step(step):
                return

    async def close(self) -> None:
        """End the process and its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client[1].aclose()
        await self._process.close()

    async def _step(self, messages: list[Message]) -> bool:
        """Have ``messages`` read once no answer is under way; False when there is no model."""
        while True:
            await self._silent.wait()
            async with self._stepping:
                if self._answers:
                    continue
                if (model := self._model()) is None:
                    return False
                await model.warm(messages)
                self._remember(messages)
                return True

    def _remember(self, messages: list[Message]) -> None:
        """``messages`` were read; what they begin with need not be remembered any more."""
        for earlier in list(self._read):
            if known(earlier, messages) == sum(len(message.content) for message in earlier):
                self._read.remove(earlier)
        self._read.append(messages)

    def _model(self) -> OpenAIModel | None:
        """A client of the child as it runs now."""
        url = self._process.url
        if url is None:
            return None
        if self._client is None or self._client[0] != url:
            model = OpenAIModel(
                "local",
                url=url,
                key=self._process.key,
                prefix_cache=True,
                temperature=0.0,
                extra={"cache_prompt": True},
                name=self.name,
            )
            self._client = (url, model)
            self._read.clear()
        return self._client[1]

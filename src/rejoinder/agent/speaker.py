"""The bot's voice: replies in the making, and the one that has the floor, until its last word was heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from rejoinder.agent.base import Voice
from rejoinder.agent.reply import Reply
from rejoinder.agent.trace import TurnTrace
from rejoinder.errors import RejoinderError
from rejoinder.media.frame import Pcm
from rejoinder.media.mouth import Mouth
from rejoinder.media.playout import Played
from rejoinder.tasks import Tasks


class Speaker:
    """Makes replies and says one at a time.

    ``on_started(reply, now)``: people get its first sound. ``on_ended(reply, outcome)``: it is over; ``said``,
    ``interrupted``, ``silent`` (there was nothing to say) or ``failed``. ``on_problem``: a service failed.
    """

    def __init__(
        self,
        voice: Voice,
        write: Callable[[Pcm], None],
        tasks: Tasks,
        *,
        continuous: bool,
        first_words: int,
        on_started: Callable[[Reply, float], None],
        on_ended: Callable[[Reply, str], None],
        on_problem: Callable[[str], None],
    ) -> None:
        self.mouth = Mouth(write, continuous=continuous, on_started=self._started, on_finished=self._finished)
        self.reply: Reply | None = None
        """The reply that has the floor."""
        self._task: asyncio.Task[None] | None = None
        self._voice = voice
        self._tasks = tasks
        self._first_words = first_words
        self._on_started = on_started
        self._on_ended = on_ended
        self._on_problem = on_problem
        self._loop = asyncio.get_running_loop()

    def make(self, trace: TurnTrace, tokens: Callable[[], AsyncIterator[str]]) -> tuple[Reply, asyncio.Task[None]]:
        """Begin to make a reply behind a closed gate; cancel the task to give it up."""
        reply = Reply(trace, tokens, self._voice, self.mouth, self._loop.time, first_words=self._first_words)
        return reply, self._tasks.start(self._run(reply), "reply")

    def take(self, reply: Reply, task: asyncio.Task[None]) -> None:
        """Give this reply the floor; :meth:`release` lets it be heard."""
        self.stop("interrupted")
        self.reply, self._task = reply, task

    def release(self) -> None:
        """Open the gate of the reply that has the floor."""
        if self.reply is not None:
            self.reply.release()
            self._check(self.reply)

    def stop(self, outcome: str) -> None:
        """Fall silent at once; the reply, if any, is over."""
        if self.reply is not None:
            self._end(outcome)

    def fail(self) -> None:
        """A task failed unexpectedly: if it was making the present reply, that is over."""
        if self.reply is not None and self._task is not None and self._task.done():
            self._end("failed")

    async def _run(self, reply: Reply) -> None:
        failure: RejoinderError | None = None
        try:
            await reply.run()
        except* RejoinderError as errors:
            failure = _first(errors)
        if failure is not None:
            self._on_problem(str(failure))
        if self.reply is not reply:
            return
        if failure is not None and not reply.released_audio:
            self._end("failed")
        else:
            self._check(reply)

    def _check(self, reply: Reply) -> None:
        if reply.silent:
            self._end("silent")
        elif reply.said:
            self._end("said")

    def _end(self, outcome: str) -> None:
        reply, task = self.reply, self._task
        assert reply is not None
        self.reply = self._task = None
        if task is not None and task is not asyncio.current_task(self._loop):
            task.cancel()
        for played in self.mouth.clear():
            reply.note_played(played)
        self._on_ended(reply, outcome)

    def _started(self, clip: str, now: float) -> None:
        reply = self.reply
        if reply is not None and clip.startswith(reply.trace.id + ".") and "sent" not in reply.trace.marks:
            reply.trace.mark("sent", now)
            self._on_started(reply, now)

    def _finished(self, played: Played, now: float) -> None:
        if self.reply is not None:
            self.reply.note_played(played)
            if self.reply.said:
                self._end("said")


def _first(errors: BaseExceptionGroup[RejoinderError]) -> RejoinderError:
    """The first single error of a (nested) group."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, RejoinderError)
    return error

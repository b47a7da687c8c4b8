"""A worker: attends bots in their meetings, and does what follows."""

from __future__ import annotations

import asyncio
import base64
import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from rejoinder.control.aftermath import SUMMARISE, TRANSCRIBE, Aftermath
from rejoinder.control.cleaning import EXPIRE, Cleaner
from rejoinder.control.journal import Journal
from rejoinder.control.ledger import DELIVER, Fence, Ledger
from rejoinder.control.output import KINDS, Gone, Output
from rejoinder.control.shipping import Spool
from rejoinder.core.bot import Bot, BotStatus
from rejoinder.core.commands import BotCommand, Leave, SendChat, SetRecording, ShowImage, ShowImageUrl
from rejoinder.core.entries import Noted, Reached
from rejoinder.core.lifecycle import Moment
from rejoinder.core.participant import Participant
from rejoinder.engine.base import JobHandler
from rejoinder.errors import Fenced, RejoinderError
from rejoinder.media.loop import MediaLoop
from rejoinder.platforms.base import Stay
from rejoinder.recording.recorder import Recorder
from rejoinder.session.parts import OpenRecording, Parts
from rejoinder.session.session import BotSession
from rejoinder.storage import tables as t
from rejoinder.storage.database import Database
from rejoinder.tasks import Tasks
from rejoinder.webhooks.courier import Courier

log = structlog.get_logger(__name__)

COMMANDS_S = 0.2
"""How soon a command given to the API reaches a bot in another process."""
COURIERS_S = 0.5
"""How soon a webhook caused in another process is sent."""
SWEEP_S = 3600.0
MOST_EPOCHS = 100
"""Take-overs of one bot. A bot that kills its workers must not do so for ever."""
GOODBYE_S = 3.0
"""How long a cancelled session may take to be out of its meeting and to write down what it recorded."""


@dataclass(slots=True)
class _Running:
    session: BotSession | None = None
    journal: Journal | None = None
    fenced: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """The session has ended and cleaned up."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """What the API has the bot say is said one after the other."""


class Work:
    """Fulfils :class:`rejoinder.engine.base.BotWork`, and names the handlers of all other jobs.

    Lives on the main event loop; sessions run on ``media``. ``owner`` gives this worker's id.
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        spool: Spool,
        cleaner: Cleaner,
        aftermath: Aftermath,
        courier: Courier,
        media: MediaLoop,
        output: Output,
    ) -> None:
        self.owner: Callable[[], str] = lambda: ""
        self._database = database
        self._ledger = ledger
        self._spool = spool
        self._cleaner = cleaner
        self._aftermath = aftermath
        self._courier = courier
        self._media = media
        self._output = output
        self._parts: Parts | None = None
        self._running: dict[str, _Running] = {}
        self._hurry = asyncio.Event()
        self._tasks = Tasks()

    def start(self, parts: Parts) -> None:
        """Set what sessions are given, and begin to look for commands and webhooks."""
        self._parts = parts
        self._output.voice = parts.services.voice if parts.services is not None else None
        self._tasks.start(self._take_commands(), "commands")
        self._tasks.start(self._wake_couriers(), "couriers")
        self._tasks.start(self._sweep(), "sweep")

    async def close(self) -> None:
        """Stop looking."""
        await self._tasks.cancel()

    @property
    def handlers(self) -> Mapping[str, JobHandler]:
        """What to run for each kind of job but the bot itself."""
        return {
            DELIVER: self._deliver,
            EXPIRE: self._cleaner.expire,
            TRANSCRIBE: self._aftermath.transcribe,
            SUMMARISE: self._aftermath.summarise,
        }

    # -- bots ---------------------------------------------------------------------------------------------------

    async def attend(self, bot_id: str, epoch: int) -> None:
        """A bot's stay, from joining to leaving."""
        fence = Fence(self.owner(), epoch)
        bot = await self._ledger.take_up(bot_id, fence)
        if bot is None or bot.status.over:
            return
        if epoch > MOST_EPOCHS:
            message = f"{MOST_EPOCHS} workers died under this bot."
            await self._ledger.write(bot_id, [Reached(Moment.FAILED, time.time(), message, reason="crashed")], fence)
            return
        if bot.status is BotStatus.LEAVING:  # the worker before this one died while it left
            await self._ledger.write(bot_id, [Reached(Moment.STOPPED, time.time())], fence)
            return
        running = self._running[bot_id] = _Running()
        running.journal = Journal(
            self._ledger, bot_id, fence, running.fenced.set, on_written=lambda: self._courier.wake(bot_id)
        )
        shipping = self._tasks.start(self._spool.ship(bot_id, epoch), f"ship {bot_id}")
        try:
            await self._stay(bot, epoch, running)
        finally:
            shipping.cancel()
            self._running.pop(bot_id, None)
            await running.journal.close()

    async def _stay(self, bot: Bot, epoch: int, running: _Running) -> None:
        assert running.journal is not None
        seen = epoch > 1 and await self._people_seen(bot.id)
        future = self._media.submit(self._session(bot, Stay(bot.id, epoch, seen), running, asyncio.get_running_loop()))
        gone = self._tasks.start(running.gone.wait(), f"end of {bot.id}")
        fenced = self._tasks.start(running.fenced.wait(), f"fence of {bot.id}")
        try:
            await asyncio.wait({gone, fenced}, return_when=asyncio.FIRST_COMPLETED)
            if not gone.done():
                await _abandon(future, running)
                raise Fenced(f"bot {bot.id} was taken over")
            if not future.result():
                raise Fenced(f"bot {bot.id} was put out of its meeting by a later coming")
            # The end of the stay must be known before anyone may take the bot up again.
            await running.journal.flushed()
        except asyncio.CancelledError:
            await _abandon(future, running)
            await running.journal.flushed(GOODBYE_S)
            raise
        finally:
            gone.cancel()
            fenced.cancel()

    async def _session(self, bot: Bot, stay: Stay, running: _Running, main: asyncio.AbstractEventLoop) -> bool:
        """Runs on the media loop."""
        assert self._parts is not None
        assert running.journal is not None
        try:
            running.session = BotSession(
                bot, stay, self._parts, running.journal.add, self._recording(bot.id, stay.epoch)
            )
            return await running.session.run()
        finally:
            running.session = None
            main.call_soon_threadsafe(running.gone.set)

    async def _people_seen(self, bot_id: str) -> bool:
        p = t.participants.c
        async with self._database.read() as connection:
            found = select(p.id).where(p.bot_id == bot_id, p.is_bot.is_(False)).limit(1)
            return (await connection.execute(found)).first() is not None

    def _recording(self, bot_id: str, epoch: int) -> OpenRecording | None:
        parts = self._parts
        if parts is None or parts.spool is None:
            return None
        folder = self._spool.folder(bot_id, epoch)

        def open_recording(
            me: Participant, on_problem: Callable[[str], None], on_speech: Callable[[str, bool], None]
        ) -> Recorder:
            return Recorder(folder, time.monotonic, time.time(), me=me, on_problem=on_problem, on_speech=on_speech)

        return open_recording

    async def settle(self, bot_id: str) -> None:
        """What follows a stay."""
        await self._aftermath.settle(bot_id)
        self._courier.wake(bot_id)

    # -- commands -----------------------------------------------------------------------------------------------

    def hurry(self, bot_id: str) -> None:
        """There is a command for a bot: look now. To be called on the main event loop."""
        self._hurry.set()

    async def _take_commands(self) -> None:
        while True:
            try:
                async with asyncio.timeout(COMMANDS_S):
                    await self._hurry.wait()
            except TimeoutError:
                pass
            self._hurry.clear()
            bots = [bot_id for bot_id, running in self._running.items() if running.session is not None]
            if not bots:
                continue
            try:
                await self._obey(bots)
            except (SQLAlchemyError, OSError) as error:
                log.warning("commands cannot be read", error=type(error).__name__)
                await asyncio.sleep(1.0)

    async def _obey(self, bots: list[str]) -> None:
        found = select(t.commands).where(t.commands.c.bot_id.in_(bots)).order_by(t.commands.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(found)).all()
        if not rows:
            return
        for row in rows:
            running = self._running.get(row.bot_id)
            if running is not None and row.kind in KINDS:
                self._tasks.start(self._carry_out(running, row.kind, row.body), f"output of {row.bot_id}")
                continue
            command = command_of(row.kind, row.body)
            if running is not None and running.session is not None and command is not None:
                await self._media.run(_perform(running.session, command))
        async with self._database.begin() as connection:
            await connection.execute(delete(t.commands).where(t.commands.c.id.in_([row.id for row in rows])))

    async def _carry_out(self, running: _Running, kind: str, body: Mapping[str, Any]) -> None:
        async def perform(command: BotCommand) -> None:
            if running.session is None:
                raise Gone("The bot has left.")
            await self._media.run(_perform(running.session, command))

        async with running.turn:
            try:
                await self._output.carry_out(kind, body, perform)
            except RejoinderError as error:
                log.info("output failed", kind=kind, error=str(error))
                if running.journal is not None and not isinstance(error, Gone):
                    running.journal.add(Noted("output.error", time.time(), str(error)))

    # -- webhooks -----------------------------------------------------------------------------------------------

    async def _deliver(self, args: dict[str, Any]) -> None:
        bot_id, epoch = str(args["bot_id"]), args.get("epoch")

        async def live() -> bool:
            if epoch is None:
                return False
            async with self._database.read() as connection:
                found = select(t.bots.c.closed, t.bots.c.epoch).where(t.bots.c.id == bot_id)
                row = (await connection.execute(found)).first()
            # One courier stays: without this, each take-over of a bot would leave one more behind.
            return row is not None and not row.closed and row.epoch <= epoch

        await self._courier.run(bot_id, live)
        await self._cleaner.forget_deliveries(bot_id)

    async def _wake_couriers(self) -> None:
        d = t.deliveries.c
        while True:
            await asyncio.sleep(COURIERS_S)
            try:
                due = select(d.bot_id).where(d.status == "pending", d.next_at <= time.time()).distinct().limit(1000)
                async with self._database.read() as connection:
                    waiting = (await connection.execute(due)).scalars().all()
            except (SQLAlchemyError, OSError):
                continue  # said often enough by others
            for bot_id in waiting:
                self._courier.wake(bot_id)

    async def _sweep(self) -> None:
        while True:
            try:
                await self._cleaner.sweep()
            except (SQLAlchemyError, OSError) as error:
                log.warning("the spool was not swept", error=type(error).__name__)
            await asyncio.sleep(SWEEP_S)


def command_of(kind: str, body: Mapping[str, Any]) -> BotCommand | None:
    """A row of the command table as a command; None for one of a newer version. Pure."""
    match kind:
        case "leave":
            return Leave()
        case "send_message":
            return SendChat(body["text"])
        case "show":
            return ShowImage(base64.b64decode(body["data"]))
        case "send_image":
            return ShowImageUrl(body["url"], body.get("display_s"))
        case "set_recording":
            return SetRecording(bool(body["paused"]))
    return None


async def _abandon(future: concurrent.futures.Future[bool], running: _Running) -> None:
    """Have the session leave its meeting without a word, and wait until it has."""
    future.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_S):
            await running.gone.wait()


async def _perform(session: BotSession, command: BotCommand) -> None:
    session.perform(command)

"""Hosts die, freeze and are cut off; databases crash, disks fill up, receivers are away. The meeting goes on."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from hooks import receiving
from installed import Installed, Visit, pid_of
from rejoinder.media.loop import new_event_loop
from servers import Postgres, free_port
from test_bot_service import EVENTS
from wire import Wire

QUICK = {"LEASE_S": 4, "HEARTBEAT_S": 0.4, "DRAIN_S": 1}
PATIENT = {"LEASE_S": 30, "HEARTBEAT_S": 0.4, "DRAIN_S": 1}
LEASE_S = 4.0


def play(scene: Coroutine[Any, Any, None], within_s: float = 120.0) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(asyncio.wait_for(scene, within_s))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(scope="module")
def front(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """API and room on a host that outlives all tests here."""
    with Installed(tmp_path_factory.mktemp("front"), postgres.url(), WEBHOOK_RETRIES=8) as installed:
        installed.serve(WORKERS=0)
        yield installed


@pytest.fixture
def hosts(front: Installed) -> Iterator[Installed]:
    """The front; worker hosts that a test starts end with it."""
    before = len(front._processes)
    yield front
    for process in front._processes[before:]:
        process.kill()
        process.wait()
    del front._processes[before:]


async def once(visit: Visit, bot: str, stays: int) -> None:
    """The bot was there ``stays`` times, never two at once, and ends as it should."""
    await asyncio.sleep(1.0)
    assert len(visit.robin.stays) == stays
    assert visit.robin.here
    assert all(gap >= 0 for gap in visit.robin.gaps())
    await visit.remove(bot)


def test_when_a_host_dies_its_bot_comes_back_through_another(hosts: Installed, tmp_path: Path) -> None:
    async def scene() -> None:
        # A supervisor and its worker; the front is elsewhere.
        host = await asyncio.to_thread(hosts.serve, tmp_path / "a", free_port(), WORKERS=1, **QUICK)
        async with Visit(hosts, "host") as visit:
            bot = await visit.bot()
            first = await hosts.owner(bot)
            await hosts.worker(tmp_path / "b", **QUICK)
            now = visit.ada.now
            host.kill()
            took = await visit.back(now, LEASE_S + 5)
            print(f"MEASURED: host dead, lease 4 s: back after {took:.2f} s")
            assert await hosts.owner(bot) != first
            await once(visit, bot, 2)

    play(scene())


def test_a_frozen_worker_does_not_come_back_when_it_thaws(hosts: Installed, tmp_path: Path) -> None:
    async def scene() -> None:
        frozen = await hosts.worker(tmp_path / "a", **QUICK)
        async with Visit(hosts, "frozen") as visit:
            bot = await visit.bot()
            other = await hosts.worker(tmp_path / "b", **QUICK)
            now = visit.ada.now
            frozen.send_signal(signal.SIGSTOP)
            took = await visit.back(now, LEASE_S + 5)
            print(f"MEASURED: frozen, lease 4 s: back after {took:.2f} s")
            frozen.send_signal(signal.SIGCONT)
            await asyncio.sleep(2.0)
            assert all(gap >= -0.5 for gap in visit.robin.gaps())
            assert await hosts.owner(bot) == other.pid
            await hosts.until_known(frozen.pid, 10)  # it works again
            await once(visit, bot, 2)

    play(scene())


def test_a_worker_cut_off_from_the_database_leaves_before_another_comes(
    hosts: Installed, postgres: Postgres, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with Wire(postgres.port) as wire, Visit(hosts, "cut-off") as visit:
            assert hosts.url is not None
            through = hosts.url.replace(f":{postgres.port}/", f":{wire.port}/")
            cut_off = await hosts.worker(tmp_path / "a", DATABASE_URL=through, **QUICK)
            bot = await visit.bot()
            await hosts.worker(tmp_path / "b", **QUICK)
            now = visit.ada.now
            wire.cut()
            took = await visit.back(now, LEASE_S + 5)
            left = visit.robin.left_after(now)
            assert left is not None
            print(f"MEASURED: cut off, lease 4 s: left after {left - now:.2f} s, back after {took:.2f} s")
            # It went by itself: nobody had to take its place.
            assert took - (left - now) > 0.2
            wire.mend()
            await hosts.until_known(cut_off.pid, 10)
            await once(visit, bot, 2)

    play(scene())


def test_bots_stay_while_the_database_is_away_and_nothing_is_lost(
    hosts: Installed, postgres: Postgres, tmp_path: Path
) -> None:
    async def scene() -> None:
        await hosts.worker(tmp_path / "a", **PATIENT)
        async with receiving() as hooks, Visit(hosts, "away") as visit:
            bot = await visit.bot(callback_url=hooks.url)
            postgres.crash()
            try:
                status, answer = await visit.create()
                assert status == 503, answer
                await visit.ada.chat("while it is away")
                await asyncio.sleep(4.0)
            finally:
                postgres.start()  # not in a thread, with which it would end
            await visit.ada.chat("when it is back")
            chats: list[str] = []
            deadline = time.monotonic() + 15
            while chats != ["while it is away", "when it is back"]:
                assert time.monotonic() < deadline, chats
                await asyncio.sleep(0.2)
                chats = [chat["text"] for chat in (await visit.get(f"/bots/{bot}/get_chats"))["chatMessages"]]
            await once(visit, bot, 1)
            await hooks.wait(lambda seen: seen.names(bot)[-1:] == ["bot.done"])
            assert hooks.names(bot) == EVENTS

    play(scene())


def test_a_receiver_that_was_away_gets_everything_in_order(hosts: Installed, tmp_path: Path) -> None:
    async def scene() -> None:
        await hosts.worker(tmp_path / "a", **PATIENT)
        port = free_port()
        async with Visit(hosts, "receiver") as visit:
            bot = await visit.bot(callback_url=f"http://127.0.0.1:{port}/hook")
            await asyncio.sleep(1.5)
            async with receiving(port) as hooks:
                await hooks.wait(lambda seen: seen.names(bot) == EVENTS[:3], 8)
                hooks.answer = 500
                await visit.get(f"/bots/{bot}/remove_bot")
                await hooks.wait(lambda seen: len(seen.names(bot)) > 4)
                hooks.answer = 200
                await hooks.wait(lambda seen: seen.names(bot)[-1] == "bot.done", 15)
                assert [name for name in hooks.names(bot) if name != "bot.leaving"] == [
                    name for name in EVENTS if name != "bot.leaving"
                ]
            assert len(visit.robin.stays) == 1

    play(scene())


def test_a_draining_worker_hands_its_bot_over_at_once(hosts: Installed, tmp_path: Path) -> None:
    async def scene() -> None:
        draining = await hosts.worker(tmp_path / "a", **PATIENT)
        async with Visit(hosts, "drain") as visit:
            bot = await visit.bot()
            other = await hosts.worker(tmp_path / "b", **PATIENT)
            now = visit.ada.now
            draining.send_signal(signal.SIGTERM)
            took = await visit.back(now, 10)
            left = visit.robin.left_after(now)
            assert left is not None
            print(f"MEASURED: drain of 1 s: left after {left - now:.2f} s, back after {took:.2f} s")
            assert left - now >= 0.9
            assert await asyncio.to_thread(draining.wait, 15) == 0
            assert await hosts.owner(bot) == other.pid
            await once(visit, bot, 2)

    play(scene())


def test_no_acknowledged_create_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    async def scene() -> None:
        with Installed(tmp_path, WORKERS=2, CAPACITY=50) as installed:
            server = await asyncio.to_thread(installed.serve)
            made: list[str] = []
            async with Visit(installed, "creates") as visit:

                async def client(number: int) -> None:
                    for count in range(100):
                        room = f"creates-{number}-{count}"
                        try:
                            status, answer = await visit.create(room, record=False)
                        except Exception:
                            return  # the server is dead
                        assert status == 201, answer
                        made.append(answer["bot_id"])
                        if len(made) == 15:
                            server.kill()

                await asyncio.wait_for(asyncio.gather(*(client(number) for number in range(4))), 20)
            assert 15 <= len(made) < 25
            await asyncio.to_thread(server.wait)
            await asyncio.to_thread(installed.serve)
            async with Visit(installed, "after") as visit:
                kept = set(await installed.ask("SELECT id FROM bots"))
                assert set(made) <= kept
                for bot in made:
                    deadline = time.monotonic() + 20
                    while (found := await visit.get(f"/bots/{bot}/status"))["status"] not in ("InMeeting", "Recording"):
                        assert time.monotonic() < deadline, found
                        await asyncio.sleep(0.1)

    play(scene())


def limit_files(pids: list[int], size: int) -> None:
    """Let these processes write no file beyond ``size`` bytes: to them, the disk is full."""
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def test_a_disk_that_takes_nothing_is_said_so_and_outlived(tmp_path: Path) -> None:
    async def scene() -> None:
        with Installed(tmp_path, WORKERS=1) as installed:
            server = await asyncio.to_thread(installed.serve)
            async with Visit(installed, "disk") as visit:
                bot = await visit.bot()
                workers = [pid_of(worker) for worker in await installed.ask("SELECT id FROM workers")]
                limit_files([server.pid, *workers], 4096)
                await refused(visit)
                limit_files([server.pid, *workers], resource.RLIM_INFINITY)
                await recovered(visit, bot)

    play(scene())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_said_so_and_outlived(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this system does not allow to mount a small disk")

    async def scene() -> None:
        with Installed(tmp_path, WORKERS=1) as installed:
            await asyncio.to_thread(installed.serve)
            async with Visit(installed, "full") as visit:
                bot = await visit.bot()
                filler = tmp_path / "filler"
                await asyncio.to_thread(fill, filler)
                await refused(visit)
                filler.unlink()
                await recovered(visit, bot)

    try:
        play(scene())
    finally:
        subprocess.run(["umount", "--lazy", tmp_path], check=True)


def fill(path: Path) -> None:
    """Write until nothing fits any more."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


async def refused(visit: Visit) -> None:
    """The disk takes nothing: creates say so; the bot stays."""
    deadline = time.monotonic() + 10
    while True:
        status, answer = await visit.create("refused", record=False)
        if status == 503:
            break
        assert status == 201, answer  # what space SQLite's files had left
        assert time.monotonic() < deadline
    assert "disk" in answer["message"]
    await asyncio.sleep(1.0)
    assert visit.robin.here


async def recovered(visit: Visit, bot: str) -> None:
    """The disk works again: so do creates and bots, without a restart."""
    status, answer = await visit.create("recovered")
    assert status == 201, answer
    await visit.until_status(answer["bot_id"], "Recording")
    assert len(visit.robin.stays) == 1
    await visit.remove(bot)

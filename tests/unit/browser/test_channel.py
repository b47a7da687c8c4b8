from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rejoinder.browser.channel import MAX_BAD, MAX_KINDS, MAX_WAITING, Channel, ChannelServer, Hooks
from rejoinder.media.frame import Pcm

HELLO = json.dumps({"k": "hello", "t": 0, "d": {"load": 1000.5}})


class Heard:
    def __init__(self) -> None:
        self.audio: list[tuple[int, Pcm, int]] = []
        self.facts: list[tuple[str, Mapping[str, Any], int]] = []

    def hooks(self) -> Hooks:
        return Hooks(
            lambda track, _at, pcm, epoch: self.audio.append((track, pcm, epoch)),
            lambda kind, data, _at, epoch: self.facts.append((kind, data, epoch)),
        )


def block(track: int, number: int) -> bytes:
    return struct.pack("<BBId", 1, track, number, 0.0) + bytes(1920)


def with_server(test: Any) -> None:
    async def go() -> None:
        server = ChannelServer()
        await server.start()
        heard = Heard()
        try:
            await test(server.open(heard.hooks()), heard, server)
        finally:
            await server.stop()

    asyncio.run(asyncio.wait_for(go(), 10))


async def soon(what: Any) -> None:
    async with asyncio.timeout(3):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def test_audio_and_facts_arrive_with_the_loads_number_and_gaps_are_counted() -> None:
    async def test(channel: Channel, heard: Heard, _: ChannelServer) -> None:
        async with connect(channel.url) as page:
            await page.send(HELLO)
            for number in (0, 1, 4):
                await page.send(block(3, number))
            await page.send(json.dumps({"k": "chat", "t": 1, "d": {"text": "hi"}}))
            await page.send(json.dumps({"k": "beat", "t": 1, "d": {"main": 2500}}))
            await soon(lambda: channel.main_age_s == 2.5)
            assert [(track, len(pcm), epoch) for track, pcm, epoch in heard.audio] == [(3, 960, 0)] * 3
            assert heard.facts == [("chat", {"text": "hi"}, 0)]
            assert channel.gaps == 2

    with_server(test)


def test_what_is_said_reaches_the_page_and_a_flush_overtakes_what_waits() -> None:
    async def test(channel: Channel, _heard: Heard, _: ChannelServer) -> None:
        channel.show(b"early")  # kept for the page that is to come
        async with connect(channel.url) as page:
            assert await page.recv() == b"\x03\x00early"
            channel.speak(np.ones(2, np.int16))
            channel.tell("go", {})
            assert channel.flush() == 1
            assert [await page.recv(), await page.recv()] == ['{"k":"go","d":{}}', b"\x02\x00\x01\x00\x00\x00"]

    with_server(test)


def test_what_is_told_before_the_page_is_there_waits_for_it_the_last_of_each_kind() -> None:
    async def test(channel: Channel, _heard: Heard, _: ChannelServer) -> None:
        channel.tell("go", {"n": 1})
        channel.tell("look", {})
        channel.tell("go", {"n": 2})
        async with connect(channel.url) as page:
            assert [await page.recv(), await page.recv()] == ['{"k":"look","d":{}}', '{"k":"go","d":{"n":2}}']
        await soon(lambda: not channel.connected)
        for number in range(MAX_KINDS + 1):
            channel.tell(f"kind{number}", {})
        async with connect(channel.url) as page:
            frames = [await page.recv() for _number in range(MAX_KINDS)]
            assert (frames[0], frames[-1]) == ('{"k":"kind1","d":{}}', f'{{"k":"kind{MAX_KINDS}","d":{{}}}}')
            channel.flush()
            assert await page.recv() == b"\x02\x00\x01\x00\x00\x00", "what the page before was told came again"

    with_server(test)


def test_a_state_is_told_to_every_load_and_a_message_to_one() -> None:
    async def test(channel: Channel, _heard: Heard, _: ChannelServer) -> None:
        channel.tell("muted", {"so": True}, state=True)
        async with connect(channel.url) as page:
            channel.tell("once", {})
            assert [await page.recv(), await page.recv()] == ['{"k":"muted","d":{"so":true}}', '{"k":"once","d":{}}']
            channel.tell("muted", {"so": False}, state=True)
            assert await page.recv() == '{"k":"muted","d":{"so":false}}'
        async with connect(channel.url) as page:
            channel.flush()
            assert [await page.recv(), await page.recv()] == [
                '{"k":"muted","d":{"so":false}}',
                b"\x02\x00\x01\x00\x00\x00",
            ]

    with_server(test)


def test_a_page_that_does_not_read_costs_a_bounded_queue() -> None:
    async def test(channel: Channel, _heard: Heard, _: ChannelServer) -> None:
        async with connect(channel.url, close_timeout=0.1):
            await soon(lambda: channel.connected)
            for _number in range(MAX_WAITING + 20):
                channel.speak(np.ones(2, np.int16))
            assert channel.dropped == 20

    with_server(test)


def test_a_new_load_counts_up_and_the_same_load_keeps_its_number() -> None:
    async def test(channel: Channel, heard: Heard, _: ChannelServer) -> None:
        for load, epoch in ((1.0, 0), (1.0, 0), (2.0, 1)):
            async with connect(channel.url) as page:
                await page.send(json.dumps({"k": "hello", "t": 0, "d": {"load": load}}))
                await page.send(json.dumps({"k": "x"}))
                count = len(heard.facts)
                await soon(lambda count=count: len(heard.facts) > count)
                assert (channel.epoch, heard.facts[-1][2]) == (epoch, epoch)
            await soon(lambda: channel.lost_at is not None and not channel.connected)

    with_server(test)


def test_nobody_else_gets_in() -> None:
    async def test(channel: Channel, _heard: Heard, server: ChannelServer) -> None:
        for url in (channel.url + "x", channel.url.rpartition("/")[0] + "/"):
            with pytest.raises(InvalidStatus):
                async with connect(url):
                    pass
        other = server.open(Heard().hooks())
        assert other.url != channel.url
        channel.close()
        with pytest.raises(InvalidStatus):
            async with connect(channel.url):
                pass

    with_server(test)


def test_a_page_that_sends_rubbish_is_cut_off() -> None:
    async def test(channel: Channel, heard: Heard, _: ChannelServer) -> None:
        async with connect(channel.url) as page:
            await page.send(b"\xff")
            await page.send(block(0, 0))
            await soon(lambda: len(heard.audio) == 1)  # a little of it is borne
            for _number in range(MAX_BAD):
                await page.send(b"\xff")
            with pytest.raises(ConnectionClosed):
                await page.recv()

    with_server(test)

"""The end: what runs is finished, for a bounded time, and nothing is left."""

from __future__ import annotations

import asyncio

import pytest
from raw import PROMPT, ROUTE, ask, chat, connect, connect_by_tls, get, post, serving, until

from mistral_on_azure.endpoint.transport.reader import Limits

INFO = get("/info")
PACED = {"x-local-timing": "first-token=0.02; tokens-per-second=100"}


async def test_running_streams_finish_when_the_server_ends():
    async with serving(limits=Limits(grace=5)) as server:
        peer, idle = await connect(server), await connect(server)
        assert (await idle.send(INFO).get()).status == 200
        peer.send(chat(stream=True, headers=PACED))
        await peer.reader.readuntil(b"\r\n\r\n")
        began = asyncio.get_running_loop().time()
        url = server.socket.getsockname()
    assert asyncio.get_running_loop().time() - began < 5
    assert b"[DONE]" in await peer.ends()
    assert await idle.ends() == b""
    with pytest.raises(OSError):
        await asyncio.open_connection(*url)


async def test_the_end_is_bounded():
    """A stream is broken off; an idle connection, even one under TLS, is not waited for at all."""
    async with serving() as server:
        peer = await connect_by_tls(server)
        assert (await peer.send(INFO).get()).status == 200
        peer.writer.transport.pause_reading()  # and so never says goodbye
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 5
    async with serving(limits=Limits(grace=0.1)) as server:
        peer = await connect(server)
        peer.send(chat(stream=True, headers={"x-local-timing": "tokens-per-second=1"}))
        await peer.reader.readuntil(b"\r\n\r\n")
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 5
    with pytest.raises(ConnectionResetError):
        await peer.ends()


async def test_the_last_answer_before_the_end_says_so():
    async with serving() as server:
        peer = await connect(server)
        whole = chat(headers=PACED)
        peer.send(whole[:-5])
        await until(lambda: server.peers and next(iter(server.peers)).reader.midway)
        server.shared.ending = True
        got = await peer.send(whole[-5:]).get()
        assert (got.status, got["connection"]) == (200, "close")
        assert await peer.ends() == b""


async def test_two_servers_know_nothing_of_each_other():
    async with serving(["a" * 32]) as one, serving(["b" * 32]) as two:
        assert one.url != two.url
        for server, key, status in ((one, "a", 200), (two, "b", 200), (one, "b", 401), (two, "a", 401)):
            assert (await ask(server, chat(PROMPT, key * 32))).status == status


async def test_no_task_and_no_connection_is_left():
    async with serving() as server:
        before = len(asyncio.all_tasks())
        for data in (INFO, chat(), chat(stream=True), chat(stream=True, headers=PACED), post(ROUTE, b"{")):
            await ask(server, data)
        await until(lambda: not server.peers)
        assert len(asyncio.all_tasks()) == before

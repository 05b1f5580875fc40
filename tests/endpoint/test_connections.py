"""Connections: what one peer may hold, what happens when it leaves, and how the server ends."""

from __future__ import annotations

import asyncio
import socket

import pytest
from raw import EVENTS, INFO, PROMPT, ROUTE, Peer, ask, chat, connect, connect_by_tls, post, serving, until

from mistral_on_azure.endpoint.transport.reader import Limits

PACED = {"x-local-timing": "first-token=0.02; tokens-per-second=100"}


@pytest.mark.parametrize("timing", [PACED["x-local-timing"], "first-token=0.05"])
@pytest.mark.parametrize("leaves", ["resets", "closes"])
async def test_a_client_that_leaves_half_way_stops_its_stream(timing, leaves):
    async with serving() as server:
        peer = await connect(server)
        peer.send(chat(stream=True, headers={"x-local-timing": timing}))
        await peer.reader.readuntil(b"\r\n\r\n")
        (connection,) = server.peers
        stream = connection.stream
        peer.close() if leaves == "resets" else peer.writer.close()
        await until(lambda: not server.peers)
        assert stream.next < EVENTS / 2
        assert stream.timer.cancelled() or stream.timer.when() < asyncio.get_running_loop().time()


@pytest.mark.parametrize("leaves", ["resets", "closes"])
async def test_a_client_that_leaves_while_its_whole_answer_waits_is_noticed(leaves):
    async with serving() as server:
        peer = await connect(server)
        peer.send(chat(headers={"x-local-timing": "first-token=60"}))
        await until(lambda: server.peers and next(iter(server.peers)).stream)
        (connection,) = server.peers
        timer = connection.stream.timer
        peer.close() if leaves == "resets" else peer.writer.close()
        await until(lambda: not server.peers)
        assert timer.cancelled()


async def test_a_slow_reader_is_waited_for():
    """Neither its stream nor the requests it pipelines pile up in the server's memory."""
    async with serving() as server:
        peer = await _deaf(server)
        sent = 4_000
        peer.send(chat() * sent)
        await until(lambda: server.peers and next(iter(server.peers)).congested)
        await asyncio.sleep(0.1)
        (connection,) = server.peers
        assert connection.transport.get_write_buffer_size() < 400_000
        assert len(connection.waiting) < sent / 2
        answers = [await peer.get() for _ in range(sent)]
        assert {got.status for got in answers} == {200}


async def test_a_slow_reader_of_a_paced_stream_gets_all_of_it():
    async with serving() as server:
        peer = await _deaf(server)
        wanted = {"n": 4, "logprobs": True, "top_logprobs": 20, "temperature": 1.0}
        peer.send(chat(stream=True, headers={"x-local-timing": "tokens-per-second=200"}, **wanted))
        await until(lambda: server.peers and next(iter(server.peers)).congested)
        (connection,) = server.peers
        held = connection.transport.get_write_buffer_size()
        await asyncio.sleep(0.2)
        assert connection.transport.get_write_buffer_size() <= held
        assert connection.stream.next < len(connection.stream.parts)
        got = await asyncio.wait_for(peer.get(), 20)
        assert got.complete
        assert got.events[-1] == "[DONE]"


async def _deaf(server):
    """A client whose receive buffer is small and that does not read yet."""
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)  # which its connections inherit
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)  # with less, a busy kernel takes pauses of seconds
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, server.socket.getsockname())
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    return Peer(reader, writer)


async def test_one_connection_too_many_is_told_so():
    async with serving(limits=Limits(connections=2)) as server:
        held = [await connect(server) for _ in range(2)]
        assert [(await peer.send(INFO).get()).status for peer in held] == [200, 200]
        got = await ask(server, INFO)
        assert (got.status, got["x-ms-error-code"]) == (503, "too_many_connections")
        held[0].close()
        await until(lambda: len(server.peers) == 1)
        assert (await ask(server, INFO)).status == 200


async def test_silence_and_requests_that_never_end():
    async with serving(limits=Limits(silence=0.12, request=0.2)) as server:
        silent, dribbling, busy = [await connect(server) for _ in range(3)]
        busy.send(chat(stream=True, headers={"x-local-timing": "first-token=0.4"}))
        dribbling.send(b"POST / HTTP/1.1\r\n")
        assert await silent.ends() == b""
        got = asyncio.create_task(dribbling.get())
        while not got.done():
            dribbling.send(b"a: b\r\n")
            await asyncio.sleep(0.01)
        assert (await got).status == 408
        assert len((await busy.get()).events) == EVENTS


async def test_a_stream_that_takes_too_long_is_broken_off():
    async with serving(limits=Limits(silence=0.12, stream=0.2)) as server:
        got = await ask(server, chat(stream=True, headers={"x-local-timing": "tokens-per-second=1"}))
        assert (got.status, got.complete) == (200, False)
        await until(lambda: not server.peers)


async def test_a_peer_that_never_reads_is_let_go():
    async with serving(limits=Limits(silence=0.24)) as server:
        peer = await _deaf(server)
        peer.send(chat() * 4_000)
        await until(lambda: server.peers and next(iter(server.peers)).congested)
        await until(lambda: not server.peers)


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

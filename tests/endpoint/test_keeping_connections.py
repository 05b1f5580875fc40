"""One request after the other: bodies in pieces, keep-alive, pipelining, half-closed connections, https."""

from __future__ import annotations

import pytest
from raw import EVENTS, INFO, KEY, ROUTE, ask, chat, connect, connect_by_tls, get, post, serving, until

from mistral_on_azure.endpoint.transport.reader import Limits


async def test_chunked_request_bodies():
    async with serving() as server:
        head, _, body = chat().partition(b"\r\n\r\n")
        head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"content-length"))
        chunks = b"".join(
            b"%x;ext=1\r\n%b\r\n" % (len(body[i : i + 7]), body[i : i + 7]) for i in range(0, len(body), 7)
        )
        data = head + b"\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\nauthorization: Bearer x\r\n\r\n"
        peer = await connect(server)
        assert [(await peer.send(data).get()).status for _ in range(2)] == [200, 200]


async def test_expect_100_continue():
    async with serving(limits=Limits(body=1000)) as server:
        peer = await connect(server)
        head, _, body = chat(headers={"expect": "100-continue"}).partition(b"\r\n\r\n")
        assert (await peer.send(head + b"\r\n\r\n").get()).status == 100
        assert (await peer.send(body).get()).status == 200
        assert (await peer.send(chat(headers={"expect": ""})).get()).status == 200  # how some turn the header off
        large = post(ROUTE, b"", {"content-length": 1001, "expect": "100-continue"})
        assert (await peer.send(large).get()).status == 413


async def test_a_refused_body_may_be_sent_to_its_end():
    """Closing while the client sends would reset the connection: it would never read why."""
    async with serving(limits=Limits(body=100_000)) as server:
        for data in (post(ROUTE, b"x" * 8_000_000), _chunked(8_000_000)):
            peer = await connect(server)
            peer.send(data)
            await peer.writer.drain()
            got = await peer.get()
            assert (got.status, got["connection"]) == (413, "close")
            assert await peer.ends() == b""


def _chunked(size: int) -> bytes:
    head = chat(headers={"transfer-encoding": "chunked"}).partition(b"content-length")[0]
    authorization = b"authorization: Bearer " + KEY.encode()
    lines = b"%btransfer-encoding: chunked\r\n%b\r\n\r\n" % (head, authorization)
    return b"%b%x\r\n%b\r\n0\r\n\r\n" % (lines, size, b"x" * size)


async def test_keep_alive_and_close():
    async with serving() as server:
        for version, wanted, stays, said in (
            ("1.1", None, True, None),
            ("1.1", "keep-alive", True, None),
            ("1.1", "close", False, "close"),
            ("1.0", None, False, "close"),
            ("1.0", "keep-alive", True, "keep-alive"),
        ):
            peer = await connect(server)
            data = get("/info", {"connection": wanted} if wanted else {}, version)
            got = await peer.send(data).get()
            assert [value for name, value in got.headers if name == "connection"] == ([said] if said else [])
            if stays:
                assert (await peer.send(INFO).get()).status == 200
                peer.close()
            else:
                assert await peer.ends() == b""


async def test_a_stream_to_http_1_0_ends_with_the_connection():
    async with serving() as server:
        old = chat(stream=True, headers={"connection": "keep-alive"}).replace(b"HTTP/1.1", b"HTTP/1.0")
        got = await ask(server, old)
        assert got["connection"] == "close"
        assert "transfer-encoding" not in dict(got.headers)
        assert len(got.events) == EVENTS


async def test_pipelined_requests_are_answered_in_their_order():
    async with serving() as server:
        slow = {"x-local-timing": "first-token=0.05; tokens-per-second=10000"}
        peer = await connect(server)
        peer.send(INFO + chat(stream=True, headers=slow) + get("/nowhere") + chat(headers=slow) + b"nonsense\r\n\r\n")
        answers = [await peer.get() for _ in range(5)]
        assert [got.status for got in answers] == [200, 200, 404, 200, 400]
        assert len(answers[1].events) == EVENTS
        assert await peer.ends() == b""


async def test_many_streams_that_end_at_once_wait_behind_each_other():
    async with serving() as server:
        peer = await connect(server)
        one = chat(stream=True, max_tokens=1, headers={"x-local-timing": "tokens-per-second=1"})
        peer.send(one * 600)
        assert {len((await peer.get()).events) for _ in range(600)} == {4}


async def test_a_hundred_continue_does_not_land_in_a_running_stream():
    async with serving() as server:
        slow = {"x-local-timing": "first-token=0.05; tokens-per-second=10000"}
        head, _, body = chat(headers={"expect": "100-continue"}).partition(b"\r\n\r\n")
        peer = await connect(server)
        peer.send(chat(stream=True, headers=slow) + head + b"\r\n\r\n")
        assert len((await peer.get()).events) == EVENTS
        assert (await peer.get()).status == 100
        assert (await peer.send(body).get()).status == 200


async def test_a_half_closed_connection_gets_its_answers():
    async with serving() as server:
        peer = await connect(server)
        slow = {"x-local-timing": "first-token=0.05; tokens-per-second=10000"}
        peer.send(chat(stream=True, headers=slow) + INFO)
        peer.writer.write_eof()
        assert len((await peer.get()).events) == EVENTS
        assert (await peer.get()).status == 200
        assert await peer.ends() == b""
        await until(lambda: not server.peers)


async def test_https_and_plain_http_side_by_side():
    async with serving() as server:
        peer = await connect_by_tls(server)
        got = await peer.send(chat(stream=True)).get()
        assert (got.status, got.events[-1]) == (200, "[DONE]")
        peer.send(chat(stream=True, headers={"x-local-fault": "reset=within"}))
        with pytest.raises(ConnectionResetError):
            await peer.reader.readuntil(b"[DONE]\n\n")
        assert (await ask(server, INFO)).status == 200

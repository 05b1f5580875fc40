"""Transport: what clients may send, in which shape, and what they may not."""

from __future__ import annotations

import asyncio

import pytest
from raw import AUTHORIZED, INFO, KEY, ROUTE, ask, chat, connect, get, post, serving

from mistral_on_azure.endpoint.transport.reader import Limits

OFFER = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAMAAABkAAQ"}


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (get("/nowhere"), 404, "not_found"),
        (get("/"), 404, "not_found"),
        (get("/chat/completions/"), 404, "not_found"),
        (get("//info"), 404, "not_found"),
        (get(ROUTE), 405, "method_not_allowed"),
        (post("/info", b"{}", AUTHORIZED), 405, "method_not_allowed"),
        (b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n", 400, "bad_request"),
        (b"CONNECT host:443 HTTP/1.1\r\nhost: localhost\r\n\r\n", 400, "bad_request"),
        (get("http://127.0.0.1:1/info?api-version=2024-05-01-preview"), 400, "bad_request"),
        (get("puter://x/y"), 400, "bad_request"),
        (get("/\\\\x/y"), 400, "bad_request"),
        (post(ROUTE, b"{}", {**AUTHORIZED, "transfer-encoding": "gzip, chunked"}), 400, "bad_request"),
        (post(ROUTE, b"{}"), 401, "unauthorized"),
        (post(ROUTE, b"{}", {**AUTHORIZED, "content-type": "text/plain"}), 415, "unsupported_media_type"),
        (post(ROUTE, b"{}", {**AUTHORIZED, "content-encoding": "gzip"}), 415, "unsupported_media_type"),
        (post(ROUTE, b"", AUTHORIZED), 400, "invalid_json"),
        (post(ROUTE, b"{", AUTHORIZED), 400, "invalid_json"),
        (post(ROUTE, b"[]", AUTHORIZED), 400, "invalid_json"),
        (post(ROUTE, b"[" * 100_000, AUTHORIZED), 400, "invalid_json"),
        (post(ROUTE, b'{"a":"\xff"}', AUTHORIZED), 400, "invalid_json"),
        (post(ROUTE, b"{}", AUTHORIZED), 422, "parameter_not_supported"),
        (get("/info?api-version=2020-01-01"), 400, "unsupported_api_version"),
        (get("/info?api-version="), 400, "unsupported_api_version"),
        (post(ROUTE, b"{}", {**AUTHORIZED, "expect": "a miracle"}), 417, "expectation_failed"),
        (b"GET /info HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_request"),
        (b"GET /info HTTP/1.1\r\nbad header\r\n\r\n", 400, "bad_request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request"),
        (
            b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            400,
            "bad_request",
        ),
        (b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400, "bad_request"),
        (get("/info", {"Authorization": "Bearer another"}), 400, "bad_request"),
        (get("/info", {"a": "b" * 70_000}), 431, "header_too_large"),
        (get(f"/{'a' * 70_000}"), 431, "header_too_large"),
    ],
)
async def test_what_is_wrong_is_said_in_json(data, status, code):
    async with serving() as server:
        got = await ask(server, data)
        assert (got.status, got["x-ms-error-code"]) == (status, code)
        body = got.json()
        assert (body["status"], body["code"], body["error"]["code"]) == (status, code, code)
        assert body["message"] == body["error"]["message"] != ""
        assert got["content-type"] == "application/json"


@pytest.mark.parametrize(
    "data",
    [
        INFO,
        get("/info", version="1.0"),
        get("/info?api-version=2024-05-01-preview#part"),
        get("/%69nfo"),
        get("/info", {"authorization": f"bearer  {KEY}"}),
        get("/info", {"authorization": f"Bearer {KEY}", "Authorization": f"Bearer {KEY}"}),
        get("/info", OFFER),
        chat(headers=OFFER),  # as Java's HttpClient and curl --http2 send it
        chat(headers=OFFER) + INFO,
        b"\r\n" + INFO,
        INFO.replace(b"authorization: Bearer", b"api-key:"),
        b"GET /info HTTP/1.1\r\nHOST:localhost\r\nAUTHORIZATION:Bearer " + KEY.encode() + b"\r\n\r\n",
        b"GET /info HTTP/1.0\r\nauthorization: Bearer " + KEY.encode() + b"\r\n\r\n",
    ],
)
async def test_what_is_unusual_but_right_is_answered(data):
    async with serving() as server:
        assert (await ask(server, data)).status == 200


@pytest.mark.parametrize("data", [get("/info"), get("/nowhere"), get(ROUTE), chat(), chat(stream=True), chat(n="x")])
async def test_every_answer_has_its_own_ids_and_its_date(data):
    async with serving() as server:
        one, two = await ask(server, data), await ask(server, data)
        assert len(one["x-ms-request-id"]) == 36
        assert one["x-ms-request-id"] == one["apim-request-id"] == one["x-request-id"] != two["x-request-id"]
        assert one["date"].endswith("GMT")
        names = [name for name, _ in one.headers]
        assert len(names) == len(set(names))


async def test_the_clients_own_id_comes_back():
    async with serving() as server:
        got = await ask(server, get("/info", {"x-ms-client-request-id": "mine"}))
        assert got["x-ms-client-request-id"] == "mine"


@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_a_body_may_follow_an_offer_of_another_protocol(step):
    """In whatever pieces it arrives, before and after other requests, sent in chunks or not."""
    chunked = chat(headers={**OFFER, "transfer-encoding": "chunked"})
    lines, _, body = chunked.partition(b"\r\n\r\n")
    head = b"\r\n".join(line for line in lines.split(b"\r\n") if not line.startswith(b"content-length"))
    chunked = head + b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    data = INFO + chat(headers=OFFER) + get("/info", OFFER) + chunked + INFO
    async with serving() as server:
        peer = await connect(server, limit=2**20)
        for place in range(0, len(data), step):
            peer.send(data[place : place + step])
            await asyncio.sleep(0)
        assert [(await peer.get()).status for _ in range(5)] == [200] * 5


async def test_head_is_get_without_the_body():
    async with serving() as server:
        whole = await ask(server, INFO)
        peer = await connect(server)
        got = await peer.send(INFO.replace(b"GET", b"HEAD")).get(head_only=True)
        assert (got.status, got["content-length"]) == (200, str(len(whole.body)))
        assert (await peer.send(INFO).get()).body == whole.body  # nothing was left in between


async def test_one_byte_at_a_time():
    async with serving() as server:
        peer = await connect(server, limit=2**20)
        for byte in chat():
            peer.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await peer.get()).status == 200


@pytest.mark.parametrize(
    "start",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\na: ",
        b"GET / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\na: ",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;",
    ],
)
async def test_an_endless_head_is_cut_off(start):
    async with serving(limits=Limits(header=4096)) as server:
        peer = await connect(server)
        peer.send(start)
        for _ in range(200):
            peer.send(b"a" * 100 if start[-2:] != b"\r\n" else b"a: b\r\n" * 16)
            await asyncio.sleep(0.0005)
        assert (await peer.get()).status in (400, 431)

"""Timing over the wire: by whom the pace is set, and that it is kept under load."""

from __future__ import annotations

import asyncio
import json
import statistics
import time

from raw import EVENTS, KEY, ask, chat, connect, post, serving

import mistral_on_azure
from mistral_on_azure import imitate_pace
from mistral_on_azure.azure import http
from mistral_on_azure.endpoint.local.faults import HEADER as FAULT
from mistral_on_azure.endpoint.local.timing import HEADER, setting

AUTHORIZED = {"authorization": f"Bearer {KEY}"}
STEP = 0.5  # seconds


async def test_the_request_overrides_the_session_and_the_session_the_server():
    async with serving(timing=setting(f"first-token={STEP}")) as server:
        slow, off = {HEADER: f"first-token={2 * STEP}"}, {HEADER: "off"}
        assert [await _steps(server, headers) for headers in ({}, slow, off)] == [1, 2, 0]
        told = await ask(server, post("/local/timing", b'{"timing": "off"}', AUTHORIZED))
        assert told.json() == {"timing": "off", "before": f"first-token={STEP}"}
        assert [await _steps(server, headers) for headers in ({}, slow)] == [0, 2]
        assert await _steps(server, {**slow, FAULT: f"first-token={STEP}"}) == 1
        back = json.dumps({"timing": told.json()["before"]}).encode()
        assert (await ask(server, post("/local/timing", back, AUTHORIZED))).json()["before"] == "off"
        assert await _steps(server, {}) == 1
        for wrong in (b"{}", b'{"timing": "fast"}', b'{"timing": 1}'):
            assert (await ask(server, post("/local/timing", wrong, AUTHORIZED))).status == 400
        assert (await ask(server, chat(headers={HEADER: "fast"}))).status == 400


async def _steps(server, headers: dict[str, str]) -> int:
    """How long an answer takes, in whole steps: a busy machine may add nearly another one."""
    began = time.monotonic()
    assert (await ask(server, chat(headers=headers))).status == 200
    return int((time.monotonic() - began) / STEP)


async def test_the_first_token_can_be_seen_before_the_last_is_sent():
    async with serving() as server:
        peer = await connect(server)
        began = time.monotonic()
        peer.send(chat(stream=True, headers={HEADER: "first-token=1; tokens-per-second=200"}))
        await peer.reader.readuntil(b"\r\n\r\n")
        assert time.monotonic() - began < 0.9  # the head does not wait
        await peer.reader.readuntil(b'"content":"As"')
        assert time.monotonic() - began >= 0.99
        await peer.reader.readuntil(b"[DONE]")
        assert time.monotonic() - began >= 0.99 + 71 * 0.005


class Listener(asyncio.Protocol):
    """Sends a request and notes when the last byte of its answer came; 64 of them must not slow each other down."""

    def __init__(self, loop: asyncio.AbstractEventLoop, data: bytes) -> None:
        self.data, self.heard, self.began, self.last = data, b"", 0.0, 0.0
        self.ended = loop.create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def ask(self) -> None:
        self.began = time.monotonic()
        self.transport.write(self.data)

    def data_received(self, data: bytes) -> None:
        self.last = time.monotonic()
        self.heard += data
        if data.endswith(b"0\r\n\r\n"):
            self.ended.set_result(None)


async def test_sixty_four_paced_streams_end_on_time(local):
    """200 ms to the first token and 20 ms a token, all at once: none waits for another.

    How exactly they keep their schedule is for `make bench` to measure; peers that sleep between events end late.
    """
    schedule = 0.2 + 71 * 0.02
    host, port = local.url.removeprefix("http://").split(":")
    data = chat(key=local.key, stream=True, headers={HEADER: "first-token=0.2; tokens-per-second=50"})

    async def lateness(streams: int = 64) -> list[float]:
        loop = asyncio.get_running_loop()
        made = [await loop.create_connection(lambda: Listener(loop, data), host, int(port)) for _ in range(streams)]
        heard = [listener for _, listener in made]
        for each in heard:
            each.ask()
        await asyncio.wait_for(asyncio.gather(*(each.ended for each in heard)), 20)
        assert {each.heard.count(b"data: ") for each in heard} == {EVENTS}
        return sorted((each.last - each.began) / schedule - 1 for each in heard)

    await lateness(1)  # loads the tokenizer
    for _ in range(5):  # a machine that is busy with something else gets another chance
        late = await lateness()
        assert late[0] > -0.001  # never early
        if statistics.median(late) < 0.03:
            return
    raise AssertionError(f"{statistics.median(late):.3%} late")


def test_a_notebook_that_imitated_a_pace_puts_back_what_was_there(local):
    mistral_on_azure.connect("", "mistralai-Mistral-7B-Instruct-v01")

    def set_to(timing: str) -> str:
        """What the timing was before."""
        return http.request("POST", f"{local.url}/local/timing", local.key, {"timing": timing}).json()["before"]

    set_to("first-token=2")
    with imitate_pace():
        with imitate_pace():
            assert set_to("imitate") == "imitate"
        assert set_to("imitate") == "imitate"
    assert set_to("off") == "first-token=2"

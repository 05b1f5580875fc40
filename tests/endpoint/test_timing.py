"""Timing: when each token leaves, by whom the pace is set, and that it is kept under load."""

from __future__ import annotations

import asyncio
import json
import statistics
import time

import pytest
from raw import AUTHORIZED, EVENTS, ask, chat, connect, post, serving

import mistral_on_azure
from mistral_on_azure import imitate_pace
from mistral_on_azure.azure import http
from mistral_on_azure.azure.deployments import deployments, retired_deployments, sold_deployments
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.local.faults import HEADER as FAULT
from mistral_on_azure.endpoint.local.timing import HEADER, Timing, paced, setting
from mistral_on_azure.endpoint.transport.exchange import Answer
from mistral_on_azure.endpoint.transport.writer import Stream


class Clock:
    """A connection on which time passes as a test says."""

    def __init__(self) -> None:
        self.now, self.wrote, self.due, self.ended = 100.0, [], None, False
        self.loop = self.transport = self

    def time(self) -> float:
        return self.now

    def write(self, data: bytes) -> None:
        self.wrote.append((round(self.now - 100, 6), data))

    def call_at(self, when: float, call):
        self.due = (when, call)
        return self

    def call_soon(self, call) -> None:
        call()

    def cancel(self) -> None:
        self.due = None

    def stream_ended(self) -> None:
        self.ended = True

    def go(self, late: float = 0.0) -> None:
        """Let time pass until the stream has ended, each timer late by so much."""
        while not self.ended:
            when, call = self.due
            self.now = max(self.now, when + late)
            call()


def timeline(answer: Answer, late: float = 0.0) -> list[tuple[float, bytes]]:
    clock = Clock()
    Stream(clock, answer, b"HEAD", lambda data, last: data).start()
    clock.go(late)
    return clock.wrote


def events(tokens: int) -> tuple[bytes, ...]:
    return (b"role", *(b"%d" % place for place in range(1, tokens + 1)), b"end", b"[DONE]")


def test_each_token_at_its_time():
    answer = paced(Answer(200, events=events(4), tokens=4), Timing(0.2, 50))
    assert timeline(answer) == [(0.0, b"HEAD"), (0.2, b"role1"), (0.22, b"2"), (0.24, b"3"), (0.26, b"4end[DONE]")]


def test_lateness_does_not_add_up():
    answer = paced(Answer(200, events=events(50), tokens=50), Timing(0.2, 50))
    wrote = timeline(answer, late=0.015)
    assert [at for at, _ in wrote[1:]] == pytest.approx([0.215 + 0.02 * place for place in range(50)])
    wrote = timeline(answer, late=0.05)  # more than two tokens late: they leave together
    assert wrote[-1][0] <= 0.2 + 49 * 0.02 + 0.05 + 1e-6
    assert b"".join(data for _, data in wrote[1:]) == b"".join(answer.events)


@pytest.mark.parametrize("tokens", [0, 1, 2])
def test_short_answers(tokens):
    wrote = timeline(paced(Answer(200, events=events(tokens), tokens=tokens), Timing(0.2, 50)))
    assert wrote[-1][0] == pytest.approx(0.2 + 0.02 * max(0, tokens - 1))
    assert b"".join(data for _, data in wrote[1:]) == b"".join(events(tokens))


def test_an_answer_in_one_piece_takes_as_long_as_its_stream():
    wrote = timeline(paced(Answer(200, b"BODY", tokens=51), Timing(0.2, 50)))
    assert wrote == [(1.2, b"HEADBODY")]
    assert paced(Answer(200, b"BODY", tokens=51), Timing()).at_once


def test_only_the_first_token_may_be_slow():
    wrote = timeline(paced(Answer(200, events=events(3), tokens=3), Timing(0.2)))
    assert wrote == [(0.0, b"HEAD"), (0.2, b"role123end[DONE]")]


def test_what_fell_due_while_the_client_did_not_read_leaves_when_it_does():
    clock = Clock()
    stream = Stream(
        clock, paced(Answer(200, events=events(10), tokens=10), Timing(0, 10)), b"", lambda data, last: data
    )
    stream.start()
    stream.pause()
    clock.now += 0.55
    clock.due[1]()
    assert [data for _, data in clock.wrote] == [b"", b"role1"]
    stream.resume()
    assert clock.wrote[-1] == (0.55, b"23456")
    clock.go()
    assert clock.wrote[-1] == (0.9, b"10end[DONE]")


def test_settings():
    assert setting("off").of("any") == Timing()
    assert setting(" first-token = 0.5 ").of("any") == Timing(0.5, None)
    assert setting("first_token=0.5; tokens-per-second=20").of("any") == Timing(0.5, 20)
    for name in {**deployments(), **sold_deployments(), **retired_deployments()}:
        assert 0 < setting("imitate").of(name).first_token < 2
        assert 10 < setting("imitate").of(name).tokens_per_second < 200
    for wrong in ("", "fast", "first-token=fast", "tokens-per-second=0", "speed=3"):
        with pytest.raises(ApiError):
            setting(wrong)


def test_imitation_is_of_the_deployment_that_answers():
    small, *_, large = map(setting("imitate").of, deployments())
    assert small != large


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

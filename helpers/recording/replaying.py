"""Answering from a recording. What is not in it is refused and told, and so is what nobody asked for.

A replay must not pass for what it is not.
"""

from __future__ import annotations

from collections import defaultdict, deque

from aiohttp import web

from helpers.recording.doors import Door
from helpers.recording.forwarding import own_answer
from helpers.recording.metering import Meter, may_cost
from helpers.recording.scrubbing import Scrubber
from helpers.recording.tape import Exchange, Tape


class Replayer:
    """Answers each request as it was answered when it was recorded; equal requests get their answers in that order."""

    def __init__(self, tape: Tape) -> None:
        self.scrubber = Scrubber()
        self._waiting: dict[tuple[str, ...], deque[Exchange]] = defaultdict(deque)
        for exchange in tape.exchanges:
            self._waiting[exchange.request].append(exchange)

    async def answer(self, door: Door, request: web.Request) -> web.StreamResponse:
        """Answer one request that came through a door."""
        body = await request.read()
        meter = Meter(body, may_cost(request.method))
        recorded = self._waiting.get(Exchange.of(door, request, body, self.scrubber).request)
        if not recorded:
            what = f"{request.method} {request.path}"
            door.refused.append(f"{what} is not in the recording. Record it again.")
            return own_answer(501, "not_recorded", f"{what} with this body is not in the recording.")
        exchange = recorded.popleft()
        response = web.StreamResponse(status=exchange.status, headers=exchange.answer_headers)
        await response.prepare(request)
        meter.begin(exchange.status, exchange.answer_headers.get("content-type", ""))
        for part in _parts(exchange.answer):
            meter.feed(part)
            await response.write(part)
        door.usage += meter.usage()
        await response.write_eof()
        return response

    def left_over(self, door: Door) -> str:
        """What a job's recording still holds, in a sentence; empty when the job has asked for all of it."""
        own = [queue for request, queue in self._waiting.items() if request[:2] == (door.notebook, door.deployment)]
        count = sum(map(len, own))
        return f"{count} recorded answers were not asked for: the notebook changed. Record it again." if count else ""

    async def close(self) -> None:
        """Nothing to close."""


def _parts(answer: str) -> list[bytes]:
    """The events of a stream, or the whole body."""
    if not answer.startswith("data:"):
        return [answer.encode()]
    return [f"{event}\n\n".encode() for event in answer.split("\n\n") if event]

"""Forwards requests to the real endpoint, and each chunk of the answer back at once; or answers from a recording."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from yarl import URL

from mistral_on_azure.azure.addresses import is_loopback
from mistral_on_azure.recording.doors import Door, holds, incoming, is_the_jobs, outgoing, own_answer
from mistral_on_azure.recording.tape import Exchange, Recorder, Scrubber, Tape
from mistral_on_azure.recording.usage import FREE, Budget, Exhausted, Meter, at_most, may_cost

if TYPE_CHECKING:
    from mistral_on_azure.recording.recorded_script import ScriptRecorder

    Keeper = Recorder | ScriptRecorder

_CONNECT, _SILENCE = 10.0, 300.0  # seconds; a client's own timeouts are shorter
_MANAGED = "azureml-model-deployment"  # managed compute names the deployment in each answer
_AT_ONCE = 2  # requests that it accepts at the same time with its defaults: 2 x 1 per instance, 1 instance


class Forwarder:
    """Forwards requests to one real endpoint, within a budget. No request is sent twice.

    Notebooks that run side by side do not know of each other, so requests to managed compute wait here for their turn.

    Args:
        url: the endpoint's address.
        credential: returns the real credential for a door.
        budget: reserves the most that a request may use, before the request is sent.
        recorder: keeps the exchanges; None keeps none.
    """

    def __init__(self, url: str, credential: Callable[[Door], str], budget: Budget, recorder: Keeper | None) -> None:
        self.url, self.credential, self.budget, self.recorder = url, credential, budget, recorder
        self._origin = URL(url).origin()
        self._session: aiohttp.ClientSession | None = None
        self._turn: AbstractAsyncContextManager = nullcontext()

    async def answer(self, door: Door, request: web.Request, body: bytes) -> web.StreamResponse:
        """Answer a request to a door with the endpoint's answer, or with an error of the cookbook's own."""
        costly, counts = may_cost(request.method), is_the_jobs(request.headers, door.key)
        most, meter = at_most(body) if costly and counts else FREE, Meter(body, costly)
        try:
            self.budget.reserve(most)
        except Exhausted as error:
            door.refused.append(str(error))
            return own_answer(402, "budget_exhausted", str(error))
        try:
            return await self._pass_on(door, request, body, meter)
        finally:
            used = meter.usage() if counts or meter.answered else FREE
            self.budget.settle(most, used)
            door.usage += used

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _pass_on(self, door: Door, request: web.Request, body: bytes, meter: Meter) -> web.StreamResponse:
        target = URL(self.url + request.raw_path, encoded=True)
        if target.origin() != self._origin or target.user is not None:  # a request line may name another host
            return own_answer(400, "bad_request", "The request is for another host than the endpoint's.")
        try:
            own = holds(request.headers, door.key)
            # In a thread, as requesting a token may take seconds.
            credential = await asyncio.to_thread(self.credential, door) if own else ""
        except Exception as error:  # azure-identity raises errors of many classes
            return own_answer(502, "no_credential", f"No token could be requested: {type(error).__name__}.")
        sent = outgoing(request.headers, door.key, credential)
        exchange = self.recorder and Exchange.of(door, request, body, self.recorder.scrubber)
        try:
            async with self._turn:
                if request.transport is None:
                    return own_answer(499, "gone", "The notebook closed the connection before its turn came.")
                meter.sent()
                session = self._connected()
                async with session.request(
                    request.method,
                    target,
                    headers=sent,
                    data=body or None,
                    allow_redirects=False,  # a redirect would get the credential
                ) as answer:
                    if _MANAGED in answer.headers and not isinstance(self._turn, asyncio.Semaphore):
                        self._turn = asyncio.Semaphore(_AT_ONCE)
                    meter.begin(answer.status, answer.content_type)
                    return await self._pass_back(request, answer, exchange, meter)
        except (aiohttp.ClientConnectorError, aiohttp.ClientSSLError) as error:
            meter.begin(502, "")
            return own_answer(502, "bad_gateway", f"The endpoint cannot be reached: {type(error).__name__}.")
        except (aiohttp.ClientError, TimeoutError) as error:
            return own_answer(502, "bad_gateway", f"The endpoint did not answer: {type(error).__name__}.")

    async def _pass_back(
        self, request: web.Request, answer: aiohttp.ClientResponse, exchange: Exchange | None, meter: Meter
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=incoming(answer.headers))
        if answer.content_length is not None and "content-encoding" not in answer.headers:
            response.content_length = answer.content_length
        await response.prepare(request)
        parts: list[bytes] = []
        broken = gone = False
        try:
            async for part in answer.content.iter_any():
                meter.feed(part)
                parts.append(part)
                try:
                    await response.write(part)
                except ConnectionError:  # the notebook has closed its connection
                    gone = True
                    break  # this ends the request to the endpoint, too
        except (aiohttp.ClientError, TimeoutError):
            broken = True
        if exchange:  # of a stream that the notebook left early, the part that it received
            self.recorder.add(exchange, answer.status, answer.headers, b"".join(parts), broken)
        if broken and request.transport is not None:
            request.transport.abort()  # the notebook must see the same broken answer
        elif not (broken or gone):
            await response.write_eof()
        return response

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            loopback = is_loopback(URL(self.url).host or "")
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=_trust(), limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_SILENCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Content-Type"),
                trust_env=not loopback,
            )
        return self._session


def _trust() -> ssl.SSLContext:
    """Trust this machine's authorities, which may include a company's, and the public ones of Python packages."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class Replayer:
    """Answers each request from a recording; equal requests get their answers in the recorded order.

    Args:
        stay: whether the last answer to equal requests is repeated.
    """

    def __init__(self, tape: Tape, stay: bool = False) -> None:
        self.scrubber, self._stay = Scrubber(), stay
        self._waiting: dict[tuple[str, ...], deque[Exchange]] = defaultdict(deque)
        for exchange in tape.exchanges:
            self._waiting[exchange.request].append(exchange)

    async def answer(self, door: Door, request: web.Request, body: bytes) -> web.StreamResponse:
        """Answer a request to a door from the recording, or with 501 if it is not recorded."""
        meter = Meter(body, may_cost(request.method))
        recorded = self._waiting.get(Exchange.of(door, request, body, self.scrubber).request)
        if not recorded:
            what = f"{request.method} {request.path}"
            if is_the_jobs(request.headers, door.key):
                door.refused.append(f"{what} is not in the recording. Record it again.")
            return own_answer(501, "not_recorded", f"{what} with this body is not in the recording.")
        exchange = recorded[0] if self._stay and len(recorded) == 1 else recorded.popleft()
        response = web.StreamResponse(status=exchange.status, headers=exchange.answer_headers)
        await response.prepare(request)
        meter.begin(exchange.status, exchange.answer_headers.get("content-type", ""))
        for part in _parts(exchange.answer_bytes()):
            meter.feed(part)
            await response.write(part)
        door.usage += meter.usage()
        if exchange.broken:
            if request.transport is not None:
                request.transport.close()  # after the written bytes are sent, without the chunk that ends the body
            return response
        await response.write_eof()
        return response

    def left_over(self, door: Door) -> str:
        """A sentence on the recorded answers that a job did not request; empty where it requested all of them."""
        own = [queue for request, queue in self._waiting.items() if request[:2] == (door.notebook, door.deployment)]
        count = sum(map(len, own))
        return f"{count} recorded answers were not requested: the notebook changed. Record it again." if count else ""

    async def close(self) -> None:
        """Nothing to close."""


def _parts(answer: bytes) -> list[bytes]:
    """The events of a stream, of which the last may be incomplete; or the whole body as one part."""
    if not answer.startswith((b"data:", b"event:", b":")):
        return [answer]
    return [part for part in re.split(rb"(?<=\n\n)", answer) if part]

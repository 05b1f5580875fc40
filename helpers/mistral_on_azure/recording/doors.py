"""Doors: addresses on loopback, one for each job, so that the proxy knows to which job a request belongs.

Each door has a key of its own. The real credential replaces it in the headers that are forwarded, and stays in this
process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import CREDENTIAL, is_path, refusal
from mistral_on_azure.azure.credentials import check_credential, new_key, token_provider
from mistral_on_azure.azure.deployments import DeploymentKind
from mistral_on_azure.endpoint.gateway.token_service import looks_like_token
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.usage import Usage

_LARGEST = 16 * 1024 * 1024  # bytes of a request with the door's key, which may hold pictures
_OF_TOKEN, _OF_STRANGER = 4 * 1024 * 1024, 64 * 1024  # bytes with a token, which a door cannot check, and with neither
_HELD = 16 * 1024 * 1024  # bytes of all requests together that are being received without the door's key
_SLOWEST = 30.0  # seconds in which a request's body arrives
_END = 5.0  # seconds for the thread to end
_PATIENCE = 2.0  # seconds for unfinished requests to end after their client has ended
_LONGEST = 60.0  # seconds for one task of the thread; a busy machine takes a few

Answer = Callable[["Door", web.Request, bytes], Awaitable[web.StreamResponse]]


class _Refused(Exception):
    """Raised for a request that is not passed on; the arguments are those of `own_answer`."""


class _NoStrangersTracebacks(logging.Filter):
    """Drops the errors that aiohttp logs for a request that is not HTTP, which is answered with 400."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_LOGGER = logging.getLogger("aiohttp.server.doors")
_LOGGER.addFilter(_NoStrangersTracebacks())


@dataclass(slots=True)
class Door:
    """One job's address and key, and the usage of the requests that were sent to it.

    Attributes:
        key: accepted by this door only, until the run ends.
        url: the http address.
        secure_url: the https address, for Microsoft Entra ID; empty without a certificate.
        refused: a sentence for each request that was not forwarded or not answered.
        under_way: the number of requests that have not ended yet.
    """

    notebook: str
    deployment: str
    key: str = field(default_factory=new_key, repr=False)
    url: str = ""
    secure_url: str = ""
    usage: Usage = field(default_factory=Usage)
    refused: list[str] = field(default_factory=list)
    under_way: int = 0


class Doors:
    """Serves all doors from one thread, until the context ends.

    Args:
        answer: answers one request to a door, given its body; called in that thread's event loop.
        close: called in that loop at the end.
        certificate: the certificate of the https addresses; None for http alone.
    """

    def __init__(
        self, answer: Answer, close: Callable[[], Awaitable[None]], certificate: ssl.SSLContext | None = None
    ) -> None:
        self._answer, self._close, self._certificate = answer, close, certificate
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="doors", daemon=True)
        self._runners: list[web.AppRunner] = []
        self._held = 0  # bytes of requests under way without a door's key

    def __enter__(self) -> Doors:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._wait(self._end())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_END)
            self._loop.close()

    def open(self, notebook: str, deployment: str) -> Door:
        """Open a door for one job, which listens when this returns."""
        door = Door(notebook, deployment)
        self.listen(door)
        return door

    def listen(self, door: Door, port: int = 0) -> None:
        """Make a door listen.

        Args:
            port: the port of its http address; 0 takes a free one.

        Raises:
            CookbookError: when the port is taken.
        """
        try:
            self._wait(self._listen(door, port))
        except OSError as error:
            raise CookbookError(f"Port {port} cannot be used ({error.strerror}). Choose another with --port.") from None

    def settle(self, door: Door) -> None:
        """Wait up to two seconds for unfinished requests, whose client has ended."""
        self._wait(self._quiet(door))

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_LONGEST)

    async def _listen(self, door: Door, port: int) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            body, own = bytearray(), holds(request.headers, door.key)
            door.under_way += 1
            try:
                _check(request)
                await self._receive(door, request, body, own)
                return await self._answer(door, request, bytes(body))
            except _Refused as refused:
                return own_answer(*refused.args)
            finally:
                door.under_way -= 1
                self._held -= 0 if own else len(body)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, logger=_LOGGER, handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        door.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        if self._certificate is not None:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._certificate).start()
            door.secure_url = f"https://127.0.0.1:{runner.addresses[1][1]}"

    async def _receive(self, door: Door, request: web.Request, body: bytearray, own: bool) -> None:
        """Read a request's body into `body`.

        Raises:
            _Refused: when the body is larger, or arrives later, than its sender's credential allows.
        """
        most = _LARGEST if own else _OF_TOKEN if is_the_jobs(request.headers, door.key) else _OF_STRANGER
        too_large = _Refused(413, "body_too_large", f"The request has more than {most // 1024} kB.")
        if (request.content_length or 0) > most:
            raise too_large
        try:
            async with asyncio.timeout(_SLOWEST):
                async for part in request.content.iter_any():
                    body += part
                    self._held += 0 if own else len(part)
                    if len(body) > most:
                        raise too_large
                    if self._held > _HELD and not own:
                        raise _Refused(503, "busy", "Too many requests without this address's key are under way.")
        except TimeoutError:
            late = f"The request did not arrive within {_SLOWEST:.0f} seconds."
            raise _Refused(408, "timeout", late) from None

    async def _quiet(self, door: Door) -> None:
        deadline = self._loop.time() + _PATIENCE
        while door.under_way and self._loop.time() < deadline:
            await asyncio.sleep(0.005)

    async def _end(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
        await self._close()
        left = asyncio.all_tasks() - {asyncio.current_task()}  # of connections that still wait for a request
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_END)


def _check(request: web.Request) -> None:
    """Refuse a request that is not forwarded.

    Raises:
        _Refused: for a target that is no path and so names a host, another transfer encoding than chunked, or a page's
            request.
    """
    if request.method == "CONNECT" or not is_path(request.raw_path):
        raise _Refused(400, "bad_request", "The request line has no plain path.")
    codings = ",".join(request.headers.getall("Transfer-Encoding", [])).lower().replace(" ", "")
    if codings and codings != "chunked":
        raise _Refused(501, "not_implemented", f"The transfer encoding {codings[:40]!r} is not supported.")
    if why := refusal(request.headers):
        raise _Refused(403, "forbidden", why)


def own_answer(status: int, code: str, message: str) -> web.Response:
    """An error answer of the proxy's own, in a form that all clients can show."""
    error = {"code": code, "message": f"cookbook: {message}"}
    return web.json_response({"error": error, "status": status, **error}, status=status)


def credential_for(url: str, kind: DeploymentKind | None = None) -> Callable[[], str]:
    """A function that returns the credential for an endpoint, which is tried first on a request that uses no tokens.

    Args:
        url: the endpoint's address without a route.
        kind: the kind of deployment, where it is known.

    Raises:
        CookbookError: when there is no credential, the endpoint refuses it, or no answer comes.
    """
    key = os.environ.get(CREDENTIAL)
    give = (lambda: check_credential(key)) if key is not None else token_provider(url, kind.scope if kind else "")
    answer = http.request("GET", url + http.first_path(kind), give())
    if answer.status in (401, 403):
        what = f"the credential in {CREDENTIAL}" if key is not None else "the Microsoft Entra ID token"
        raise CookbookError(f"{url} refused {what} ({answer.status}): {answer.message}")
    return give


CREDENTIALS = ("authorization", "api-key", "x-api-key")
# Headers that are about one connection (RFC 9110, section 7.6.1), and are not forwarded.
_OF_A_CONNECTION = {
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip


def holds(headers: Mapping[str, str], key: str) -> bool:
    """Whether a request's credential is this key."""
    return any(_bare(headers.get(name, "")) == key for name in CREDENTIALS)


def is_the_jobs(headers: Mapping[str, str], key: str) -> bool:
    """Whether a request is the job's: it has the door's key, or a token that the job's own identity got.

    No page in a browser and no other program has either. Requests without them do not count as the job's usage.
    """
    return holds(headers, key) or looks_like_token(_bare(headers.get("authorization", "")))


def outgoing(headers: Mapping[str, str], key: str, credential: str) -> CIMultiDict[str]:
    """The headers for the real endpoint. The door's key is replaced by the real credential; any other key is forwarded.

    A notebook that shows the answer to a wrong key needs the endpoint to receive the wrong key.
    """
    sent = CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _OF_A_CONNECTION)
    sent["Accept-Encoding"] = "identity"  # the usage in a compressed answer could not be read
    for name in CREDENTIALS:
        if name in sent and _bare(sent[name]) == key:
            if name != "authorization" and looks_like_token(credential):
                del sent[name]  # a token is sent in the Authorization header only
            else:
                sent[name] = sent[name].replace(key, credential)
    return sent


def incoming(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers for the notebook. `server` is left out, since connect() knows the local endpoint by it."""
    left_out = _OF_A_CONNECTION | {"server", "content-encoding", "date"}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in left_out)


def _bare(value: str) -> str:
    """A credential without its scheme."""
    return value.rpartition(" ")[2]

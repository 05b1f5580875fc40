"""What a listener knows: which hosts and origins may call it, and what its connections share.

A listener answers to loopback names, to the address that a connection came to, and to the names that were allowed. A
page that lets its own name resolve to this machine (DNS rebinding) sends that name as `Host`, and is refused: an
address cannot be rebound, so the one that is listened on needs no permission.

Pages are refused as well, but for those of an origin that was allowed by name. Their preflight requests are answered
here, and each answer names the origin, so that the browser hands it to the page.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mistral_on_azure.azure.callers import is_path, refusal
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.transport.exchange import Answer, Heads, Request, lines
from mistral_on_azure.endpoint.transport.reader import Limits

HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?")
ORIGIN = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_CREDENTIALS = {"authorization", "api-key"}
_LEFT_TO_BROWSERS = {"origin", "sec-fetch-site"}  # what is not looked at where the origin is allowed
_WAITS = ("retry-after", "retry-after-ms", "x-ms-retry-after-ms")
_LIMITS = (f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens"))
_MANAGED = ("azureml-model-deployment", "ms-azureml-model-error-reason", "ms-azureml-model-error-statuscode")
_READABLE = ", ".join(("apim-request-id", "x-ms-error-code", "x-request-id", *_WAITS, *_LIMITS, *_MANAGED))
_NAMES = re.compile(r"[A-Za-z0-9-]+(, ?[A-Za-z0-9-]+)*")
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")  # all that the container's framework knows
_AGE = "600"  # seconds that a browser remembers a preflight request's answer

Respond = Callable[[Request], Answer | Awaitable[Answer]]


class Callers:
    """Who may call one server.

    Args:
        hosts: names of hosts beside those of loopback.
        origins: origins of pages, as a browser writes them in `Origin`.
    """

    def __init__(self, hosts: Collection[str] = (), origins: Collection[str] = ()) -> None:
        self.hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self.origins = frozenset(origin.lower() for origin in origins)

    def check(self, target: str, headers: Mapping[str, str], address: Callable[[], str], method: str = "GET") -> None:
        """Refuse a request by its head.

        Args:
            target: of the request line; slashes too many at its beginning are the application's business.
            headers: their names in lower case.
            address: finds out where the connection came to, without the port.
            method: of a preflight request with a credential the origin is not looked at: no browser sends one.

        Raises:
            ApiError: 400 for a target that is not a path, 403 for a host or an origin that is not allowed.
        """
        if not (target.startswith("/") and is_path("/" + target.lstrip("/"))):
            raise ApiError(400, "bad_request", "The request's target is not a path, which is all that is served here.")
        if "host" not in headers:  # HTTP/1.0, which no browser sends
            headers = {**headers, "host": "localhost"}
        keyed = is_preflight(method, headers) and not _CREDENTIALS.isdisjoint(headers)
        if keyed or headers.get("origin", "").lower() in self.origins:
            headers = {name: value for name, value in headers.items() if name not in _LEFT_TO_BROWSERS}
        why = refusal(headers, self.hosts)
        if why and (why := refusal(headers, {*self.hosts, address()})):
            raise ApiError(403, "forbidden", f"{why} `cookbook serve` has --allow-host and --allow-origin.")

    def answering(self, respond: Respond) -> Respond:
        """The application, as pages of the allowed origins may use it; unchanged where there are none."""
        if not self.origins:
            return respond

        def answer(request: Request) -> Answer | Awaitable[Answer]:
            allowed = self._allowed(request.headers)
            if allowed and is_preflight(request.method, request.headers):
                return _open(preflight(request), allowed)
            answered = respond(request)
            return _open(answered, allowed) if isinstance(answered, Answer) else _open_later(answered, allowed)

        return answer

    def opened(self, answer: Answer, headers: Mapping[str, str]) -> Answer:
        """An answer to a request that never reached the application, as pages of the allowed origins may read it."""
        return _open(answer, self._allowed(headers)) if self.origins else answer

    def _allowed(self, headers: Mapping[str, str]) -> str:
        """The origin that a request names, if it is allowed; else nothing."""
        origin = headers.get("origin", "")
        return origin if origin.lower() in self.origins else ""


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks by this request whether a page may send another."""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def preflight(request: Request) -> Answer:
    """What the container of managed compute answers, measured; the other kinds are taken to do the same."""
    if request.headers["access-control-request-method"] not in _METHODS:
        return Answer(400, b"Disallowed CORS method", content_type="text/plain; charset=utf-8")
    wanted = request.headers.get("access-control-request-headers", "")
    named = (("access-control-allow-headers", wanted),) if _NAMES.fullmatch(wanted) else ()
    more = (("access-control-allow-methods", ", ".join(_METHODS)), ("access-control-max-age", _AGE), *named)
    return Answer(200, b"OK", lines(more), "text/plain; charset=utf-8")


def _open(answer: Answer, origin: str) -> Answer:
    """The answer with the headers that let pages of an origin read it."""
    more = (("access-control-allow-origin", origin), ("access-control-expose-headers", _READABLE)) if origin else ()
    return replace(answer, headers=answer.headers + lines((*more, ("vary", "Origin"))))


async def _open_later(coming: Awaitable[Answer], origin: str) -> Answer:
    return _open(await coming, origin)


@dataclass(slots=True)
class Shared:
    """What all connections of a server share.

    Attributes:
        answer: the application.
        limits: what a peer may take.
        refusal: writes the answer to a request that never reaches the application, from the error and from what
            headers have arrived.
        admit: raises what a request is refused for by its head alone; asked before a body is waited for.
        callers: which hosts and origins requests may name.
        heads: the requests' heads that were parsed before.
        peers: the open connections.
        held: bytes of bodies that are not whole yet or wait for their turn, of all connections together.
        ending: the server is about to end; each connection closes after the answer it is at.
    """

    answer: Respond
    limits: Limits
    refusal: Callable[[ApiError, Mapping[str, str]], Answer]
    admit: Callable[[Request], None] = lambda request: None
    callers: Callers = field(default_factory=Callers)
    heads: Heads = field(default_factory=Heads)
    peers: set[Any] = field(default_factory=set)
    held: int = 0
    ending: bool = False

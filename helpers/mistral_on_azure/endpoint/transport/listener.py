"""`Callers` checks which hosts and origins a request may name; `Shared` is the state that all connections share.

The `Host` of a request may be a loopback name, the IP address that the connection came to, or an allowed name. That
stops DNS rebinding: a web page whose host name resolves to this machine sends its own name as `Host`. An IP address
cannot be rebound, so it needs no permission.

Requests of web pages are refused unless their origin is allowed. For allowed origins, preflight requests are answered
here (CORS), and each answer gets the headers with which a browser lets the page read it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from mistral_on_azure.azure.addresses import is_path, refusal
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.transport.exchange import Answer, Heads, Request, lines
from mistral_on_azure.endpoint.transport.reader import Limits

HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?")
ORIGIN = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_CREDENTIALS = {"authorization", "api-key"}
_LEFT_TO_BROWSERS = {"origin", "sec-fetch-site"}  # headers that are not checked where the origin is allowed
_WAITS = ("retry-after", "retry-after-ms", "x-ms-retry-after-ms")
_LIMITS = (f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens"))
_MANAGED = ("azureml-model-deployment", "ms-azureml-model-error-reason", "ms-azureml-model-error-statuscode")
_READABLE = ", ".join(("apim-request-id", "x-ms-error-code", "x-request-id", *_WAITS, *_LIMITS, *_MANAGED))
_NAMES = re.compile(r"[A-Za-z0-9-]+(, ?[A-Za-z0-9-]+)*")
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")  # as the container's framework allows them
_AGE = "600"  # seconds that a browser caches the answer to a preflight request

Respond = Callable[[Request], Answer | Awaitable[Answer]]


class Callers:
    """The hosts and origins that requests to one server may name.

    Args:
        hosts: allowed host names besides those of loopback.
        origins: allowed origins of web pages, as a browser writes them in `Origin`.
    """

    def __init__(self, hosts: Collection[str] = (), origins: Collection[str] = ()) -> None:
        self.hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self.origins = frozenset(origin.lower() for origin in origins)

    def check(self, target: str, headers: Mapping[str, str], address: Callable[[], str], method: str = "GET") -> None:
        """Check the target, the host and the origin of a request.

        Args:
            target: the target of the request line; repeated slashes at its beginning are allowed here.
            headers: by names in lower case.
            address: returns the local IP address of the connection, without the port.
            method: the origin of a preflight request with a credential is not checked: no browser sends one.

        Raises:
            ApiError: 400 for a target that is not a path, 403 for a host or an origin that is not allowed.
        """
        if not (target.startswith("/") and is_path("/" + target.lstrip("/"))):
            raise ApiError(400, "bad_request", "The request's target must be a path.")
        if "host" not in headers:  # HTTP/1.0, which no browser sends
            headers = {**headers, "host": "localhost"}
        keyed = is_preflight(method, headers) and not _CREDENTIALS.isdisjoint(headers)
        if keyed or headers.get("origin", "").lower() in self.origins:
            headers = {name: value for name, value in headers.items() if name not in _LEFT_TO_BROWSERS}
        why = refusal(headers, self.hosts)
        if why and (why := refusal(headers, {*self.hosts, address()})):
            raise ApiError(403, "forbidden", f"{why} `cookbook serve` has --allow-host and --allow-origin.")

    def answering(self, respond: Respond) -> Respond:
        """Wrap the application: answer preflight requests, and add CORS headers. Without origins it is unchanged."""
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
        """Add CORS headers to an error response that is written before the application is called."""
        return _open(answer, self._allowed(headers)) if self.origins else answer

    def _allowed(self, headers: Mapping[str, str]) -> str:
        """The request's origin if it is allowed, else an empty string."""
        origin = headers.get("origin", "")
        return origin if origin.lower() in self.origins else ""


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether it is a preflight request, by which a browser asks whether a page may send another request."""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def preflight(request: Request) -> Answer:
    """The answer to a preflight request: measured on the container of managed compute, inferred for other kinds."""
    if request.headers["access-control-request-method"] not in _METHODS:
        return Answer(400, b"Disallowed CORS method", content_type="text/plain; charset=utf-8")
    wanted = request.headers.get("access-control-request-headers", "")
    named = (("access-control-allow-headers", wanted),) if _NAMES.fullmatch(wanted) else ()
    more = (("access-control-allow-methods", ", ".join(_METHODS)), ("access-control-max-age", _AGE), *named)
    return Answer(200, b"OK", lines(more), "text/plain; charset=utf-8")


def _open(answer: Answer, origin: str) -> Answer:
    """The answer with the CORS headers for an origin."""
    more = (("access-control-allow-origin", origin), ("access-control-expose-headers", _READABLE)) if origin else ()
    return replace(answer, headers=answer.headers + lines((*more, ("vary", "Origin"))))


async def _open_later(coming: Awaitable[Answer], origin: str) -> Answer:
    return _open(await coming, origin)


@dataclass(slots=True)
class Shared:
    """The state that all connections of a server share.

    Attributes:
        answer: the application.
        limits: sizes and times that a client may take.
        refusal: makes the error response to a request that never reaches the application, from the error and the
            headers that have arrived.
        admit: checks a request's head before its body is read; raises an ApiError.
        callers: the hosts and origins that requests may name.
        heads: the cache of parsed request heads.
        peers: the open connections.
        held: bytes of all request bodies that are incomplete or waiting.
        ending: whether the server is stopping; each connection then closes after its current answer.
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

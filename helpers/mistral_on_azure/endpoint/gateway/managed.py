"""Managed compute: Azure Machine Learning's gateway in front of the container.

The gateway's code is not public; what is documented of it is served, and what is not known is left out: the body of its
401, for one. Documented: every status of the container but 200 reaches the client as 424, with headers that tell the
container's own; 408 after `request_timeout_ms`; 429 with an empty body above twice
`max_concurrent_requests_per_instance` for each instance; no `x-ratelimit-*` headers and no `Retry-After`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import msgspec

from mistral_on_azure.azure.deployments import Deployment, deployments
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.gateway.authentication import AUDIENCE, SessionsByCredential, TokenService, authenticate
from mistral_on_azure.endpoint.gateway.kinds import Address, deployment_named
from mistral_on_azure.endpoint.gateway.quota import Limits, QuotaExceeded
from mistral_on_azure.endpoint.transport.exchange import Answer, Request, lines

REASON, STATUS = "ms-azureml-model-error-reason", "ms-azureml-model-error-statuscode"
TOO_MANY = "too_many_pending_request"
REQUEST_TIMEOUT = 5_000  # milliseconds: the default of request_timeout_ms
CONCURRENT = 1  # the default of max_concurrent_requests_per_instance
_OWN = {401, 403, 408, 411, 413, 424, 429, 431, 502, 503, 504}  # statuses that the gateway itself may send


class Pending:
    """The requests of one deployment that are under way, and how many of them the gateway lets wait.

    It takes the place of a quota: managed compute counts requests at a time, not tokens. When an answer will have left
    is known when it is worked out, so nobody has to tell that it has.

    Args:
        most: how many requests may be under way at once.
        clock: seconds, monotonic.
        limit: seconds that an answer may take.
        instances: how many containers there are to write answers.
    """

    def __init__(self, most: int, clock: Callable[[], float], limit: float, instances: int = 1) -> None:
        self.most, self.clock, self.limit = most, clock, limit
        self._ends: list[float] = []
        self._working = 0
        self._free_at = [0.0] * instances  # when each container has written the whole answers before

    def take(self, tokens: int) -> None:
        """Let a request in.

        Raises:
            QuotaExceeded: 429 when as many as may be are under way.
        """
        now = self.clock()
        self._ends = [end for end in self._ends if end > now]
        if len(self._ends) + self._working >= self.most:
            raise QuotaExceeded(429, TOO_MANY, "")

    @contextmanager
    def working(self) -> Iterator[None]:
        """A request is under way in the block, before it is known when its answer will have left."""
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1

    def settle(self, tokens: int) -> None:
        """Nothing: tokens are not counted here."""

    def headers(self) -> bytes:
        """No header lines: managed compute tells no quota."""
        return b""

    def waits(self, answer: Answer) -> Answer:
        """The answer, to be written after the whole answers before it, which a container gives one by one.

        Streams do not wait for each other. An answer that takes longer than the time limit becomes 408.
        """
        now = self.clock()
        if answer.events is None and answer.source is None:
            soonest = min(self._free_at)
            answer = replace(answer, delay=max(0.0, soonest - now) + answer.delay)
            self._free_at[self._free_at.index(soonest)] = max(soonest, now + answer.delay)
            if answer.delay > self.limit:
                answer = replace(timed_out(), delay=self.limit)
        steps = answer.steps if answer.steps is not None else len(answer.events or ())
        self._ends.append(now + answer.delay + steps * answer.gap if answer.source is None else math.inf)
        return answer


class Managed:
    """A deployment on managed compute. `kinds.Kind` describes the members.

    Args:
        concurrent: requests at a time for each instance, `max_concurrent_requests_per_instance`.
        instances: how many instances the deployment has.
        timeout: milliseconds that an answer may take, `request_timeout_ms`.
    """

    name = "managed"
    addresses: Mapping[str, Address] = MappingProxyType({})
    fallback = Address("container")  # the gateway passes every path on
    api_versions = ()
    audiences = (AUDIENCE,)

    def __init__(self, concurrent: int = CONCURRENT, instances: int = 1, timeout: int = REQUEST_TIMEOUT) -> None:
        self.most, self.limit, self.instances = 2 * concurrent * instances, timeout / 1000, instances

    def authenticate(self, request: Request, sessions: SessionsByCredential, tokens: TokenService) -> Any:
        return authenticate(request, sessions, tokens, self.audiences)

    def deployments(self) -> Mapping[str, Deployment]:
        return deployments()

    def deployment(self, header: str | None, model: Any, default: str) -> Deployment:
        """The header names a deployment; `model` is ignored, and so is a name that is none."""
        return deployments().get(header or "") or deployment_named(default)

    def error(self, error: ApiError) -> Answer:
        """The gateway's own errors, or the container's inside of 424."""
        if error.code == TOO_MANY or error.status == 429:
            return Answer(429, b"", lines(((REASON, TOO_MANY), *error.headers)), "")
        if error.status == 401:
            return Answer(401, b"", lines((("www-authenticate", "Bearer"),)), "")
        if error.status == 408:
            return timed_out()
        if error.status in _OWN or error.code == "bad_http":
            return Answer(error.status, error.message.encode(), lines(error.headers), "text/plain")
        body = {"error": {"code": error.code, "message": error.message, "status": error.status}}  # as the container's
        return wrapped(error.status, msgspec.json.encode(body), error.headers)

    def quota(self, limits: Limits, clock: Callable[[], float]) -> Pending:
        return Pending(self.most, clock, self.limit, self.instances)

    def info(self, deployment: Deployment) -> dict[str, str]:
        return {
            "model_type": "chat-completion",
            "model_provider_name": deployment.container_provider,
            "model_name": deployment.container_name,
        }


def wrapped(
    status: int, body: bytes, headers: tuple[tuple[str, str], ...] = (), content_type: str = "application/json"
) -> Answer:
    """An answer of the container that is not 200, as the gateway passes it on.

    Args:
        status: the container's; the client gets 424.
    """
    told = lines(((STATUS, str(status)), (REASON, "model_error"), *headers))
    return Answer(424, body, told, content_type if body else "")


def timed_out() -> Answer:
    """The gateway's answer when the container takes longer than `request_timeout_ms`."""
    return Answer(408, b"", lines(((REASON, "request_timeout"),)), "")


MANAGED = Managed()

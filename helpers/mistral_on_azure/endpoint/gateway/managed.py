"""The kind `managed`: Azure Machine Learning's gateway in front of the container on managed compute.

The gateway's code is not public. Documented: every status of the container but 200 reaches the client as 424, with the
container's status in a header; 408 after `request_timeout_ms`; 429 with an empty body above twice
`max_concurrent_requests_per_instance` for each instance. Inferred, as no page names them: no `x-ratelimit-*` headers,
no `Retry-After`, and an empty body of 401.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec.structs import replace

from mistral_on_azure.azure.deployments import MANAGED as KIND
from mistral_on_azure.azure.deployments import Deployment, deployments
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.gateway.kinds import Address, Kind, deployment_named
from mistral_on_azure.endpoint.gateway.quota import Limits, QuotaExceeded
from mistral_on_azure.endpoint.transport.exchange import Answer, lines

REASON, STATUS = "ms-azureml-model-error-reason", "ms-azureml-model-error-statuscode"
TOO_MANY = "too_many_pending_request"
REQUEST_TIMEOUT = 5_000  # milliseconds: the default of request_timeout_ms
CONCURRENT = 1  # the default of max_concurrent_requests_per_instance
_OWN = {401, 403, 408, 411, 413, 424, 429, 431, 502, 503, 504}  # statuses of the gateway itself, which are not wrapped


class ConcurrencyLimit:
    """The limit on concurrent requests to one deployment, which managed compute has instead of a quota.

    A request counts until its response is written. That time is computed when the response is made, so that nothing
    has to be called at the end of a request.

    Args:
        most: number of concurrent requests, those that are processed and those that wait.
        clock: returns monotonic seconds.
        limit: seconds that a response without streaming may take.
        instances: number of containers, each of which makes one response without streaming at a time.
    """

    def __init__(self, most: int, clock: Callable[[], float], limit: float, instances: int = 1) -> None:
        self.most, self.clock, self.limit = most, clock, limit
        self._ends: list[float] = []
        self._working = 0
        # Times at which each container has written its responses without streaming.
        self._free_at = [0.0] * instances

    def take(self) -> None:
        """Admit a request.

        Raises:
            QuotaExceeded: 429 when there are as many concurrent requests as the limit allows.
        """
        now = self.clock()
        self._ends = [end for end in self._ends if end > now]
        if len(self._ends) + self._working >= self.most:
            raise QuotaExceeded(429, TOO_MANY, "")

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count a request as concurrent within the block, while its response is made in the background thread."""
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1

    def waits(self, answer: Answer) -> Answer:
        """Delay a response without streaming until those before it are written, as the container makes one at a time.

        Streams do not wait. A response that would take longer than the time limit becomes 408.
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


class Managed(Kind):
    """A deployment on managed compute. `kinds.Kind` describes the members.

    Args:
        concurrent: `max_concurrent_requests_per_instance`.
        instances: number of instances of the deployment.
        timeout: `request_timeout_ms`: milliseconds that a response without streaming may take.
    """

    name = KIND.name
    addresses: Mapping[str, Address] = MappingProxyType({})
    fallback = Address("container")  # the gateway forwards every path to the container
    audiences = KIND.audiences

    def __init__(self, concurrent: int = CONCURRENT, instances: int = 1, timeout: int = REQUEST_TIMEOUT) -> None:
        self.most, self.limit, self.instances = 2 * concurrent * instances, timeout / 1000, instances

    def deployments(self) -> Mapping[str, Deployment]:
        return deployments()

    def deployment(self, header: str | None, model: Any, default: str) -> Deployment:
        """The deployment that the header names, or the default one. `model` and unknown names are ignored."""
        return deployments().get(header or "") or deployment_named(default, deployments())

    def error(self, error: ApiError) -> Answer:
        """The error response: one of the gateway's own, or an error of the container wrapped in 424."""
        if error.status == 429:
            return Answer(429, b"", lines(((REASON, TOO_MANY), *error.headers)), "")
        if error.status == 401:
            return Answer(401, b"", lines((("www-authenticate", "Bearer"),)), "")
        if error.status == 408:
            return timed_out()
        if error.status in _OWN or error.code == "bad_http":
            return Answer(error.status, error.message.encode(), lines(error.headers), "text/plain")
        body = {"error": {"code": error.code, "message": error.message, "status": error.status}}  # the container's form
        return wrapped(error.status, msgspec.json.encode(body), error.headers)

    def quota(self, limits: Limits, clock: Callable[[], float]) -> ConcurrencyLimit:
        return ConcurrencyLimit(self.most, clock, self.limit, self.instances)


def wrapped(
    status: int, body: bytes, headers: tuple[tuple[str, str], ...] = (), content_type: str = "application/json"
) -> Answer:
    """The gateway's response 424 for a response of the container that is not 200.

    Args:
        status: the container's status, which is sent in a header.
        body: the container's body, which is sent unchanged.
        headers: further headers of the container.
    """
    told = lines(((STATUS, str(status)), (REASON, "model_error"), *headers))
    return Answer(424, body, told, content_type if body else "")


def timed_out() -> Answer:
    """The gateway's response 408, for a container that takes longer than `request_timeout_ms`."""
    return Answer(408, b"", lines(((REASON, "request_timeout"),)), "")


MANAGED = Managed()

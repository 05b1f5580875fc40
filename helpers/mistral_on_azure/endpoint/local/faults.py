"""Faults on demand: what can be asked for, and which requests it hits.

A fault is asked for in one of two ways. Both take the same fields:

- out of band, so that the client's own code stays what a user would write: `POST /local/faults` with a JSON object, or
  a list of them, which happen one after the other. They hit the chat completions of this key that come next.
  `DELETE /local/faults` forgets those that have not happened, `GET` lists them;
- with one request: the header `x-local-fault: status=503; retry-after=1`.

| field | value | what happens |
|---|---|---|
| `status` | 400, 401, 403, 404, 408, 410, 424, 429, 500, 502, 503 or 504 | this error is the answer |
| `model_status` | 400 to 599 | the status is 424, as managed compute wraps this status of its container: with the |
| | | body of the container, `ms-azureml-model-error-statuscode` and `ms-azureml-model-error-reason` |
| `reason` | `model_error`, `too_many_pending_request`, `request_timeout` | `ms-azureml-model-error-reason` says so |
| `retry_after` | seconds, whole | the error has a `Retry-After` header |
| `retry_after_date` | seconds, whole | its `Retry-After` header is the HTTP date that is so far away |
| `retry_after_ms` | milliseconds, whole | it has the header `retry-after-ms` |
| `x_ms_retry_after_ms` | milliseconds, whole | it has the header `x-ms-retry-after-ms` |
| `first_token` | seconds | the answer, or a stream's first token, comes that late |
| `tokens_per_second` | a number | a stream's tokens come that slowly; a whole answer takes as long as its stream |
| `reset` | `before`, `within`, `after` | the connection is reset before the answer, half-way, or after its last byte |
| `answer` | `truncated` | the JSON breaks off half-way: of a whole answer, or of one event, which is then the last |
| | `empty` | it has no body: an error none but its status and headers, a stream no event |
| | `no-done` | a stream ends without `[DONE]` |
| | `no-choices` | the list of choices is empty: in a whole answer, or in one event before the first token |
| | `error-event` | an error comes as an event half-way through a stream, and ends it |
| `count` | a whole number | how many requests it hits, one after the other; 1 unless given (see below) |
| `after` | a whole number | how many requests are let through before that |
| `probability` | 0 to 1 | how likely it is to happen to each of them |
| `seed` | a whole number | decides which those are: the same seed, the same requests |

A fault in a header hits every request that carries it, unless `count` says how many; a retry carries the same header,
so `status=503; count=2` fails twice and then succeeds. A `name` makes a header different from others that ask for the
same. A fault with a `probability` and no `count` lasts until it is deleted. What happened is noted in the wire view.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from mistral_on_azure.endpoint.api_errors import invalid
from mistral_on_azure.endpoint.fields import check, fields_of, read
from mistral_on_azure.endpoint.local.timing import FirstToken, TokensPerSecond

HEADER = "x-local-fault"
STATUSES = {
    400: ("bad_request", "The request was refused."),
    401: ("unauthorized", "The key or token was refused."),
    403: ("forbidden", "The identity has no role on this endpoint."),
    404: ("not_found", "The route does not exist."),
    408: ("request_timeout", "The request took too long."),
    410: ("model_retired", "The model is retired and answers no more."),
    424: ("failed_dependency", "The model's container did not answer."),
    429: ("rate_limit_exceeded", "The rate limit of this deployment is reached."),
    500: ("internal_server_error", "The service failed."),
    502: ("bad_gateway", "The service behind the gateway failed."),
    503: ("service_unavailable", "The service is not available."),
    504: ("gateway_timeout", "The service behind the gateway took too long."),
}
REASONS = ("model_error", "too_many_pending_request", "request_timeout")  # that managed compute gives
_REMEMBERED = 256  # headers of a session whose requests are counted
_WRAPPED = 424  # the status of managed compute for whatever its container answers but 200
_WAITING = 1_000  # faults of a session that have not happened


Seconds = Annotated[int, Meta(ge=0, le=86_400)]
Milliseconds = Annotated[int, Meta(ge=0, le=86_400_000)]


class Fault(Struct):
    """A fault that was asked for, and how many requests it has seen. The module's table describes the fields."""

    status: Annotated[Literal[tuple(STATUSES)], Meta()] | None = None
    model_status: Annotated[int, Meta(ge=400, le=599)] | None = None
    reason: Annotated[Literal[REASONS], Meta()] | None = None
    retry_after: Seconds | None = None
    retry_after_date: Seconds | None = None
    retry_after_ms: Milliseconds | None = None
    x_ms_retry_after_ms: Milliseconds | None = None
    first_token: FirstToken | None = None
    tokens_per_second: TokensPerSecond | None = None
    reset: Annotated[Literal["before", "within", "after"], Meta()] | None = None
    answer: Annotated[Literal["truncated", "empty", "no-done", "no-choices", "error-event"], Meta()] | None = None
    count: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    after: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    name: Annotated[
        Annotated[str, Meta(max_length=200)] | int, Meta(extra={"words": "a word of at most 200 characters"})
    ] = ""
    seen: int = 0

    @property
    def spent(self) -> bool:
        """Whether no further request can be hit."""
        return self.count is not None and self.seen >= self.after + self.count

    def hits(self) -> bool:
        """Whether the next request is hit. Each call is a request."""
        if self.spent:
            return False
        self.seen += 1
        return self.seen > self.after and _draw(self.seed, self.seen) < self.probability

    @property
    def described(self) -> dict[str, Any]:
        """The fault as it would be asked for, without what was left out."""
        fields = {name: getattr(self, name) for name in FIELDS}
        return {name: value for name, value in fields.items() if value != getattr(_NOTHING, name)}


FIELDS = fields_of(Fault)
_NOTHING = Fault()


class Faults:
    """The faults that one session has asked for."""

    def __init__(self) -> None:
        self._queue: deque[Fault] = deque()
        self._headers: dict[str, Fault] = {}

    def ask(self, wanted: Any) -> list[Fault]:
        """Queue a fault, or several.

        Raises:
            ApiError: 400 for a fault that does not exist; nothing is queued then.
        """
        asked = [_fault(each) for each in (wanted if isinstance(wanted, list) else [wanted])]
        if len(self._queue) + len(asked) > _WAITING:
            raise invalid(f"More than {_WAITING} faults cannot wait; DELETE /local/faults forgets them.")
        for fault in asked:
            if fault.count is None and fault.probability == 1.0:
                fault.count = 1
        self._queue.extend(asked)
        return asked

    def waiting(self) -> list[Fault]:
        """The faults that may still happen."""
        return list(self._queue)

    def clear(self) -> None:
        """Forget all faults."""
        self._queue.clear()
        self._headers.clear()

    def next(self, header: str | None) -> Fault | None:
        """The fault that hits the next request, if one does.

        Args:
            header: the request's own fault.

        Raises:
            ApiError: 400 for a header that asks for a fault which does not exist.
        """
        if header is not None:
            fault = self._of_header(header)
            return fault if fault.hits() else None
        while self._queue and self._queue[0].spent:
            self._queue.popleft()
        if not self._queue:
            return None
        fault = self._queue[0]
        hit = fault.hits()
        if fault.spent:
            self._queue.popleft()
        return fault if hit else None

    def _of_header(self, header: str) -> Fault:
        fault = self._headers.get(header)
        if fault is None:
            fault = _fault(read(header))
            if len(self._headers) == _REMEMBERED:
                del self._headers[next(iter(self._headers))]
            self._headers[header] = fault
        return fault


def _fault(wanted: Any) -> Fault:
    if not isinstance(wanted, dict):
        raise invalid('A fault is an object, such as {"status": 503, "count": 2}.', code="invalid_field")
    fields = check(wanted, FIELDS, "A fault")
    if "model_status" in fields and fields.setdefault("status", _WRAPPED) != _WRAPPED:
        raise invalid(f"A model_status is wrapped in the status {_WRAPPED}: leave out status.", code="invalid_field")
    if "retry_after" in fields and "retry_after_date" in fields:
        raise invalid("Retry-After is a number or a date: choose one.", code="invalid_field")
    return Fault(**fields)


def _draw(seed: int, place: int) -> float:
    """A number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.blake2b(f"{seed}|{place}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64

"""A fault: what can be asked for, which requests it hits, and how it is read.

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

`/local/faults`, the header `x-local-fault` and the exchanges of a script ask for one in these fields.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from mistral_on_azure.endpoint.api_errors import invalid
from mistral_on_azure.endpoint.fields import FirstToken, TokensPerSecond, check, fields_of

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
_WRAPPED = 424  # the status of managed compute for whatever its container answers but 200

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


def fault_of(wanted: Any) -> Fault:
    """Read a fault.

    Raises:
        ApiError: 400 for one that does not exist.
    """
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

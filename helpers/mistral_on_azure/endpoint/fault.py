"""`Fault`: an error, delay or broken response that is requested for testing a client.

| field | value | effect |
|---|---|---|
| `status` | 400, 401, 403, 404, 408, 410, 424, 429, 500, 502, 503 or 504 | the response is an error with this status |
| `model_status` | 400 to 599 | the response is 424, in which managed compute wraps this status of its container, with |
| | | the container's body, `ms-azureml-model-error-statuscode` and `ms-azureml-model-error-reason` |
| `reason` | `model_error`, `too_many_pending_request`, `request_timeout` | value of `ms-azureml-model-error-reason` |
| `retry_after` | seconds, whole | the error has a `Retry-After` header with this number |
| `retry_after_date` | seconds, whole | the error has a `Retry-After` header with the HTTP date after this time |
| `retry_after_ms` | milliseconds, whole | the error has the header `retry-after-ms` |
| `x_ms_retry_after_ms` | milliseconds, whole | the error has the header `x-ms-retry-after-ms` |
| `first_token` | seconds | delay of the response, or of a stream's first token |
| `tokens_per_second` | a number | pace of a stream; a response without streaming takes as long as its stream would |
| `reset` | `before`, `within`, `after` | the connection is reset before the response, half-way, or after its end |
| `answer` | `truncated` | the JSON is cut off half-way: of the body, or of one event, which is then the last |
| | `empty` | the body is empty: an error has only status and headers, a stream has no event |
| | `no-done` | a stream ends without `[DONE]` |
| | `no-choices` | `choices` is an empty list: in the body, or in an extra event before the first token |
| | `error-event` | an error event half-way through a stream ends it |
| `count` | a whole number | number of requests that are hit; `local/faults.py` has the default |
| `after` | a whole number | number of requests that pass before the first one is hit |
| `probability` | 0 to 1 | probability of a hit, for each of these requests |
| `seed` | a whole number | seed of that random choice: with the same seed the same requests are hit |

The route `/local/faults`, the header `x-local-fault` and the exchanges of a script take these fields.
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
REASONS = ("model_error", "too_many_pending_request", "request_timeout")  # as documented for managed compute
_WRAPPED = 424  # managed compute sends it for every status of its container but 200

Seconds = Annotated[int, Meta(ge=0, le=86_400)]
Milliseconds = Annotated[int, Meta(ge=0, le=86_400_000)]


class Fault(Struct):
    """A fault, with a count of the requests that it was checked against.

    The module's table describes the fields. `seen` counts requests. A `name` tells a fault from others with the same
    fields.
    """

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
        """Whether it has hit or passed all of its requests."""
        return self.count is not None and self.seen >= self.after + self.count

    def hits(self) -> bool:
        """Count one request, and return whether the fault hits it."""
        if self.spent:
            return False
        self.seen += 1
        return self.seen > self.after and _draw(self.seed, self.seen) < self.probability

    @property
    def described(self) -> dict[str, Any]:
        """The fields that differ from their defaults, as JSON data."""
        fields = {name: getattr(self, name) for name in FIELDS}
        return {name: value for name, value in fields.items() if value != getattr(_NOTHING, name)}


FIELDS = fields_of(Fault)
_NOTHING = Fault()


def fault_of(wanted: Any) -> Fault:
    """The fault that decoded JSON or a header's fields describe.

    Raises:
        ApiError: 400 for an unknown field, a value out of range, or fields that exclude each other.
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
    """A pseudo-random number in [0, 1), the same for the same arguments in every process."""
    digest = hashlib.blake2b(f"{seed}|{place}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64

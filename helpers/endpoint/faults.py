"""Faults on demand: the next requests of a session are answered with an error.

They are asked for out of band (`POST /local/faults`), so that the client's own code stays what a user would write.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from helpers.endpoint.errors import ApiError, invalid

STATUSES = {
    400: ("bad_request", "The request was refused."),
    401: ("unauthorized", "The key or token was refused."),
    403: ("forbidden", "The identity has no role on this endpoint."),
    404: ("not_found", "The route does not exist."),
    408: ("request_timeout", "The request took too long."),
    424: ("failed_dependency", "The model's container did not answer."),
    429: ("rate_limit_exceeded", "The rate limit of this deployment is reached."),
    500: ("internal_server_error", "The service failed."),
    502: ("bad_gateway", "The service behind the gateway failed."),
    503: ("service_unavailable", "The service is not available."),
    504: ("gateway_timeout", "The service behind the gateway took too long."),
}


@dataclass(slots=True)
class Fault:
    """An error that the next `count` chat completions get. `retry_after` is in seconds; None sends no header."""

    status: int
    count: int = 1
    retry_after: int | None = None


class Faults:
    """The faults a session has asked for, in the order they will happen."""

    def __init__(self) -> None:
        self._queue: deque[Fault] = deque()

    def ask(self, wanted: dict[str, Any]) -> Fault:
        """Queue a fault.

        Raises:
            ApiError: 400 for a fault that does not exist.
        """
        try:
            fault = Fault(**wanted)
        except TypeError:
            raise invalid(f"A fault has status, count and retry_after, not {sorted(wanted)}.") from None
        if fault.status not in STATUSES:
            raise invalid(f"A fault's status is one of {sorted(STATUSES)}, not {fault.status!r}.")
        if not isinstance(fault.count, int) or not 1 <= fault.count <= 1000:
            raise invalid(f"A fault's count is a whole number from 1 to 1000, not {fault.count!r}.")
        self._queue.append(fault)
        return fault

    def happen(self) -> None:
        """Raise the next fault, if one is due.

        Raises:
            ApiError: the fault's error.
        """
        if not self._queue:
            return
        fault = self._queue[0]
        fault.count -= 1
        if fault.count == 0:
            self._queue.popleft()
        code, message = STATUSES[fault.status]
        wait = () if fault.retry_after is None else (("retry-after", str(fault.retry_after)),)
        raise ApiError(fault.status, code, f"{message} (A fault asked of the local endpoint.)", headers=wait)

"""Faults on demand: which requests of a session they hit. `endpoint/fault.py` has the table of what can be asked for.

A fault is asked for in one of two ways, beside those of a script. Both take the same fields:

- out of band, so that the client's own code stays what a user would write: `POST /local/faults` with a JSON object, or
  a list of them, which happen one after the other. They hit the chat completions of this key that come next.
  `DELETE /local/faults` forgets those that have not happened, `GET` lists them;
- with one request: the header `x-local-fault: status=503; retry-after=1`.

A fault in a header hits every request that carries it, unless `count` says how many; a retry carries the same header,
so `status=503; count=2` fails twice and then succeeds. A `name` makes a header different from others that ask for the
same. A fault with a `probability` and no `count` lasts until it is deleted. What happened is noted in the wire view.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from mistral_on_azure.endpoint.api_errors import invalid
from mistral_on_azure.endpoint.fault import Fault, fault_of
from mistral_on_azure.endpoint.fields import read

HEADER = "x-local-fault"
_REMEMBERED = 256  # headers of a session whose requests are counted
_WAITING = 1_000  # faults of a session that have not happened


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
        asked = [fault_of(each) for each in (wanted if isinstance(wanted, list) else [wanted])]
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
            fault = fault_of(read(header))
            if len(self._headers) == _REMEMBERED:
                del self._headers[next(iter(self._headers))]
            self._headers[header] = fault
        return fault

"""Requested faults: which requests of a session they hit, and how they change the response.

`endpoint/fault.py` has the table of fields. Besides the faults of a script, there are two ways to request a fault:

- `POST /local/faults` with a JSON object or a list of objects queues faults for the next chat completions of this key,
  so that the client's code need not change. `GET /local/faults` lists the queue, `DELETE /local/faults` empties it.
- The header `x-local-fault: status=503; retry-after=1` requests a fault for the request that has the header.

A queued fault without `count` hits one request; with `probability` and without `count` it stays in the queue. A fault
in a header without `count` hits every request with this header. With `status=503; count=2`, the first request and its
first retry fail, as a retry has the same header, and the second retry succeeds. Give such a header a `name` to count
its requests apart from those of an equal header. The journal has a note on each fault that was applied.
"""

from __future__ import annotations

import math
import time
from collections import deque
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec.structs import replace

from mistral_on_azure.endpoint.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.fault import STATUSES, Fault, fault_of
from mistral_on_azure.endpoint.fields import read
from mistral_on_azure.endpoint.gateway.managed import REASON, STATUS
from mistral_on_azure.endpoint.transport.contents import event
from mistral_on_azure.endpoint.transport.exchange import DONE, Answer, fields, lines, size_of

HEADER = "x-local-fault"
_REMEMBERED = 256  # different headers of a session whose requests are counted
_WAITING = 1_000  # queued faults of a session
_ASKED = "(A fault asked of the local endpoint.)"


class Faults:
    """The requested faults of one session: the queue, and a counter for each header."""

    def __init__(self) -> None:
        self._queue: deque[Fault] = deque()
        self._headers: dict[str, Fault] = {}

    def ask(self, wanted: Any) -> None:
        """Queue one fault or a list of faults.

        Args:
            wanted: decoded JSON: an object or a list of objects.

        Raises:
            ApiError: 400 for a wrong field or value, or a full queue; nothing is queued then.
        """
        asked = [fault_of(each) for each in (wanted if isinstance(wanted, list) else [wanted])]
        if len(self._queue) + len(asked) > _WAITING:
            raise invalid(f"The queue has room for {_WAITING} faults; DELETE /local/faults empties it.")
        for fault in asked:
            if fault.count is None and fault.probability == 1.0:
                fault.count = 1
        self._queue.extend(asked)

    def waiting(self) -> list[Fault]:
        """The queued faults."""
        return list(self._queue)

    def clear(self) -> None:
        """Drop all queued faults, and reset the counters of headers."""
        self._queue.clear()
        self._headers.clear()

    def next(self, header: str | None) -> Fault | None:
        """Count the next request, and return the fault that hits it, if one does.

        Args:
            header: the request's header `x-local-fault`, which takes precedence over the queue.

        Raises:
            ApiError: 400 for a wrong field or value in the header.
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


def error_of(fault: Fault) -> ApiError:
    """The error response of a fault with a status."""
    code, message = STATUSES[fault.status]
    headers = _waits(fault)
    if fault.status == 401:
        headers.append(("www-authenticate", "Bearer"))
    return ApiError(fault.status, code, f"{message} {_ASKED}", headers=tuple(headers))


def _waits(fault: Fault) -> list[tuple[str, str]]:
    """The headers that tell a client how long to wait before it retries."""
    seconds = fault.retry_after
    if fault.retry_after_date is not None:  # an HTTP date has whole seconds, so the present time is rounded up
        seconds = formatdate(math.ceil(time.time()) + fault.retry_after_date, usegmt=True)
    named = {
        "retry-after": seconds,
        "retry-after-ms": fault.retry_after_ms,
        "x-ms-retry-after-ms": fault.x_ms_retry_after_ms,
    }
    return [(name, str(value)) for name, value in named.items() if value is not None]


def damaged(answer: Answer, fault: Fault | None) -> Answer:
    """The answer with the effects of a fault, if there is one, and with a note of them."""
    if fault is None:
        return answer
    notes = []
    if fault.status is not None:
        notes.append(f"status {fault.status}{f' around {fault.model_status}' if fault.model_status else ''}")
        answer = _wrapped(answer, fault)
    if fault.first_token is not None:
        notes.append(f"slow: {fault.first_token:g} s to the first token")
    if fault.tokens_per_second is not None:
        notes.append(f"slow: {fault.tokens_per_second:g} tokens a second")
    if fault.answer is not None:
        answer, note = _DAMAGE[fault.answer](answer)
        notes.append(note)
    if fault.reset is not None:
        size = len(answer.body) if answer.events is None else size_of(answer.events)
        answer = replace(answer, cut={"before": 0, "within": max(1, size // 2), "after": size}[fault.reset])
        notes.append(f"connection reset {fault.reset} the answer")
    return replace(answer, note=f"Fault: {'; '.join(notes) or 'none'}.")


def _wrapped(answer: Answer, fault: Fault) -> Answer:
    """Add the headers of managed compute to an error, and for `model_status` the container's body."""
    given: dict[str, str] = {}
    if fault.model_status is not None:
        given = {STATUS: str(fault.model_status), REASON: "model_error"}
        word = _phrase(fault.model_status)
        error = {"code": word, "message": f"The container answered. {_ASKED}", "status": fault.model_status}
        body = msgspec.json.encode({"error": error})
        answer = replace(answer, status=424, body=body, content_type="application/json")
    if fault.reason is not None:
        given[REASON] = fault.reason
    headers = {**fields(answer.headers), **given}  # on managed compute, the error has some of them already
    return replace(answer, headers=lines(headers.items())) if given else answer


def _phrase(status: int) -> str:
    """The reason phrase of a status, which the container writes as the error's code."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _empty(answer: Answer) -> tuple[Answer, str]:
    if answer.events is None:
        return replace(answer, body=b"", content_type=""), "empty body"
    return replace(answer, events=()), "stream without an event"


def _truncated(answer: Answer) -> tuple[Answer, str]:
    if answer.events is None:
        return replace(answer, body=answer.body[: len(answer.body) // 2]), "JSON truncated"
    middle = len(answer.events) // 2
    last = answer.events[middle].rstrip()
    events = (*answer.events[:middle], last[: len(last) // 2] + b"\n\n")
    return replace(answer, events=events), f"JSON truncated in event {middle + 1}, which is the last"


def _no_done(answer: Answer) -> tuple[Answer, str]:
    if answer.events is None:
        return answer, "no-done has no effect without streaming"
    return replace(answer, events=tuple(each for each in answer.events if each != DONE)), "stream without [DONE]"


def _no_choices(answer: Answer) -> tuple[Answer, str]:
    if answer.events is None:
        return replace(answer, body=msgspec.json.encode(_without_choices(answer.body))), "empty list of choices"
    first = _without_choices(answer.events[0].removeprefix(b"data: "))
    return replace(answer, events=(event(first), *answer.events)), "empty list of choices in the first event"


def _error_event(answer: Answer) -> tuple[Answer, str]:
    if answer.events is None:
        return answer, "error-event has no effect without streaming"
    middle = len(answer.events) // 2
    code, message = STATUSES[500]
    error = {"code": code, "message": f"{message} {_ASKED}", "param": None, "type": code}
    events = (*answer.events[:middle], event({"error": error}), DONE)
    return replace(answer, events=events), f"error in event {middle + 1}"


def _without_choices(body: bytes) -> dict[str, Any]:
    decoded = msgspec.json.decode(body)
    return {**decoded, "choices": []} if "choices" in decoded else decoded


_DAMAGE = {
    "truncated": _truncated,
    "empty": _empty,
    "no-done": _no_done,
    "no-choices": _no_choices,
    "error-event": _error_event,
}

"""Faults on demand: which requests of a session they hit, and what they do to an answer.

`endpoint/fault.py` has the table of what can be asked for. A fault is asked for in one of two ways, beside those of a
script. Both take the same fields:

- out of band, so that the client's own code stays what a user would write: `POST /local/faults` with a JSON object, or
  a list of them, which happen one after the other. They hit the chat completions of this key that come next.
  `DELETE /local/faults` forgets those that have not happened, `GET` lists them;
- with one request: the header `x-local-fault: status=503; retry-after=1`.

A fault in a header hits every request that carries it, unless `count` says how many; a retry carries the same header,
so `status=503; count=2` fails twice and then succeeds. A `name` makes a header different from others that ask for the
same. A fault with a `probability` and no `count` lasts until it is deleted. What happened is noted in the wire view.
"""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import msgspec

from mistral_on_azure.endpoint.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.fault import STATUSES, Fault, fault_of
from mistral_on_azure.endpoint.fields import read
from mistral_on_azure.endpoint.transport.exchange import DONE, Answer, fields, lines

HEADER = "x-local-fault"
_REMEMBERED = 256  # headers of a session whose requests are counted
_WAITING = 1_000  # faults of a session that have not happened
_ASKED = "(A fault asked of the local endpoint.)"


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


def error_of(fault: Fault) -> ApiError:
    """The error that a fault with a status is answered with."""
    code, message = STATUSES[fault.status]
    headers = _waits(fault)
    if fault.status == 401:
        headers.append(("www-authenticate", "Bearer"))
    return ApiError(fault.status, code, f"{message} {_ASKED}", headers=tuple(headers))


def _waits(fault: Fault) -> list[tuple[str, str]]:
    """The headers by which a client learns how long to wait."""
    seconds = fault.retry_after
    if fault.retry_after_date is not None:  # dates have whole seconds: never earlier than asked for
        seconds = formatdate(math.ceil(time.time()) + fault.retry_after_date, usegmt=True)
    named = {
        "retry-after": seconds,
        "retry-after-ms": fault.retry_after_ms,
        "x-ms-retry-after-ms": fault.x_ms_retry_after_ms,
    }
    return [(name, str(value)) for name, value in named.items() if value is not None]


def damaged(answer: Answer, fault: Fault) -> Answer:
    """The answer as the fault leaves it, with a note on what was done to it."""
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
        size = len(answer.body) if answer.events is None else sum(map(len, answer.events))
        answer = replace(answer, cut={"before": 0, "within": max(1, size // 2), "after": size}[fault.reset])
        notes.append(f"connection reset {fault.reset} the answer")
    return replace(answer, note=f"Fault: {'; '.join(notes) or 'none'}.")


def _wrapped(answer: Answer, fault: Fault) -> Answer:
    """An error with the headers of managed compute, and the container's body where its status is wrapped."""
    given: list[tuple[str, str]] = []
    if fault.model_status is not None:
        given.append(("ms-azureml-model-error-statuscode", str(fault.model_status)))
        word = _phrase(fault.model_status)
        error = {"code": word, "message": f"The container answered. {_ASKED}", "status": fault.model_status}
        body = msgspec.json.encode({"error": error})
        answer = replace(answer, status=424, body=body, content_type="application/json")
    reason = fault.reason or ("model_error" if fault.model_status is not None else None)
    if reason is not None:
        given.append(("ms-azureml-model-error-reason", reason))
    headers = {**fields(answer.headers), **dict(given)}  # managed compute has written some of them already
    return replace(answer, headers=lines(headers.items())) if given else answer


def _phrase(status: int) -> str:
    """The name of a status, as the container writes it into a body."""
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
    event = answer.events[middle].rstrip()
    events = (*answer.events[:middle], event[: len(event) // 2] + b"\n\n")
    return replace(answer, events=events), f"JSON truncated in event {middle + 1}, which is the last"


def _no_done(answer: Answer) -> tuple[Answer, str]:
    if answer.events is None:
        return answer, "no [DONE] was asked for, which an answer in one piece does not have"
    return replace(answer, events=tuple(event for event in answer.events if event != DONE)), "stream without [DONE]"


def _no_choices(answer: Answer) -> tuple[Answer, str]:
    if answer.events is None:
        return replace(answer, body=_without_choices(answer.body)), "empty list of choices"
    first = b"data: " + _without_choices(answer.events[0].removeprefix(b"data: ")) + b"\n\n"
    return replace(answer, events=(first, *answer.events)), "empty list of choices in the first event"


def _error_event(answer: Answer) -> tuple[Answer, str]:
    if answer.events is None:
        return answer, "an error event was asked for, which an answer in one piece does not have"
    middle = len(answer.events) // 2
    code, message = STATUSES[500]
    error = {"code": code, "message": f"{message} {_ASKED}", "param": None, "type": code}
    event = b"data: " + msgspec.json.encode({"error": error}) + b"\n\n"
    return replace(answer, events=(*answer.events[:middle], event, DONE)), f"error in event {middle + 1}"


def _without_choices(body: bytes) -> bytes:
    decoded = msgspec.json.decode(body)
    if "choices" in decoded:
        decoded["choices"] = []
    return msgspec.json.encode(decoded)


_DAMAGE = {
    "truncated": _truncated,
    "empty": _empty,
    "no-done": _no_done,
    "no-choices": _no_choices,
    "error-event": _error_event,
}

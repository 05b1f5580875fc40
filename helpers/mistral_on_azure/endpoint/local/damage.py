"""What a fault does to an answer. `faults` has the table of what can be asked for."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.local.faults import STATUSES, Fault
from mistral_on_azure.endpoint.transport.exchange import DONE, Answer

_ASKED = "(A fault asked of the local endpoint.)"


def error_of(fault: Fault) -> ApiError:
    """The error that a fault with a status is answered with."""
    code, message = STATUSES[fault.status]
    headers = [("retry-after", str(fault.retry_after))] if fault.retry_after is not None else []
    if fault.status == 401:
        headers.append(("www-authenticate", "Bearer"))
    return ApiError(fault.status, code, f"{message} {_ASKED}", headers=tuple(headers))


def damaged(answer: Answer, fault: Fault) -> Answer:
    """The answer as the fault leaves it, with a note on what was done to it."""
    notes = []
    if fault.status is not None:
        notes.append(f"status {fault.status}")
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
    "no-done": _no_done,
    "no-choices": _no_choices,
    "error-event": _error_event,
}

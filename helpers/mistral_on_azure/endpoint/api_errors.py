"""`ApiError`: the exception for a request that gets an error response.

Any layer of the endpoint raises it; the kind of deployment writes the response's body and headers.
"""

from __future__ import annotations

import reprlib
from typing import Any

# The hint in a 404 for /responses, which newer examples of the OpenAI SDK call. No kind of deployment removes it.
NO_RESPONSES = " The Responses API is not served: use chat completions, in the OpenAI SDK client.chat.completions."


SHOWN = 1_000  # characters of a request's value that an error repeats
TOLD = 10_000  # characters of an error message
_short = reprlib.Repr()
_short.maxstring = _short.maxother = SHOWN // 4


def beginning(text: str, most: int) -> str:
    """The text, cut to its first `most` characters and an ellipsis if it is longer."""
    return text if len(text) <= most else f"{text[:most]}…"


def shown(value: Any) -> Any:
    """A value of the request as an error repeats it: unchanged if it is short, else the beginning of its text."""
    if _is_short(value):
        return value
    return f"{(value if isinstance(value, str) else _short.repr(value))[:SHOWN]}…"


def _is_short(value: Any) -> bool:
    left, waiting = SHOWN, [value]
    while waiting and left >= 0:
        each = waiting.pop()
        if isinstance(each, str | dict | list | tuple):
            left -= len(each)
        if isinstance(each, int):
            left -= each.bit_length() // 16  # so that a number of 4,300 digits, the most that a body may have, is short
        if isinstance(each, dict | list | tuple) and left >= 0:
            waiting += [*each, *each.values()] if isinstance(each, dict) else each
        left -= 1
    return left >= 0


class ApiError(Exception):
    """An error response to a request.

    Args:
        status: the HTTP status in the documented API; a kind of deployment may send another one.
        code: the service's code for the error, such as `invalid_json`.
        message: one line for a human reader; longer than 10,000 characters, it is cut.
        param: the name of the wrong parameter, if the error is about one.
        detail: the location of the wrong value (`loc`) and the value (`input`), as in Azure's 422.
        headers: further response headers, such as `Retry-After`.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        detail: dict[str, Any] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.message = beginning(message, TOLD)
        self.param, self.headers = param and shown(param), headers
        self.detail = {**detail, "input": shown(detail["input"])} if detail and "input" in detail else detail


def not_supported(name: str, value: Any, why: str = "One of the parameters contain invalid values.") -> ApiError:
    """422: the model does not support this parameter, or not with this value."""
    detail = {"loc": ["body", name], "input": value}
    return ApiError(422, "parameter_not_supported", why, param=name, detail=detail)


def broken(message: str) -> ApiError:
    """400: the messages break a rule."""
    return invalid(message, param="messages", code="invalid_messages")


def invalid(message: str, *, param: str | None = None, code: str = "invalid_request") -> ApiError:
    """400: the request cannot be understood or breaks a rule of the API."""
    return ApiError(400, code, message, param=param)

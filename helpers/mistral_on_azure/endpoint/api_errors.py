"""Errors on their way to the client. Every room raises them; the kind of deployment writes body and headers."""

from __future__ import annotations

import reprlib
from typing import Any

# What a 404 says about the API that the OpenAI SDK's newer examples use; every kind of deployment passes it on.
NO_RESPONSES = " The Responses API is not served: use chat completions, in the OpenAI SDK client.chat.completions."


SHOWN = 1_000  # characters of a value that an error shows
TOLD = 10_000  # characters of a message
_short = reprlib.Repr()
_short.maxstring = _short.maxother = SHOWN // 4


def beginning(text: str, most: int) -> str:
    """A text, or as many of its first characters as may be."""
    return text if len(text) <= most else f"{text[:most]}…"


def shown(value: Any) -> Any:
    """A value as an error shows it: itself, or its beginning as text where it is long."""
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
            left -= each.bit_length() // 16  # one with as many digits as a body may have is shown
        if isinstance(each, dict | list | tuple) and left >= 0:
            waiting += [*each, *each.values()] if isinstance(each, dict) else each
        left -= 1
    return left >= 0


class ApiError(Exception):
    """A request that is answered with an error.

    Args:
        status: HTTP status, as the documented API has it; a kind of deployment may send another.
        code: the service's name for the error.
        message: one line for the person who reads it; a long one is cut.
        param: the offending parameter, if one is to blame.
        detail: where the fault is (`loc`) and what was sent there (`input`, as it is shown), as in Azure's 422.
        headers: further headers, such as `Retry-After`.
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


def invalid(message: str, *, param: str | None = None, code: str = "invalid_request") -> ApiError:
    """400: the request cannot be understood or breaks a rule of the API."""
    return ApiError(400, code, message, param=param)

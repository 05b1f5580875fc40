"""Errors on their way to the client. Every room raises them; the kind of deployment writes body and headers."""

from __future__ import annotations

from typing import Any

# What a 404 says about the API that the OpenAI SDK's newer examples use; every kind of deployment passes it on.
NO_RESPONSES = " The Responses API is not served: use chat completions, in the OpenAI SDK client.chat.completions."


class ApiError(Exception):
    """A request that is answered with an error.

    Args:
        status: HTTP status, as the documented API has it; a kind of deployment may send another.
        code: the service's name for the error.
        message: one line for the person who reads it.
        param: the offending parameter, if one is to blame.
        detail: where the fault is (`loc`) and what was sent there (`input`), as in Azure's 422.
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
        self.status, self.code, self.message = status, code, message
        self.param, self.detail, self.headers = param, detail, headers


def not_supported(name: str, value: Any, why: str = "One of the parameters contain invalid values.") -> ApiError:
    """422: the model does not support this parameter, or not with this value."""
    detail = {"loc": ["body", name], "input": value}
    return ApiError(422, "parameter_not_supported", why, param=name, detail=detail)


def invalid(message: str, *, param: str | None = None, code: str = "invalid_request") -> ApiError:
    """400: the request cannot be understood or breaks a rule of the API."""
    return ApiError(400, code, message, param=param)

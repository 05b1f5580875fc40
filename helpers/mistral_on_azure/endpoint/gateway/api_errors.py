"""Errors as the service writes them, in a body that every client can read."""

from __future__ import annotations

from typing import Any

import msgspec

from mistral_on_azure.endpoint.transport.exchange import Answer, lines


class ApiError(Exception):
    """An error answer on its way out.

    Args:
        status: HTTP status.
        code: the service's name for the error, also sent as `x-ms-error-code`.
        message: one line for the person who reads it.
        param: the offending parameter, if one is to blame.
        detail: where the fault is and what was sent, as Azure's 422 tells it.
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

    def answer(self) -> Answer:
        """The answer to send. `error` is what azure-core and the OpenAI SDK read, the rest is Azure's own shape."""
        body: dict[str, Any] = {"status": self.status, "code": self.code, "message": self.message}
        if self.detail is not None:
            body["detail"] = self.detail
        body["param"] = self.param
        body["type"] = None
        body["error"] = {"code": self.code, "message": self.message, "param": self.param, "type": self.code}
        return Answer(self.status, msgspec.json.encode(body), lines((("x-ms-error-code", self.code), *self.headers)))


def not_supported(name: str, value: Any, why: str = "One of the parameters contain invalid values.") -> ApiError:
    """422: the model does not support this parameter, or not with this value."""
    detail = {"loc": ["body", name], "input": value}
    return ApiError(422, "parameter_not_supported", why, param=name, detail=detail)


def invalid(message: str, *, param: str | None = None, code: str = "invalid_request") -> ApiError:
    """400: the request cannot be understood or breaks a rule of the API."""
    return ApiError(400, code, message, param=param)

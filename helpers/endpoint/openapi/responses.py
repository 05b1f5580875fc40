"""Responses: what a success looks like, and every error by its status with the codes it can have."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from helpers.endpoint import faults
from helpers.endpoint.errors import ApiError
from helpers.endpoint.openapi import headers
from helpers.endpoint.openapi.schemas import ref

# Every code that the endpoint's own code raises, by status; a test compares them. Those that a fault can ask for come
# from the table of faults, and an engine's refusal keeps its status.
CODES: dict[int, tuple[str, ...]] = {
    400: (
        "invalid_request",
        "invalid_json",
        "invalid_messages",
        "invalid_tools",
        "invalid_field",
        "unsupported_api_version",
        "extra_parameter",
        "context_length_exceeded",
        "content_filter",
        "bad_request",
    ),
    401: ("unauthorized", "invalid_token"),
    404: ("not_found", "deployment_not_found"),
    405: ("method_not_allowed",),
    408: ("request_timeout",),
    413: ("body_too_large",),
    415: ("unsupported_media_type",),
    417: ("expectation_failed",),
    422: ("parameter_not_supported",),
    424: ("failed_dependency",),
    429: ("rate_limit_exceeded",),
    431: ("header_too_large",),
    500: ("internal_server_error",),
    502: ("bad_gateway",),
    503: ("too_many_connections",),
    504: ("gateway_timeout",),
}
ENGINE = "engine_error"
_MORE = {401: ("www-authenticate",), 405: ("allow",), 429: ("retry-after",), 503: ("retry-after",)}


def codes() -> dict[int, tuple[str, ...]]:
    """The codes that an answer of each status can have."""
    asked_for = {status: (code,) for status, (code, _) in faults.STATUSES.items()}
    statuses = sorted({*CODES, *asked_for})
    return {
        status: tuple(dict.fromkeys((*CODES.get(status, ()), *asked_for.get(status, ()), ENGINE)))
        for status in statuses
    }


def errors() -> dict[str, Any]:
    """The error responses, by status."""
    return {str(status): _error(status, known) for status, known in codes().items()}


def _error(status: int, known: tuple[str, ...]) -> dict[str, Any]:
    narrowed = {"properties": {"status": {"const": status}, "code": {"enum": list(known)}}}
    shown = ApiError(status, known[0], faults.STATUSES.get(status, ("", HTTPStatus(status).phrase))[1])
    content = {"schema": {"allOf": [ref("Error"), narrowed]}, "example": msgspec.json.decode(shown.answer().body)}
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(known)}",
        "headers": headers.refs("x-ms-error-code", *headers.ALWAYS, *_MORE.get(status, ())),
        "content": {"application/json": content},
    }


def success(schema: str, streams: bool) -> dict[str, Any]:
    """The answer 200 of an operation.

    Args:
        schema: what its body is.
        streams: whether it can come as events.
    """
    content: dict[str, Any] = {"application/json": {"schema": ref(schema)}}
    if not streams:
        return {"description": "The answer", "headers": headers.refs(*headers.ALWAYS), "content": content}
    # As OpenAPI tools read it: the schema is that of one event.
    chunk = {"type": "string", "contentMediaType": "application/json", "contentSchema": ref("ChatCompletionChunk")}
    event = {
        "type": "object",
        "description": "One line `data: ` and an empty one: a chunk, at last `[DONE]`. No comments, no `event:` lines.",
        "properties": {"data": {"anyOf": [{"const": "[DONE]"}, chunk]}},
        "required": ["data"],
    }
    content["text/event-stream"] = {"schema": event, "x-sse-sentinel": "[DONE]"}
    return {
        "description": "The answer: whole, or as events where `stream` is true",
        "headers": headers.refs(*headers.ALWAYS, *headers.QUOTA),
        "content": content,
    }

"""Components that the operations of the OpenAPI document share: parameters, headers and responses."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.fault import STATUSES
from mistral_on_azure.endpoint.gateway.kinds import EXTRA, Kind
from mistral_on_azure.endpoint.gateway.managed import REASON, STATUS
from mistral_on_azure.endpoint.local import faults, timing
from mistral_on_azure.endpoint.openapi.bodies import COUNT, TEXT, ref

CLIENT_ID = "x-ms-client-request-id"


def shared_parameters(kind: Kind) -> dict[str, Any]:
    """The headers and the parameters of paths and queries, by name."""
    listed = [
        _parameter(
            "api-version",
            "query",
            "The version of the API. Several clients do not send it.",
            {"enum": list(kind.api_versions)} if kind.api_versions else {},
        ),
        _parameter("model", "path", "The name of a deployment.", TEXT, default_name(), required=True),
        _parameter("resource", "query", "The audience of the token.", TEXT, "https://ml.azure.com", required=True),
        _parameter(
            "last",
            "query",
            "The number of exchanges.",
            {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1},
        ),
        _parameter(
            "azureml-model-deployment",
            "header",
            "The deployment that answers. It takes precedence over the body's `model`.",
            {"enum": list(kind.deployments())},
        ),
        _parameter(faults.HEADER, "header", "A fault for this request.", TEXT, "status=503; retry-after=1; count=2"),
        _parameter(
            timing.HEADER, "header", "The pace of this response.", TEXT, "first-token=0.2; tokens-per-second=50"
        ),
        _parameter(CLIENT_ID, "header", "The client's own id of the request; the response repeats it.", TEXT),
    ]
    return {parameter["name"]: parameter for parameter in listed}


def extra_parameters(default: str) -> dict[str, Any]:
    """The header `extra-parameters`, whose default differs between routes."""
    words = (
        "What to do with parameters that the API does not define: refuse the request, drop them, or pass them to "
        "the model."
    )
    return _parameter("extra-parameters", "header", words, {"enum": list(EXTRA), "default": default})


def _parameter(
    name: str, place: str, words: str, schema: dict[str, Any], example: str | None = None, *, required: bool = False
) -> dict[str, Any]:
    shown = {} if example is None else {"example": example}
    typed = {"type": "string", **schema}
    return {"name": name, "in": place, "required": required, "description": words, "schema": typed, **shown}


def _header(words: str, schema: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    return {"description": words, "schema": schema, "required": required}


ALWAYS = ("x-ms-request-id", "apim-request-id", "x-request-id")
WAITS = ("retry-after-ms", "x-ms-retry-after-ms")
CONTAINERS = (STATUS, REASON)
_SECONDS = {"type": "string", "pattern": r"^[0-9]+\.[0-9]{3}s$"}
QUOTA = {
    f"x-ratelimit-{what}-{name}": _header(words, schema)
    for name in ("requests", "tokens")
    for what, words, schema in (
        ("limit", f"The {name} a minute in the quota of this deployment.", COUNT),
        ("remaining", f"The {name} that are left of that quota.", COUNT),
        ("reset", f"The time until the quota of {name} is full again.", _SECONDS),
    )
}


def response_headers() -> dict[str, Any]:
    """The response headers, by name."""
    ids = {name: _header("The id of the response; clients read it from different headers.", TEXT) for name in ALWAYS}
    return {
        **ids,
        **QUOTA,
        "x-ms-error-code": _header("The error code of the body.", TEXT),
        "retry-after": _header("Seconds to wait before a retry, or the HTTP date to wait for.", TEXT, required=False),
        **{name: _header("Milliseconds to wait before a retry.", COUNT, required=False) for name in WAITS},
        **{
            name: _header("Status or kind of the container's error, on managed compute.", TEXT, required=False)
            for name in CONTAINERS
        },
        "www-authenticate": _header("The expected credential, and the error of a token.", TEXT, required=False),
        "allow": _header("The methods that the path has.", TEXT),
    }


def refs(*names: str) -> dict[str, Any]:
    """The `headers` member of a response."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


# Every code that the endpoint raises, by status; a test compares them with the source. `error_codes` adds those of
# faults, and the code of an engine's error, which may have any status.
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
        "unexpected_prompt",
        "pattern_too_slow",
        "bad_request",
    ),
    401: ("unauthorized", "invalid_token"),
    403: ("forbidden",),
    404: ("not_found", "deployment_not_found"),
    405: ("method_not_allowed",),
    408: ("request_timeout",),
    410: ("model_retired",),
    413: ("body_too_large",),
    415: ("unsupported_media_type",),
    417: ("expectation_failed",),
    422: ("parameter_not_supported",),
    424: ("failed_dependency",),
    429: ("rate_limit_exceeded",),
    431: ("header_too_large",),
    500: ("internal_server_error",),
    502: ("bad_gateway",),
    503: ("too_many_connections", "too_many_bodies"),
    504: ("gateway_timeout",),
}
ENGINE = "engine_error"
_WAIT = ("retry-after", *WAITS)
_MORE = {401: ("www-authenticate",), 405: ("allow",), 424: CONTAINERS, 429: _WAIT, 503: _WAIT}


def error_codes() -> dict[int, tuple[str, ...]]:
    """The error codes by status."""
    asked_for = {status: (code,) for status, (code, _) in STATUSES.items()}
    statuses = sorted({*CODES, *asked_for})
    return {
        status: tuple(dict.fromkeys((*CODES.get(status, ()), *asked_for.get(status, ()), ENGINE)))
        for status in statuses
    }


def sent_status(kind: Kind, status: int) -> int:
    """The status that a client gets for an error; managed compute sends others than 200 as 424."""
    return kind.error(ApiError(status, error_codes()[status][0], "")).status


def error_responses(kind: Kind) -> dict[str, Any]:
    """The error responses, by the status that a client gets."""
    found: dict[str, Any] = {}
    for status, known in error_codes().items():
        found.setdefault(str(sent_status(kind, status)), _error(kind, status, known))
    return found


def _error(kind: Kind, status: int, known: tuple[str, ...]) -> dict[str, Any]:
    narrowed = {"properties": {"status": {"const": status}, "code": {"enum": list(known)}}}
    shown = ApiError(status, known[0], STATUSES.get(status, ("", HTTPStatus(status).phrase))[1])
    answer = kind.error(shown)
    if answer.status != status:
        return {
            "description": f"{HTTPStatus(answer.status).phrase}: the container's error; a header has its status",
            "content": {answer.content_type: {"example": msgspec.json.decode(answer.body)}},
        }
    if answer.content_type != "application/json":
        content = {answer.content_type: {"schema": TEXT}} if answer.body else {}
        return {"description": HTTPStatus(status).phrase, "content": content}
    content = {"schema": {"allOf": [ref("Error"), narrowed]}, "example": msgspec.json.decode(answer.body)}
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(known)}",
        "headers": refs("x-ms-error-code", *ALWAYS, *_MORE.get(status, ())),
        "content": {"application/json": content},
    }


def success_response(schema: str, streams: bool) -> dict[str, Any]:
    """The response 200 of an operation.

    Args:
        schema: the name of the body's schema.
        streams: whether the response may also be a stream.
    """
    content: dict[str, Any] = {"application/json": {"schema": ref(schema)}}
    if not streams:
        return {"description": "The response", "headers": refs(*ALWAYS), "content": content}
    # The schema describes one event: OpenAPI has no schema of a stream, and tools read it so.
    chunk = {"type": "string", "contentMediaType": "application/json", "contentSchema": ref("ChatCompletionChunk")}
    event = {
        "type": "object",
        "description": "One `data: ` line with a chunk, or with `[DONE]` in the last event, and an empty line.",
        "properties": {"data": {"anyOf": [{"const": "[DONE]"}, chunk]}},
        "required": ["data"],
    }
    content["text/event-stream"] = {"schema": event, "x-sse-sentinel": "[DONE]"}
    return {
        "description": "The chat completion; a stream of server-sent events where `stream` is true",
        "headers": refs(*ALWAYS, *QUOTA),
        "content": content,
    }

"""The parameters, the headers and the answers of the document, which its operations share."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.fault import STATUSES
from mistral_on_azure.endpoint.gateway.kinds import EXTRA, Kind
from mistral_on_azure.endpoint.local import faults, timing
from mistral_on_azure.endpoint.openapi.bodies import ref

CLIENT_ID = "x-ms-client-request-id"
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_LEFT = "of the minute's quota of this deployment"


def asked(kind: Kind) -> dict[str, Any]:
    """The parameters that several routes share, by name."""
    listed = [
        _parameter(
            "api-version",
            "query",
            "The API's version. Several clients send none.",
            {"enum": list(kind.api_versions)} if kind.api_versions else {},
        ),
        _parameter("model", "path", "A deployment's name.", _TEXT, default_name(), required=True),
        _parameter("resource", "query", "The audience of the token.", _TEXT, "https://ml.azure.com", required=True),
        _parameter("last", "query", "How many.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1}),
        _parameter(
            "azureml-model-deployment",
            "header",
            "The deployment that answers. It goes before the body's `model`.",
            {"enum": list(kind.deployments())},
        ),
        _parameter(faults.HEADER, "header", _first_line(faults), _TEXT, "status=503; retry-after=1; count=2"),
        _parameter(timing.HEADER, "header", _first_line(timing), _TEXT, "first-token=0.2; tokens-per-second=50"),
        _parameter(CLIENT_ID, "header", "The client's own id of the request; it comes back in the answer.", _TEXT),
    ]
    return {parameter["name"]: parameter for parameter in listed}


def extra_parameters(default: str) -> dict[str, Any]:
    """The header `extra-parameters`, whose default differs between routes."""
    words = (
        "What to do with parameters that the API does not name: refuse the request, leave them out, or give them to "
        "the model."
    )
    return _parameter("extra-parameters", "header", words, {"enum": list(EXTRA), "default": default})


def _parameter(
    name: str, place: str, words: str, schema: dict[str, Any], example: str | None = None, *, required: bool = False
) -> dict[str, Any]:
    shown = {} if example is None else {"example": example}
    typed = {"type": "string", **schema}
    return {"name": name, "in": place, "required": required, "description": words, "schema": typed, **shown}


def _first_line(module: Any) -> str:
    return module.__doc__.partition("\n")[0]


ALWAYS = ("x-ms-request-id", "apim-request-id", "x-request-id")
QUOTA = tuple(
    f"x-ratelimit-{what}-{name}" for name in ("requests", "tokens") for what in ("limit", "remaining", "reset")
)


WAITS = ("retry-after-ms", "x-ms-retry-after-ms")
CONTAINERS = ("ms-azureml-model-error-statuscode", "ms-azureml-model-error-reason")


def answered() -> dict[str, Any]:
    """The headers of answers, by name."""
    ids = {name: _header("One id of the answer, under the names that clients look for.", _TEXT) for name in ALWAYS}
    quota = {
        f"x-ratelimit-{what}-{name}": _header(words, schema)
        for name in ("requests", "tokens")
        for what, words, schema in (
            ("limit", f"The {name} {_LEFT}.", _COUNT),
            ("remaining", f"The {name} that are left {_LEFT}.", _COUNT),
            ("reset", f"Until all {name} are there again.", {"type": "string", "pattern": r"^[0-9]+\.[0-9]{3}s$"}),
        )
    }
    return {
        **ids,
        **quota,
        "x-ms-error-code": _header("The code that the body has.", _TEXT),
        "retry-after": _header("Seconds to wait before asking again, or a date to wait for.", _TEXT, required=False),
        **{name: _header("Milliseconds to wait.", _COUNT, required=False) for name in WAITS},
        **{name: _header("What managed compute says of its container.", _TEXT, required=False) for name in CONTAINERS},
        "www-authenticate": _header(
            "Which credential is wanted, and what was wrong with a token.", _TEXT, required=False
        ),
        "allow": _header("The methods that the path answers.", _TEXT),
    }


def _header(words: str, schema: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    return {"description": words, "schema": schema, "required": required}


def refs(*names: str) -> dict[str, Any]:
    """The `headers` of an answer."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


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


def codes() -> dict[int, tuple[str, ...]]:
    """The codes that an answer of each status can have."""
    asked_for = {status: (code,) for status, (code, _) in STATUSES.items()}
    statuses = sorted({*CODES, *asked_for})
    return {
        status: tuple(dict.fromkeys((*CODES.get(status, ()), *asked_for.get(status, ()), ENGINE)))
        for status in statuses
    }


def sent(kind: Kind, status: int) -> int:
    """The status that an error reaches a client with: a gateway may wrap it in another."""
    return kind.error(ApiError(status, codes()[status][0], "")).status


def errors(kind: Kind) -> dict[str, Any]:
    """The error responses, by the status that is sent."""
    found: dict[str, Any] = {}
    for status, known in codes().items():
        found.setdefault(str(sent(kind, status)), _error(kind, status, known))
    return found


def _error(kind: Kind, status: int, known: tuple[str, ...]) -> dict[str, Any]:
    narrowed = {"properties": {"status": {"const": status}, "code": {"enum": list(known)}}}
    shown = ApiError(status, known[0], STATUSES.get(status, ("", HTTPStatus(status).phrase))[1])
    answer = kind.error(shown)
    if answer.status != status:
        return {
            "description": f"{HTTPStatus(answer.status).phrase}: another status, which a header tells, and its body",
            "content": {answer.content_type: {"example": msgspec.json.decode(answer.body)}},
        }
    if answer.content_type != "application/json":
        content = {answer.content_type: {"schema": _TEXT}} if answer.body else {}
        return {"description": HTTPStatus(status).phrase, "content": content}
    content = {"schema": {"allOf": [ref("Error"), narrowed]}, "example": msgspec.json.decode(answer.body)}
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(known)}",
        "headers": refs("x-ms-error-code", *ALWAYS, *_MORE.get(status, ())),
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
        return {"description": "The answer", "headers": refs(*ALWAYS), "content": content}
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
        "headers": refs(*ALWAYS, *QUOTA),
        "content": content,
    }

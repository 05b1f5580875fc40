"""Generates the OpenAPI document from the routes of an endpoint."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from mistral_on_azure.azure.addresses import API_VERSION
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.fault import STATUSES
from mistral_on_azure.endpoint.gateway.kinds import EXTRA, Kind
from mistral_on_azure.endpoint.gateway.managed import REASON, STATUS
from mistral_on_azure.endpoint.local import faults, timing
from mistral_on_azure.endpoint.openapi.bodies import COUNT, TEXT, ref, schemas
from mistral_on_azure.endpoint.service import Route, Routes
from mistral_on_azure.endpoint.serving.handlers import LAST

_ABOUT = (
    "The API of the cookbook's local endpoint, which imitates a Mistral deployment on Azure. This document is "
    "generated from the code that runs.\n\n"
    "The response to an unknown path is 404 (`not_found`), to a known path with another method 405 "
    "(`method_not_allowed`, with `Allow`), and to HEAD that of GET without the body. Azure does not have the routes "
    "under `/local`. With a real engine, `model` is the name of the engine's model, and an error may have the engine's "
    "status (`engine_error`)."
)
_PASSED_ON = "\n\nEvery other path is forwarded to the container, whose own document is at `/swagger.json`."
_TAGS = {
    "chat": "The Azure AI Model Inference API, also on the paths of the OpenAI SDK and Mistral's own clients",
    "local": "The local endpoint's own routes",
}
_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The endpoint's key, or a Microsoft Entra ID token for https://ml.azure.com",
    },
    "key": {"type": "apiKey", "in": "header", "name": "api-key", "description": "The endpoint's key"},
    "identity": {
        "type": "apiKey",
        "in": "header",
        "name": "X-IDENTITY-HEADER",
        "description": "The secret that App Service gives a managed identity; POST /local/session returns it",
    },
}
# Every code that the endpoint raises, by status; a test compares them with the source. `_error_codes` adds those of
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
_CLIENT_ID = "x-ms-client-request-id"
_ALWAYS = ("x-ms-request-id", "apim-request-id", "x-request-id")
_WAITS = ("retry-after-ms", "x-ms-retry-after-ms")
_CONTAINERS = (STATUS, REASON)
_WAIT = ("retry-after", *_WAITS)
_MORE = {401: ("www-authenticate",), 405: ("allow",), 424: _CONTAINERS, 429: _WAIT, 503: _WAIT}  # headers by status


def document_of(routes: Routes, kind: Kind) -> dict[str, Any]:
    """The OpenAPI 3.1 document.

    Args:
        routes: all routes of the endpoint.
        kind: its kind of deployment.
    """
    version = kind.api_versions[0] if kind.api_versions else API_VERSION
    about = _ABOUT if kind.fallback is None else _ABOUT + _PASSED_ON
    return {
        "openapi": "3.1.0",
        "info": {"title": "Mistral on Azure, local endpoint", "version": version, "description": about},
        "servers": [{"url": "/", "description": "The endpoint that served this document"}],
        "security": [{"bearer": []}, {"key": []}],
        "tags": [{"name": name, "description": words} for name, words in _TAGS.items()],
        "paths": {
            path: {method.lower(): _operation(path, route, kind) for method, route in methods.items()}
            for path, methods in routes.items()
        },
        "components": {
            "schemas": schemas(kind),
            "responses": _error_responses(kind),
            "parameters": _shared_parameters(kind),
            "headers": _response_headers(),
            "securitySchemes": _SCHEMES,
        },
    }


def _operation(path: str, route: Route, kind: Kind) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": f"{route.method} {path}".lower().translate(str.maketrans("/ .", "___")).replace("__", "_"),
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in (*route.asked, _CLIENT_ID)],
        "responses": {},
    }
    if route.description:
        described["description"] = route.description
    if route.security is not None:
        described["security"] = route.security
    if route.extra is not None:  # its default differs between routes
        words = (
            "What to do with parameters that the API does not define: refuse the request, drop them, or pass them to "
            "the model."
        )
        schema = {"enum": list(EXTRA), "default": route.extra}
        described["parameters"].append(_parameter("extra-parameters", "header", words, schema))
    if route.body:
        content = {"application/json": {"schema": ref(route.body)}}
        described["requestBody"] = {"required": True, "content": content}
    if route.answer:
        described["responses"]["200"] = _success(route.answer, route.streams)
    for status in sorted({_sent_status(kind, status) for status in route.errors}):
        described["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
    return described


def _success(schema: str, streams: bool) -> dict[str, Any]:
    """The response 200 of an operation, whose body has a schema of this name, or which may also be a stream."""
    content: dict[str, Any] = {"application/json": {"schema": ref(schema)}}
    if not streams:
        return {"description": "The response", "headers": _refs(*_ALWAYS), "content": content}
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
        "headers": _refs(*_ALWAYS, *_quota_headers()),
        "content": content,
    }


def _error_responses(kind: Kind) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status in sorted({*CODES, *STATUSES}):
        found.setdefault(str(_sent_status(kind, status)), _error(kind, status))
    return found


def _sent_status(kind: Kind, status: int) -> int:
    """The status that a client gets for an error; managed compute sends others than 200 as 424."""
    return kind.error(ApiError(status, _error_codes(status)[0], "")).status


def _error_codes(status: int) -> list[str]:
    asked_for = STATUSES[status][:1] if status in STATUSES else ()
    return list(dict.fromkeys((*CODES.get(status, ()), *asked_for, ENGINE)))


def _error(kind: Kind, status: int) -> dict[str, Any]:
    known, phrase = _error_codes(status), HTTPStatus(status).phrase
    answer = kind.error(ApiError(status, known[0], STATUSES.get(status, ("", phrase))[1]))
    if answer.status != status:
        return {
            "description": f"{HTTPStatus(answer.status).phrase}: the container's error; a header has its status",
            "content": {answer.content_type: {"example": msgspec.json.decode(answer.body)}},
        }
    if answer.content_type != "application/json":
        content = {answer.content_type: {"schema": TEXT}} if answer.body else {}
        return {"description": phrase, "content": content}
    narrowed = {"properties": {"status": {"const": status}, "code": {"enum": known}}}
    content = {"schema": {"allOf": [ref("Error"), narrowed]}, "example": msgspec.json.decode(answer.body)}
    return {
        "description": f"{phrase}: {', '.join(known)}",
        "headers": _refs("x-ms-error-code", *_ALWAYS, *_MORE.get(status, ())),
        "content": {"application/json": content},
    }


def _refs(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _shared_parameters(kind: Kind) -> dict[str, Any]:
    versions = {"enum": list(kind.api_versions)} if kind.api_versions else {}
    chosen = {"enum": list(kind.deployments())}
    words = "The deployment that answers. It takes precedence over the body's `model`."
    fault, pace = "status=503; retry-after=1; count=2", "first-token=0.2; tokens-per-second=50"
    listed = [
        _parameter("api-version", "query", "The version of the API. Several clients do not send it.", versions),
        _parameter("model", "path", "The name of a deployment.", TEXT, default_name(), required=True),
        _parameter("resource", "query", "The audience of the token.", TEXT, "https://ml.azure.com", required=True),
        _parameter("last", "query", "The number of exchanges.", {**LAST.schema, "default": 1}),
        _parameter("azureml-model-deployment", "header", words, chosen),
        _parameter(faults.HEADER, "header", "A fault for this request.", TEXT, fault),
        _parameter(timing.HEADER, "header", "The pace of this response.", TEXT, pace),
        _parameter(_CLIENT_ID, "header", "The client's own id of the request; the response repeats it.", TEXT),
    ]
    return {parameter["name"]: parameter for parameter in listed}


def _parameter(
    name: str, place: str, words: str, schema: dict[str, Any], example: str | None = None, *, required: bool = False
) -> dict[str, Any]:
    shown = {} if example is None else {"example": example}
    typed = {"type": "string", **schema}
    return {"name": name, "in": place, "required": required, "description": words, "schema": typed, **shown}


def _response_headers() -> dict[str, Any]:
    ids = {name: _header("The id of the response; clients read it from different headers.", TEXT) for name in _ALWAYS}
    return {
        **ids,
        **_quota_headers(),
        "x-ms-error-code": _header("The error code of the body.", TEXT),
        "retry-after": _header("Seconds to wait before a retry, or the HTTP date to wait for.", TEXT, required=False),
        **{name: _header("Milliseconds to wait before a retry.", COUNT, required=False) for name in _WAITS},
        **{
            name: _header("Status or kind of the container's error, on managed compute.", TEXT, required=False)
            for name in _CONTAINERS
        },
        "www-authenticate": _header("The expected credential, and the error of a token.", TEXT, required=False),
        "allow": _header("The methods that the path has.", TEXT),
    }


def _quota_headers() -> dict[str, Any]:
    seconds = {"type": "string", "pattern": r"^[0-9]+\.[0-9]{3}s$"}
    return {
        f"x-ratelimit-{what}-{name}": _header(words, schema)
        for name in ("requests", "tokens")
        for what, words, schema in (
            ("limit", f"The {name} a minute in the quota of this deployment.", COUNT),
            ("remaining", f"The {name} that are left of that quota.", COUNT),
            ("reset", f"The time until the quota of {name} is full again.", seconds),
        )
    }


def _header(words: str, schema: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    return {"description": words, "schema": schema, "required": required}

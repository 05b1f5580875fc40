"""The OpenAPI document: what each route takes and answers, served at `/openapi.json`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from mistral_on_azure.endpoint.openapi import answers, bodies
from mistral_on_azure.endpoint.openapi.bodies import ref
from mistral_on_azure.endpoint.serving.chat import azure_chat
from mistral_on_azure.endpoint.serving.requests import API_VERSIONS

TAGS = {
    "chat": "The Azure AI Model Inference API, and the same as the OpenAI SDK and Mistral's own clients ask for it",
    "local": "The local endpoint's own routes",
}
SCHEMES = {
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
        "description": "The secret that App Service gives a managed identity; POST /local/session tells it",
    },
}
SECURITY: list[dict[str, Any]] = [{"bearer": []}, {"key": []}]

_ALWAYS = (400, 408, 413, 417, 431, 500, 503)  # what any request can be answered with
_KNOWN = (*_ALWAYS, 401)  # what any request that needs a credential can be answered with
_CHAT = (*_KNOWN, 403, 404, 415, 422, 424, 429, 502, 504)


@dataclass(frozen=True, slots=True)
class Operation:
    """What one route takes and answers.

    Attributes:
        answer: the schema of the body it answers with; None for a route that only refuses.
        errors: the statuses it may answer with instead.
        body: the schema of the body it takes.
        asked: the headers and query parameters it reads, by their names among the components.
        streams: whether the answer may come as events.
        security: the credentials it takes, where they are not those of all routes.
    """

    answer: str | None
    errors: tuple[int, ...] = _KNOWN
    body: str | None = None
    asked: tuple[str, ...] = ()
    streams: bool = False
    security: list[dict[str, Any]] | None = None


_COMPLETE = Operation(
    "ChatCompletion",
    _CHAT,
    "ChatCompletionRequest",
    ("api-version", "azureml-model-deployment", "x-local-fault", "x-local-timing"),
    streams=True,
)
OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/info"): Operation("Info", (*_KNOWN, 404), asked=("api-version", "azureml-model-deployment")),
    ("POST", "/chat/completions"): _COMPLETE,
    ("POST", "/models/chat/completions"): _COMPLETE,
    ("POST", "/v1/chat/completions"): _COMPLETE,
    ("GET", "/v1/models"): Operation("Models", asked=("api-version",)),
    ("POST", "/score"): Operation(None, (*_KNOWN, 424)),
    ("GET", "/openapi.json"): Operation("Document", _ALWAYS, security=[]),
    ("GET", "/local/identity/token"): Operation("Token", asked=("resource",), security=[{"identity": []}]),
    ("POST", "/local/session"): Operation("Session", (*_KNOWN, 404, 415), "SessionRequest"),
    ("GET", "/local/session"): Operation("Spent"),
    ("GET", "/local/exchanges"): Operation("Exchanges", asked=("last",)),
    ("POST", "/local/faults"): Operation("Faults", body="FaultsRequest"),
    ("GET", "/local/faults"): Operation("Faults"),
    ("DELETE", "/local/faults"): Operation("Faults"),
    ("POST", "/local/timing"): Operation("Timing", (*_KNOWN, 415), "TimingRequest"),
}


def paths() -> dict[str, dict[str, Any]]:
    """The `paths` of the document, in the order of the routes."""
    from mistral_on_azure.endpoint.serving.routes import ROUTES  # which lead here, to serve the document

    return {
        path: {method.lower(): _operation(method, path, route) for method, route in methods.items()}
        for path, methods in ROUTES.items()
    }


def _operation(method: str, path: str, route: Any) -> dict[str, Any]:
    operation = OPERATIONS[method, path]
    summary, _, more = route.handler.__doc__.partition("`: ")[2].partition("\n\n")
    described: dict[str, Any] = {
        "operationId": f"{method} {path}".lower().translate(str.maketrans("/ .", "___")).replace("__", "_"),
        "summary": summary[:1].upper() + summary[1:].strip(),
        "tags": ["local" if "local" in path or "openapi" in path else "chat"],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in (*operation.asked, answers.CLIENT_ID)],
        "responses": {},
    }
    if more:
        described["description"] = " ".join(more.split())
    if operation.security is not None:
        described["security"] = operation.security
    if operation.streams:
        default = "error" if route.handler is azure_chat else "pass-through"
        described["parameters"].append(answers.extra_parameters(default))
    if operation.body:
        content = {"application/json": {"schema": ref(operation.body)}}
        described["requestBody"] = {"required": True, "content": content}
    if operation.answer:
        described["responses"]["200"] = answers.success(operation.answer, operation.streams)
    for status in sorted(operation.errors):
        described["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
    return described


_ABOUT = (
    "What the cookbook's local endpoint answers in the place of a managed Mistral deployment on Azure. It is generated "
    "from the code, so it is neither more nor less than what runs.\n\n"
    "An unknown path is 404 (`not_found`) and a known one with another method 405 (`method_not_allowed`, with `Allow`);"
    " HEAD is answered as GET without the body. Routes under `/local` are the local endpoint's own; Azure has no such "
    "thing. With a real engine, `model` is the engine's name of it, and an error may have the status that the engine "
    "answered (`engine_error`)."
)


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Mistral on Azure, local endpoint", "version": API_VERSIONS[0], "description": _ABOUT},
        "servers": [{"url": "/", "description": "The endpoint that served this document"}],
        "security": SECURITY,
        "tags": [{"name": name, "description": words} for name, words in TAGS.items()],
        "paths": paths(),
        "components": {
            "schemas": {**bodies.schemas(), **bodies.schemas_local_schemas()},
            "responses": answers.errors(),
            "parameters": answers.asked(),
            "headers": answers.answered(),
            "securitySchemes": SCHEMES,
        },
    }


@cache
def encoded() -> bytes:
    """The document as it is served."""
    return msgspec.json.encode(document())

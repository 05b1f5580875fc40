"""Generates the OpenAPI document from the routes of an endpoint."""

from __future__ import annotations

from typing import Any

from mistral_on_azure.azure.addresses import API_VERSION
from mistral_on_azure.endpoint.gateway.kinds import Kind
from mistral_on_azure.endpoint.openapi import bodies
from mistral_on_azure.endpoint.openapi.answers import (
    CLIENT_ID,
    error_responses,
    extra_parameters,
    response_headers,
    sent_status,
    shared_parameters,
    success_response,
)
from mistral_on_azure.endpoint.openapi.bodies import ref
from mistral_on_azure.endpoint.service import Route, Routes

TAGS = {
    "chat": "The Azure AI Model Inference API, also on the paths of the OpenAI SDK and Mistral's own clients",
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
        "description": "The secret that App Service gives a managed identity; POST /local/session returns it",
    },
}
SECURITY: list[dict[str, Any]] = [{"bearer": []}, {"key": []}]


def paths(routes: Routes, kind: Kind) -> dict[str, dict[str, Any]]:
    """The `paths` of the document, in the order of the routes."""
    return {
        path: {method.lower(): _operation(path, route, kind) for method, route in methods.items()}
        for path, methods in routes.items()
    }


def _operation(path: str, route: Route, kind: Kind) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": f"{route.method} {path}".lower().translate(str.maketrans("/ .", "___")).replace("__", "_"),
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in (*route.asked, CLIENT_ID)],
        "responses": {},
    }
    if route.description:
        described["description"] = route.description
    if route.security is not None:
        described["security"] = route.security
    if route.extra is not None:
        described["parameters"].append(extra_parameters(route.extra))
    if route.body:
        content = {"application/json": {"schema": ref(route.body)}}
        described["requestBody"] = {"required": True, "content": content}
    if route.answer:
        described["responses"]["200"] = success_response(route.answer, route.streams)
    for status in sorted({sent_status(kind, status) for status in route.errors}):
        described["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
    return described


_ABOUT = (
    "The API of the cookbook's local endpoint, which imitates a Mistral deployment on Azure. This document is "
    "generated from the code that runs.\n\n"
    "The response to an unknown path is 404 (`not_found`), to a known path with another method 405 "
    "(`method_not_allowed`, with `Allow`), and to HEAD that of GET without the body. Azure does not have the routes "
    "under `/local`. With a real engine, `model` is the name of the engine's model, and an error may have the engine's "
    "status (`engine_error`)."
)


_PASSED_ON = "\n\nEvery other path is forwarded to the container, whose own document is at `/swagger.json`."


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
        "security": SECURITY,
        "tags": [{"name": name, "description": words} for name, words in TAGS.items()],
        "paths": paths(routes, kind),
        "components": {
            "schemas": bodies.schemas(kind),
            "responses": error_responses(kind),
            "parameters": shared_parameters(kind),
            "headers": response_headers(),
            "securitySchemes": SCHEMES,
        },
    }

"""The document: routes, schemas, answers and credentials put together, served at `/openapi.json`."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from helpers.endpoint.asked import API_VERSIONS
from helpers.endpoint.openapi import headers, local_schemas, operations, responses, schemas

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
        "security": operations.SECURITY,
        "tags": [{"name": name, "description": words} for name, words in operations.TAGS.items()],
        "paths": operations.paths(),
        "components": {
            "schemas": {**schemas.schemas(), **local_schemas.schemas()},
            "responses": responses.errors(),
            "parameters": headers.asked(),
            "headers": headers.answered(),
            "securitySchemes": operations.SCHEMES,
        },
    }


@cache
def encoded() -> bytes:
    """The document as it is served."""
    return msgspec.json.encode(document())

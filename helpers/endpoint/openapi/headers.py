"""Headers and query parameters: what a request may carry besides its body, and what an answer always says."""

from __future__ import annotations

from typing import Any

from helpers.deployments import deployments
from helpers.endpoint import faults, timing
from helpers.endpoint.asked import API_VERSIONS
from helpers.endpoint.parameters import EXTRA

CLIENT_ID = "x-ms-client-request-id"
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_LEFT = "of the minute's quota of this deployment"


def asked() -> dict[str, Any]:
    """The parameters that several routes share, by name."""
    listed = [
        _parameter(
            "api-version", "query", "The API's version. Several clients send none.", {"enum": list(API_VERSIONS)}
        ),
        _parameter("resource", "query", "The audience of the token.", _TEXT, "https://ml.azure.com", required=True),
        _parameter("last", "query", "How many.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1}),
        _parameter(
            "azureml-model-deployment",
            "header",
            "The deployment that answers. It goes before the body's `model`.",
            {"enum": list(deployments())},
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
        "retry-after": _header("Seconds to wait before asking again.", _COUNT, required=False),
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

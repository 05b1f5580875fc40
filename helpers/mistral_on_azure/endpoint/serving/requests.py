"""What handlers read from a request: the api-version, the JSON body, the deployment it is for."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from mistral_on_azure.azure.addresses import API_VERSION
from mistral_on_azure.azure.deployments import Deployment, deployments
from mistral_on_azure.endpoint.gateway.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.transport.exchange import Request

API_VERSIONS = (API_VERSION, "2024-04-01-preview")
_JSON = "application/json"
_NO_MODEL = "azureai"  # what MistralAzure sends when its caller names no model
_decode = msgspec.json.Decoder().decode


def check_api_version(request: Request) -> None:
    """Refuse an api-version that does not exist; none at all is accepted, as several clients send none.

    Raises:
        ApiError: 400 that names the versions there are.
    """
    if "api-version" not in request.query:
        return
    version = query_of(request.query).get("api-version")
    if version is not None and version not in API_VERSIONS:
        raise invalid(
            f"The api-version {version!r} is not supported. Use {API_VERSIONS[0]}.",
            param="api-version",
            code="unsupported_api_version",
        )


@lru_cache(maxsize=64)
def query_of(query: str) -> dict[str, str]:
    """The parameters of a query string; clients send few different ones. Read it, never change it."""
    return dict(parse_qsl(query, keep_blank_values=True))


def read_body(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        ApiError: 415 for a body that is not declared as JSON, 400 for one that is not a JSON object.
    """
    check_content_type(request)
    return read_object(request.body)


def check_content_type(request: Request) -> None:
    """Refuse a body that is declared as something else than JSON, or as compressed.

    Raises:
        ApiError: 415.
    """
    content_type = request.headers.get("content-type", _JSON)
    if content_type != _JSON and "json" not in content_type.lower():
        raise ApiError(415, "unsupported_media_type", f"Send application/json, not {content_type}.")
    encoding = request.headers.get("content-encoding")
    if encoding is not None and encoding.lower() != "identity":
        raise ApiError(415, "unsupported_media_type", f"Send the body as it is, not in the encoding {encoding}.")


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`.

    Raises:
        ApiError: 400 that says where the JSON is wrong.
    """
    value = read_json(body)
    if not isinstance(value, dict):
        raise invalid("The body is valid JSON, but it is not an object.", code="invalid_json")
    return value


def read_json(body: bytes) -> Any:
    """The JSON value in `body`.

    Raises:
        ApiError: 400 that says where the JSON is wrong.
    """
    if not body:
        raise invalid("The body is empty. Send a JSON object.", code="invalid_json")
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    except RecursionError:
        raise invalid("The body is nested too deeply.", code="invalid_json") from None


def deployment_asked_for(header: str | None, model: str | None, default: str) -> Deployment:
    """The deployment a request is for.

    Args:
        header: its `azureml-model-deployment`.
        model: its `model`.
        default: the deployment for a request that names none.

    Raises:
        ApiError: 404 for a deployment this endpoint does not have.
    """
    return deployment_named(header or (model if model != _NO_MODEL else None) or default)


def deployment_named(name: Any) -> Deployment:
    """A deployment of this endpoint.

    Raises:
        ApiError: 404 for a deployment this endpoint does not have.
    """
    found = deployments().get(name) if isinstance(name, str) else None
    if found is None:
        raise ApiError(
            404,
            "deployment_not_found",
            f"There is no deployment {name!r} here. This endpoint has: {', '.join(deployments())}.",
            param="model",
        )
    return found

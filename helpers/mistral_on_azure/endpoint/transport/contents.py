"""What a request carries: its query parameters and its JSON body; and an answer in JSON."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from mistral_on_azure.endpoint.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

_JSON = "application/json"
_decode = msgspec.json.Decoder().decode


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


def json_answer(value: Any) -> Answer:
    """An answer in JSON."""
    return Answer(200, msgspec.json.encode(value))

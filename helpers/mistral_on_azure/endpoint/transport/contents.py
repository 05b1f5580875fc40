"""What a request carries: its query parameters and its JSON body; and an answer in JSON."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from mistral_on_azure.endpoint.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.transport.exchange import Answer, Request

MOST_VALUES, MOST_ESCAPES = 16_384, 524_288  # in a body; a text with so many escapes fits into no context
DEEPEST, LONGEST_NUMBER = 256, 4_300  # levels within each other, digits
_DEEPEST_IN_PYTHON = 950  # of Python's 1,000 levels, some are the server's own
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_SPACE = " \t\n\r"  # of JSON
_OF_313 = {
    "Illegal trailing comma before end of object": "Expecting property name enclosed in double quotes",
    "Illegal trailing comma before end of array": "Expecting value",
}
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_DIGITS = bytes(ord("0") if chr(byte).isdecimal() else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * (LONGEST_NUMBER + 1)
_JSON = "application/json"
_MOST_PARAMETERS = 32
_decode = msgspec.json.Decoder().decode
_TOO_DEEP = "maximum recursion depth exceeded while decoding a JSON array from a unicode string"  # in Python's words


@lru_cache(maxsize=64)
def query_of(query: str) -> dict[str, str]:
    """The parameters of a query string; clients send few different ones. Read it, never change it.

    Raises:
        ApiError: 400 for too many.
    """
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        raise invalid(f"The query has more than {_MOST_PARAMETERS} parameters.") from None


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
        ApiError: 400 that says where the JSON is wrong, 413 for more values than a body may have.
    """
    if not body:
        raise invalid("The body is empty. Send a JSON object.", code="invalid_json")
    if len(body) > DEEPEST:
        check_size(body)
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    except RecursionError:
        raise invalid("The body is nested too deeply.", code="invalid_json") from None


def read_as_python(body: bytes) -> Any:
    """The JSON value in `body` as the `json` of Python 3.10 to 3.12 reads it, whichever Python this is.

    Python 3.13 has other words and another place for a comma too many, and each version goes to another depth.

    Raises:
        JSONDecodeError: with the words and the place of those versions.
        RecursionError: for values too deep in each other.
        ValueError: for another encoding than JSON may have, and for a number of thousands of digits.
    """
    text = body.decode(json.detect_encoding(body), "surrogatepass")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if _is_deep(text[: error.pos]):
            raise RecursionError(_TOO_DEEP) from None
        if error.msg in _OF_313:
            place = next((at for at in range(error.pos + 1, len(text)) if text[at] not in _SPACE), len(text))
            raise json.JSONDecodeError(_OF_313[error.msg], text, place) from None
        raise
    if _is_deep(text):
        raise RecursionError(_TOO_DEEP)
    return value


def _is_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= _DEEPEST_IN_PYTHON:
        return False
    brackets = _BRACKET.findall(_TEXT.sub("", text))
    return max(accumulate(_STEPS[ord(each)] for each in brackets), default=0) > _DEEPEST_IN_PYTHON


def check_size(body: bytes) -> None:
    """Refuse JSON that takes long to read, or much memory, by a look at its bytes; anything else is left to the reader.

    Raises:
        ApiError: 413 for too many values, 400 for values too deep in each other or numbers with too many digits.
    """
    if len(body) <= DEEPEST:
        return
    escaped = b"\\" in body  # is told sooner than how many there are
    if escaped and body.count(b"\\") > MOST_ESCAPES:
        raise ApiError(413, "body_too_large", f"The body has more than {MOST_ESCAPES:,} escaped characters.")
    if not _more(body, b",", MOST_VALUES):
        opened = body.translate(None, _NO_BRACKETS)
        if opened.count(b"[") + opened.count(b"{") <= DEEPEST and not _long_number(body):
            return  # which is nearly every body, so what stands in its texts need not be told apart
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"") if escaped else body  # only quotes around texts are left
    pieces = plain.split(b'"', 4 * MOST_VALUES + 1)
    if len(pieces) > 4 * MOST_VALUES + 1:
        raise _too_many()
    outside = b"".join(pieces[::2])
    if _more(outside, b",", MOST_VALUES):
        raise _too_many()
    brackets = outside.translate(None, _NO_BRACKETS)
    if max(accumulate(map(_STEPS.__getitem__, brackets[: 2 * MOST_VALUES])), default=0) > DEEPEST:
        raise invalid("The body is nested too deeply.", code="invalid_json")
    if len(brackets) > 2 * MOST_VALUES:
        raise _too_many()
    if _long_number(outside):
        raise invalid(f"A number in the body has more than {LONGEST_NUMBER} digits.", code="invalid_json")


def _more(data: bytes, byte: bytes, most: int) -> bool:
    """Whether a byte occurs more often than that; it stops there, as `count` does not."""
    return len(data.split(byte, most + 1)) > most + 1


def _long_number(data: bytes) -> bool:
    # A number that is too long fills at least one of these slices, and hardly anything else does.
    half = LONGEST_NUMBER // 2
    filled = any(data[at : at + half].isdigit() for at in range(0, len(data) - half, half))
    return filled and _LONG_NUMBER in data.translate(_DIGITS)


def _too_many() -> ApiError:
    return ApiError(413, "body_too_large", f"The body has more than {MOST_VALUES:,} values.")


def json_answer(value: Any) -> Answer:
    """An answer in JSON."""
    return Answer(200, msgspec.json.encode(value))

"""Parses a request's query string and its JSON body within bounds, and makes answers and events with JSON."""

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

MOST_VALUES, MOST_ESCAPES = 16_384, 524_288  # in a body; a text with more escaped characters exceeds every context
DEEPEST, LONGEST_NUMBER = 256, 4_300  # levels of nesting, digits of a number
_DEEPEST_IN_PYTHON = 950  # levels that `json` reads: Python stops at 1,000, and the container's server uses some
_TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # `re` remembers each turn of a loop that may go back
_BRACKET = re.compile(r"[\[\]{}]")
_SPACE = " \t\n\r"  # the whitespace of JSON
_OF_313 = {  # messages of Python 3.13 on, and what the versions before say
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
_TOO_DEEP = "maximum recursion depth exceeded while decoding a JSON array from a unicode string"  # Python's message


@lru_cache(maxsize=64)
def query_of(query: str) -> dict[str, str]:
    """The parameters of a query string, by name. The result is cached: callers must not change it.

    Raises:
        ApiError: 400 for more than 32 parameters.
    """
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        raise invalid(f"The query has more than {_MOST_PARAMETERS} parameters.") from None


def read_body(request: Request) -> dict[str, Any]:
    """Parse the JSON object in a request's body.

    Raises:
        ApiError: 415 for a body that its headers do not declare as JSON, 400 for a body that is not a JSON object.
    """
    check_content_type(request)
    return read_object(request.body)


def check_content_type(request: Request) -> None:
    """Check that the headers declare the body as JSON, and not as compressed.

    Raises:
        ApiError: 415 for another content type or a content encoding.
    """
    content_type = request.headers.get("content-type", _JSON)
    if content_type != _JSON and "json" not in content_type.lower():
        raise ApiError(415, "unsupported_media_type", f"Send application/json, not {content_type}.")
    encoding = request.headers.get("content-encoding")
    if encoding is not None and encoding.lower() != "identity":
        raise ApiError(415, "unsupported_media_type", f"Send the body as it is, not in the encoding {encoding}.")


def read_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        ApiError: 400 with the place of a syntax error, or for a value of another type; 413 for too many values.
    """
    value = read_json(body)
    if type(value) is not dict:
        raise invalid("The body is valid JSON, but it is not an object.", code="invalid_json")
    return value


def read_json(body: bytes) -> Any:
    """Parse a JSON value.

    Raises:
        ApiError: 400 with the place of a syntax error, 413 for more values than a body may have.
    """
    if not body:
        raise invalid("The body is empty. Send a JSON object.", code="invalid_json")
    if len(body) > 2 * DEEPEST:  # a shorter one is within all bounds, as every bracket is closed
        check_size(body)
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    except RecursionError:
        raise invalid("The body is nested too deeply.", code="invalid_json") from None


def read_as_python(body: bytes) -> Any:
    """Parse a JSON value with the errors of Python 3.10 to 3.12, on any version of Python.

    The container of managed compute runs on such a version and repeats its errors. Python 3.13 reports a trailing
    comma with another message and place, and each version has another maximum depth.

    Raises:
        JSONDecodeError: for a syntax error, with the message and the place of those versions.
        RecursionError: for nesting of more than 950 levels.
        ValueError: for a body that is not UTF-8, UTF-16 or UTF-32, or a number of more than 4,300 digits.
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
    """Check by its bytes that JSON is quick to parse and takes little memory. Syntax is not checked.

    Raises:
        ApiError: 413 for too many values or escaped characters, 400 for nesting or numbers beyond the bounds above.
    """
    if len(body) <= LONGEST_NUMBER and body.count(b"[") + body.count(b"{") <= DEEPEST:
        return  # most bodies, which are too short for the other bounds
    escaped = b"\\" in body  # faster than counting
    if escaped and body.count(b"\\") > MOST_ESCAPES:
        raise ApiError(413, "body_too_large", f"The body has more than {MOST_ESCAPES:,} escaped characters.")
    if not _more(body, b",", MOST_VALUES):
        opened = body.translate(None, _NO_BRACKETS)
        if opened.count(b"[") + opened.count(b"{") <= DEEPEST and not _long_number(body):
            return  # nearly every body ends here, without the work of leaving out the contents of its strings
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"") if escaped else body  # each quote left delimits a string
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
    """Whether a byte occurs more than `most` times. Unlike `count`, `split` stops after that many."""
    return len(data.split(byte, most + 1)) > most + 1


def _long_number(data: bytes) -> bool:
    # A number that is too long fills at least one of these slices with digits. In other bodies hardly one is filled.
    half = LONGEST_NUMBER // 2
    filled = any(data[at : at + half].isdigit() for at in range(0, len(data) - half, half))
    return filled and _LONG_NUMBER in data.translate(_DIGITS)


def _too_many() -> ApiError:
    return ApiError(413, "body_too_large", f"The body has more than {MOST_VALUES:,} values.")


def json_answer(value: Any) -> Answer:
    """An answer of status 200 with a JSON body."""
    return Answer(200, msgspec.json.encode(value))


def event(value: Any) -> bytes:
    """A server-sent event with JSON."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"

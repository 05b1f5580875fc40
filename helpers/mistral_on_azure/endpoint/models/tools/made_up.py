"""Made up: plain values for a parameter that nobody gave a value, the most sensible first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mistral_on_azure.endpoint.models.tools import patterns
from mistral_on_azure.endpoint.models.tools.said import is_free
from mistral_on_azure.endpoint.models.tools.schemas import kind_of

_UNKNOWN = "unknown"  # a text that nobody said

_SEVERAL = 100  # how many different ones there are, for lists whose items must differ
_LONGEST = 100_000  # characters
_FORMATS = {
    "email": "someone@example.com",
    "idn-email": "someone@example.com",
    "uri": "https://example.com",
    "uri-reference": "https://example.com",
    "iri": "https://example.com",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "date-time": "2000-01-01T00:00:00Z",
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "hostname": "example.com",
    "json-pointer": "",
    "regex": ".*",
}


def made_up(schema: dict[str, Any], words: frozenset[str], text: str) -> Iterator[Any]:
    """Values that may fit a resolved schema without alternatives; the caller takes the first that does.

    Args:
        schema: the schema.
        words: the stems of the parameter's name.
        text: what the call is about; a parameter such as a query takes all of it.
    """
    for keyword in ("const", "default"):
        if keyword in schema:
            yield schema[keyword]
    yield from schema.get("enum", ())
    kind = kind_of(schema)
    if kind == "boolean":
        yield from (False, True)
    elif kind == "null":
        yield None
    elif kind in ("integer", "number"):
        yield from _numbers(schema)
    elif kind == "string":
        yield from _strings(schema, text if is_free(words) else _UNKNOWN)


def _numbers(schema: dict[str, Any]) -> Iterator[float]:
    """Zero or one, else what lies by a bound."""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    step = schema.get("multipleOf", 1)
    yield from (0, 1)
    for bound in (low, high):
        if bound is not None:
            below = math.floor(bound / step) * step
            yield from (bound, below, below + step, below - step)
    if low is not None and high is not None:
        yield (low + high) / 2
    start = 0 if low is None else math.ceil(low / step) * step
    yield from (start + step * n for n in range(_SEVERAL))


def _strings(schema: dict[str, Any], text: str) -> Iterator[str]:
    """A text as long as it must be, in the form it must have."""
    if schema.get("format") in _FORMATS:
        yield _FORMATS[schema["format"]]
    if "pattern" in schema:
        yield from (example for example in schema.get("examples", ()) if isinstance(example, str))
        yield from patterns.matching(schema["pattern"])
    least, most = min(schema.get("minLength", 0), _LONGEST), schema.get("maxLength", _LONGEST)
    for number in range(1, _SEVERAL):
        numbered = text if number == 1 else f"{text} {number}"
        repeated = f"{numbered} " * math.ceil(least / (len(numbered) + 1) + 1)
        yield (numbered if len(numbered) >= least else repeated[: max(least, 1)])[:most]
    yield from ("a" * least, *(chr(letter) * max(least, 1) for letter in range(97, 123)))

"""Plain values for a schema, such as 0, false or "unknown", where no literal of the conversation fits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mistral_on_azure.endpoint.models.tools.patterns import Unsatisfiable
from mistral_on_azure.endpoint.models.tools.tool_schemas import ToolSchema, kind_of

MOST_ITEMS = 100  # items of a list
_LONGEST = 10_000  # characters of a text
_EXAMPLES = {
    "email": "someone@example.com",
    "uri": "https://example.com",
    "uri-reference": "https://example.com",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "date-time": "2000-01-01T00:00:00Z",
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "hostname": "example.com",
}


def plainest(whole: ToolSchema, schema: dict[str, Any]) -> Iterator[Any]:
    """Candidates for a resolved schema without alternatives, the plainest first. The caller checks whether they fit.

    Args:
        whole: the tool's schema, which has the parsed patterns.
        schema: the part of it that the value is for.

    Raises:
        Unsatisfiable: for a text that would be longer than 10,000 characters.
    """
    yield from schema.get("enum", ())
    kind = kind_of(schema)
    if kind == "boolean":
        yield from (False, True)
    elif kind in ("integer", "number"):
        yield from _numbers(schema)
    elif kind == "string":
        yield from (each for each in schema.get("examples", ()) if isinstance(each, str))
        if schema.get("format") in _EXAMPLES:
            yield _EXAMPLES[schema["format"]]
        if "pattern" in schema:
            yield from whole.patterns[schema["pattern"]].examples()
        yield from _texts(schema)


def _numbers(schema: dict[str, Any]) -> Iterator[float]:
    """0 and 1, then numbers at the bounds, then multiples of `multipleOf`."""
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
    yield from (start + step * n for n in range(MOST_ITEMS))


def _texts(schema: dict[str, Any]) -> Iterator[str]:
    """Different texts that are at least `minLength` characters long."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", _LONGEST)
    if least > _LONGEST:
        raise Unsatisfiable(f"a text has more than {_LONGEST} characters")
    for number in range(1, MOST_ITEMS):
        text = "unknown" if number == 1 else f"unknown {number}"
        yield text[:most] if len(text) >= least else (f"{text} " * least)[:least]
    yield from ("a" * least, *(chr(letter) * max(least, 1) for letter in range(97, 123)))

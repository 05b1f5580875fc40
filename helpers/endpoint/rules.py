"""Rules: what one parameter may be, once as a JSON schema for documents and once as a check that says what is wrong.

The two are written side by side, here and nowhere else, and a test holds them to the same verdict on any value.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Check = Callable[[Any], str | None]  # what is wrong with a value, None if nothing is


@dataclass(frozen=True, slots=True)
class Rule:
    """One parameter.

    Attributes:
        schema: what it may be.
        check: the same as a function.
        words: what it does, for the OpenAPI document.
        extra: it is not part of the Azure AI Model Inference API but the model's own.
        whole: it is a whole number, which clients may also write as 5.0.
    """

    schema: dict[str, Any]
    check: Check
    words: str
    extra: bool = False
    whole: bool = False


def number(
    words: str, low: float | None = None, high: float | None = None, *, above: float | None = None, extra=False
) -> Rule:
    """A number from `low` to `high`, or greater than `above`."""

    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"must be a number, not {_kind(value)}"
        if abs(value) > sys.float_info.max:  # JSON has room for whole numbers that no arithmetic has
            return "must be a number of a sensible size"
        return _range(value, low, high, above)

    bounds = _given({"minimum": low, "maximum": high, "exclusiveMinimum": above})
    return Rule({"type": "number", **bounds}, check, words, extra)


def integer(words: str, low: int = -(2**63), high: int = 2**63 - 1, *, extra=False) -> Rule:
    """A whole number from `low` to `high`; 64 bits are enough for any of them."""

    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return f"must be a whole number, not {value if isinstance(value, float) else _kind(value)}"
        return _range(value, low, high, None)

    return Rule({"type": "integer", "minimum": low, "maximum": high}, check, words, extra, whole=True)


def boolean(words: str, *, extra=False) -> Rule:
    """True or false."""
    return _typed(bool, "a boolean", {"type": "boolean"}, words, extra)


def text(words: str, *, extra=False) -> Rule:
    """A string."""
    return _typed(str, "a string", {"type": "string"}, words, extra)


def listed(words: str, items: dict[str, Any], **more: Any) -> Rule:
    """A list. Only that is checked here: what its items are is checked by whoever reads them."""
    return _typed(list, "a list", {"type": "array", "items": items, **more}, words, False)


def object_of(words: str, properties: dict[str, Any], check: Check | None = None, *, extra=False) -> Rule:
    """An object; `check` is for its members."""
    shape = _typed(dict, "an object", {"type": "object", "properties": properties}, words, extra)
    return (
        shape if check is None else Rule(shape.schema, lambda value: shape.check(value) or check(value), words, extra)
    )


def _typed(kind: type, name: str, schema: dict[str, Any], words: str, extra: bool) -> Rule:
    def check(value: Any) -> str | None:
        return None if isinstance(value, kind) else f"must be {name}, not {_kind(value)}"

    return Rule(schema, check, words, extra)


def _range(value: float, low: float | None, high: float | None, above: float | None) -> str | None:
    if low is not None and value < low:
        return f"must be at least {low}, not {value}"
    if above is not None and value <= above:
        return f"must be greater than {above}, not {value}"
    if high is not None and value > high:
        return f"must be at most {high}, not {value}"
    return None


def _given(bounds: dict[str, Any]) -> dict[str, Any]:
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _kind(value: Any) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return "null" if value is None else names.get(type(value), "something else")


def stop(words: str) -> Rule:
    """A string or a list of strings."""

    def check(value: Any) -> str | None:
        if isinstance(value, str) or (isinstance(value, list) and all(isinstance(word, str) for word in value)):
            return None
        return "must be a string or a list of strings"

    return Rule({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}, check, words)


def bias(words: str) -> Rule:
    """An object of token ids and what is added to their logits."""

    def check(value: Any) -> str | None:
        if not isinstance(value, dict):
            return f"must be an object of token ids and biases, not {_kind(value)}"
        for token, added in value.items():
            number_given = isinstance(added, int | float) and not isinstance(added, bool)
            if not (token.isascii() and token.isdigit() and number_given and abs(added) <= 100):
                return "must map token ids to numbers from -100 to 100"
        return None

    biases = {"type": "number", "minimum": -100, "maximum": 100}
    schema = {"type": "object", "propertyNames": {"pattern": "^[0-9]+$"}, "additionalProperties": biases}
    return Rule(schema, check, words, extra=True)


_TOOL_CHOICES = ("none", "auto", "required", "any")  # any is what Mistral calls required


def tool_choice(words: str) -> Rule:
    """One of a few words, or a function by its name."""

    def check(value: Any) -> str | None:
        if isinstance(value, dict):
            function = value.get("function")
            if value.get("type", "function") == "function" and isinstance(function, dict):
                return None if isinstance(function.get("name"), str) else "must name a function"
            return "must be of the type function, with the function's name"
        return None if value in _TOOL_CHOICES else f"must be one of {', '.join(_TOOL_CHOICES)}, or name a function"

    function = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    named = {
        "type": "object",
        "required": ["function"],
        "properties": {"type": {"const": "function"}, "function": function},
    }
    return Rule({"oneOf": [{"type": "string", "enum": list(_TOOL_CHOICES)}, named]}, check, words)


def stream_options(words: str) -> Rule:
    """An object that says whether usage is wanted."""

    def check(value: dict[str, Any]) -> str | None:
        wanted = value.get("include_usage")
        return None if wanted is None or isinstance(wanted, bool) else "must have true or false as include_usage"

    return object_of(words, {"include_usage": {"type": ["boolean", "null"]}}, check, extra=True)

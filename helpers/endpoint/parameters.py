"""The parameters of a chat completion: which there are, what they may be, and what becomes of the others.

`PARAMETERS` is the one table: validation reads it and so does the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helpers.endpoint.errors import ApiError, invalid, not_supported


@dataclass(frozen=True, slots=True)
class Rule:
    """What one parameter may be: a JSON schema for documents, and a check that returns what is wrong or None."""

    schema: dict[str, Any]
    check: Callable[[Any], str | None]
    extra: bool = False  # not part of the Azure AI Model Inference API: the model's own


def _number(low: float | None = None, high: float | None = None, *, above: float | None = None, extra=False) -> Rule:
    bounds = {"minimum": low, "maximum": high, "exclusiveMinimum": above}

    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"must be a number, not {_kind(value)}"
        return _range(value, low, high, above)

    return Rule({"type": "number", **_given(bounds)}, check, extra)


def _integer(low: int | None = None, high: int | None = None, *, extra=False) -> Rule:
    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return f"must be a whole number, not {_kind(value)}"
        return _range(value, low, high, None)

    return Rule({"type": "integer", **_given({"minimum": low, "maximum": high})}, check, extra)


def _typed(kind: type, name: str, schema: dict[str, Any], *, extra=False) -> Rule:
    def check(value: Any) -> str | None:
        return None if isinstance(value, kind) else f"must be {name}, not {_kind(value)}"

    return Rule(schema, check, extra)


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


def _stop(value: Any) -> str | None:
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(word, str) for word in value)):
        return None
    return "must be a string or a list of strings"


def _bias(value: Any) -> str | None:
    if not isinstance(value, dict):
        return f"must be an object of token ids and biases, not {_kind(value)}"
    for token, bias in value.items():
        if not token.isdigit() or isinstance(bias, bool) or not isinstance(bias, int | float) or abs(bias) > 100:
            return "must map token ids to numbers from -100 to 100"
    return None


def _tool_choice(value: Any) -> str | None:
    if isinstance(value, dict):
        function = value.get("function")
        if value.get("type", "function") == "function" and isinstance(function, dict):
            return None if isinstance(function.get("name"), str) else "must name a function"
        return "must be of the type function, with the function's name"
    return None if value in TOOL_CHOICES else f"must be one of {', '.join(TOOL_CHOICES)}, or name a function"


TOOL_CHOICES = ("none", "auto", "required", "any")  # any is what Mistral calls required

_BOOLEAN = {"type": "boolean"}
_STRINGS = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_BIAS = {
    "type": "object",
    "propertyNames": {"pattern": "^[0-9]+$"},
    "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100},
}
_NAME = {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}
_FUNCTION = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": _NAME, "description": {"type": "string"}, "parameters": {"type": "object"}},
}
_TOOL = {
    "type": "object",
    "required": ["type", "function"],
    "properties": {"type": {"const": "function"}, "function": _FUNCTION},
}
_NAMED_TOOL = {
    "type": "object",
    "required": ["type", "function"],
    "properties": {
        "type": {"const": "function"},
        "function": {"type": "object", "required": ["name"], "properties": {"name": _NAME}},
    },
}
_TOOL_CHOICE = {"oneOf": [{"type": "string", "enum": list(TOOL_CHOICES)}, _NAMED_TOOL]}

PARAMETERS: dict[str, Rule] = {
    "messages": _typed(list, "a list", {"type": "array", "items": {"type": "object"}, "minItems": 1}),
    "model": _typed(str, "a string", {"type": "string"}),
    "temperature": _number(0),
    "top_p": _number(high=1, above=0),
    "max_tokens": _integer(1),
    "stop": Rule(_STRINGS, _stop),
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "seed": _integer(),
    "stream": _typed(bool, "a boolean", _BOOLEAN),
    "response_format": _typed(dict, "an object", {"type": "object"}),
    "tools": _typed(list, "a list", {"type": "array", "items": _TOOL}),
    "tool_choice": Rule(_TOOL_CHOICE, _tool_choice),
    "logprobs": _typed(bool, "a boolean", _BOOLEAN, extra=True),
    "top_logprobs": _integer(0, 20, extra=True),
    "n": _integer(1, 16, extra=True),
    "logit_bias": Rule(_BIAS, _bias, extra=True),
    "safe_prompt": _typed(bool, "a boolean", _BOOLEAN, extra=True),
    "random_seed": _integer(extra=True),  # what Mistral's own clients call seed
    "stream_options": _typed(dict, "an object", {"type": "object"}, extra=True),
    "parallel_tool_calls": _typed(bool, "a boolean", _BOOLEAN, extra=True),
    "max_completion_tokens": _integer(1, extra=True),  # OpenAI's newer name of max_tokens
    "user": _typed(str, "a string", {"type": "string"}, extra=True),
}


_STANDARD = {name for name, rule in PARAMETERS.items() if not rule.extra}


def validate(body: dict[str, Any], extra: str) -> dict[str, Any]:
    """Check a request body and return the parameters that the model is given.

    Args:
        body: the request body; a parameter that is null counts as not given.
        extra: what to do with parameters that the API does not name: "error", "drop" or "pass-through".

    Raises:
        ApiError: 400 for an extra parameter under "error", 422 for a value out of range or of the wrong type.
    """
    given: dict[str, Any] = {}
    if extra == "error":
        unexpected = [name for name in body if name not in _STANDARD]
        if unexpected:
            raise _unexpected(unexpected)
    for name, value in body.items():
        rule = PARAMETERS.get(name)
        if rule is None or (rule.extra and extra == "drop"):
            continue
        if value is None:
            continue
        wrong = rule.check(value)
        if wrong:
            raise not_supported(name, value, f"{name} {wrong}.")
        given[name] = value
    _rename(given, "random_seed", "seed")
    _rename(given, "max_completion_tokens", "max_tokens")
    _response_format(given)
    return given


def _unexpected(names: list[str]) -> ApiError:
    """The service's own words, which LiteLLM reads: it drops the names in brackets and asks once more."""
    return invalid(
        f"Extra parameters {names} are not allowed when extra-parameters is not set or set to be 'error'. "
        "Set extra-parameters to 'pass-through' to pass to the model.",
        param=names[0],
        code="extra_parameter",
    )


def _rename(given: dict[str, Any], old: str, new: str) -> None:
    if old in given:
        given.setdefault(new, given.pop(old))


def _response_format(given: dict[str, Any]) -> None:
    """These models have no JSON mode: only plain text is a format they know."""
    wanted = given.get("response_format", {}).get("type", "text")
    if wanted != "text":
        raise not_supported("response_format", wanted)


def extra_parameters(header: str | None, route_default: str) -> str:
    """Read the `extra-parameters` header.

    Raises:
        ApiError: 400 for a value that is none of the three.
    """
    if header is None:
        return route_default
    if header not in ("error", "drop", "pass-through"):
        raise invalid(
            f"Unexpected EXTRA_PARAMETERS option {header}, expected options are ['error', 'drop', 'pass-through']",
            param="extra-parameters",
        )
    return header

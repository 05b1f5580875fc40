"""The parameters of a chat completion: which there are, what they may be, and what becomes of the others.

`PARAMETERS` is the one table: validation reads it and so does the OpenAPI document.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mistral_on_azure.endpoint.api_errors import ApiError, invalid, not_supported
from mistral_on_azure.endpoint.gateway.kinds import EXTRA

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


_ITEM = "#/components/schemas/"  # where the OpenAPI document keeps what the items of a list are

PARAMETERS: dict[str, Rule] = {
    "messages": listed(
        "The conversation: an optional system message, then user and assistant in turn, a user or a tool last.",
        {"$ref": f"{_ITEM}Message"},
        minItems=1,
    ),
    "model": text("The deployment that answers, where the header azureml-model-deployment names none."),
    "temperature": number("How freely answers are chosen; 0 always takes the likeliest.", 0),
    "top_p": number(
        "Only the likeliest answers that reach this probability together are chosen from.", high=1, above=0
    ),
    "max_tokens": integer("The most tokens to generate.", 1),
    "stop": stop("The answer ends before this text, or before the first of several."),
    "presence_penalty": number("What makes tokens that occurred less likely.", -2, 2),
    "frequency_penalty": number("What makes tokens that occurred often less likely.", -2, 2),
    "seed": integer("The same request with the same seed gets the same answer."),
    "stream": boolean("Answer with server-sent events, one token a chunk."),
    "response_format": object_of("Text; these models have no JSON mode.", {"type": {"const": "text"}}),
    "tools": listed("The functions that may be called, by a deployment that can.", {"$ref": f"{_ITEM}Tool"}),
    "tool_choice": tool_choice("Whether a function may or must be called, and which."),
    "logprobs": boolean("Return the log probability of each token.", extra=True),
    "top_logprobs": integer("How many alternatives to return for each token; needs logprobs.", 0, 20, extra=True),
    "n": integer("How many answers to give.", 1, 16, extra=True),
    "logit_bias": bias("What is added to the logits of tokens, by their ids."),
    "safe_prompt": boolean("Put Mistral's guardrail in front of the system message.", extra=True),
    "random_seed": integer("What Mistral's own clients call seed.", extra=True),
    "stream_options": stream_options("include_usage: usage comes in a chunk of its own after the last choice."),
    "parallel_tool_calls": boolean("Whether several functions may be called at once.", extra=True),
    "max_completion_tokens": integer("OpenAI's newer name of max_tokens.", 1, extra=True),
    "user": text("Who asks; nothing is done with it.", extra=True),
}


# Those that stand for others, need others or have one value that is refused; most requests have none of them.
_RELATED = {"random_seed", "max_completion_tokens", "response_format", "stream_options", "top_logprobs"}
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
        if value is None or (extra == "drop" and (rule is None or rule.extra)):
            continue
        if rule is None:
            given[name] = value  # the model's business; the script knows nothing of it, an engine may
            continue
        if rule.whole and type(value) is float and value.is_integer():
            value = int(value)
        wrong = rule.check(value)
        if wrong:
            raise not_supported(name, value, f"{name} {wrong}.")
        given[name] = value
    if not _RELATED.isdisjoint(given):
        _rename(given, "random_seed", "seed")
        _rename(given, "max_completion_tokens", "max_tokens")
        _response_format(given)
        _check_companions(given)
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


def _check_companions(given: dict[str, Any]) -> None:
    """Refuse what asks for a part of something that was not asked for."""
    if "stream_options" in given and not given.get("stream"):
        raise not_supported(
            "stream_options", given["stream_options"], "stream_options is for streams: set stream to true."
        )
    if given.get("top_logprobs") and not given.get("logprobs"):
        raise not_supported("top_logprobs", given["top_logprobs"], "top_logprobs needs logprobs: set it to true.")


def extra_parameters(header: str | None, route_default: str) -> str:
    """Read the `extra-parameters` header.

    Raises:
        ApiError: 400 for a value that is none of the three.
    """
    if header is None:
        return route_default
    if header not in EXTRA:
        raise invalid(
            f"Unexpected EXTRA_PARAMETERS option {header}, expected options are {list(EXTRA)}",
            param="extra-parameters",
        )
    return header

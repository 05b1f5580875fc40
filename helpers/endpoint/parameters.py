"""The parameters of a chat completion: which there are, what they may be, and what becomes of the others.

`PARAMETERS` is the one table: validation reads it and so does the OpenAPI document.
"""

from __future__ import annotations

from typing import Any

from helpers.endpoint.errors import ApiError, invalid, not_supported
from helpers.endpoint.rules import (
    Rule,
    bias,
    boolean,
    integer,
    listed,
    number,
    object_of,
    stop,
    stream_options,
    text,
    tool_choice,
)

EXTRA = ("error", "drop", "pass-through")  # what can be done with parameters that the API does not name
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

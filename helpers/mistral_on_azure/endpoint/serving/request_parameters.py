"""The parameters of a chat completion: which there are, what they may be, and what becomes of the others.

`_TYPES` is the one definition: validation and the OpenAPI document follow from it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from mistral_on_azure.endpoint.api_errors import ApiError, invalid, not_supported
from mistral_on_azure.endpoint.fields import Field, field_of
from mistral_on_azure.endpoint.gateway.kinds import EXTRA

_ITEM = "#/components/schemas/"  # where the OpenAPI document keeps what the items of a list are
_MOST_NAMES, _LONGEST_NAME = 20, 200  # of extra parameters that an error shows, and characters of each
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1  # 64 bits are enough for any whole number
_TOOL_CHOICES = ("none", "auto", "required", "any")  # any is what Mistral calls required
_BOOLEANS = ("True", "true", "False", "false")  # published samples send them as text
_NO_FUNCTION = "must be of the type function, with the function's name"


class _Function(Struct):
    name: str


class _NamedTool(Struct):
    function: _Function
    type: Literal["function"] = "function"


class _StreamOptions(Struct):
    include_usage: bool | None = None


# An id below 0 is none of the vocabulary's, which is checked with the others that are outside of it.
_Biases = dict[Annotated[str, Meta(pattern="^-?[0-9]+$")], Annotated[float, Meta(ge=-100, le=100)]]


def _parameter(
    kind: Any, description: str, *, refusals: Any = (), schema: dict | None = None, own=False, **bounds
) -> Any:
    """The type of a parameter.

    Args:
        kind: what it may be; of a list or an object, whoever reads it checks the items.
        description: what it does.
        refusals: what is wrong with a value, by a part of what msgspec objects to, where the type does not say it well.
        schema: what its JSON schema says besides.
        own: it is no part of the Azure AI Model Inference API but the model's own.
        bounds: of a number.
    """
    more = {name: value for name, value in (("refusals", refusals), ("own", own)) if value}
    return Annotated[kind, Meta(description=description, extra=more, extra_json_schema=schema, **bounds)]


_TYPES: dict[str, Any] = {
    "messages": _parameter(
        list,
        "The conversation: an optional system message, then user and assistant in turn, a user or a tool last.",
        schema={"items": {"$ref": f"{_ITEM}Message"}, "minItems": 1},
    ),
    "model": _parameter(str, "The deployment that answers, where the header azureml-model-deployment names none."),
    "temperature": _parameter(float, "How freely answers are chosen; 0 always takes the likeliest.", ge=0),
    "top_p": _parameter(
        float, "Only the likeliest answers that reach this probability together are chosen from.", gt=0, le=1
    ),
    "max_tokens": _parameter(int, "The most tokens to generate.", ge=1, le=_LARGEST),
    "stop": _parameter(
        str | Annotated[list[str], Meta(max_length=256)],
        "The answer ends before this text, or before the first of several.",
        refusals={"length": "has at most 256 strings", "": "must be a string or a list of strings"},
        # That no text is empty is checked later, with the engine's words and status.
        schema={"not": {"anyOf": [{"const": ""}, {"type": "array", "contains": {"const": ""}}]}},
    ),
    "presence_penalty": _parameter(float, "What makes tokens that occurred less likely.", ge=-2, le=2),
    "frequency_penalty": _parameter(float, "What makes tokens that occurred often less likely.", ge=-2, le=2),
    "seed": _parameter(int, "The same request with the same seed gets the same answer.", ge=_SMALLEST, le=_LARGEST),
    "stream": _parameter(
        bool | Literal[_BOOLEANS],
        "Answer with server-sent events, one token a chunk.",
        refusals={"": "must be a boolean, not {kind}"},
    ),
    "response_format": _parameter(
        dict,
        "Text; the cookbook's models have no JSON mode.",
        schema={"properties": {"type": {"const": "text"}}},
    ),
    "tools": _parameter(
        list, "The functions that may be called, by a deployment that can.", schema={"items": {"$ref": f"{_ITEM}Tool"}}
    ),
    "tool_choice": _parameter(
        Literal[_TOOL_CHOICES] | _NamedTool,
        "Whether a function may or must be called, and which.",
        refusals={
            "Expected `object`": _NO_FUNCTION,
            "$[0].function": "must name a function",
            "$[0].type": _NO_FUNCTION,
            "field `function`": _NO_FUNCTION,
            "": f"must be one of {', '.join(_TOOL_CHOICES)}, or name a function",
        },
    ),
    "logprobs": _parameter(bool, "Return the log probability of each token.", own=True),
    "top_logprobs": _parameter(
        int, "How many alternatives to return for each token; needs logprobs.", ge=0, le=20, own=True
    ),
    "n": _parameter(int, "How many answers to give.", ge=1, le=16, own=True),
    "logit_bias": _parameter(
        _Biases,
        "What is added to the logits of tokens, by their ids.",
        refusals={
            "Expected `object`": "must be an object of token ids and biases, not {kind}",
            "": "must map token ids to numbers from -100 to 100",
        },
        own=True,
    ),
    "safe_prompt": _parameter(bool, "Put Mistral's guardrail in front of the system message.", own=True),
    "random_seed": _parameter(int, "What Mistral's own clients call seed.", ge=_SMALLEST, le=_LARGEST, own=True),
    "stream_options": _parameter(
        _StreamOptions,
        "include_usage: usage comes in a chunk of its own after the last choice.",
        refusals={
            "Expected `object`": "must be an object, not {kind}",
            "": "must have true or false as include_usage",
        },
        own=True,
    ),
    "parallel_tool_calls": _parameter(bool, "Whether several functions may be called at once.", own=True),
    "max_completion_tokens": _parameter(int, "OpenAI's newer name of max_tokens.", ge=1, le=_LARGEST, own=True),
    "user": _parameter(str, "Who asks; nothing is done with it.", own=True),
}
PARAMETERS: dict[str, Field] = {name: field_of(kind) for name, kind in _TYPES.items()}
_LISTS = ("messages", "tools")  # msgspec would copy them, however long they are
# All others at once: what fits, which nearly everything does, is checked in one call.
_Others = msgspec.defstruct(
    "Others", [(name, kind | None, None) for name, kind in _TYPES.items() if name not in _LISTS]
)

# Those that stand for others, need others or have one value that is refused; most requests have none of them.
_RELATED = {
    "random_seed",
    "max_completion_tokens",
    "stream_options",
    "top_logprobs",
    "n",
    "stop",
    "tool_choice",
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
    if extra == "error":
        unexpected = [name for name in body if name not in _STANDARD]
        if unexpected:
            raise _unexpected(unexpected)
    given = {name: value for name, value in body.items() if value is not None}
    if extra == "drop":
        given = {name: value for name, value in given.items() if name in _STANDARD}
    if not _fit(given):
        given = {name: _checked(name, value) for name, value in given.items()}
    if isinstance(given.get("stream"), str):
        given["stream"] = given["stream"].lower() == "true"
    if not _RELATED.isdisjoint(given):
        if "random_seed" in given:
            given.setdefault("seed", given.pop("random_seed"))
        if "max_completion_tokens" in given:  # which counts where both are given
            given["max_tokens"] = given.pop("max_completion_tokens")
        _check_companions(given)
    return given


def _fit(given: dict[str, Any]) -> bool:
    """Whether all values are as they may be, and none is a whole number that is written as 5.0."""
    try:
        msgspec.convert(given, _Others)
    except (msgspec.ValidationError, RecursionError):
        return False
    return isinstance(given.get("messages", []), list) and isinstance(given.get("tools", []), list)


def _checked(name: str, value: Any) -> Any:
    """The value of a parameter. A whole number may be written as 5.0.

    Raises:
        ApiError: 422 for a value that the parameter may not have.
    """
    field = PARAMETERS.get(name)
    if field is None:
        return value  # the model's business; the script knows nothing of it, an engine may
    if field.base is int and type(value) is float and value.is_integer():
        value = int(value)
    if not field.fits(value):
        raise not_supported(name, value, f"{name} {field.refusal(value)}.")
    return value


def _unexpected(names: list[str]) -> ApiError:
    """The service's own words, which LiteLLM reads: it drops the names in brackets and asks once more."""
    told = [name[:_LONGEST_NAME] for name in names[:_MOST_NAMES]]
    return invalid(
        f"Extra parameters {told} are not allowed when extra-parameters is not set or set to be 'error'. "
        "Set extra-parameters to 'pass-through' to pass to the model.",
        param=names[0],
        code="extra_parameter",
    )


def check_response_format(given: dict[str, Any], json_mode: bool) -> None:
    """Refuse a format that a model does not have.

    Args:
        json_mode: whether it has JSON beside text.

    Raises:
        ApiError: 422.
    """
    if "response_format" in given:
        wanted = given["response_format"].get("type", "text")
        if wanted != "text" and not (json_mode and wanted == "json_object"):
            raise not_supported("response_format", wanted)


def _check_companions(given: dict[str, Any]) -> None:
    """Refuse what asks for a part of something that was not asked for, and what the engine refuses in these words.

    Raises:
        ApiError: 400 in the words of vLLM, which serves these models, 422 for the parts.
    """
    if "stream_options" in given and not given.get("stream"):
        raise not_supported(
            "stream_options", given["stream_options"], "stream_options is for streams: set stream to true."
        )
    if given.get("top_logprobs") and not given.get("logprobs"):
        raise not_supported("top_logprobs", given["top_logprobs"], "top_logprobs needs logprobs: set it to true.")
    if given.get("n", 1) > 1 and given.get("temperature") == 0:
        raise invalid(f"n must be 1 when using greedy sampling, got {given['n']}.", param="n")
    if "" in _stops(given):
        raise invalid("stop cannot contain an empty string.", param="stop")
    if given.get("tool_choice", "none") != "none" and "tools" not in given:
        raise invalid("When using `tool_choice`, `tools` must be set.", param="tool_choice")


def _stops(given: dict[str, Any]) -> list[str]:
    stop = given.get("stop", [])
    return [stop] if isinstance(stop, str) else stop


def checked_extra(header: str) -> str:
    """The value of the header `extra-parameters`, one of `EXTRA`.

    Raises:
        ApiError: 400 for any other value.
    """
    if header not in EXTRA:
        raise invalid(
            f"Unexpected EXTRA_PARAMETERS option {header}, expected options are {list(EXTRA)}",
            param="extra-parameters",
        )
    return header

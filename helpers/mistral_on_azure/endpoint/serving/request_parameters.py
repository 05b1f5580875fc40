"""The parameters of a chat completion: their definition and their validation.

`_TYPES` defines each parameter once. Its check, error message and schema in the OpenAPI document derive from that.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from mistral_on_azure.endpoint.api_errors import ApiError, invalid, not_supported
from mistral_on_azure.endpoint.fields import Field, field_of
from mistral_on_azure.endpoint.gateway.kinds import EXTRA

_ITEM = "#/components/schemas/"  # the path of schemas in the OpenAPI document
_MOST_NAMES, _LONGEST_NAME = 20, 200  # extra parameters that an error lists, and characters of each
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1  # the range of 64-bit integers
_TOOL_CHOICES = ("none", "auto", "required", "any")  # Mistral's name for `required` is `any`
_BOOLEANS = ("True", "true", "False", "false")  # published samples send booleans as strings
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
    """The annotated type of a parameter, for `fields.field_of`.

    Args:
        kind: the Python type. The items of a list or an object are checked later, by the code that reads them.
        description: one line for the OpenAPI document.
        refusals: error messages that replace the generated ones, by a part of msgspec's message.
        schema: members that are added to the JSON schema.
        own: whether the parameter is not part of the Azure AI Model Inference API but of the model's own API.
        bounds: bounds of a number, as msgspec names them.
    """
    more = {name: value for name, value in (("refusals", refusals), ("own", own)) if value}
    return Annotated[kind, Meta(description=description, extra=more, extra_json_schema=schema, **bounds)]


_TYPES: dict[str, Any] = {
    "messages": _parameter(
        list,
        "The conversation: an optional system message, then user and assistant in turn; the last is a user or a tool.",
        schema={"items": {"$ref": f"{_ITEM}Message"}, "minItems": 1},
    ),
    "model": _parameter(str, "The deployment that answers, if the header azureml-model-deployment names none."),
    "temperature": _parameter(float, "The sampling temperature; 0 always takes the likeliest completion.", ge=0),
    "top_p": _parameter(
        float, "Sample from the likeliest completions whose probabilities reach this sum (nucleus).", gt=0, le=1
    ),
    "max_tokens": _parameter(int, "The maximum of completion tokens.", ge=1, le=_LARGEST),
    "stop": _parameter(
        str | Annotated[list[str], Meta(max_length=256)],
        "The completion ends before this text, or before the first of several texts.",
        refusals={"length": "has at most 256 strings", "": "must be a string or a list of strings"},
        # An empty text is refused later, with the engine's message and status.
        schema={"not": {"anyOf": [{"const": ""}, {"type": "array", "contains": {"const": ""}}]}},
    ),
    "presence_penalty": _parameter(float, "Makes tokens that occurred already less likely.", ge=-2, le=2),
    "frequency_penalty": _parameter(
        float, "Makes tokens less likely in proportion to how often they occurred.", ge=-2, le=2
    ),
    "seed": _parameter(int, "The same request with the same seed gets the same completion.", ge=_SMALLEST, le=_LARGEST),
    "stream": _parameter(
        bool | Literal[_BOOLEANS],
        "Send the completion as server-sent events, one chunk for each token.",
        refusals={"": "must be a boolean, not {kind}"},
    ),
    "response_format": _parameter(
        dict,
        "Text; the four open models have no JSON mode, except Mistral-7B v01 on managed compute.",
        schema={"properties": {"type": {"const": "text"}}},
    ),
    "tools": _parameter(
        list,
        "The tools that the model may call, on a deployment that supports tools.",
        schema={"items": {"$ref": f"{_ITEM}Tool"}},
    ),
    "tool_choice": _parameter(
        Literal[_TOOL_CHOICES] | _NamedTool,
        "Whether the model may or must call a tool, or the function that it must call.",
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
        int, "The number of alternatives to return for each token; needs logprobs.", ge=0, le=20, own=True
    ),
    "n": _parameter(int, "The number of choices.", ge=1, le=16, own=True),
    "logit_bias": _parameter(
        _Biases,
        "Values that are added to the logits of tokens, by token id.",
        refusals={
            "Expected `object`": "must be an object of token ids and biases, not {kind}",
            "": "must map token ids to numbers from -100 to 100",
        },
        own=True,
    ),
    "safe_prompt": _parameter(bool, "Insert Mistral's guardrail before the system message.", own=True),
    "random_seed": _parameter(int, "The name of seed in Mistral's own API.", ge=_SMALLEST, le=_LARGEST, own=True),
    "stream_options": _parameter(
        _StreamOptions,
        "include_usage: send usage in a separate chunk after the last choice.",
        refusals={"Expected `object`": "must be an object, not {kind}", "": "must have true or false as include_usage"},
        own=True,
    ),
    "parallel_tool_calls": _parameter(bool, "Whether the completion may have several tool calls.", own=True),
    "max_completion_tokens": _parameter(int, "OpenAI's newer name of max_tokens.", ge=1, le=_LARGEST, own=True),
    "user": _parameter(str, "An identifier of the end user; it is ignored.", own=True),
}
PARAMETERS: dict[str, Field] = {name: field_of(kind) for name, kind in _TYPES.items()}
_LISTS = ("messages", "tools")  # not checked by msgspec, which would copy them
# A Struct of all other parameters, with which most requests are checked in one call.
_Others = msgspec.defstruct(
    "Others", [(name, kind | None, None) for name, kind in _TYPES.items() if name not in _LISTS]
)

# Parameters that are aliases, that depend on others, or that `_check_companions` checks. Most requests have none.
_RELATED = {"random_seed", "max_completion_tokens", "stream_options", "top_logprobs", "n", "stop", "tool_choice"}
_STANDARD = {name for name, rule in PARAMETERS.items() if not rule.extra}


def validate(body: dict[str, Any], extra: str) -> dict[str, Any]:
    """Check a request body, and return the parameters for the model.

    Args:
        body: the decoded request body, which may be changed. Null has the effect of leaving a parameter out.
        extra: what to do with parameters that the API does not define: "error", "drop" or "pass-through".

    Returns:
        The parameters by name: aliases have their main name, and `stream` is a boolean.

    Raises:
        ApiError: 400 for an extra parameter under "error", 422 for a value out of range or of a wrong type.
    """
    if extra == "error":
        unexpected = [name for name in body if name not in _STANDARD]
        if unexpected:
            raise _unexpected(unexpected)
    given = {name: value for name, value in body.items() if value is not None} if None in body.values() else body
    if extra == "drop":
        given = {name: value for name, value in given.items() if name in _STANDARD}
    if not _fit(given):
        given = {name: _checked(name, value) for name, value in given.items()}
    if isinstance(given.get("stream"), str):
        given["stream"] = given["stream"].lower() == "true"
    if not _RELATED.isdisjoint(given):
        if "random_seed" in given:
            given.setdefault("seed", given.pop("random_seed"))
        if "max_completion_tokens" in given:  # takes precedence over max_tokens
            given["max_tokens"] = given.pop("max_completion_tokens")
        _check_companions(given)
    return given


def _fit(given: dict[str, Any]) -> bool:
    """Whether all values are allowed. A whole number that is written as 5.0 is not; `_checked` accepts it."""
    try:
        msgspec.convert(given, _Others)
    except (msgspec.ValidationError, RecursionError):
        return False
    return isinstance(given.get("messages", []), list) and isinstance(given.get("tools", []), list)


def _checked(name: str, value: Any) -> Any:
    """Check the value of a parameter, and return it. A whole number may be written as 5.0.

    Raises:
        ApiError: 422 for a value out of range or of a wrong type.
    """
    field = PARAMETERS.get(name)
    if field is None:
        return value  # passed to the model: the script ignores it, a real engine may read it
    if field.base is int and type(value) is float and value.is_integer():
        value = int(value)
    if not field.fits(value):
        raise not_supported(name, value, f"{name} {field.refusal(value)}.")
    return value


def _unexpected(names: list[str]) -> ApiError:
    """The service's own message, which LiteLLM parses: it drops the parameters in brackets and sends a new request."""
    told = [name[:_LONGEST_NAME] for name in names[:_MOST_NAMES]]
    return invalid(
        f"Extra parameters {told} are not allowed when extra-parameters is not set or set to be 'error'. "
        "Set extra-parameters to 'pass-through' to pass to the model.",
        param=names[0],
        code="extra_parameter",
    )


def check_response_format(given: dict[str, Any], json_mode: bool) -> None:
    """Refuse a `response_format` that the deployment does not support.

    Args:
        given: the parameters.
        json_mode: whether the deployment supports JSON mode.

    Raises:
        ApiError: 422.
    """
    if "response_format" in given:
        wanted = given["response_format"].get("type", "text")
        if wanted != "text" and not (json_mode and wanted == "json_object"):
            raise not_supported("response_format", wanted)


def _check_companions(given: dict[str, Any]) -> None:
    """Refuse parameters without those that they depend on, and values that the engine refuses.

    Raises:
        ApiError: 422 for a missing parameter; 400 with the message of vLLM, which serves these models.
    """
    if "stream_options" in given and not given.get("stream"):
        raise not_supported(
            "stream_options", given["stream_options"], "stream_options is for streams: set stream to true."
        )
    if given.get("top_logprobs") and not given.get("logprobs"):
        raise not_supported("top_logprobs", given["top_logprobs"], "top_logprobs needs logprobs: set it to true.")
    if given.get("n", 1) > 1 and given.get("temperature") == 0:
        raise invalid(f"n must be 1 when using greedy sampling, got {given['n']}.", param="n")
    stop = given.get("stop", [])
    if "" in ([stop] if isinstance(stop, str) else stop):
        raise invalid("stop cannot contain an empty string.", param="stop")
    if given.get("tool_choice", "none") != "none" and "tools" not in given:
        raise invalid("When using `tool_choice`, `tools` must be set.", param="tool_choice")


def checked_extra(header: str) -> str:
    """The value of the header `extra-parameters`.

    Raises:
        ApiError: 400 for a value that is not in `EXTRA`.
    """
    if header not in EXTRA:
        raise invalid(
            f"Unexpected EXTRA_PARAMETERS option {header}, expected options are {list(EXTRA)}", param="extra-parameters"
        )
    return header

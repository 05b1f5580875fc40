"""The checks of parameters by managed compute's engine (vLLM), of the request that the container sends to it.

The container has validated the parameters that it knows; others reach the engine by pass-through. Locations and
messages of errors are those of vLLM 0.20.2, as measured. The container sends the engine's error as the message of its
own error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from mistral_on_azure.endpoint.api_errors import beginning, shown
from mistral_on_azure.endpoint.bounds import shortened

Fault = dict[str, Any]  # an error of validation: type, loc, msg, input and perhaps ctx

_TOLD = 50_000  # characters of an error message, to which each of two levels of JSON adds escapes
_64_BITS = 2**63
_MANY = 1_000  # errors of types: to describe more takes pydantic a tenth of a second, in which no other thread runs
_FORMATS = ("text", "json_object", "json_schema")


class EngineError(Exception):
    """An error response of the engine.

    Attributes:
        status: the HTTP status: 400, or 500 for an exception in the engine.
        kind: the engine's type of the error, such as `BadRequestError`.
        param: the wrong parameter, if the engine names one.
    """

    def __init__(
        self, message: str, kind: str = "BadRequestError", param: str | None = None, status: int = 400
    ) -> None:
        super().__init__(beginning(message, _TOLD))
        self.status, self.kind, self.param = status, kind, param

    @property
    def error(self) -> dict[str, Any]:
        """The engine's response body as data."""
        return {"error": {"message": str(self), "type": self.kind, "param": self.param, "code": self.status}}

    @property
    def body(self) -> str:
        """The engine's response body as JSON text, which the container sends as the message of its own error."""
        return json.dumps(self.error, separators=(",", ":"), ensure_ascii=False)


class StreamOptions(BaseModel):
    """Whether a stream has usage: in a last chunk (`include_usage`), and in every chunk."""

    include_usage: bool | None = False
    continuous_usage_stats: bool | None = False


@dataclass
class StructuredOutputsParams:
    """What the answer has to look like: one of six kinds. The names are part of the engine's errors."""

    json: str | dict | None = None
    regex: str | None = None
    choice: list[str] | None = None
    grammar: str | None = None
    json_object: bool | None = None
    disable_any_whitespace: bool = False
    disable_additional_properties: bool = False
    whitespace_pattern: str | None = None
    structural_tag: str | None = None
    _backend: str | None = field(default=None, init=False)
    _backend_was_auto: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        kinds = (self.json, self.regex, self.choice, self.grammar, self.json_object, self.structural_tag)
        given = sum(kind is not None for kind in kinds)
        if given != 1:
            must, found = ("can only", "multiple") if given else ("must", "none")
            one = f"You {must} use one kind of structured outputs constraint"
            raise ValueError(f"{one} but {found} are specified: {self.__dict__}")


@dataclass
class RepetitionDetectionParams:
    """When the engine stops an answer that repeats itself. Here it is checked, and has no effect."""


class EngineBody(BaseModel):
    """The parameters that the engine knows, in the order in which it lists errors. It ignores all others."""

    frequency_penalty: float | None = 0.0
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = False
    top_logprobs: int | None = 0
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = 1
    presence_penalty: float | None = 0.0
    response_format: dict[str, Any] | None = None
    seed: Annotated[int, Field(ge=-_64_BITS, le=_64_BITS - 1)] | None = None
    stop: str | list[str] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    reasoning_effort: Literal["none", "low", "medium", "high"] | None = None
    thinking_token_budget: int | None = None
    include_reasoning: bool = True
    parallel_tool_calls: bool | None = True
    user: str | None = None
    use_beam_search: bool = False
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    length_penalty: float = 1.0
    stop_token_ids: list[int] | None = []
    include_stop_str_in_output: bool = False
    ignore_eos: bool = False
    min_tokens: int = 0
    skip_special_tokens: bool = True
    spaces_between_special_tokens: bool = True
    truncate_prompt_tokens: Annotated[int, Field(ge=-1, le=_64_BITS - 1)] | None = None
    prompt_logprobs: int | None = None
    allowed_token_ids: list[int] | None = None
    bad_words: list[str] = []
    echo: bool = False
    add_generation_prompt: bool = True
    continue_final_message: bool = False
    add_special_tokens: bool = False
    documents: list[dict[str, str]] | None = None
    chat_template: str | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    media_io_kwargs: dict[str, dict[str, Any]] | None = None
    mm_processor_kwargs: dict[str, Any] | None = None
    structured_outputs: StructuredOutputsParams | None = None
    priority: Annotated[int, Field(ge=-_64_BITS, le=_64_BITS - 1)] = 0
    request_id: str = ""
    return_tokens_as_token_ids: bool | None = None
    return_token_ids: bool | None = None
    kv_transfer_params: dict[str, Any] | None = None
    vllm_xargs: dict[str, str | int | float | list[str | int | float]] | None = None
    repetition_detection: RepetitionDetectionParams | None = None

    @property
    def limit(self) -> int | None:
        """The maximum of completion tokens; None is the rest of the context.

        `max_completion_tokens` takes precedence over `max_tokens`.
        """
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def choices(self) -> int:
        """The number of choices."""
        return 1 if self.n is None else self.n


def accept(request: dict[str, Any], message_faults: tuple[list[Fault], int]) -> EngineBody:
    """Validate a request: parameters that depend on each other first, then the types of all.

    Args:
        request: the body that the container sends, with `model` and `messages`.
        message_faults: the errors of the messages, and the number that the engine counts.

    Raises:
        EngineError: for the first parameter that lacks another one, or with all errors of types.
    """
    _check_companions(request)
    faults, count = message_faults
    found: list[Fault] = []
    body = None
    try:
        body = EngineBody.model_validate(request, from_attributes=True)
    except ValidationError as error:
        found = _faults(error, request)
        count += error.error_count() - len(found)
    form = request.get("response_format")
    if isinstance(form, dict) and form.get("type", "text") not in _FORMATS:
        found += _format_faults(form)
    if body is None or faults or found:
        order = list(EngineBody.model_fields)
        found.sort(key=lambda fault: order.index(fault["loc"][1]))
        raise listed([*faults, *found], count + len(found))
    return body


def listed(faults: list[Fault], count: int | None = None) -> EngineError:
    """The engine's error with a list of validation errors. Long values and long lists are cut.

    Args:
        count: the number of errors in the message; None is the length of the list.
    """
    count = len(faults) if count is None else count
    lines = ""
    for each in faults:
        told = {**each, "loc": tuple(map(shown, each["loc"])), "input": shown(each["input"])}
        lines += f"  {told}\n"
        if len(lines) > _TOLD:
            break
    return EngineError(f"{count} validation error{'s' if count > 1 else ''}:\n{lines}", "Bad Request")


def missing(loc: tuple[Any, ...], value: Any) -> Fault:
    """The error of a member that is missing in `value`."""
    return {"type": "missing", "loc": loc, "msg": "Field required", "input": value}


def no_string(loc: tuple[Any, ...], value: Any) -> Fault:
    """The error of a value that is not a string."""
    return {"type": "string_type", "loc": loc, "msg": "Input should be a valid string", "input": value}


def no_literal(loc: tuple[Any, ...], expected: str, value: Any) -> Fault:
    """The error of a value that is none of the expected ones."""
    message = f"Input should be {expected}"
    return {"type": "literal_error", "loc": loc, "msg": message, "input": value, "ctx": {"expected": expected}}


def named(message: str, parameter: str, *value: Any) -> str:
    """A message that ends with the wrong parameter and perhaps its value."""
    return f"{message} (parameter={parameter}{''.join(f', value={shown(each)}' for each in value)})"


def _check_companions(request: dict[str, Any]) -> None:
    """Refuse parameters without those that they depend on, such as `top_logprobs` without `logprobs`.

    Raises:
        EngineError: for the first, in the engine's order.
    """
    salt, outputs, top = (request.get(name) for name in ("cache_salt", "structured_outputs", "top_logprobs"))
    if salt is not None and (not isinstance(salt, str) or not salt):
        raise _whole(request, "Parameter 'cache_salt' must be a non-empty string if provided.")
    if outputs is not None and not isinstance(outputs, dict):
        message = f"'{type(outputs).__name__}' object has no attribute 'get'"
        raise EngineError(message, "InternalServerError", status=500)
    if outputs and sum(outputs.get(name) is not None for name in ("json", "regex", "choice")) > 1:
        kinds = "('json', 'regex' or 'choice')"
        raise _whole(request, f"You can only use one kind of constraints for structured outputs {kinds}.")
    if isinstance(top, str):
        raise EngineError("'<' not supported between instances of 'str' and 'int'")
    of_prompt, stream = request.get("prompt_logprobs"), request.get("stream")
    if isinstance(of_prompt, str | list | dict):
        sign, kind = ">" if stream else "<", type(of_prompt).__name__
        raise EngineError(f"'{sign}' not supported between instances of '{kind}' and 'int'")
    if stream and isinstance(of_prompt, int | float) and (of_prompt > 0 or of_prompt == -1):
        raise _whole(request, "`prompt_logprobs` are not available when `stream=True`.", "prompt_logprobs")
    if isinstance(of_prompt, int | float) and of_prompt < -1:
        raise _whole(request, "`prompt_logprobs` must be a positive value or -1.", "prompt_logprobs", of_prompt)
    if isinstance(top, int | float) and top < -1:
        raise _whole(request, "`top_logprobs` must be a positive value or -1.", "top_logprobs", top)
    if isinstance(top, int | float) and (top > 0 or top == -1) and not request.get("logprobs"):
        raise _whole(request, "when using `top_logprobs`, `logprobs` must be set to true.", "top_logprobs")
    if request.get("stream_options") and not stream:
        raise _whole(request, "Stream options can only be defined when `stream=True`.", "stream_options")


def _whole(request: dict[str, Any], message: str, param: str | None = None, *value: Any) -> EngineError:
    """An error about the body as a whole, which the engine repeats in the message."""
    told = named(message, param, *value) if param else message
    error = listed([{"type": "value_error", "loc": ("body",), "msg": f"Value error, {told}", "input": request}])
    error.param = param
    return error


def _format_faults(form: dict[str, Any]) -> list[Fault]:
    """The errors of an unknown `response_format`: it is none of the three types, and no structural tag."""
    at = ("body", "response_format", "function-wrap[__log_extra_fields__()]")
    known, tag = (
        no_literal((*at, "type"), expected, form.get("type"))
        for expected in ("'text', 'json_object' or 'json_schema'", "'structural_tag'")
    )
    lacking = [missing((*at, name), form) for name in ("format", "structures", "triggers")]
    return [known, tag, lacking[0], tag, *lacking[1:]]


def _faults(error: ValidationError, request: dict[str, Any]) -> list[Fault]:
    """The errors; of many, those of the first members of each list and object, which fill the message."""
    if error.error_count() > _MANY:
        try:
            EngineBody.model_validate({name: shortened(value, _MANY // 5) for name, value in request.items()})
            return []
        except ValidationError as first:
            error = first
    return [_fault(each) for each in error.errors(include_url=False)]


def _fault(found: Any) -> Fault:
    """An error as the engine writes it: as a Python dictionary, whose location begins with `body`."""
    written = {"type": found["type"], "loc": ("body", *found["loc"]), "msg": found["msg"], "input": found["input"]}
    if "ctx" in found and "error" not in found["ctx"]:
        written["ctx"] = found["ctx"]
    return written

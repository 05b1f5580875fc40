"""What the engine of managed compute (vLLM) checks in a request that the container passes on to it.

The container has checked the parameters that it knows; here are those that reach the engine by pass-through, the rules
between parameters, the chat template and the length of the context. Places and words are those of vLLM 0.20.2, as
measured; the container sends the engine's whole error as the message of its own.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

MOST_LOGPROBS = 20  # of alternatives for a token
MOST_CHOICES = 16_384
_64_BITS = 2**63


class EngineError(Exception):
    """A request that the engine refuses.

    Attributes:
        status: the HTTP status, 400 unless the engine itself failed.
        kind: the engine's name for the error, such as `BadRequestError`.
        param: the offending parameter, if the engine names one.
    """

    def __init__(
        self, message: str, kind: str = "BadRequestError", param: str | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.param = status, kind, param

    @property
    def body(self) -> str:
        """The engine's JSON, which the container sends as a string."""
        error = {"message": str(self), "type": self.kind, "param": self.param, "code": self.status}
        return json.dumps({"error": error}, separators=(",", ":"), ensure_ascii=False)


class _Misplaced(ValueError):
    """A parameter without the one that it belongs to."""

    def __init__(self, message: str, parameter: str) -> None:
        super().__init__(f"{message} (parameter={parameter})")
        self.parameter = parameter


class StreamOptions(BaseModel):
    """What a stream carries besides its chunks."""

    include_usage: bool | None = False
    continuous_usage_stats: bool | None = False


class Passed(BaseModel):
    """The parameters that only the engine knows. Whatever else is passed on is ignored."""

    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = False
    top_logprobs: int | None = 0
    max_completion_tokens: int | None = None
    n: int | None = 1
    seed: Annotated[int, Field(ge=-_64_BITS, lt=_64_BITS)] | None = None
    stream_options: StreamOptions | None = None
    parallel_tool_calls: bool | None = True
    user: str | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    stop_token_ids: list[int] | None = []
    ignore_eos: bool = False
    min_tokens: int = 0
    skip_special_tokens: bool = True
    prompt_logprobs: int | None = None
    echo: bool = False
    add_generation_prompt: bool = True
    continue_final_message: bool = False

    @model_validator(mode="before")
    @classmethod
    def check_companions(cls, data: Any) -> Any:
        """Refuse what asks for a part of something that was not asked for."""
        top = data.get("top_logprobs")
        if isinstance(top, int) and top < -1:
            raise _Misplaced("`top_logprobs` must be a positive value or -1.", "top_logprobs")
        if isinstance(top, int) and (top == -1 or top > 0) and not data.get("logprobs"):
            raise _Misplaced("when using `top_logprobs`, `logprobs` must be set to true.", "top_logprobs")
        if data.get("stream_options") and not data.get("stream"):
            raise _Misplaced("Stream options can only be defined when `stream=True`.", "stream_options")
        return data


def accept(request: dict[str, Any]) -> Passed:
    """Check types and companions of everything that is sent to the engine.

    Raises:
        EngineError: with all faults of types, or with the first missing companion.
    """
    try:
        return _adapter().validate_python(request)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        lines = "".join(f"  {_written(fault)}\n" for fault in faults)
        count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''}"
        param = next((getattr(f.get("ctx", {}).get("error"), "parameter", None) for f in faults), None)
        raise EngineError(f"{count}:\n{lines}", "Bad Request", param) from None


@cache
def _adapter() -> TypeAdapter[Passed]:
    return TypeAdapter(Passed)


def _written(fault: Any) -> dict[str, Any]:
    """A fault as the engine prints it, a Python dictionary."""
    written = {"type": fault["type"], "loc": ("body", *fault["loc"]), "msg": fault["msg"], "input": fault["input"]}
    if "ctx" in fault and "error" not in fault["ctx"]:
        written["ctx"] = fault["ctx"]
    if fault["type"] == "less_than":  # the engine's bound is inclusive
        written |= {"type": "less_than_equal", "msg": f"Input should be less than or equal to {_64_BITS - 1}"}
        written["ctx"] = {"le": _64_BITS - 1}
    return written


def check_template(messages: list[dict[str, Any]]) -> None:
    """Refuse a conversation that the chat template of these models refuses: roles alternate, the user begins.

    Raises:
        EngineError: in the template's words, for the first message that is out of order.
    """
    for message in messages:
        parts = message.get("content")
        if isinstance(parts, list) and any(part.get("type") != "text" for part in parts):
            raise EngineError("MODEL is not a multimodal model")  # the container has the path of its model's files here
    for place, message in enumerate(messages):
        if (message["role"] == "user") != (place % 2 == 0):
            raise EngineError("Conversation roles must alternate user/assistant/user/assistant/...")
        if message["role"] not in ("user", "assistant"):
            raise EngineError("Only user and assistant roles are supported!")


def check_limit(max_tokens: int | None, context: int, parameter: str) -> None:
    """Refuse more tokens than the whole context has.

    Args:
        max_tokens: the most tokens to generate, None for what is left.
        context: how many tokens prompt and completion may have together.
        parameter: the name by which max_tokens was given.

    Raises:
        EngineError: in the engine's words.
    """
    if max_tokens is not None and max_tokens > context:
        raise _named(
            f"{parameter}={max_tokens} cannot be greater than max_model_len=max_total_tokens={context}. "
            "Please request fewer output tokens.",
            parameter,
            max_tokens,
        )


def check_length(prompt_tokens: int, max_tokens: int | None, context: int) -> None:
    """Refuse a prompt that leaves no room for the tokens it asks for. The engine stops counting where it is sure.

    Raises:
        EngineError: in the engine's words.
    """
    wanted = max_tokens or 0
    counted = context - wanted + 1
    if prompt_tokens >= counted:
        raise _named(
            f"This model's maximum context length is {context} tokens. However, you requested {wanted} output tokens "
            f"and your prompt contains at least {counted} input tokens, for a total of at least {counted + wanted} "
            "tokens. Please reduce the length of the input prompt or the number of requested output tokens.",
            "input_tokens",
            counted,
        )


def check_characters(prompt: str, max_tokens: int | None, context: int, longest_token: int) -> None:
    """Refuse a prompt whose characters alone say that it does not fit, before it is split into tokens.

    Raises:
        EngineError: in the engine's words.
    """
    wanted = max_tokens or 0
    most = (context - wanted) * longest_token
    if len(prompt) > most:
        raise _named(
            f"This model's maximum context length is {context} tokens. However, you requested {wanted} output tokens "
            f"and your prompt contains {len(prompt)} characters (more than {most} characters, which is the upper bound "
            f"for {context - wanted} input tokens). Please reduce the length of the input prompt or the number of "
            "requested output tokens.",
            "input_text",
            len(prompt),
        )


def check_sampling(request: dict[str, Any], passed: Passed, vocabulary: int) -> None:
    """Refuse values that the sampler does not take.

    Args:
        request: the parameters that the container knows, validated.
        passed: the others.
        vocabulary: the number of token ids.

    Raises:
        EngineError: for the first of them.
    """
    n, top_p, max_tokens = passed.n if passed.n is not None else 1, request.get("top_p", 1.0), request.get("max_tokens")
    max_tokens = passed.max_completion_tokens if passed.max_completion_tokens is not None else max_tokens
    biased = _token_ids(passed.logit_bias or {})
    if n < 1:
        raise EngineError(f"n must be at least 1, got {n}.")
    if n > MOST_CHOICES:
        raise EngineError(
            f"n must be at most {MOST_CHOICES}, got {n}. "
            "To increase this limit, set the VLLM_MAX_N_SEQUENCES environment variable."
        )
    if passed.repetition_penalty is not None and passed.repetition_penalty <= 0:
        raise EngineError(f"repetition_penalty must be greater than zero, got {passed.repetition_penalty}.")
    if not 0 < top_p <= 1:
        raise _named(f"top_p must be in (0, 1], got {top_p}.", "top_p", top_p)
    if passed.top_k is not None and passed.top_k < -1:
        raise EngineError(f"top_k must be 0 (disable), or at least 1, got {passed.top_k}.")
    if passed.min_p is not None and not 0 <= passed.min_p <= 1:
        raise EngineError(f"min_p must be in [0, 1], got {passed.min_p}.")
    if max_tokens is not None and max_tokens < 1:
        raise _named(f"max_tokens must be at least 1, got {max_tokens}.", "max_tokens", max_tokens)
    if passed.min_tokens < 0:
        raise EngineError(f"min_tokens must be greater than or equal to 0, got {passed.min_tokens}.")
    if max_tokens is not None and passed.min_tokens > max_tokens:
        raise EngineError(f"min_tokens must be less than or equal to max_tokens={max_tokens}, got {passed.min_tokens}.")
    stop = request.get("stop")
    if any(not word for word in ([stop] if isinstance(stop, str) else stop or [])):
        raise EngineError("stop cannot contain an empty string.")
    if request.get("temperature", 1.0) == 0 and n > 1:
        raise EngineError(f"n must be 1 when using greedy sampling, got {n}.")
    top = (passed.top_logprobs or 0) if passed.logprobs else 0
    top = vocabulary if top == -1 else top
    if top > MOST_LOGPROBS:
        message = f"Requested sample logprobs of {top}, which is greater than max allowed: {MOST_LOGPROBS}"
        raise _named(message, "logprobs", top)
    if outside := [token for token in biased if not 0 <= token < vocabulary]:
        raise _named(
            f"token_id(s) {outside} in logit_bias contain out-of-vocab token ids. Vocabulary size: {vocabulary}",
            "logit_bias",
            outside,
        )


def _token_ids(bias: dict[str, float]) -> list[int]:
    """The token ids of a logit bias.

    Raises:
        EngineError: for a name that is no whole number.
    """
    try:
        return [int(token) for token in bias]
    except ValueError as error:
        raise EngineError(str(error)) from None


def _named(message: str, parameter: str, value: Any) -> EngineError:
    """An error that names its parameter and the value, as the engine writes it."""
    return EngineError(f"{message} (parameter={parameter}, value={value})", param=parameter)

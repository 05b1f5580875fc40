"""The checks of managed compute's engine (vLLM) on a valid request: lengths, sampling parameters, and late errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.api_errors import shown
from mistral_on_azure.endpoint.serving import engine_messages
from mistral_on_azure.endpoint.serving.engine_messages import Turn, loaded
from mistral_on_azure.endpoint.serving.engine_request import EngineBody, EngineError, named

MOST_LOGPROBS = 20  # alternatives for a token
MOST_CHOICES = 16_384
# A longer prompt is refused with a message about its characters, a shorter one with a message about its tokens. That is
# measured with a context of 384 tokens, for 400,000 and for 5,000 characters; the value between them is a guess. With
# the contexts of these models, the engine probably names the tokens of both.
_BY_CHARACTERS = 300_000
_SCHEMA_TYPES = ("object", "string", "number", "integer", "array", "boolean", "null")
_UNTRUSTED = (
    "Chat template is passed with request, but --trust-request-chat-template is not set. Refused request with "
    "untrusted chat template."
)
_NO_BUDGET = (
    "thinking_token_budget is set but reasoning_config is not configured. Please set --reasoning-config to use "
    "thinking_token_budget."
)
_INCOMPATIBLE = (
    "continue_final_message and add_generation_prompt are not compatible. Use continue_final_message when you want the "
    "model to continue the final message, and add_generation_prompt when you want to add a header that will prompt it "
    "to start a new assistant message instead."
)


def check(messages: list[dict[str, Any]], turns: Sequence[Turn], body: EngineBody, deployment: Deployment) -> int:
    """Check a valid request as the engine does, and return the number of its prompt tokens.

    Args:
        messages: the messages as the container sends them.
        turns: their roles and texts, for the chat template.
        body: the parameters.
        deployment: whose context length and tokenizer count.

    Raises:
        EngineError: for the first error, with the message of the engine or of the chat template.
    """
    context, tokenizer = deployment.context, deployment.tokenizer
    _check_limit(body, context)
    engine_messages.check_template(messages)
    if body.continue_final_message and body.add_generation_prompt:
        raise EngineError(_INCOMPATIBLE)
    prompt = engine_messages.render(turns)
    _check_characters(prompt, body, context, engine_messages.LONGEST_TOKEN[tokenizer])
    prompt_tokens = engine_messages.count(turns, tokenizer)
    _check_length(prompt_tokens, len(prompt), body, context)
    _check_sampling(body)
    kept = body.truncate_prompt_tokens
    return prompt_tokens if kept is None or kept < 0 else min(kept, prompt_tokens)


def _check_limit(body: EngineBody, context: int) -> None:
    """Refuse a chat template in the request, and a maximum of completion tokens above the context."""
    if body.chat_template is not None:
        raise EngineError(_UNTRUSTED)
    limit, name = body.limit, "max_tokens" if body.max_completion_tokens is None else "max_completion_tokens"
    if limit is not None and limit > context:
        raise _named(
            f"{name}={limit} cannot be greater than max_model_len=max_total_tokens={context}. "
            "Please request fewer output tokens.",
            name,
            limit,
        )
    kept, room = body.truncate_prompt_tokens, context - (limit or 0)
    if kept is not None and kept > room:
        raise _named(
            f"truncate_prompt_tokens={kept} cannot be greater than max_model_len - max_tokens = {room}. "
            "Please request a smaller truncation size.",
            "truncate_prompt_tokens",
            kept,
        )


def _check_characters(prompt: str, body: EngineBody, context: int, longest_token: int) -> None:
    """Refuse an unpaired surrogate, and more characters than the context's tokens can have, before they are counted."""
    wanted = body.limit or 0
    most = (context - wanted) * longest_token
    if body.truncate_prompt_tokens is None and len(prompt) > most:
        raise _by_characters(len(prompt), wanted, context, most)
    if any("\ud800" <= character <= "\udfff" for character in prompt):
        raise EngineError("TextEncodeInput must be Union[TextInputSequence, Tuple[InputSequence, InputSequence]]")


def _check_length(prompt_tokens: int, characters: int, body: EngineBody, context: int) -> None:
    """Refuse a prompt that does not fit into the context together with the maximum of completion tokens.

    The message does not have the prompt's tokens but the lower bound at which the engine stops counting.
    """
    wanted = body.limit or 0
    counted = context - wanted + 1
    if body.truncate_prompt_tokens is not None or prompt_tokens < counted:
        return
    if characters > _BY_CHARACTERS:
        raise _by_characters(characters, wanted, context, _BY_CHARACTERS)
    raise _named(
        f"This model's maximum context length is {context} tokens. However, you requested {wanted} output tokens "
        f"and your prompt contains at least {counted} input tokens, for a total of at least {counted + wanted} "
        "tokens. Please reduce the length of the input prompt or the number of requested output tokens.",
        "input_tokens",
        counted,
    )


def _check_sampling(body: EngineBody) -> None:
    """Refuse the first sampling parameter out of range, in the engine's order."""
    _token_ids(body)
    n, limit, least, stop = body.choices, body.limit, body.min_tokens, body.stop
    temperature = 1.0 if body.temperature is None else body.temperature
    top_p = 1.0 if body.top_p is None else body.top_p
    top_k, min_p, repetition = body.top_k or 0, body.min_p or 0.0, body.repetition_penalty
    if n < 1:
        raise EngineError(f"n must be at least 1, got {n}.")
    if n > MOST_CHOICES:
        more = "To increase this limit, set the VLLM_MAX_N_SEQUENCES environment variable."
        raise EngineError(f"n must be at most {MOST_CHOICES}, got {n}. {more}")
    for name in ("presence_penalty", "frequency_penalty"):
        if abs(getattr(body, name) or 0.0) > 2:
            raise EngineError(f"{name} must be in [-2, 2], got {getattr(body, name)}.")
    if repetition is not None and repetition <= 0:
        raise EngineError(f"repetition_penalty must be greater than zero, got {repetition}.")
    if temperature < 0:
        raise _named(f"temperature must be non-negative, got {temperature}.", "temperature", temperature)
    if not 0 < top_p <= 1:
        raise _named(f"top_p must be in (0, 1], got {top_p}.", "top_p", top_p)
    if top_k < -1:
        raise EngineError(f"top_k must be 0 (disable), or at least 1, got {top_k}.")
    if not 0 <= min_p <= 1:
        raise EngineError(f"min_p must be in [0, 1], got {min_p}.")
    if limit is not None and limit < 1:
        raise _named(f"max_tokens must be at least 1, got {limit}.", "max_tokens", limit)
    if least < 0:
        raise EngineError(f"min_tokens must be greater than or equal to 0, got {least}.")
    if limit is not None and least > limit:
        raise EngineError(f"min_tokens must be less than or equal to max_tokens={limit}, got {least}.")
    if stop == "" or (isinstance(stop, list) and "" in stop):
        raise EngineError("stop cannot contain an empty string.")
    if temperature == 0 and n > 1:
        raise EngineError(f"n must be 1 when using greedy sampling, got {n}.")


def late_error(body: EngineBody, vocabulary: int) -> EngineError | None:
    """The error that the engine finds after the response has begun; in a stream it is sent as an event.

    Args:
        body: the parameters, which `check` has accepted.
        vocabulary: the number of token ids.
    """
    top = (body.top_logprobs or 0) if body.logprobs else 0
    top = vocabulary if top == -1 else top
    if top > MOST_LOGPROBS:
        message = f"Requested sample logprobs of {top}, which is greater than max allowed: {MOST_LOGPROBS}"
        return _named(message, "logprobs", top)
    if outside := [token for token in _token_ids(body) if not 0 <= token < vocabulary]:
        message = f"token_id(s) {shown(outside)} in logit_bias contain out-of-vocab token ids."
        return _named(f"{message} Vocabulary size: {vocabulary}", "logit_bias", outside)
    allowed = body.allowed_token_ids
    if allowed == []:
        return _named("allowed_token_ids is not None and empty!", "allowed_token_ids", allowed)
    if any(not 0 <= token < vocabulary for token in allowed or ()):
        return _named("allowed_token_ids contains out-of-vocab token id!", "allowed_token_ids", allowed)
    of_prompt = vocabulary if body.prompt_logprobs == -1 else body.prompt_logprobs or 0
    if of_prompt > MOST_LOGPROBS:
        message = f"Requested prompt logprobs of {of_prompt}, which is greater than max allowed: {MOST_LOGPROBS}"
        return _named(message, "prompt_logprobs", of_prompt)
    if body.thinking_token_budget is not None:
        return EngineError(_NO_BUDGET)
    if body.truncate_prompt_tokens == 0:
        return EngineError("The decoder prompt cannot be empty")
    return _late_constraint(body)


def _late_constraint(body: EngineBody) -> EngineError | None:
    """What is wrong with the form that the answer shall have. Grammars and regular expressions are not read.

    Raises:
        ApiError: for a schema, as text, that takes too long to decode.
    """
    outputs = body.structured_outputs
    if outputs is None:
        return None
    if outputs.choice == []:
        return EngineError("Choice '[]' cannot be an empty list")
    try:
        "".join(outputs.choice or ()).encode()  # an unpaired surrogate is in no token
        schema = loaded(outputs.json, "The schema is") if isinstance(outputs.json, str) else outputs.json
    except ValueError as error:
        return EngineError(str(error))
    kind = schema.get("type") if isinstance(schema, dict) else None
    if isinstance(kind, str) and kind not in _SCHEMA_TYPES:
        return EngineError(f"Grammar error: Invalid type: {kind}")
    return None


def _by_characters(characters: int, wanted: int, context: int, most: int) -> EngineError:
    return _named(
        f"This model's maximum context length is {context} tokens. However, you requested {wanted} output tokens "
        f"and your prompt contains {characters} characters (more than {most} characters, which is the "
        f"upper bound for {context - wanted} input tokens). Please reduce the length of the input prompt or the number "
        "of requested output tokens.",
        "input_text",
        characters,
    )


def _token_ids(body: EngineBody) -> list[int]:
    """The token ids in `logit_bias`.

    Raises:
        EngineError: for a key that is not a whole number.
    """
    try:
        return [int(token) for token in body.logit_bias or {}]
    except ValueError as error:
        raise EngineError(str(error)) from None


def _named(message: str, parameter: str, value: Any) -> EngineError:
    """An error whose message ends with the parameter and its value."""
    return EngineError(named(message, parameter, value), param=parameter)

"""What mistral-common counts and objects to in a conversation, and what the endpoint's own rules say to the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.models.mistral_rules import _telling, validated


def ours(messages: list[Any], tools: Sequence[Any] = ()) -> str | None:
    """The first objection of the endpoint's rules, None without one."""
    return objection_of(validated, messages, tools)


def objection_of(read: Callable[..., Any], messages: list[Any], tools: Sequence[Any]) -> str | None:
    """What a reader of messages objects to."""
    try:
        read(messages, list(tools) or [])
    except ApiError as error:
        return error.message
    return None


def theirs(messages: list[Any], tools: Sequence[Any] = ()) -> str | None:
    """The first objection of mistral-common, None without one."""
    from mistral_common.exceptions import MistralCommonException
    from mistral_common.protocol.instruct.request import ChatCompletionRequest
    from mistral_common.protocol.instruct.validator import MistralRequestValidatorV3, ValidationMode
    from pydantic import ValidationError

    try:
        request = ChatCompletionRequest(model="any", messages=messages, tools=list(tools) or None)
        MistralRequestValidatorV3(mode=ValidationMode.serving).validate_request(request)
    except ValidationError as error:
        first = _telling(error.errors())
        where = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part.islower())
        return f"{where}: {first['msg']}."
    except MistralCommonException as error:
        return str(error)
    return None


@cache
def tokenizer_of(name: str = "v3") -> Any:
    """A tokenizer of mistral-common: v3, v7 or tekken."""
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    return MistralTokenizer.v7() if name == "v7" else MistralTokenizer.v3(is_tekken=name == "tekken")


def their_count(messages: list[Any], tools: Sequence[Any] = (), name: str = "v3") -> int:
    """The prompt tokens that mistral-common counts."""
    from mistral_common.protocol.instruct.request import ChatCompletionRequest

    request = ChatCompletionRequest(messages=messages)
    if tools:
        request = ChatCompletionRequest.from_openai(messages, [*tools])  # which leaves out `prefix`
    return len(tokenizer_of(name).encode_chat_completion(request).tokens)

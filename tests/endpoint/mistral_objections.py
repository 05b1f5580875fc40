"""What mistral-common objects to in a conversation, and what the endpoint's own rules say to the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

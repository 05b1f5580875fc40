"""Mistral's rules for messages and tools, as mistral-common checks them and in its words."""

from __future__ import annotations

from typing import Any

from helpers.endpoint.errors import ApiError, invalid, not_supported

ALTERNATE = (
    "After the optional system message, conversation roles must alternate user and assistant "
    "(user/assistant/user/assistant/...)."
)


def explain(messages: list[Any]) -> ApiError:
    """Say what is wrong with messages, in the words of Mistral's own validator wherever it has any.

    mistral-common takes half a second to import, so only a request that is already known to be wrong, or one with
    tools, waits for it.
    """
    try:
        validated([_known(message) for message in messages])
        check_prefix(messages)
    except ApiError as error:
        return error
    return invalid(ALTERNATE, param="messages", code="invalid_messages")


def check_prefix(messages: list[dict[str, Any]]) -> None:
    """Refuse an answer to continue, which Mistral's own API can but these deployments cannot.

    Raises:
        ApiError: 422.
    """
    if messages[-1].get("prefix"):
        raise not_supported("messages", "prefix", "This deployment continues no assistant message: leave out prefix.")


def _telling(errors: list[Any]) -> Any:
    """Of the errors about the first thing that is wrong, the one that goes deepest: the others only say what it is not.

    A list of content with one bad part, for instance, is also not a string.
    """
    return max((error for error in errors if error["loc"][:2] == errors[0]["loc"][:2]), key=lambda e: len(e["loc"]))


def _known(message: Any) -> Any:
    """A message without members that nobody reads; they are not what is wrong with it."""
    if not isinstance(message, dict):
        return message
    return {
        name: message[name] for name in ("role", "content", "tool_calls", "tool_call_id", "prefix") if name in message
    }


def validated(messages: list[Any], tools: list[Any] | None = None) -> Any:
    """Check messages and tools with mistral-common, and return its `ChatCompletionRequest`.

    Raises:
        ApiError: 400 in mistral-common's words.
    """
    from mistral_common.exceptions import InvalidToolException, InvalidToolSchemaException, MistralCommonException
    from mistral_common.protocol.instruct.request import ChatCompletionRequest
    from mistral_common.protocol.instruct.validator import MistralRequestValidatorV3, ValidationMode
    from pydantic import ValidationError

    try:
        request = ChatCompletionRequest(model="any", messages=messages, tools=tools)
        return MistralRequestValidatorV3(mode=ValidationMode.serving).validate_request(request)
    except ValidationError as error:
        first = _telling(error.errors())
        where = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part.islower())
        param = "tools" if first["loc"][:1] == ("tools",) else "messages"
        raise invalid(f"{where}: {first['msg']}.", param=param, code=f"invalid_{param}") from None
    except (InvalidToolException, InvalidToolSchemaException) as error:
        raise invalid(str(error), param="tools", code="invalid_tools") from None
    except MistralCommonException as error:
        raise invalid(str(error), param="messages", code="invalid_messages") from None

"""Messages as the script reads them: checked as mistral-common does, the system message folded into a user message."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mistral_on_azure.endpoint.api_errors import ApiError, invalid, not_supported

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


@dataclass(frozen=True, slots=True)
class History:
    """What a conversation with tools has come to.

    Attributes:
        results: (tool, content) of the tool results that it ends with.
        earlier: what was said besides the last user message, by users and by tools, the latest first.
    """

    results: tuple[tuple[str, str], ...]
    earlier: tuple[str, ...]


@dataclass(slots=True)
class Conversation:
    """A checked conversation.

    Attributes:
        system: the system message, if there was one.
        turns: (role, text) as the model reads them, the system message folded into a user turn.
        prompt: the last user message, without the system message.
        history: what matters for calling tools, None where there are none.
    """

    system: str | None
    turns: tuple[tuple[str, str], ...]
    prompt: str
    history: History | None = None


def plain(messages: list[dict[str, Any]]) -> Conversation | None:
    """Read messages without tools; None for others and for a broken structure. Most requests get no further."""
    instructions: list[str] = []
    spoken: list[tuple[str, str]] = []
    try:
        for message in messages:
            role, text = message["role"], text_of(message["content"])
            if role == "system":
                instructions.append(text)
                continue
            expected = "assistant" if len(spoken) % 2 else "user"
            if role != expected or (role == "assistant" and not text):
                return None
            spoken.append((role, text))
    except (KeyError, TypeError, AttributeError):
        return None
    if len(spoken) % 2 == 0:
        return None
    if len(spoken) > 1 and (mentions_tools(messages) or _out_of_place(messages)):
        return None
    prompt = spoken[-1][1]
    system = "\n\n".join(instructions) or None
    if system:
        spoken[0] = ("user", f"{system}\n\n{spoken[0][1]}")
    return Conversation(system, tuple(spoken), prompt)


def mentions_tools(messages: list[Any]) -> bool:
    """Whether a conversation has tool calls or their results in it."""
    return any(
        isinstance(message, dict) and (message.get("tool_calls") or message.get("role") == "tool")
        for message in messages
    )


def _out_of_place(messages: list[dict[str, Any]]) -> bool:
    """Whether a system message follows an answer, or an answer is a prefix that the model should continue."""
    return any(message.get("prefix") for message in messages) or any(
        (one["role"], next_one["role"]) == ("assistant", "system") for one, next_one in pairwise(messages)
    )


def text_of(content: str | list[dict[str, Any]]) -> str:
    """The text of a message whose content is a string or a list of text parts.

    Raises:
        ApiError: 422 for a part that is not text.
    """
    if isinstance(content, str):
        return content
    for part in content:
        if part["type"] != "text":
            raise not_supported("messages", part["type"], f"This model reads text; it cannot read {part['type']!r}.")
        if not isinstance(part["text"], str):
            raise TypeError(part["text"])
    return "\n\n".join(part["text"] for part in content if part["text"])

"""Messages: checked as the serving stack checks them, the system message folded into the first user turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from helpers.endpoint.errors import ApiError, invalid, not_supported

ALTERNATE = (
    "After the optional system message, conversation roles must alternate user and assistant "
    "(user/assistant/user/assistant/...)."
)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A checked conversation.

    Attributes:
        system: the system message, if there was one.
        turns: (role, text) as the model reads them, the system message folded into the first user turn.
        prompt: the last user message, without the system message.
    """

    system: str | None
    turns: tuple[tuple[str, str], ...]
    prompt: str


def conversation(messages: list[dict[str, Any]]) -> Conversation:
    """Read the messages of a request.

    Raises:
        ApiError: 400 for a broken structure, 422 for content a text model cannot read.
    """
    try:
        turns = [(message["role"], text_of(message["content"])) for message in messages]
    except (KeyError, TypeError, AttributeError):
        raise explain(messages) from None
    system = "\n\n".join(text for role, text in turns if role == "system") or None
    spoken = [turn for turn in turns if turn[0] != "system"]
    expected = ("user", "assistant")
    orderly = all(role == expected[place % 2] and (text or role == "user") for place, (role, text) in enumerate(spoken))
    if not orderly or len(spoken) % 2 == 0:
        raise explain(messages)
    prompt = spoken[-1][1]
    if system:
        spoken[0] = ("user", f"{system}\n\n{spoken[0][1]}")
    return Conversation(system, tuple(spoken), prompt)


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
    return "\n\n".join(part["text"] for part in content)


def explain(messages: list[Any]) -> ApiError:
    """Say what is wrong with messages, in the words of Mistral's own validator wherever it has any.

    mistral-common takes a second to import, so only a request that is already known to be wrong waits for it.
    """
    from mistral_common.exceptions import MistralCommonException
    from mistral_common.protocol.instruct.request import ChatCompletionRequest
    from mistral_common.protocol.instruct.validator import MistralRequestValidatorV3, ValidationMode
    from pydantic import ValidationError

    try:
        request = ChatCompletionRequest(model="any", messages=messages)
        MistralRequestValidatorV3(mode=ValidationMode.serving).validate_request(request)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part.islower())
        return invalid(f"{where}: {first['msg']}.", param="messages", code="invalid_messages")
    except MistralCommonException as error:
        return invalid(str(error), param="messages", code="invalid_messages")
    return invalid(ALTERNATE, param="messages", code="invalid_messages")

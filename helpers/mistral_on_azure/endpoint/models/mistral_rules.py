"""Validates messages and tools as mistral-common does for the v3 format, with its error messages.

mistral-common itself brings images, audio and all tokenizers, 140 MB that this endpoint does not need. A test compares
the two on the same conversations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mistral_on_azure.endpoint.api_errors import broken, invalid

UNDEFINED = "null"  # mistral-common's id of a call without one
_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
_CALL_ID = re.compile(r"^[a-zA-Z0-9]{9}$")
_AFTER = {  # the roles that may follow a role; `_AFTER` in messages.py has the stricter rules of the chat template
    "system": ("user", "assistant", "system"),
    "user": ("assistant", "system", "user"),
    "assistant": ("assistant", "user", "tool"),
    "tool": ("assistant", "tool", "user"),
}


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True)


class _Text(_Form):
    type: Literal["text"]
    text: str


class _NoText(BaseModel):
    """A content part that is not text. It is valid here; `messages.text_of` refuses it."""

    type: Literal["image", "image_url", "input_audio", "audio_url", "thinking"]


_Content = str | list[Annotated[_Text | _NoText, Field(discriminator="type")]]


class _FunctionCall(_Form):
    name: str
    arguments: str

    @field_validator("arguments", mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        return json.dumps(value) if isinstance(value, dict) else "{}" if value is None else value


class _ToolCall(_Form):
    id: str = UNDEFINED
    type: Literal["function"] = "function"
    function: _FunctionCall


class _Function(_Form):
    name: str
    description: str = ""
    parameters: dict[str, Any]


class _Tool(_Form):
    type: Literal["function"] = "function"
    function: _Function


class _System(_Form):
    role: Literal["system"]
    content: _Content


class _User(_Form):
    role: Literal["user"]
    content: _Content


class _Assistant(_Form):
    role: Literal["assistant"]
    content: _Content | None = None
    tool_calls: list[_ToolCall] | None = None
    prefix: bool = False


class _Result(_Form):
    role: Literal["tool"]
    content: _Content
    tool_call_id: str | None = None
    name: str | None = None


Message = Annotated[_System | _User | _Assistant | _Result, Field(discriminator="role")]


class Request(_Form):
    """The messages and tools of a request."""

    messages: list[Message]
    tools: list[_Tool] | None = None


def validated(messages: list[Any], tools: list[Any] | None = None) -> Request:
    """Validate messages and tools.

    Raises:
        ApiError: 400 with mistral-common's message.
    """
    try:
        request = Request(messages=messages, tools=tools)
    except ValidationError as error:
        first = _telling(error.errors())
        where = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part.islower())
        param = "tools" if first["loc"][:1] == ("tools",) else "messages"
        raise invalid(f"{where}: {first['msg']}.", param=param, code=f"invalid_{param}") from None
    _check_order(request.messages)
    _check_results(request.messages)
    for place, message in enumerate(request.messages):
        _check_message(message, place == len(request.messages) - 1)
    for tool in request.tools or ():
        if not _NAME.match(tool.function.name):
            raise invalid(_name(tool.function.name), param="tools", code="invalid_tools")
    return request


def _telling(errors: list[Any]) -> Any:
    """The most specific error about the first wrong message or tool: the one with the longest location.

    For a list of content parts with one wrong part, for example, pydantic also reports that the list is not a string.
    """
    return max((error for error in errors if error["loc"][:2] == errors[0]["loc"][:2]), key=lambda e: len(e["loc"]))


def _name(name: str) -> str:
    allowed = "a-z, A-Z, 0-9, or contain underscores and dashes, with a maximum length of 64."
    return f"Function name was {name} but must be {allowed}"


def _check_order(messages: Sequence[Any]) -> None:
    if not messages:
        raise broken("Conversation must have at least one message")
    if len(messages) == 1 and messages[0].role not in ("user", "system"):
        raise broken("Conversation must start with a user message or system message")
    last = messages[-1]
    if len(messages) > 1 and last.role == "assistant" and not last.prefix:
        raise broken("Expected last role User or Tool (or Assistant with prefix) for serving but got assistant")
    earlier = messages[0].role
    for message in messages[1:]:
        if message.role not in _AFTER[earlier]:
            raise broken(f"Unexpected role '{message.role}' after role '{earlier}'")
        earlier = message.role


def _check_results(messages: Sequence[Any]) -> None:
    """Check that between two assistant messages there are as many tool results as tool calls."""
    missing = 0
    for message in messages[1:]:
        if message.role == "tool":
            missing -= 1
        elif message.role == "assistant":
            if missing:
                break
            missing = len(message.tool_calls or ())
    if missing:
        raise broken("Not the same number of function calls and responses")


def _check_message(message: Any, last: bool) -> None:
    if message.role == "tool":
        if message.tool_call_id is None:
            raise broken("Tool call id has to be defined.")
        _check_id(message.tool_call_id)
    if message.role != "assistant":
        return
    if bool(message.content) == bool(message.tool_calls):
        raise broken("Assistant message must have either content or tool_calls, but not both.")
    for call in message.tool_calls or ():
        if call.id == UNDEFINED:
            raise broken("Tool call id has to be defined in serving mode.")
        _check_id(call.id)
        if not _NAME.match(call.function.name):
            raise broken(_name(call.function.name))
    if message.prefix and not last:
        raise broken("Assistant message with prefix True must be last message")


def _check_id(identifier: str) -> None:
    if not _CALL_ID.match(identifier):
        raise broken(f"Tool call id was {identifier} but must be a-z, A-Z, 0-9, with a length of 9.")

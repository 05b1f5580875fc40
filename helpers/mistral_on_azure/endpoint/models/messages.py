"""Messages as the script reads them: checked as mistral-common does, the system message folded into a user message.

Neighbours of one role become one message, as in mistral-common. What the deployed chat template refuses beyond that is
decided here: which role may follow which (`_AFTER`), and what to do about another service's ids of tool calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mistral_on_azure.endpoint.api_errors import ApiError, invalid, not_supported

JOINT = "\n\n"  # between texts that become one
NO_MESSAGES = "The body has no messages: at least one is needed."
STARTS = "After the optional system message, a conversation must start with a user message."
_AFTER = {  # the roles that may follow a role; the first message follows ""
    "": {"system", "user"},
    "system": {"system", "user"},
    "user": {"user", "assistant"},
    "assistant": {"user", "assistant", "tool"},
    "tool": {"tool", "assistant"},
}
_ADVICE = {
    "system": ": a system message comes before all others.",
    "user": ": the assistant's answer to the tool's result comes between them.",
}
_FOREIGN = {  # roles of other services
    "developer": "send its text as the first message, with the role 'system'.",
    "function": "send the result with the role 'tool' and the tool_call_id of its call.",
}
_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")


def explain(messages: list[Any]) -> ApiError:
    """Say what is wrong with messages, in the words of Mistral's own validator wherever it has any."""
    from mistral_on_azure.endpoint.models.mistral_rules import validated  # with pydantic, which takes a while to import

    try:
        check_roles(messages)
        validated([_known(message) for message in messages])
        check_order(message["role"] for message in messages)
    except ApiError as error:
        return error
    return broken(STARTS)


def broken(message: str) -> ApiError:
    """400: messages break a rule."""
    return invalid(message, param="messages", code="invalid_messages")


def check_roles(messages: list[Any]) -> None:
    """Refuse roles of other services, and say what to send instead.

    Raises:
        ApiError: 400.
    """
    for place, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if isinstance(role, str) and role in _FOREIGN:
            raise broken(f"messages.{place}: there is no role {role!r} here; {_FOREIGN[role]}")


def check_order(roles: Iterable[str]) -> None:
    """Refuse a role that may not follow the one before it.

    Raises:
        ApiError: 400.
    """
    roles = list(roles)
    for earlier, role in pairwise(["", *roles]):
        if role in _AFTER[earlier]:
            continue
        if earlier in ("", "system"):
            raise broken(STARTS)
        raise broken(f"Unexpected role {role!r} after role {earlier!r}{_ADVICE.get(role, '.')}")
    if "user" not in roles:
        raise broken(STARTS)


def check_ids(messages: list[dict[str, Any]]) -> None:
    """Refuse ids of tool calls that Mistral's models cannot have written.

    Raises:
        ApiError: 400.
    """
    calls = (call for message in messages for call in message.get("tool_calls", ()))
    results = (message["tool_call_id"] for message in messages if "tool_call_id" in message)
    for identifier in (*(call["id"] for call in calls), *results):
        if isinstance(identifier, str) and identifier != "null" and not _CALL_ID.fullmatch(identifier):
            raise broken(
                f"Tool call id was {identifier[:64]} but must be a-z, A-Z, 0-9, with a length of 9. In a history from "
                "another service, give each call and its result the same new id of nine letters and digits."
            )


def _known(message: Any) -> Any:
    """A message without the members that the endpoint ignores, so that the validator objects to none of them."""
    if not isinstance(message, dict):
        return message
    return {
        name: message[name] for name in ("role", "content", "tool_calls", "tool_call_id", "prefix") if name in message
    }


@dataclass(frozen=True, slots=True)
class History:
    """The state of a conversation with tools.

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
        prefix: how the answer has to begin: a last assistant message with `prefix`.
    """

    system: str | None
    turns: tuple[tuple[str, str], ...]
    prompt: str
    history: History | None = None
    prefix: str = ""


def plain(messages: list[dict[str, Any]]) -> Conversation | None:
    """Read messages without tools; None for others and for a broken structure. Most requests get no further.

    Neighbours of one role become one turn.
    """
    instructions: list[str] = []
    spoken: list[tuple[str, str]] = []
    earlier = ""
    try:
        for message in messages:
            role, text = message["role"], text_of(message["content"])
            if role not in _AFTER[earlier] or (role == "assistant" and not text):
                return None
            if role == "system":
                instructions.append(text)
            elif role == earlier:
                spoken[-1] = (role, join((spoken[-1][1], text)))
            else:
                spoken.append((role, text))
            earlier = role
    except (KeyError, TypeError, AttributeError):
        return None
    if earlier != "user":
        return None
    if len(spoken) > 1 and (mentions_tools(messages) or any(message.get("prefix") for message in messages)):
        return None
    prompt = spoken[-1][1]
    system = JOINT.join(instructions) or None
    if system:
        spoken[0] = ("user", f"{system}{JOINT}{spoken[0][1]}")
    return Conversation(system, tuple(spoken), prompt)


def mentions_tools(messages: list[Any]) -> bool:
    """Whether a conversation has tool calls or their results in it."""
    return any(
        isinstance(message, dict) and (message.get("tool_calls") or message.get("role") == "tool")
        for message in messages
    )


def has_prefix(messages: list[Any]) -> bool:
    """Whether the last message is the beginning of the answer."""
    last = messages[-1] if messages else None
    return isinstance(last, dict) and last.get("role") == "assistant" and bool(last.get("prefix"))


def join(texts: Iterable[str]) -> str:
    """Texts of adjacent messages or parts as one; those that are empty leave no trace."""
    return JOINT.join(text for text in texts if text)


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
    return join(part["text"] for part in content)

"""Checks messages, refuses filtered prompts, adds the guardrail, and reads messages without tools as a conversation.

As in mistral-common, the system message is inserted into a user message, and adjacent messages of one role become one.
The deployed chat template refuses more than mistral-common: the order of roles (`_AFTER`) and ids of tool calls in
other services' formats are checked here.

On Azure, AI Content Safety refuses harmful prompts. The local endpoint refuses prompts that contain one of the texts in
the script's `[content_filter]`; the cookbook's script has a harmless sentence for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Any

from msgspec import Struct

from mistral_on_azure.endpoint.api_errors import ApiError, broken, not_supported

JOINT = "\n\n"  # separates texts that are joined
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
_FOREIGN = {  # roles of other services' APIs, and what to send instead
    "developer": "send its text as the first message, with the role 'system'.",
    "function": "send the result with the role 'tool' and the tool_call_id of its call.",
}
_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")


def explain(messages: list[Any]) -> ApiError:
    """The error for messages that break a rule, with the message of Mistral's validator if that refuses them, too."""
    from mistral_on_azure.endpoint.models.mistral_rules import validated  # with pydantic, which takes a while to import

    try:
        check_roles(messages)
        validated([_known(message) for message in messages])
        check_order(message["role"] for message in messages)
    except ApiError as error:
        return error
    return broken(STARTS)


def check_roles(messages: list[Any]) -> None:
    """Refuse roles of other services' APIs.

    Raises:
        ApiError: 400, which names the role to send instead.
    """
    for place, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if isinstance(role, str) and role in _FOREIGN:
            raise broken(f"messages.{place}: there is no role {role!r} here; {_FOREIGN[role]}")


def check_order(roles: Iterable[str]) -> None:
    """Refuse messages whose roles are not in the order that `_AFTER` allows, or that have no user message.

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
    """Refuse ids of tool calls that are not nine letters and digits, the format of Mistral's models.

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
    """A message without the members that the endpoint ignores, as the validator refuses unknown members."""
    if not isinstance(message, dict):
        return message
    return {
        name: message[name] for name in ("role", "content", "tool_calls", "tool_call_id", "prefix") if name in message
    }


@dataclass(frozen=True, slots=True)
class History:
    """The state of a conversation with tools.

    Attributes:
        results: (tool, content) of the tool results at the end of the conversation.
        earlier: the texts of users and tools before the last user message, and of these results, the latest first.
    """

    results: tuple[tuple[str, str], ...]
    earlier: tuple[str, ...]


class Conversation(Struct):
    """A checked conversation.

    Attributes:
        system: the system message; None if there is none.
        turns: (role, text) of each turn, with the system message inserted into a user turn.
        prompt: the last user message, without the system message.
        history: the state for tool calling; None for a conversation without tools.
        prefix: the text of a last assistant message with `prefix`, with which the completion begins.
    """

    system: str | None
    turns: tuple[tuple[str, str], ...]
    prompt: str
    history: History | None = None
    prefix: str = ""


def plain(messages: list[dict[str, Any]]) -> Conversation | None:
    """Read messages without tools, as most requests have them.

    Returns:
        The conversation; None for messages with tools or `prefix`, and for messages that break a rule.
    """
    if len(messages) <= 2 and (question := _single(messages)):
        return question
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


def _single(messages: list[Any]) -> Conversation | None:
    """Read a single question, with or without a system message, as most requests are; None for anything else."""
    try:
        first, last = messages[0], messages[-1]
        text = last["content"]
        if last["role"] != "user" or type(text) is not str:
            return None
        if first is last:
            return Conversation(None, (("user", text),), text)
        system = first["content"]
        if first["role"] == "system" and type(system) is str and system:
            return Conversation(system, (("user", f"{system}{JOINT}{text}"),), text)
    except (KeyError, TypeError, IndexError):
        pass
    return None


def mentions_tools(messages: list[Any]) -> bool:
    """Whether messages contain tool calls or tool results."""
    return any(
        isinstance(message, dict) and (message.get("tool_calls") or message.get("role") == "tool")
        for message in messages
    )


def has_prefix(messages: list[Any]) -> bool:
    """Whether the last message is an assistant message with `prefix`, which the completion continues."""
    last = messages[-1] if messages else None
    return isinstance(last, dict) and last.get("role") == "assistant" and bool(last.get("prefix"))


def join(texts: Iterable[str]) -> str:
    """Join the texts of adjacent messages or content parts with an empty line. Empty texts are left out."""
    return JOINT.join(text for text in texts if text)


def characters(messages: list[Any]) -> int:
    """The characters of all texts in messages, which need not be valid."""
    contents = [message.get("content") for message in messages if isinstance(message, dict)]
    parts = [part.get("text") for each in contents if isinstance(each, list) for part in each if isinstance(part, dict)]
    return sum(len(text.rstrip(" ")) for text in (*contents, *parts) if isinstance(text, str))  # as `count_prompt` does


def last_text(messages: Sequence[dict[str, Any]]) -> str:
    """The text of the last message; of several tool results at the end, all texts in their order, one below the other.

    Raises:
        ApiError: 422 for a part that is not text.
    """
    if messages[-1]["role"] != "tool":  # as in most requests
        return text_of(messages[-1].get("content") or "")
    results = [*takewhile(lambda message: message["role"] == "tool", reversed(messages))]
    return "\n".join(text_of(message.get("content") or "") for message in reversed(results))


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


def refuse_filtered(prompt: str, filtered: Sequence[str]) -> None:
    """Refuse a prompt that contains one of the filtered texts.

    Raises:
        ApiError: 400 with the service's message.
    """
    for text in filtered:
        if text in prompt:
            raise ApiError(400, "content_filter", "The response was filtered", param="messages")


GUARDRAIL = (
    "Always assist with care, respect, and truth. Respond with utmost utility yet securely. Avoid harmful, unethical, "
    "prejudiced, or negative content. Ensure replies promote fairness and positivity."
)


def guarded(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with Mistral's guardrail as an additional first system message (`safe_prompt`)."""
    return [{"role": "system", "content": GUARDRAIL}, *messages]

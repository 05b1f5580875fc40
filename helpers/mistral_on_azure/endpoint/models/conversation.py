"""Reads the messages of a request as a conversation, with or without tools, tool calls and their results.

Messages with tools are checked and normalized as by mistral-common. The turns of a conversation are the texts that
Mistral's v3 chat format encodes, so that their tokens add up to those of mistral-common's `encode_chat_completion`;
tests compare the two.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mistral_on_azure.endpoint.api_errors import broken, invalid
from mistral_on_azure.endpoint.models.messages import (
    JOINT,
    Conversation,
    History,
    check_ids,
    check_order,
    check_roles,
    explain,
    has_prefix,
    join,
    mentions_tools,
    plain,
    text_of,
)

MOST_TOOLS, MOST_MESSAGES = 256, 4_096  # bounds of a request with tools; tool calls count as messages
MOST_PARTS, DEEPEST = 6_000, 64  # values in the definitions of all tools, and levels of nesting


def conversation(messages: list[Any], tools: Sequence[Any] = ()) -> Conversation:
    """Read the messages of a request.

    Args:
        messages: the decoded `messages`.
        tools: the decoded `tools`.

    Raises:
        ApiError: 400 for messages or tools that break the rules, 422 for content that is not text.
    """
    if not tools:
        talk = plain(messages)
        if talk is not None:
            return talk
        if not mentions_tools(messages) and not has_prefix(messages):
            raise explain(messages)
    return _in_full(messages, tools)


def _in_full(messages: list[Any], tools: Sequence[Any]) -> Conversation:
    """Read messages with tools, tool calls or tool results, or with a last assistant message that has `prefix`.

    Raises:
        ApiError: 400 for messages or tools that break the rules or are too many, 422 for content that is not text.
    """
    from mistral_on_azure.endpoint.models.mistral_rules import validated  # with pydantic, which takes a while to import

    _check_size(messages, tools)
    check_roles(messages)
    try:
        clean = [_clean(message) for message in messages]
    except (KeyError, TypeError, AttributeError):
        raise explain(messages) from None
    definitions = [definition(tool, place) for place, tool in enumerate(tools)]
    try:
        check_ids(clean)
        request = validated(clean, [_without_schema(tool) for tool in definitions] or None)
        check_order(message["role"] for message in clean)
        _check_results(clean)
        turns = _turns(request.messages, definitions)
    except RecursionError:
        raise broken("The tools or the tool calls are nested too deeply.") from None
    except ValueError as error:
        raise broken(f"A tool call or a tool result cannot be read: {error}") from None
    roles = [message["role"] for message in clean]
    end = len(roles) - roles[::-1].index("user")
    begin = next((place + 1 for place in range(end - 1, -1, -1) if roles[place] != "user"), 0)
    return Conversation(
        system=JOINT.join(message["content"] for message in clean if message["role"] == "system") or None,
        turns=turns,
        prompt=join(message["content"] for message in clean[begin:end]),
        history=_history(clean, begin) if tools or mentions_tools(messages) else None,
        prefix=clean[-1]["content"] if has_prefix(clean) else "",
    )


def request_of(messages: list[Any], tools: Sequence[Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The messages and the tools with the members that Mistral's format has."""
    return [_clean(message) for message in messages], [definition(tool, place) for place, tool in enumerate(tools)]


def _history(messages: list[dict[str, Any]], last_user: int) -> History:
    """The state of a conversation with tools. `last_user` is the index of the first message in its last user turn."""
    calls = (call for message in messages for call in message.get("tool_calls", ()))
    called = {call["id"]: call["function"]["name"] for call in calls}
    ended = messages[last_user:] if messages[-1]["role"] == "tool" else ()
    answered = [message for message in ended if message["role"] == "tool"]
    said = [message["content"] for message in messages[:last_user] + answered if message["role"] in ("user", "tool")]
    return History(
        results=tuple((called[message["tool_call_id"]], message["content"]) for message in answered),
        earlier=tuple(reversed(said)),
    )


def _check_size(messages: Sequence[Any], tools: Sequence[Any]) -> None:
    """Refuse messages and tools that would take long to check.

    Raises:
        ApiError: 400.
    """
    if len(tools) > MOST_TOOLS:
        raise invalid(f"A request has at most {MOST_TOOLS} tools.", param="tools", code="invalid_tools")
    parts, level = 0, [*tools]
    for _ in range(DEEPEST):
        parts += len(level) + sum(len(part) // 100 for part in level if isinstance(part, str))
        if parts > MOST_PARTS:
            raise invalid(f"The tools have more than {MOST_PARTS} values.", param="tools", code="invalid_tools")
        holders = (part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list))
        level = [part for holder in holders for part in holder]
    if level:
        raise invalid("The tools are nested too deeply.", param="tools", code="invalid_tools")
    calls = (message.get("tool_calls") for message in messages if isinstance(message, dict))
    if len(messages) + sum(len(each) for each in calls if isinstance(each, list)) > MOST_MESSAGES:
        raise broken(f"A conversation with tools has at most {MOST_MESSAGES} messages and tool calls.")


def _without_schema(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool without its schema, which `tools/tool_schemas.py` checks in bounded time instead."""
    function = tool["function"]
    return {**tool, "function": {**function, "parameters": {}}} if isinstance(function["parameters"], dict) else tool


def definition(tool: Any, place: int) -> dict[str, Any]:
    """A tool with the members that Mistral's format has; others, which some clients add, are dropped.

    Args:
        tool: the decoded tool.
        place: its index, for the error message.

    Raises:
        ApiError: 400 for a value that is not an object with a function.
    """
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict):
        raise invalid(f"tools.{place}: a tool is an object with a function.", param="tools", code="invalid_tools")
    members = {name: function[name] for name in ("name", "description", "parameters") if function.get(name) is not None}
    return {"type": tool.get("type", "function"), "function": {"parameters": {}, **members}}


def _clean(message: dict[str, Any]) -> dict[str, Any]:
    """A message with the members that Mistral's format has. The text of a message with tool calls is dropped."""
    content = message.get("content")
    clean = {"role": message["role"], "content": content if content is None else text_of(content)}
    if message.get("prefix"):
        clean["prefix"] = message["prefix"]
    if message["role"] == "tool":
        clean["tool_call_id"] = message.get("tool_call_id")
    elif message["role"] == "assistant" and message.get("tool_calls"):
        clean["content"] = None
        clean["tool_calls"] = [
            {
                "id": call.get("id") or "null",  # mistral-common's value for a call without an id
                "type": call.get("type") or "function",
                "function": {name: call["function"].get(name) for name in ("name", "arguments")},
            }
            for call in message["tool_calls"]
        ]
    return clean


def _check_results(messages: list[dict[str, Any]]) -> None:
    """Check that every tool result has the id of an open call, which mistral-common does not check.

    Raises:
        ApiError: 400.
    """
    open_calls: Counter[str] = Counter()
    for message in messages:
        if message["role"] == "assistant":
            open_calls = Counter(call["id"] for call in message.get("tool_calls", ()))
        elif message["role"] == "tool":
            if not open_calls[message["tool_call_id"]]:
                raise broken(f"Unexpected tool call id {message['tool_call_id']} in tool results")
            open_calls[message["tool_call_id"]] -= 1


def _turns(read: Sequence[Any], definitions: Sequence[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """The turns (role, text) of checked messages, as the tokenizer encodes them one by one."""
    # An assistant's text right before its tool calls is dropped, as text in the same message is.
    heard = [
        message
        for message, after in zip(read, [*read[1:], None], strict=True)
        if not (message.role == "assistant" and getattr(after, "tool_calls", None))
    ]
    system = join(message.content for message in heard if message.role == "system")
    spoken: list[Any] = []
    for message in heard:
        if spoken and message.role == spoken[-1].role != "tool":
            joined = {"content": join((spoken[-1].content, message.content))}
            spoken[-1] = message.model_copy(update=joined)
        elif message.role != "system":
            spoken.append(message)
    last_user = max(place for place, message in enumerate(spoken) if message.role == "user")
    turns = tuple(
        turn
        for place, message in enumerate(spoken)
        for turn in (_last_user_turns(system, definitions, message.content) if place == last_user else _turn(message))
    )
    "".join(text for _, text in turns).encode()  # raises here, and not in the tokenizer, for an unpaired surrogate
    return turns


def _last_user_turns(system: str, definitions: Sequence[dict[str, Any]], content: str) -> Iterator[tuple[str, str]]:
    """The tools and the last user turn: v3 inserts the tools before it, and the system message at its beginning."""
    if definitions:
        order = {"name": "", "description": ""}  # of the members, before the parameters
        written = [{"type": each["type"], "function": {**order, **each["function"]}} for each in definitions]
        yield "tools", json.dumps(written, ensure_ascii=False)
    yield "user", f"{system}{JOINT}{content}" if system else content


def _turn(message: Any) -> Iterator[tuple[str, str]]:
    if message.role == "tool":
        result = {"content": _parsed(message.content), "call_id": message.tool_call_id}
        yield "result", json.dumps(result, ensure_ascii=False)
    elif message.role == "assistant" and message.tool_calls:
        yield "calls", calls_text((call.function.name, call.function.arguments, call.id) for call in message.tool_calls)
    elif message.role == "assistant" and message.prefix:
        yield "prefix", message.content
    else:
        yield message.role, message.content


def calls_text(calls: Iterable[tuple[str, str, str]]) -> str:
    """The JSON of tool calls (name, arguments, id) that the model generates after `[TOOL_CALLS]`."""
    written = [{"name": name, "arguments": _parsed(arguments), "id": call_id} for name, arguments, call_id in calls]
    return json.dumps(written, ensure_ascii=False)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except json.JSONDecodeError:
        return text


def with_system_turn(talk: Conversation) -> tuple[tuple[str, str], ...]:
    """The turns of a conversation with the system message as a separate turn, the format since v7."""
    if not talk.system:
        return talk.turns
    turns = list(talk.turns)
    folded = f"{talk.system}{JOINT}"
    found = (at for at, (role, text) in enumerate(turns) if role == "user" and text.startswith(folded))
    if (place := next(found, None)) is None:  # the guardrail of `safe_prompt` comes before it
        return talk.turns
    turns[place] = ("user", turns[place][1].removeprefix(folded))
    return (("system", talk.system), *turns)

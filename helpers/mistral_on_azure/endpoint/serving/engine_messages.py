"""Messages in managed compute's engine (vLLM): their types, tool calls, and the chat template that makes the prompt.

The engine validates a message against each kind of message in turn, and lists the errors of all of them. The lists here
have the engine's count and its first entries, and leave out the entries of kinds that do not help a reader.

The template is the one in these models' files until September 2024, in which user and assistant alternate. With the
tokenizer v1, `[INST]` is text that takes four tokens; v3 has a control token for it. `<s>` begins the prompt, and
`</s>` ends each assistant message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from mistral_on_azure.endpoint.api_errors import invalid, shown
from mistral_on_azure.endpoint.bounds import BoundedCache
from mistral_on_azure.endpoint.models.tokens import ids_of, size_of
from mistral_on_azure.endpoint.serving.engine_request import (
    EngineError,
    Fault,
    listed,
    missing,
    no_literal,
    no_string,
)
from mistral_on_azure.endpoint.transport.contents import check_size

_CALL = "ChatCompletionMessageFunctionToolCallParam"
_CUSTOM_CALL = "ChatCompletionMessageCustomToolCallParam"
_KINDS = ("developer", "system", "user", "assistant", "tool")
_NULL_CONTENT = {"system": 19, "user": 19, "tool": 18}  # errors that the engine counts for null as content, by role
_WRONG_NAME = 14  # errors that the engine counts for a name that is not a string
_SPECIAL = re.compile("</?s>|<unk>")  # also in the text of a message, as the template does not escape it
LONGEST_TOKEN = {"v1": 16, "v3": 18}  # characters: no prompt has more than this many for each of its tokens

Turn = tuple[str, str]  # role, which is user or assistant, and text


def message_faults(messages: list[dict[str, Any]]) -> tuple[list[Fault], int]:
    """The errors in the types of messages, and the number of errors that the engine counts.

    `content` may be left out, but must not be null except in an assistant message; `name` must be a string.
    """
    faults: list[Fault] = []
    count = 0
    for place, message in enumerate(messages):
        role = message["role"]
        null = "content" in message and message["content"] is None and role in _NULL_CONTENT
        named = message.get("name")
        wrong_name = named is not None and not isinstance(named, str)
        if not null and not wrong_name:
            continue
        count += _NULL_CONTENT[role] if null else _WRONG_NAME
        for kind in _KINDS:
            at = ("body", "messages", place, f"ChatCompletion{kind.title()}MessageParam")
            if null and kind != "assistant":
                faults.append(no_string((*at, "content", "str"), None))
                loc = (*at, "content", "generator[...]")
                faults.append({"type": "iterable_type", "loc": loc, "msg": "Input should be iterable", "input": None})
            if kind != role:
                faults.append(no_literal((*at, "role"), f"'{kind}'", role))
            if wrong_name:
                faults.append(no_string((*at, "name"), named))
    return faults, count


def check_calls(messages: list[dict[str, Any]]) -> None:
    """Check the tool calls of assistant messages.

    A call needs a `type`. Arguments that are a JSON object are refused: the container decodes them, and the engine
    requires a string.

    Raises:
        EngineError: for the first wrong call, with the engine's message.
        ApiError: for arguments that take too long to decode.
    """
    for message in messages:
        for place, call in enumerate(_calls(message)):
            arguments = _decoded(call["function"]["arguments"])
            function, custom = ("body", place, _CALL), ("body", place, _CUSTOM_CALL)
            if isinstance(arguments, dict):
                sent = {**call, "function": {**call["function"], "arguments": arguments}}
                kind = (*custom, "type")
                raise listed(
                    [
                        no_string((*function, "function", "arguments"), arguments),
                        missing((*custom, "custom"), sent),
                        no_literal(kind, "'custom'", call["type"]) if "type" in call else missing(kind, sent),
                    ]
                )
            if "type" not in call:
                lacking = ((*function, "type"), (*custom, "custom"), (*custom, "type"))
                raise listed([missing(loc, call) for loc in lacking])


def check_template(messages: list[dict[str, Any]]) -> None:
    """Check a conversation by the rules of the engine and of the models' chat template.

    Contents are checked first: arguments must be JSON, and content parts must be text. Then roles are checked: user and
    assistant must alternate, and the first message must be the user's.

    Raises:
        EngineError: for the first error, with the message of the engine or the template.
    """
    for message in messages:
        for call in _calls(message):
            _check_arguments(call["function"]["arguments"])
        for part in message["content"] if isinstance(message.get("content"), list) else []:
            _check_part(part)
    for place, message in enumerate(messages):
        if (message["role"] == "user") != (place % 2 == 0):
            raise EngineError("Conversation roles must alternate user/assistant/user/assistant/...")
        if message["role"] not in ("user", "assistant"):
            raise EngineError("Only user and assistant roles are supported!")


def render(turns: Sequence[Turn]) -> str:
    """The prompt as text, with the special tokens as text, too."""
    return "<s>" + "".join(f"[INST] {text} [/INST]" if role == "user" else f"{text}</s>" for role, text in turns)


def count(turns: Sequence[Turn], tokenizer: str) -> int:
    """The number of tokens of a rendered conversation.

    Args:
        tokenizer: v1 or v3.
    """
    if tokenizer == "v3":  # its markers are control tokens, which no text contains
        return 1 + sum(_tokens(text, "v3") + (2 if role == "user" else 1) for role, text in turns)
    parts = _SPECIAL.split(render(turns))
    return len(parts) - 1 + sum(_tokens(part, tokenizer) for part in parts)


_counts: BoundedCache[tuple[str, str], int] = BoundedCache(4_000_000)


def _tokens(text: str, tokenizer: str) -> int:
    if not text:
        return 0
    known = _counts.get((text, tokenizer))
    if known is None:
        known = _counts.keep((text, tokenizer), len(ids_of(text, tokenizer)), size_of(text, 0))
    return known


def _calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    return (message.get("tool_calls") or []) if message["role"] == "assistant" else []


def _decoded(arguments: Any) -> Any:
    """The arguments as the container sends them to the engine: decoded if they are JSON."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return loaded(arguments)
    except ValueError:
        return arguments


def loaded(text: str, what: str = "The arguments of a tool call are") -> Any:
    """Decode JSON that is a string of the request, within the bounds of a body.

    Args:
        what: what is nested too deeply, for the message.

    Raises:
        ValueError: for a text that is not JSON.
        ApiError: 413 for too many values, 400 for too deep nesting.
    """
    check_size(text.encode("utf-8", "surrogatepass"))
    try:
        return json.loads(text)
    except RecursionError:
        raise invalid(f"{what} nested too deeply.", code="invalid_json") from None


def _check_arguments(arguments: Any) -> None:
    if not isinstance(arguments, str) or not arguments:
        return
    try:
        loaded(arguments)
    except ValueError as error:
        raise EngineError(str(error)) from None


def _check_part(part: dict[str, Any]) -> None:
    if part["type"] in ("image_url", "audio_url"):
        raise EngineError("MODEL is not a multimodal model")  # for MODEL, the container has the path of its files
    if part["type"] != "text":
        raise EngineError(
            "8 validation errors for ValidatorIterator\n0.ChatCompletionContentPartTextParam.text\n  Field required "
            f"[type=missing, input_value={shown(part)}, input_type=dict]\n    For further information visit "
            "https://errors.pydantic.dev/2.12/v/missing"
        )

"""Calling tools: whether the model calls any of those a request offers, which, and with what.

Mixtral-8x22B decides by understanding; the local endpoint by the words that a tool and the conversation share. It
calls nothing it cannot give valid arguments, and the same request always gets the same calls.
"""

from __future__ import annotations

import hashlib
import json
import re
import string
from collections.abc import Iterator, Sequence
from typing import Any

from mistral_on_azure.endpoint.api_errors import not_supported
from mistral_on_azure.endpoint.models.conversation import calls_text
from mistral_on_azure.endpoint.models.messages import Conversation
from mistral_on_azure.endpoint.models.script import Call, Completion, cut
from mistral_on_azure.endpoint.models.tokens import processor
from mistral_on_azure.endpoint.models.tools.mentions import READ
from mistral_on_azure.endpoint.models.tools.parallel import MOST_CALLS, arguments_of_each
from mistral_on_azure.endpoint.models.tools.schemas import Unsatisfiable
from mistral_on_azure.endpoint.models.tools.toolbox import NAMED, Tool, offered

_CLAUSE = re.compile(r"(?<=[.?!;\n])\s+|,\s+|\s+(?=(?:and|then|also|plus)\s)")
_FOLLOW_UP = re.compile(r"\s*(?:and|what about|how about|also|now|same)\b", re.IGNORECASE)
_REMEMBERED = 20  # texts of a conversation, besides the prompt, that are searched for values
_FITS = 2  # the score from which a description, without the name, says that a tool is meant


def complete(talk: Conversation, parameters: dict[str, Any], index: int) -> Completion | None:
    """Answer where tools have a say: calls of them, or what they returned. None leaves the answer to the script.

    Raises:
        ApiError: 400 for tools or a choice among them that make no sense, 422 for a tool that must be called and
            whose schema nothing fits.
    """
    choice = parameters.get("tool_choice", "auto")
    tools = offered(parameters.get("tools") or (), choice)
    calls = _calls(talk, tools, index, forced=choice != "auto")
    if calls:
        alone = parameters.get("parallel_tool_calls") is False
        return _completion(calls[:1] if alone else calls, parameters)
    results = talk.history.results if talk.history else ()
    return cut(_report(results), parameters.get("max_tokens"), parameters.get("stop")) if results else None


def _calls(talk: Conversation, tools: Sequence[Tool], index: int, *, forced: bool) -> tuple[Call, ...]:
    """The calls that answer a conversation; none where text is the better answer."""
    if not tools or (talk.history.results and not forced):
        return ()
    answered = {name for name, _ in talk.history.results}
    tools = [tool for tool in tools if tool.name not in answered] or tools  # a tool that answered is not asked again
    prompt, earlier = talk.prompt[:READ], [text[:READ] for text in talk.history.earlier[:_REMEMBERED]]
    asked = _asked(prompt, earlier, tools)
    if forced and not asked:
        asked = [(max(tools, key=lambda tool: tool.score(prompt)), prompt)]
    made: dict[tuple[str, str], None] = {}  # a set that keeps its order
    for tool, text in asked:
        try:
            for arguments in arguments_of_each(tool, text, [other for other in (prompt, *earlier) if other != text]):
                made[tool.name, json.dumps(arguments, ensure_ascii=False)] = None
        except Unsatisfiable as error:
            if forced:
                why = f"The local endpoint found no arguments that fit the schema of {tool.name}: {error}."
                raise not_supported("tools", tool.name, why) from None
    seed = f"{talk.turns}|{index}"
    return tuple(Call(_id(f"{seed}|{place}|{call}"), *call) for place, call in enumerate([*made][:MOST_CALLS]))


def _asked(prompt: str, earlier: Sequence[str], tools: Sequence[Tool]) -> list[tuple[Tool, str]]:
    """Which tools a prompt asks for, each with the part of the prompt that does.

    A clause that names a tool begins a part; those after it that name none belong to it. A prompt that names no tool
    may still fit one by its description, or follow up on the question before.
    """
    parts: list[tuple[list[Tool], int]] = []
    for start, clause in _clauses(prompt):
        named = _named(clause, tools)
        said_already = parts and parts[-1][0] == named and any(tool.takes_all for tool in named)
        if named and not said_already:
            parts.append((named, start if parts else 0))
    if parts:
        starts = [start for _, start in parts]
        texts = [prompt[slice(*ends)] for ends in zip(starts, [*starts[1:], None], strict=True)]
        return [(tool, text) for (named, _), text in zip(parts, texts, strict=True) for tool in named]
    for place, text in enumerate([prompt, *(earlier if _FOLLOW_UP.match(prompt) else ())]):
        best = max(tools, key=lambda tool, text=text: tool.score(text))
        if best.score(text) >= (NAMED if place else _FITS):
            return [(best, prompt)]
    return []


def _named(clause: str, tools: Sequence[Tool]) -> list[Tool]:
    """The tools that a clause names; of several with a word in common, the one it names best."""
    named: list[Tool] = []
    taken: frozenset[str] = frozenset()
    for tool in sorted(tools, key=lambda tool: -tool.score(clause)):
        if tool.score(clause) >= NAMED and not tool.named_in(clause) & taken:
            named.append(tool)
            taken |= tool.named
    return named


def _clauses(prompt: str) -> Iterator[tuple[int, str]]:
    """The clauses of a prompt, each with its place."""
    start = 0
    for gap in _CLAUSE.finditer(prompt):
        yield start, prompt[start : gap.start()]
        start = gap.end()
    yield start, prompt[start:]


def _id(seed: str) -> str:
    """Nine letters and digits, as Mistral's ids have; the same for the same call of the same conversation."""
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest())
    alphabet = string.ascii_letters + string.digits
    return "".join(alphabet[number // len(alphabet) ** place % len(alphabet)] for place in range(9))


def _completion(calls: Sequence[Call], parameters: dict[str, Any]) -> Completion:
    """Calls as the model writes them; where a limit cuts them short they stay text, for they are no calls yet."""
    text = calls_text((call.name, call.arguments, call.id) for call in calls)
    limit = parameters.get("max_tokens")
    written = cut(text, limit and limit - 1, parameters.get("stop"))
    ids = (processor().piece_to_id("[TOOL_CALLS]"), *written.ids)
    if written.text == text:
        return Completion("", ids, (), "tool_calls", tuple(calls))
    return Completion(written.text, ids, ("", *written.pieces), written.finish_reason)


def _report(results: Sequence[tuple[str, str]]) -> str:
    """What the tools returned, in words that claim no more."""
    return "\n".join(f"The tool {name} returned: {content}" for name, content in results)

"""Decides which tools of a request the script calls, and with which arguments.

Unlike a language model, the script goes by words. A text asks for a tool if it has a word of the tool's name that is
longer than three letters (any word, if the name has only short ones). What a description means is not guessed.

A tool is called once, or once for each item of a list such as "Paris, Rome and Oslo" if no other value of the call is
a literal of the prompt. A tool takes a value that another one has taken only if there is no other. If the conversation
does not contain a required argument, the completion asks for it, unless `tool_choice` forces a call. The same request
always gets the same tool calls.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mistral_on_azure.endpoint.api_errors import invalid, not_supported
from mistral_on_azure.endpoint.bounds import BoundedCache
from mistral_on_azure.endpoint.models.conversation import definition
from mistral_on_azure.endpoint.models.messages import Conversation
from mistral_on_azure.endpoint.models.sampling import Completion, calling, cut
from mistral_on_azure.endpoint.models.tools.arguments import Arguments
from mistral_on_azure.endpoint.models.tools.patterns import BadSchema, Steps, Unsatisfiable
from mistral_on_azure.endpoint.models.tools.tool_schemas import ToolSchema
from mistral_on_azure.endpoint.models.tools.values import READ, Text, words

STEPS = 15_000  # budget of work for the tools of one request; a step takes a few microseconds
MOST_CALLS = 16  # tool calls of one completion
MOST_WRITTEN = 100_000  # characters of all arguments: a schema may repeat a long text at each reference to it
REMEMBERED = 4_000_000  # bytes of the cache of plans
_EARLIER = 20  # texts of a conversation, besides the prompt, that are searched for values


@dataclass(frozen=True, eq=False)
class Tool:
    """A tool of a request.

    Attributes:
        schema: the schema of its arguments.
        telling: the words of its name that are longer than three letters; all if none is.
    """

    name: str
    schema: ToolSchema
    telling: frozenset[str]


@dataclass(slots=True)
class Plan:
    """The decision on a request's tools: tool calls (name, arguments in JSON), or a question for a missing argument."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    question: str | None = None

    @property
    def size(self) -> int:
        """An upper bound of its bytes in memory."""
        return 800 + 4 * len(self.question or "") + 4 * sum(len(name) + len(written) for name, written in self.calls)


_plans: BoundedCache[bytes, Plan] = BoundedCache(REMEMBERED)  # by a digest of tools, tool_choice and conversation


def complete(talk: Conversation, parameters: dict[str, Any], index: int, tokenizer: str = "v3") -> Completion | None:
    """Make the completion of a conversation with tools, or return None where no tool applies.

    The completion has tool calls, a question for a missing argument, or a text that repeats the last tool results.

    Args:
        talk: the conversation.
        parameters: the request's validated parameters.
        index: the index of the choice.
        tokenizer: the tokenizer that counts the tokens.

    Raises:
        ApiError: 400 for invalid tools or an invalid `tool_choice`; 422 where a call is forced and no arguments that
            fit the tool's schema were found within the budget.
    """
    choice, offered = parameters.get("tool_choice", "auto"), parameters.get("tools") or ()
    tools = [definition(tool, place)["function"] for place, tool in enumerate(offered)]
    results = talk.history.results if talk.history else ()
    written = json.dumps([tools, choice, talk.prompt, talk.history and [results, talk.history.earlier[:_EARLIER]]])
    key = hashlib.blake2b(written.encode(), digest_size=16).digest()
    plan = _plans.get(key)
    if plan is None:
        plan = _plan(talk, tools, choice)
        _plans.keep(key, plan, plan.size)
    if plan.calls:
        return calling(plan.calls, f"{talk.turns}|{index}", parameters, tokenizer)
    text = plan.question or "\n".join(f"The tool {name} returned: {content}" for name, content in results)
    return cut(text, parameters.get("max_tokens"), parameters.get("stop"), tokenizer) if text else None


def _plan(talk: Conversation, offered: Sequence[dict[str, Any]], choice: str | dict[str, Any]) -> Plan:
    steps, forced = Steps(STEPS), choice not in ("auto", "none")
    tools = _chosen([_read_tool(function, steps) for function in offered], choice)
    if not tools or (talk.history.results and not forced):
        return Plan()
    answered = {name for name, _ in talk.history.results}
    tools = [tool for tool in tools if tool.name not in answered] or tools  # without tools that have a result
    texts = [Text(text, whole=forced) for text in (talk.prompt[:READ], *_nearest(talk.history.earlier))]
    plan, made, left = Plan(), dict[tuple[str, str], None](), MOST_WRITTEN  # `made` is an ordered set
    taken: set[tuple[str, int]] = set()
    try:
        for tool in _asked_for(tools, texts[0].text, forced=forced)[:MOST_CALLS]:
            filled = Arguments(tool.schema, texts, tool.telling, taken, forced)
            value = filled.value()
            if taken and (filled.missing or filled.invented):  # such as two calls for one city
                filled = Arguments(tool.schema, texts, tool.telling, set(), forced)
                value = filled.value()
            if filled.missing:
                plan.question = plan.question or _question(tool, filled.missing)
                continue
            taken |= filled.used
            for each in _each(texts[0], filled.used, value):
                if each == value or tool.schema.fits(tool.schema.root, each):
                    arguments = _written(each, left)
                    left -= len(arguments)
                    made[tool.name, arguments] = None
    except Unsatisfiable as error:
        if forced:
            names = ", ".join(tool.name for tool in tools[:3])
            why = f"The local endpoint found no arguments that fit the schema of {names}: {error}."
            raise not_supported("tools", names, why) from None
    plan.calls = [*made][:MOST_CALLS]
    return plan


def _written(value: dict[str, Any], most: int) -> str:
    """Encode arguments as JSON, and stop at a maximum of characters.

    Raises:
        Unsatisfiable: for more characters than `most`.
    """
    parts = []
    for part in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        parts.append(part)
        most -= len(part)
        if most < 0:
            raise Unsatisfiable(f"arguments have more than {MOST_WRITTEN:,} characters")
    return "".join(parts)


def _nearest(earlier: Sequence[str]) -> list[str]:
    """The texts before the prompt that are searched for values, the latest first, cut to 8,000 characters together."""
    left, found = READ, []
    for text in earlier[:_EARLIER]:
        found.append(text[:left])
        left -= len(found[-1])
    return found


def _question(tool: Tool, missing: Sequence[str]) -> str:
    names = " and ".join(dict.fromkeys(missing))
    return f"To call {tool.name} I need more than the conversation says: what is the {names}?"


def _each(prompt: Text, used: set[tuple[str, int]], value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The arguments of each call of a tool: of one call, or of one for each item of a list that the prompt has."""
    yield value
    taken = [(name, each) for each in prompt.literals if (prompt.text, each.start) in used for name in value]
    taken = [(name, each) for name, each in taken if value[name] == each.value]
    if len(taken) == 1:
        name, first = taken[0]
        yield from ({**value, name: item.value} for item in prompt.listed(first)[:MOST_CALLS])


def _read_tool(function: dict[str, Any], steps: Steps) -> Tool:
    """Read a tool and check its schema, within the budget for all work with the tool.

    Raises:
        ApiError: 400 for an invalid schema, or one that takes too many steps to read.
    """
    name, root = function["name"], function["parameters"]
    try:
        if "object" not in root.get("type", "object"):  # a type, or a list of them
            raise BadSchema("the type of a function's parameters must be object")
        schema = ToolSchema({**root, "type": "object"}, steps)
        schema.resolve(schema.root)
    except (BadSchema, Unsatisfiable) as error:
        raise invalid(f"Invalid tool schema of {name}: {error}.", param="tools", code="invalid_tools") from None
    named = words(name)
    telling = frozenset(word for word in named if len(word) > 3) or frozenset(named)
    return Tool(name, schema, telling)


def _chosen(tools: list[Tool], choice: str | dict[str, Any]) -> list[Tool]:
    """The tools that `tool_choice` allows.

    Raises:
        ApiError: 400 for a choice without tools, or of a tool that the request does not have.
    """
    if choice == "none":
        return []
    if choice != "auto" and not tools:
        raise invalid("tool_choice asks for a tool, but the request has no tools.", param="tool_choice")
    if not isinstance(choice, dict):
        return tools
    name = choice["function"]["name"]
    named = [tool for tool in tools if tool.name == name]
    if not named:
        names = ", ".join(tool.name for tool in tools)
        raise invalid(f"tool_choice names {name!r}, which is not among the tools: {names}.", param="tool_choice")
    return named


def _asked_for(tools: Sequence[Tool], prompt: str, *, forced: bool) -> list[Tool]:
    """The tools that a prompt asks for, in the order in which it names them.

    Of tools that it names by the same word, it asks for the one with most words in common. That is also the one that is
    called where one must be, and the prompt asks for none.
    """
    order = words(prompt)
    said = frozenset(order)
    ranked = sorted(tools, key=lambda tool: -len(said & tool.telling))
    named: list[Tool] = []
    taken: frozenset[str] = frozenset()
    for tool in ranked:
        if (common := tool.telling & said) and not common & taken:
            named.append(tool)
            taken |= tool.telling
    if not named and forced:
        return ranked[:1]
    return sorted(named, key=lambda tool: min(map(order.index, tool.telling & said)))

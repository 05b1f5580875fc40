"""Decides whether the script calls tools of a request, which ones, and with which arguments.

Unlike a language model, the script goes by words. It calls a tool whose name has a word in common with the prompt, or
whose description has two: once for each part of the prompt that names the tool, and once for each item of a list such
as "Paris, Rome and Oslo". If the conversation does not contain a required argument, the completion asks for it, unless
`tool_choice` forces a call. The same request always gets the same tool calls.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mistral_on_azure.endpoint.api_errors import not_supported
from mistral_on_azure.endpoint.bounds import BoundedCache
from mistral_on_azure.endpoint.models.conversation import definition
from mistral_on_azure.endpoint.models.messages import Conversation
from mistral_on_azure.endpoint.models.script import Completion, calling, cut
from mistral_on_azure.endpoint.models.tools.arguments import Arguments, Passage
from mistral_on_azure.endpoint.models.tools.literals import READ, Literal, words
from mistral_on_azure.endpoint.models.tools.offered_tools import Tool, chosen, parameters_of, read_tool, takes_all
from mistral_on_azure.endpoint.models.tools.patterns import Steps, Unsatisfiable
from mistral_on_azure.endpoint.models.tools.tool_schemas import kind_of

STEPS = 15_000  # budget of work for the tools of one request; a step takes a few microseconds
MOST_CALLS = 16  # tool calls of one completion
MOST_WRITTEN = 100_000  # characters of all arguments: a schema may repeat a long text at each reference to it
REMEMBERED = 4_000_000  # bytes of the cache of plans
_EARLIER = 20  # texts of a conversation, besides the prompt, that are searched for values
_CLAUSE = re.compile(r"(?<=[.?!;\n])\s+|,\s+|\s+(?=(?:and|then|also|plus)\s)")
_FOLLOW_UP = re.compile(r"\s*(?:and|what about|how about|also|now)\b", re.IGNORECASE)
_BETWEEN_ITEMS = re.compile(
    r"(?:\s(?:in|on|at|for|with)\s[\w-]+)?[\s,;&]*(?:(?:and|or|also|in|at|near|for|from|to|about|of)\b\s*)*"
)


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
    tools = chosen([read_tool(function, steps) for function in offered], choice)
    if not tools or (talk.history.results and not forced):
        return Plan()
    answered = {name for name, _ in talk.history.results}
    tools = [tool for tool in tools if tool.name not in answered] or tools  # without tools that have a result
    prompt, earlier = Passage(talk.prompt[:READ]), _nearest(talk.history.earlier)
    plan, made, left = Plan(), dict[tuple[str, str], None](), MOST_WRITTEN  # `made` is an ordered set
    try:
        asked = _asked(prompt, earlier, tools)
        if forced and not asked:
            said = frozenset(words(prompt.text))
            asked = [(max(tools, key=lambda tool: tool.score(said)), prompt)]
        for tool, passage in asked[:MOST_CALLS]:
            for filled, value in _each(tool, passage, [prompt, *map(Passage, earlier)], forced):
                if filled.missing:
                    plan.question = plan.question or _question(tool, filled.missing)
                else:
                    arguments = _written(value, left)
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


def _asked(whole: Passage, earlier: Sequence[str], tools: Sequence[Tool]) -> list[tuple[Tool, Passage]]:
    """The tools that a prompt asks for, each with the part of the prompt that names it.

    A clause that names a tool begins a part, to which the following clauses without a tool belong. If no clause names a
    tool, the tool whose description has most words in common with the prompt is taken, if there are at least two.
    """
    parts: list[tuple[list[Tool], int]] = []
    prompt, start = whole.text, 0
    for end, following in (*(gap.span() for gap in _CLAUSE.finditer(prompt)), (len(prompt), len(prompt))):
        named = _named(frozenset(words(prompt[start:end])), tools)
        if named and not (parts and parts[-1][0] == named and any(takes_all(tool) for tool in named)):
            parts.append((named, start if parts else 0))
        start = following
    if parts:
        ends = [*(start for _, start in parts[1:]), len(prompt)]
        return [(tool, whole.part(at, end)) for (named, at), end in zip(parts, ends, strict=True) for tool in named]
    for text in earlier if _FOLLOW_UP.match(prompt) else ():  # such as "And in Berlin?"
        for tool in _named(frozenset(words(text)), tools):
            return [(tool, whole)]
    said = frozenset(words(prompt))
    best = max(tools, key=lambda tool: tool.score(said))
    return [(best, whole)] if best.score(said) >= 2 else []


def _named(said: frozenset[str], tools: Sequence[Tool]) -> list[Tool]:
    """The tools that a clause names; of several with the same word in their names, the one with the highest score."""
    named: list[Tool] = []
    taken: frozenset[str] = frozenset()
    for tool in sorted(tools, key=lambda tool: -tool.score(said)):
        if tool.distinctive & said and not tool.distinctive & said & taken:
            named.append(tool)
            taken |= tool.named
    return named


def _each(
    tool: Tool, passage: Passage, whole: Sequence[Passage], forced: bool
) -> Iterator[tuple[Arguments, dict[str, Any]]]:
    """The arguments of each call of a tool that a passage asks for: one call, or one for each item of a list."""

    def fill(about: Passage, elsewhere: Sequence[Passage]) -> tuple[Arguments, dict[str, Any]]:
        filled = Arguments(tool.schema, about, elsewhere, tool.named, forced)
        return filled, filled.value()

    filled, value = fill(passage, whole)
    items = _items(passage, filled.used, value.get(_subject(tool)))
    if len(items) < 2:
        yield filled, value
        return
    starts = [passage.start, *(item.start for item in items[1:])]
    for start, end in zip(starts, [*starts[1:], passage.end], strict=True):
        one, own = fill(passage.part(start, end), [passage, *whole])
        both = {**value, **own}  # a value that stands once, such as "in celsius", applies to all items
        yield one, both if tool.schema.fits(tool.schema.root, both) else own


def _subject(tool: Tool) -> str | None:
    """The parameter that takes the items of a list, one a call: the only one that is no boolean and no enumeration."""
    plain = [name for name, each in parameters_of(tool).items() if kind_of(each) != "boolean" and "enum" not in each]
    return plain[0] if len(plain) == 1 and not takes_all(tool) else None


def _items(passage: Passage, used: set[tuple[str, int]], value: Any) -> list[Literal]:
    """The list of literals, such as "Paris, Rome and Oslo", from which a value was taken."""
    alike: list[Literal] = []
    for each in passage.literals:
        if each.value == value and (passage.text, each.start) in used:
            alike = sorted((one for one in passage.literals if one.kind == each.kind), key=lambda one: one.start)
    runs: list[list[Literal]] = []
    for each in alike:
        if runs and _BETWEEN_ITEMS.fullmatch(passage.text, runs[-1][-1].end, each.start):
            runs[-1].append(each)
        else:
            runs.append([each])
    return next((run[:MOST_CALLS] for run in runs if any(each.value == value for each in run)), [])

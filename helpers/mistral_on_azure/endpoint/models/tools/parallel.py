"""Parallel calls: one call for each of the things a prompt lists, as in "the weather in Paris and in Rome"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mistral_on_azure.endpoint.models.tools.arguments import Arguments
from mistral_on_azure.endpoint.models.tools.mentions import Mention, coordinated, mentions
from mistral_on_azure.endpoint.models.tools.said import Place
from mistral_on_azure.endpoint.models.tools.schemas import kind_of
from mistral_on_azure.endpoint.models.tools.toolbox import Tool

MOST_CALLS = 16


def arguments_of_each(tool: Tool, text: str, elsewhere: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The arguments of each call that a text asks of one tool.

    Args:
        tool: the tool.
        text: the part of the prompt that asks for it.
        elsewhere: the other texts of the conversation, the nearest first.

    Raises:
        Unsatisfiable: when no arguments fit the tool's schema.
    """
    whole, *others = (Place(each, 0, len(each)) for each in (text, *elsewhere))
    first = Arguments(tool.schema, whole, others, tool.named)
    value = first.value()
    items = _items(text, first.used, value.get(_subject(tool)))
    if len(items) < 2:
        yield value
        return
    starts = [0, *(item.span[0] for item in items[1:])]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        own = Arguments(tool.schema, Place(text, start, end), [whole, *others], tool.named).value()
        both = {**value, **own}  # what is said once, as "in celsius" often is, is meant for all
        yield own if tool.schema.fault(both) else both


def _subject(tool: Tool) -> str | None:
    """The parameter that a call is about, if there is just one: then several things are several calls."""
    plain = [
        name
        for name, schema in tool.parameters.items()
        if kind_of(schema) in ("string", "integer", "number") and "enum" not in schema
    ]
    return plain[0] if len(plain) == 1 and not tool.takes_all else None


def _items(text: str, used: set[Place], value: Any) -> list[Mention]:
    """The list of things in a text, such as "Paris, Rome and Berlin", that a value was taken from."""
    taken = next((each for each in mentions(text) if each.value == value and Place(text, *each.span) in used), None)
    if taken is None:
        return []
    alike = sorted((each for each in mentions(text) if each.kind == taken.kind), key=lambda each: each.span)
    items = [taken]
    for each in alike[alike.index(taken) + 1 :]:
        if not coordinated(text, items[-1], each):
            break
        items.append(each)
    for each in reversed(alike[: alike.index(taken)]):
        if not coordinated(text, each, items[0]):
            break
        items.insert(0, each)
    return items[:MOST_CALLS]

"""The tools of a request: checks them, applies `tool_choice`, and finds those that a text asks for.

A text asks for a tool if it has a word of the tool's name that is longer than three letters (any word, if the name has
only short ones). If it has none of any tool, it asks for the tool with whose description and parameters it has most
words of at least five letters in common, if these are two or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mistral_on_azure.endpoint.api_errors import invalid
from mistral_on_azure.endpoint.models.tools.literals import words
from mistral_on_azure.endpoint.models.tools.patterns import Steps, Unsatisfiable
from mistral_on_azure.endpoint.models.tools.tool_schemas import BadSchema, ToolSchema


@dataclass(frozen=True, eq=False)
class Tool:
    """A tool of a request.

    Attributes:
        schema: the schema of its arguments.
        telling: the words of its name that are longer than three letters; all if none is.
        described: the words of at least five letters in its description and in the names of its parameters.
    """

    name: str
    schema: ToolSchema
    telling: frozenset[str]
    described: frozenset[str]

    def score(self, said: frozenset[str]) -> int:
        """The words that a text has in common with the tool: 3 for each telling one, 1 for each other one."""
        self.schema.steps.take(3)
        return 3 * len(said & self.telling) + len(said & (self.described - self.telling))


def read_tool(function: dict[str, Any], steps: Steps) -> Tool:
    """Read a tool and check its schema.

    Args:
        function: the tool's function, with `name` and `parameters`.
        steps: the budget for this and all later work with the tool.

    Raises:
        ApiError: 400 for an invalid schema, or one that takes too many steps to read.
    """
    name, root = function["name"], function["parameters"]
    try:
        if "object" not in root.get("type", "object"):  # a type, or a list of them
            raise BadSchema("the type of a function's parameters must be object")
        schema = ToolSchema({**root, "type": "object"}, steps)
        resolved = schema.resolve(schema.root)
    except (BadSchema, Unsatisfiable) as error:
        raise invalid(f"Invalid tool schema of {name}: {error}.", param="tools", code="invalid_tools") from None
    named = words(name)
    described = words(" ".join([function.get("description", ""), *resolved.get("properties", ())]))
    telling = frozenset(word for word in named if len(word) > 3) or frozenset(named)
    return Tool(name, schema, telling, frozenset(word for word in described if len(word) > 4))


def chosen(tools: list[Tool], choice: str | dict[str, Any]) -> list[Tool]:
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


def asked_for(tools: Sequence[Tool], prompt: str, *, forced: bool) -> list[Tool]:
    """The tools that a prompt asks for, in the order in which it names them.

    Of tools that it names by the same word, it asks for the one with the highest score.

    Args:
        tools: at least one tool.
        forced: whether a tool must be called: the one with the highest score, if the prompt asks for none.
    """
    order = words(prompt)
    said = frozenset(order)
    ranked = sorted(tools, key=lambda tool: -tool.score(said))
    named: list[Tool] = []
    taken: frozenset[str] = frozenset()
    for tool in ranked:
        if (common := tool.telling & said) and not common & taken:
            named.append(tool)
            taken |= tool.telling
    if not named and (forced or ranked[0].score(said) >= 2):
        return ranked[:1]
    return sorted(named, key=lambda tool: min(map(order.index, tool.telling & said)))

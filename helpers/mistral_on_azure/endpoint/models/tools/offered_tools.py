"""The tools of a request: checks them, applies `tool_choice`, and scores how well a text matches a tool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mistral_on_azure.endpoint.api_errors import invalid
from mistral_on_azure.endpoint.models.tools.literals import words
from mistral_on_azure.endpoint.models.tools.patterns import Steps, Unsatisfiable
from mistral_on_azure.endpoint.models.tools.tool_schemas import BadSchema, ToolSchema, kind_of

_VERBS = frozenset(
    words("get fetch find list show create make add check set update read write run open query look lookup retrieve do")
    + words("current new tool function use")
)
_SAYING_LITTLE = frozenset(
    words("with from that this given some about what when have your their into value information")
)


@dataclass(frozen=True, eq=False)
class Tool:
    """A tool of a request.

    Attributes:
        schema: the schema of its arguments.
        named: the words of its name.
        distinctive: the words of its name without common verbs such as "get"; all words if nothing else is left.
        described: the longer words of its name, of its description and of the names of its parameters.
    """

    name: str
    schema: ToolSchema
    named: frozenset[str]
    distinctive: frozenset[str]
    described: frozenset[str]

    def score(self, said: frozenset[str]) -> int:
        """The words that a text has in common with the tool: 3 for each distinctive word, 1 for each other one."""
        self.schema.steps.take(3)
        return 3 * len(said & self.distinctive) + len(said & (self.described - self.distinctive))


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
    named = frozenset(words(name))
    described = words(" ".join([name, function.get("description", ""), *resolved.get("properties", ())]))
    telling = {word for word in described if len(word) > 3} - _SAYING_LITTLE - (_VERBS - named)
    return Tool(name, schema, named, named - _VERBS or named, frozenset(telling))


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


def parameters_of(tool: Tool) -> dict[str, dict[str, Any]]:
    """The resolved schemas of the required parameters by name, or of all if none is required."""
    schema = tool.schema.resolve(tool.schema.root)
    properties, required = schema.get("properties", {}), schema.get("required", ())
    return {name: tool.schema.resolve(properties[name]) for name in properties if name in required or not required}


def takes_all(tool: Tool) -> bool:
    """Whether one call can take several values, because a parameter is a list or an object."""
    return any(kind_of(schema) in ("array", "object") for schema in parameters_of(tool).values())

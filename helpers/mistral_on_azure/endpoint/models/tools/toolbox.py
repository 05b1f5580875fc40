"""The tools of a request: read and checked, chosen among as `tool_choice` says, and compared with what is said."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mistral_on_azure.endpoint.api_errors import invalid
from mistral_on_azure.endpoint.models.conversation import definition
from mistral_on_azure.endpoint.models.tools.mentions import VOCABULARY, stem, stems, telling
from mistral_on_azure.endpoint.models.tools.schemas import BadSchema, Schema, Unsatisfiable, kind_of

NAMED = 3  # the score of a text that has a word of a tool's name

_GENERIC = stems(VOCABULARY["generic"])
_MEANT = {word: stem(name) for name, words in VOCABULARY["same"].items() for word in words.split()}


@dataclass(frozen=True)
class Tool:
    """A tool: its schema, the words of its name, and those of its description and parameters."""

    name: str
    schema: Schema
    named: frozenset[str]
    described: frozenset[str]

    def score(self, text: str) -> int:
        """How well a text fits: 3 for a word of the name, 1 for a verb that many names have or any other word."""
        return NAMED * len(self.named_in(text)) + len(_spoken(text) & (self.named | self.described) - self._distinctive)

    def named_in(self, text: str) -> frozenset[str]:
        """The words of the name that a text has, verbs that many names have aside."""
        return _spoken(text) & self._distinctive

    @property
    def _distinctive(self) -> frozenset[str]:
        return self.named - _GENERIC or self.named

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """The parameters a call needs, or all of them if it needs none in particular."""
        schema = self.schema.resolve(self.schema.root)
        properties, required = schema.get("properties", {}), schema.get("required", ())
        return {name: self.schema.resolve(properties[name]) for name in properties if name in required or not required}

    @property
    def takes_all(self) -> bool:
        """Whether one call can say it all, because a parameter is a list or an object."""
        return any(kind_of(schema) in ("array", "object") for schema in self.parameters.values())


@lru_cache(maxsize=4096)
def _spoken(text: str) -> frozenset[str]:
    """The stems that say what a text is about, with what they stand for: an umbrella is about the weather."""
    text = re.sub(r"(?<=\d) times (?=\d)", " * ", text)  # times, but not the plural of time
    return telling(text) | {_MEANT[word] for word in re.findall(r"\w+|[*/+]", text.lower()) if word in _MEANT}


def offered(tools: Sequence[Any], choice: str | dict[str, Any]) -> list[Tool]:
    """The tools of a request that its `tool_choice` leaves.

    Raises:
        ApiError: 400 for a tool that is none, for a choice without tools, or of a tool that is not there.
    """
    known = [_read(json.dumps(definition(tool, place))) for place, tool in enumerate(tools)]
    if choice == "none":
        return []
    if choice != "auto" and not known:
        raise invalid("tool_choice asks for a tool, but the request has no tools.", param="tool_choice")
    if not isinstance(choice, dict):
        return known
    name = choice["function"]["name"]
    named = [tool for tool in known if tool.name == name]
    if not named:
        names = ", ".join(tool.name for tool in known)
        raise invalid(f"tool_choice names {name!r}, which is not among the tools: {names}.", param="tool_choice")
    return named


@lru_cache(maxsize=256)
def _read(written: str) -> Tool:
    """Read a tool's definition, once for the many requests that an agent sends with it.

    Raises:
        ApiError: 400 for a schema that is none.
    """
    function = json.loads(written)["function"]
    name, root = function["name"], function["parameters"]
    try:
        if "object" not in root.get("type", "object"):  # a type, or a list of them
            raise BadSchema("the parameters of a function are an object")
        schema = Schema({**root, "type": "object"})
        schema.resolve(schema.root)
        members = telling(json.dumps(_enumerated(root)))
    except (BadSchema, Unsatisfiable, RecursionError) as error:
        raise invalid(f"Invalid tool schema of {name}: {error}.", param="tools", code="invalid_tools") from None
    described = " ".join([function.get("description", ""), *root.get("properties", ())])
    return Tool(name, schema, telling(name) or stems(name), telling(described) | members)


def _enumerated(schema: Any) -> list[Any]:
    """The members of all enumerations in a schema."""
    if isinstance(schema, list):
        return [member for part in schema for member in _enumerated(part)]
    if not isinstance(schema, dict):
        return []
    own = schema.get("enum")
    return (own if isinstance(own, list) else []) + _enumerated(list(schema.values()))

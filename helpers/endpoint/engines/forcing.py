"""Forced calls: for an engine that can be made to follow a JSON schema, but not to call the tool it has to."""

from __future__ import annotations

from typing import Any

from helpers.endpoint.completions import new_id


def forced(parameters: dict[str, Any]) -> dict[str, Any] | None:
    """The function that has to be called, None where the model may answer in text."""
    tools, choice = parameters.get("tools") or [], parameters.get("tool_choice", "auto")
    if not tools or choice in ("auto", "none"):
        return None
    wanted = choice["function"]["name"] if isinstance(choice, dict) else None
    return next((tool["function"] for tool in tools if wanted in (None, tool["function"]["name"])), None)


def schema_of_call(parameters: dict[str, Any]) -> dict[str, Any]:
    """What asks an engine for the arguments of the forced call as text; nothing where no call is forced."""
    tool = forced(parameters)
    if tool is None:
        return {}
    schema = tool.get("parameters") or {"type": "object"}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": tool["name"], "schema": schema}}}


def as_call(tool: dict[str, Any], arguments: str) -> dict[str, Any]:
    """The message that calls a function with these arguments."""
    function = {"name": tool["name"], "arguments": arguments}
    return {"content": None, "tool_calls": [{"id": new_id()[:9], "type": "function", "function": function}]}

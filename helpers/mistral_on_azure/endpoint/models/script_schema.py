"""The JSON schema of script files, generated from the types with which they are read."""

from __future__ import annotations

from typing import Any

import msgspec

from mistral_on_azure.catalog.script_format import MATCHERS, OF_REPLY, Exchange, ScriptFile
from mistral_on_azure.endpoint.fault import FIELDS
from mistral_on_azure.endpoint.fields import inlined

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _given(name: str) -> dict[str, Any]:
    """The JSON schema of a table that has a key with a value other than null."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _one_of(*ways: str) -> dict[str, Any]:
    """The JSON schema of a table that has exactly one of these keys, or none of them and a fault."""
    answered = [_given(way) for way in ways]
    return {"oneOf": [*answered, {**_given("fault"), "not": {"anyOf": answered}}]}


# Rules on which keys exclude each other, which the types cannot express: those that `Exchange` and `Reply` check.
_RULES = {
    "Exchange": [
        {"anyOf": [_given(name) for name in MATCHERS]},
        {"not": {"allOf": [_given("prompt"), _given("pattern")]}},
        _one_of("answers", "calls", "reply"),
        {"not": {"allOf": [_given("reply"), {"anyOf": [_given(name) for name in OF_REPLY]}]}},
    ],
    "Reply": [_one_of("answer", "calls")],
}


def script_schema() -> dict[str, Any]:
    """The JSON schema of a script file, for editors and other programs."""
    return {"$schema": DIALECT, "title": "A script of the local endpoint", **_schema(ScriptFile)}


def exchange_schema() -> dict[str, Any]:
    """The JSON schema of one exchange, with its references resolved in place."""
    return inlined(_schema(Exchange))


def _schema(kind: type) -> dict[str, Any]:
    """The JSON schema of a type with the rules, and with its parts in `$defs`."""
    schema = _with_faults(msgspec.json.schema(kind))
    for name, rules in _RULES.items():
        schema["$defs"][name] |= {"allOf": rules}
    return schema


def _with_faults(schema: Any) -> Any:
    """A JSON schema with the fields of faults, and with descriptions cut to the first line of their docstrings."""
    if isinstance(schema, list | tuple):  # a default is a tuple, which JSON does not have
        return [_with_faults(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _with_faults(value) for name, value in schema.items()}
    if isinstance(plain.get("description"), str):
        plain["description"] = plain["description"].partition("\n")[0]
    if "minItems" in plain:
        plain.pop("default", None)  # the empty list, which `minItems` excludes
    if "fault" in plain.get("properties", {}):
        members = {name: {**field.schema, "description": field.words} for name, field in FIELDS.items()}
        _describe(plain["properties"]["fault"], members)
    return plain


def _describe(schema: Any, members: dict[str, Any]) -> None:
    """Add members to the objects in a schema, in place."""
    if schema.get("type") == "object":
        schema |= {"properties": members, "additionalProperties": False}
    for form in schema.get("anyOf", ()):
        _describe(form, members)

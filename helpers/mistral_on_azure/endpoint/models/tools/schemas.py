"""Schemas: a tool's JSON schema, checked once by jsonschema and then asked by those who fill it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

_LONGEST_CHAIN = 32  # references that only lead to further references
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_LITERAL = ("const", "default", "enum", "examples")  # hold values, not schemas
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")  # hold schemas by name


class BadSchema(Exception):
    """The schema itself is wrong; the message says how."""


class Unsatisfiable(Exception):
    """No value that fits could be made up."""


class Schema:
    """A checked schema.

    Nothing outside the schema is ever fetched: a reference to another address is an error here.

    Raises:
        BadSchema: for a schema that is not valid, or refers to what is not there.
    """

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        kind = _draft(root)
        self._validator = kind(root, registry=Registry(), format_checker=kind.FORMAT_CHECKER)
        self._resolver = Registry().with_resource("", DRAFT202012.create_resource(root)).resolver()
        for keyword, value in _keywords(root):
            self._check(keyword, value)

    def _lookup(self, reference: str) -> Any:
        """What a reference leads to, None for nothing."""
        try:
            return self._resolver.lookup(reference).contents
        except (Unresolvable, ValueError, LookupError, TypeError):
            return None

    def _check(self, keyword: str, value: str) -> None:
        """Check what the drafts leave unchecked: that a pattern compiles and a reference leads to a schema."""
        if keyword in _REFERENCES:
            if not isinstance(self._lookup(value), dict | bool):
                raise BadSchema(f"the reference {value!r} leads to no schema inside this one")
            return
        try:
            re.compile(value)
        except re.error as error:
            raise BadSchema(f"the pattern {value!r} is not a regular expression: {error}") from None

    def resolve(self, schema: dict[str, Any] | bool) -> dict[str, Any]:
        """A subschema with its references followed and its `allOf` merged.

        Raises:
            Unsatisfiable: for `false`, which nothing fits, and for references that lead in a circle.
        """
        if isinstance(schema, bool):
            if schema:
                return {}
            raise Unsatisfiable("nothing fits the schema false")
        for _ in range(_LONGEST_CHAIN):
            if "$ref" in schema:
                target = self._lookup(schema["$ref"])
                rest = {name: value for name, value in schema.items() if name != "$ref"}
                schema = {**self.resolve(target), **rest} if isinstance(target, bool) else {**target, **rest}
            elif "allOf" in schema:
                rest = {name: value for name, value in schema.items() if name != "allOf"}
                schema = _merged([rest, *map(self.resolve, schema["allOf"])])
            else:
                return schema
        raise Unsatisfiable("the references of the schema lead in a circle")

    def fits(self, schema: dict[str, Any], value: Any) -> bool:
        """Whether a value fits a resolved subschema."""
        return self._validator.evolve(schema=schema).is_valid(value)

    def fault(self, value: Any) -> str | None:
        """What is wrong with a value for the whole schema, None if nothing is."""
        error = best_match(self._validator.iter_errors(value))
        return error and f"{error.json_path}: {error.message}"


def _draft(root: dict[str, Any]) -> type[Validator]:
    """The draft that a schema is written in: the one it names, else the newest one it is valid in."""
    named = validator_for(root, default=Draft202012Validator)
    for draft in (named, Draft7Validator):  # mistral-common checks with draft 7
        try:
            draft.check_schema(root)
        except SchemaError as error:
            fault = error.message
        else:
            return draft
    raise BadSchema(fault)


def kind_of(schema: dict[str, Any]) -> str:
    """The type of a resolved schema; one that names none is told by its keywords, and is a string if by nothing."""
    told = schema.get("type")
    if isinstance(told, str):
        return told
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """One schema for several that must all hold: properties and requirements add up, else the first one decides."""
    whole: dict[str, Any] = {}
    for part in parts:
        properties = {**part.get("properties", {}), **whole.get("properties", {})}
        required = list(dict.fromkeys([*whole.get("required", ()), *part.get("required", ())]))
        whole = {**part, **whole}
        whole |= {"properties": properties} if properties else {}
        whole |= {"required": required} if required else {}
    return whole


def _keywords(schema: Any, *, names: bool = False) -> Iterator[tuple[str, str]]:
    """Every pattern and every reference in a schema; `names` says that the keys are names of the tool's own."""
    if isinstance(schema, list):
        for item in schema:
            yield from _keywords(item)
    elif isinstance(schema, dict):
        for name, value in schema.items():
            if not names and name in ("pattern", *_REFERENCES) and isinstance(value, str):
                yield name, value
            elif not names and name == "patternProperties" and isinstance(value, dict):
                yield from (("pattern", pattern) for pattern in value)
            if names or name not in _LITERAL:
                yield from _keywords(value, names=not names and name in _NAMED)


def choices_of(schema: dict[str, Any]) -> list[Any]:
    """The alternatives of a resolved schema, each with what the schema says beside them; none if it has none."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return [{**schema, "type": kind} for kind in kinds]
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            apart = (keyword, "default", "title", "description")
            shared = {name: value for name, value in schema.items() if name not in apart}
            return [{"allOf": [choice, shared]} if shared else choice for choice in schema[keyword]]
    return []

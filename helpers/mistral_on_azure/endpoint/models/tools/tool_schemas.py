"""Reads the JSON schema of a tool's arguments, resolves references, and validates values, in a bounded number of steps.

A client's schema may cause any amount of work, by references that double at each level or patterns that backtrack, for
example. jsonschema validates values, and each of its keywords takes steps from the budget of the request; references
and patterns are processed here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from mistral_on_azure.endpoint.models.tools.patterns import BadSchema, Pattern, Steps, Unsatisfiable

_KEYWORD = 10  # steps for one keyword that jsonschema checks
_COMPARED = 20  # characters of `const` and `enum`, as JSON, that are compared in one step
_LONGEST_CHAIN = 32  # references that lead to references
_SHAPES = {  # the supported keywords by the type of their value; others are ignored
    "schema": "additionalProperties propertyNames contains not if then else items additionalItems",
    "schemas": "allOf anyOf oneOf prefixItems",
    "named": "properties patternProperties dependentSchemas",
    "number": "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf",
    "count": "minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains",
    "text": "pattern format description",
    "names": "required",
    "flag": "uniqueItems",
    "list": "enum examples",
    "value": "const default",
}
_SHAPE = {keyword: shape for shape, keywords in _SHAPES.items() for keyword in keywords.split()}
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_TYPES = {"object", "array", "string", "boolean", "null", "number", "integer"}
_is = Draft202012Validator.TYPE_CHECKER.is_type
_FITS: dict[str, Callable[[Any], bool]] = {
    "number": lambda value: _is(value, "number"),
    "count": lambda value: _is(value, "integer") and value >= 0,
    "names": lambda value: _is(value, "array") and all(isinstance(name, str) for name in value),
    "schemas": lambda value: _is(value, "array") and bool(value),
    "flag": lambda value: _is(value, "boolean"),
    "text": lambda value: _is(value, "string"),
    "list": lambda value: _is(value, "array"),
    "named": lambda value: _is(value, "object"),
}


class ToolSchema:
    """The schema of a tool's arguments, reduced to the supported keywords.

    Nothing is fetched: a reference to something outside the schema is an error.

    Args:
        raw: the client's schema.
        steps: the budget for reading the schema and for validating values.

    Raises:
        BadSchema: for an invalid schema, or a reference that leads nowhere.
        Unsatisfiable: for a schema that takes too many steps to read.
    """

    def __init__(self, raw: dict[str, Any], steps: Steps) -> None:
        self._raw, self.steps = raw, steps
        self.patterns: dict[str, Pattern] = {}
        self.targets: dict[str, Any] = {}
        self._resolved: dict[int, dict[str, Any]] = {}
        self._pending: list[str] = []
        try:
            self.root = self._read(raw)
            while self._pending:
                if (reference := self._pending.pop()) not in self.targets:
                    self.targets[reference] = self._read(self._find(reference))
        except RecursionError:
            raise BadSchema("the schema is nested too deeply") from None
        self._validator = _Validator(self.root, format_checker=_Bounds(self))

    def _read(self, raw: Any) -> Any:
        """Check a subschema, and return it with the supported keywords only."""
        self.steps.take()
        if isinstance(raw, bool):
            return raw
        if not isinstance(raw, dict):
            raise BadSchema(f"{_shown(raw)} is not a schema")
        schema: dict[str, Any] = {}
        for keyword, value in raw.items():
            if keyword == "type":
                kinds = value if isinstance(value, list) and value else [value]
                if not all(isinstance(kind, str) and kind in _TYPES for kind in kinds):
                    raise BadSchema(f"type is {_shown(value)}")
                schema["type"] = value
            elif keyword in _REFERENCES and isinstance(value, str):
                schema["$ref"] = value
                self._pending.append(value)
            elif keyword in _SHAPE:
                schema[keyword] = self._keyword(keyword, _SHAPE[keyword], value)
        if isinstance(schema.get("items"), list):  # `prefixItems` in drafts before 2020-12
            schema["prefixItems"], schema["items"] = schema["items"], schema.pop("additionalItems", True)
        return schema

    def _keyword(self, keyword: str, shape: str, value: Any) -> Any:
        if shape == "value":
            return value
        if keyword == "items" and isinstance(value, list):
            shape = "schemas"
        if shape == "schema":
            return self._read(value)
        if not _FITS[shape](value) or (keyword == "multipleOf" and value <= 0):
            raise BadSchema(f"{keyword} is {_shown(value)}")
        if shape == "schemas":
            return [self._read(each) for each in value]
        for pattern in [value] if keyword == "pattern" else value if keyword == "patternProperties" else ():
            if pattern not in self.patterns:
                self.patterns[pattern] = Pattern(pattern, self.steps)
        if shape == "named":
            return {name: self._read(each) for name, each in value.items()}
        return value

    def _find(self, reference: str) -> dict[str, Any] | bool:
        """The subschema that a reference names, by a JSON pointer or an anchor."""
        place: Any = self._raw
        if reference.startswith("#/"):
            for part in reference[2:].split("/"):
                self.steps.take()
                name = unquote(part).replace("~1", "/").replace("~0", "~")
                if isinstance(place, list):
                    place = place[int(name)] if name.isdecimal() and int(name) < len(place) else None
                else:
                    place = place.get(name) if isinstance(place, dict) else None
        elif reference != "#":
            place = self._anchored(reference.removeprefix("#")) if reference.startswith("#") else None
        if not isinstance(place, dict | bool):
            raise BadSchema(f"the reference {_shown(reference)} leads to no schema inside this one")
        return place

    def _anchored(self, name: str) -> Any:
        waiting: list[Any] = [self._raw]
        while waiting:
            self.steps.take()
            part = waiting.pop()
            if isinstance(part, dict) and name in (part.get("$anchor"), part.get("$dynamicAnchor")):
                return part
            waiting.extend(part.values() if isinstance(part, dict) else part if isinstance(part, list) else ())
        return None

    def resolve(self, schema: dict[str, Any] | bool) -> dict[str, Any]:
        """A subschema with its references resolved and its `allOf` merged.

        Raises:
            Unsatisfiable: for the schema `false`, and for circular references.
        """
        if isinstance(schema, bool):
            if schema:
                return {}
            raise Unsatisfiable("nothing fits the schema false")
        known, begun = self._resolved, schema
        if id(begun) not in known:
            for _ in range(_LONGEST_CHAIN):
                self.steps.take()
                if "$ref" in schema:
                    target = self.targets[schema["$ref"]]
                    rest = {name: value for name, value in schema.items() if name != "$ref"}
                    schema = {**self.resolve(target), **rest} if isinstance(target, bool) else {**target, **rest}
                elif "allOf" in schema:
                    rest = {name: value for name, value in schema.items() if name != "allOf"}
                    schema = self._merged([rest, *map(self.resolve, schema["allOf"])])
                else:
                    break
            else:
                raise Unsatisfiable("the references of the schema are circular")
            known[id(begun)] = schema
            known[-id(begun)] = begun  # a reference to the object, so that no other one gets its id
        return known[id(begun)]

    def _merged(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        """Merge schemas that must all hold: unions of `properties` and `required`; of other keywords, the first one."""
        whole: dict[str, Any] = {}
        for part in parts:
            self.steps.take(1 + len(part.get("properties", ())) + len(part.get("required", ())))
            properties = {**part.get("properties", {}), **whole.get("properties", {})}
            required = list(dict.fromkeys([*whole.get("required", ()), *part.get("required", ())]))
            whole = {**part, **whole}
            whole |= {"properties": properties} if properties else {}
            whole |= {"required": required} if required else {}
        return whole

    def alternatives(self, schema: dict[str, Any]) -> list[Any]:
        """The alternatives of a resolved schema (types, `anyOf` or `oneOf`), each with the schema's other keywords."""
        kinds = schema.get("type")
        if isinstance(kinds, list):
            return [{**schema, "type": kind} for kind in kinds]
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                self.steps.take(len(schema[keyword]))
                apart = (keyword, "default", "description")
                shared = {name: value for name, value in schema.items() if name not in apart}
                return [{"allOf": [each, shared]} if shared else each for each in schema[keyword]]
        return []

    def fits(self, schema: dict[str, Any] | bool, value: Any) -> bool:
        """Whether a value fits a subschema.

        Raises:
            Unsatisfiable: when the budget is used up.
        """
        return self._validator.evolve(schema=schema).is_valid(value)


class _Bounds(FormatChecker):
    """Gives the keywords below the schema, as jsonschema hands them the validator and its format checker only."""

    def __init__(self, schema: ToolSchema) -> None:
        super().__init__()
        self.schema = schema


def _counted(keyword: str, check: Callable[..., Any]) -> Callable[..., Iterator[ValidationError]]:
    """Wrap a keyword of jsonschema so that it takes steps from the budget, more of them for a large value."""

    def counted(validator: Any, asked: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        compared = len(json.dumps(asked)) // _COMPARED if keyword in ("const", "enum") else 0
        items = len(asked) if isinstance(asked, list) else 0
        validator.format_checker.schema.steps.take(_KEYWORD + max(compared, items))
        yield from check(validator, asked, value, schema) or ()

    return counted


def _reference(validator: Any, asked: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    yield from validator.descend(value, validator.format_checker.schema.targets[asked])


def _pattern(validator: Any, asked: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not validator.format_checker.schema.patterns[asked].matches(value):
        yield ValidationError(f"{value!r} does not match {asked!r}")


def _pattern_properties(validator: Any, asked: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    for pattern, part in asked.items() if isinstance(value, dict) else ():
        for name in value:
            if validator.format_checker.schema.patterns[pattern].matches(name):
                yield from validator.descend(value[name], part)


def _additional_properties(validator: Any, asked: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    patterns = [validator.format_checker.schema.patterns[each] for each in schema.get("patternProperties", ())]
    for name in value if isinstance(value, dict) else ():
        if name not in schema.get("properties", ()) and not any(pattern.matches(name) for pattern in patterns):
            yield from validator.descend(value[name], asked)


_OWN = {
    "$ref": _reference,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
}
_Validator = extend(
    Draft202012Validator,
    {keyword: _counted(keyword, check) for keyword, check in {**Draft202012Validator.VALIDATORS, **_OWN}.items()},
)


def kind_of(schema: dict[str, Any]) -> str:
    """The type of a resolved schema; without `type`, object or array if its keywords are for these, else string."""
    kind = schema.get("type")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _shown(value: Any) -> str:
    return json.dumps(value)[:60]

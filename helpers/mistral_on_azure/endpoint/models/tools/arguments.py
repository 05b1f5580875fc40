"""The arguments of a tool call: values that fit the tool's schema, from the literals of the conversation or invented.

Each literal is used once, and by these rules in this order:

- a literal directly after a word of the parameter's name, as in "age 30" or "unit: kelvin", or a number before it, as
  in "30 days";
- what one parameter alone can take: a member of `enum` that the text contains, a literal of the `format` or of the kind
  that the parameter's name has a word for ("email"), one that matches the `pattern`, or true for a boolean whose name
  the text contains;
- for required parameters (for all, if none is required), the first literal of a suitable kind. A parameter named for
  the prompt ("query") takes a quotation or all of the prompt.

A required value that is not found in the prompt is taken from an earlier text of the conversation. If it is not there
either, it is invented from the schema or, where that is not allowed, recorded as missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from mistral_on_azure.endpoint.models.tools.patterns import Unsatisfiable
from mistral_on_azure.endpoint.models.tools.tool_schemas import ToolSchema, kind_of
from mistral_on_azure.endpoint.models.tools.values import MOST_ITEMS, Text, folded, plainest, words

_MISSING: Any = object()

_DEEPEST = 12  # levels of nested objects and lists
NAMED, SPECIFIC, SUITABLE, REQUIRED = range(4)  # the rules above; each includes those before it
_STRINGS = ("quoted", "number", "email", "uri", "uuid", "datetime", "date", "time", "name", "code")  # kinds of literals
_BY_NAME = {"email": "email", "url": "uri", "uri": "uri", "link": "uri", "uuid": "uuid", "date": "date", "time": "time"}
_BY_FORMAT = {**_BY_NAME, "date-time": "datetime"}
_PROMPTS = frozenset(["prompt", "query", "question"])


class Arguments:
    """The arguments of one tool call.

    Args:
        schema: the tool's schema.
        texts: the texts of the conversation, the prompt first, then the nearest.
        own: the words of the tool's name, which are not taken as values.
        taken: literals that are used already, as (text, start).
        invent: whether a required value that is not found may be invented.
    """

    def __init__(
        self, schema: ToolSchema, texts: Sequence[Text], own: frozenset[str], taken: set[tuple[str, int]], invent: bool
    ) -> None:
        self.schema, self.texts = schema, texts
        self.missing: list[str] = []  # required parameters without a value
        self.invented = False
        self.used = set(taken)
        self._never, self._invent = own, invent
        self._inside: list[tuple[tuple[int, ...], int]] = []  # the containers being filled: ids of parts, literals used

    def value(self) -> dict[str, Any]:
        """The arguments. They are complete only if `missing` is empty afterwards.

        Raises:
            Unsatisfiable: when no arguments that fit the schema were found within the budget.
        """
        try:
            made = self._value(self.schema.root, (), REQUIRED)
            if not self.missing and not self.schema.fits(self.schema.root, made):
                raise Unsatisfiable("parts of the schema exclude each other")
        except RecursionError:
            raise Unsatisfiable("the schema contains itself without end") from None
        except (ArithmeticError, ValueError) as error:  # for bounds that overflow a float
            raise Unsatisfiable(str(error)) from None
        return made

    def _value(self, raw: dict[str, Any] | bool, name: tuple[str, ...], rule: int) -> Any:
        """A value for a subschema; _MISSING where a rule finds none."""
        self.schema.steps.take()
        schema = self.schema.resolve(raw)
        alternatives = self.schema.alternatives(schema)
        if alternatives:
            return self._alternative(alternatives, schema, name, rule)
        kind = kind_of(schema)
        if kind in ("object", "array") and "enum" not in schema and "const" not in schema:
            return self._container(kind, schema, name, rule)
        for text in self.texts if rule == REQUIRED else self.texts[:1]:
            for value, start in self._found(schema, kind, text, frozenset(name), rule):
                self.schema.steps.take(3)
                if (text.text, start) not in self.used and self.schema.fits(schema, value):
                    self.used.add((text.text, start))
                    return value
        return self._made_up(schema, name) if rule == REQUIRED else _MISSING

    def _container(self, kind: str, schema: dict[str, Any], name: Any, rule: int) -> Any:
        """An object or a list. A recursive schema is followed only while new literals are found for it."""
        parts = tuple(map(id, (*schema.get("properties", {}).values(), schema.get("items"))))
        if rule < REQUIRED and (parts, len(self.used)) in self._inside:
            return _MISSING
        if len(self._inside) >= _DEEPEST:
            raise Unsatisfiable("the schema contains itself without end")
        self._inside.append((parts, len(self.used)))
        try:
            return (self._object if kind == "object" else self._array)(schema, name, rule)
        finally:
            self._inside.pop()

    def _made_up(self, schema: dict[str, Any], name: tuple[str, ...], unlike: Sequence[Any] = ()) -> Any:
        given = [schema[keyword] for keyword in ("const", "default") if keyword in schema]
        given += schema["enum"] if len(schema.get("enum", ())) == 1 else [None] if kind_of(schema) == "null" else []
        for value in given:
            if value not in unlike and self.schema.fits(schema, value):
                return value
        if not self._invent:
            self.missing.append(" ".join(name))
            return _MISSING
        self.invented = True
        for value in chain(self._openings(schema), plainest(self.schema, schema)):
            self.schema.steps.take()
            if value not in unlike and self.schema.fits(schema, value):
                return value
        raise Unsatisfiable(f"nothing fits {' '.join(name) or 'it'}")

    def _openings(self, schema: dict[str, Any]) -> Iterator[str]:
        """Words with a capital letter that open a sentence of the prompt, such as "Alice" in "Alice is 30"."""
        prompt = self.texts[0]
        for each in prompt.literals if "format" not in schema else ():
            if each.kind == "opening" and (prompt.text, each.start) not in self.used:
                self.used.add((prompt.text, each.start))
                yield str(each.value)

    def _alternative(self, alternatives: list[Any], schema: Any, name: Any, rule: int) -> Any:
        """A value for the alternative that takes most literals; if none takes any, the default, null or the first."""
        used, best = self.used, (len(self.used), _MISSING, self.used)
        for each in alternatives:
            self.used = set(used)
            value = self._value(each, name, min(rule, SUITABLE))
            if value is not _MISSING and len(self.used) > best[0] and self.schema.fits(schema, value):
                best = len(self.used), value, self.used
        _, value, self.used = best
        if value is not _MISSING or rule < REQUIRED:
            return value
        for value in (each for each in (schema.get("default"), None) if self.schema.fits(schema, each)):
            return value
        failed, missing = _MISSING, [*self.missing]
        for each in sorted(alternatives, key=self._is_container):
            try:
                value = self._value(each, name, REQUIRED)
            except Unsatisfiable:
                if self.schema.steps.left < 0:
                    raise
                continue
            if value is not _MISSING and self.missing == missing and self.schema.fits(schema, value):
                return value
            failed, self.missing = value, missing[:]
        if self._invent:
            raise Unsatisfiable(f"none of the alternatives of {' '.join(name) or 'it'} fits")
        self.missing.append(" ".join(name))
        return failed

    def _is_container(self, raw: Any) -> bool:
        return isinstance(raw, dict) and kind_of(self.schema.resolve(raw)) in ("object", "array")

    def _object(self, schema: dict[str, Any], name: Any, rule: int) -> Any:
        required = dict.fromkeys(schema.get("required", ()))  # an ordered set
        properties = {**schema.get("properties", {})}
        properties |= {each: {} for each in required if each not in properties}
        self.schema.steps.take(len(properties))
        never, before, given = self._never, self.used, dict[str, Any]()
        self.used, self._never = set(before), never.union(*map(words, properties))
        ordered = sorted(properties, key=lambda each: each not in required)  # required ones take literals first
        for step in range(min(rule, SUITABLE) + 1):
            for each in ordered:
                if each not in given and (step < SUITABLE or each in required or not required):
                    value = self._value(properties[each], words(each), step)
                    given |= {} if value is _MISSING else {each: value}
        if rule < REQUIRED and (not given or (rule < SUITABLE and not given.keys() >= {*required})):
            self._never, self.used = never, before
            return _MISSING
        for each in required:
            if each not in given:
                given[each] = self._value(properties[each], words(each), REQUIRED)
        self._never = never
        return {each: given[each] for each in properties if each in given}

    def _array(self, schema: dict[str, Any], name: Any, rule: int) -> Any:
        """A list with an item for each literal, and with at least the number of items that the schema requires."""
        first, rest = schema.get("prefixItems", []), schema.get("items", True)
        least = max(schema.get("minItems", 0), len(first))
        if least > MOST_ITEMS:
            raise Unsatisfiable(f"a list has more than {MOST_ITEMS} items")
        most = min(schema.get("maxItems", MOST_ITEMS), MOST_ITEMS if rest is not False else len(first))
        items: list[Any] = []
        while len(items) < most:
            self.schema.steps.take(1 + len(self.used) // 10)
            before = set(self.used)
            raw = [*first, rest][min(len(items), len(first))]
            item = self._value(raw, name, SUITABLE if items else min(rule, SUITABLE))
            if item is _MISSING:
                self.used = before
                break
            if not (schema.get("uniqueItems") and item in items):
                items.append(item)
        if not items and rule < REQUIRED:
            return _MISSING
        if not items and not self._invent and "default" not in schema:
            self.missing.append(" ".join(name))
            return items
        for place in range(len(items), least):
            raw = [*first, rest][min(place, len(first))]
            item = self._value(raw, name, REQUIRED)
            if schema.get("uniqueItems") and item in items:
                item = self._made_up(self.schema.resolve(raw), name, unlike=items)
            items.append(item)
        return items

    def _found(
        self, schema: dict[str, Any], kind: str, text: Text, name: frozenset[str], rule: int
    ) -> Iterator[tuple[Any, int]]:
        """Candidates for a parameter that is no object or list, each with its place in the text."""
        if "enum" in schema or "const" in schema:
            yield from self._members(schema.get("enum", [schema.get("const")]), text, name, rule)
        elif kind in ("integer", "number"):
            yield from self._literals(text, name, rule, {"number": SUITABLE})
        elif kind == "boolean":
            yield from self._literals(text, name, rule, {"boolean": SUITABLE})
            places = [re.search(rf"\b{word}\b", text.folded) for word in name]
            if places and all(places):
                yield True, max(place.start() for place in places if place)
        elif kind == "string":
            yield from self._strings(schema, text, name, rule)

    def _strings(
        self, schema: dict[str, Any], text: Text, name: frozenset[str], rule: int
    ) -> Iterator[tuple[Any, int]]:
        format = _BY_FORMAT.get(schema.get("format", ""))
        own = next((_BY_NAME[word] for word in sorted(name) if word in _BY_NAME), None)
        suits = dict.fromkeys(_STRINGS, REQUIRED + 1)  # only beside the name
        if format:
            suits = {format: SPECIFIC}
        elif "pattern" in schema:
            suits = dict.fromkeys(_STRINGS, SPECIFIC)
        elif own:
            suits[own] = SPECIFIC
        elif name & _PROMPTS:
            suits["quoted"] = SUITABLE
        else:
            suits |= dict.fromkeys(("quoted", "name", "code", "email", "uri", "uuid"), SUITABLE)
        yield from self._literals(text, name, rule, suits, spelled=True)
        if name & _PROMPTS and rule >= SUITABLE and "pattern" not in schema and not format:
            yield text.text.strip()[: schema.get("maxLength")], 0

    def _literals(
        self, text: Text, name: frozenset[str], rule: int, suits: dict[str, int], *, spelled: bool = False
    ) -> Iterator[tuple[Any, int]]:
        """Literals of a text, those beside the parameter's name first.

        Args:
            suits: by the kind of literal, the first rule by which it is taken wherever it is.
            spelled: whether numbers are taken as text.
        """
        self.schema.steps.take(1 + (len(self._never) + len(text.literals)) // 5)
        fitting = [each for each in text.literals if each.kind in suits]
        for each in sorted(fitting, key=lambda each: not name & each.beside):
            if suits[each.kind] > rule and not name & each.beside:
                continue
            if each.kind != "name" or not self._never.issuperset(words(str(each.value))):
                yield text.text[each.start : each.end] if spelled and each.kind == "number" else each.value, each.start

    def _members(self, members: list[Any], text: Text, name: frozenset[str], rule: int) -> list[tuple[Any, int]]:
        """The members of `enum` in a text, with their places. One of one or two letters is spelled as in the schema."""
        found = []
        for member in members:
            self.schema.steps.take(3)
            written = str(member)
            if isinstance(member, bool) or not isinstance(member, str | int | float) or not written.strip():
                continue
            if len(written) > len(text.folded) or (spelled := folded(written)) not in text.folded:
                continue
            self.schema.steps.take(30)  # for compiling the expression
            for match in re.finditer(rf"(?<!\w){re.escape(spelled)}(?!\w)", text.folded):
                self.schema.steps.take(10)
                start, end = match.span()
                beside = name.intersection(words(text.text[max(0, start - 30) : start])[-1:])
                if (beside or rule >= SPECIFIC) and (len(written) > 2 or written in text.text[start:end]):
                    found.append((member, start))
        return sorted(found, key=itemgetter(1))

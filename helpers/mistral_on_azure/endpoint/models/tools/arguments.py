"""The arguments of a tool call: values that fit the tool's schema, from the literals of the conversation or invented.

A literal beside the name of a parameter is taken first ("age 30", "30 days", "from Rome"), then one of a suitable kind,
in the order of the text. Each literal is used once. A parameter with `enum` takes a member that the text contains, and
a boolean is true if the text contains its name. Only required parameters take a literal by its kind alone. A required
value that is not found is invented from the schema or, where that is not allowed, recorded as missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from mistral_on_azure.endpoint.models.tools.literals import (
    ANYWHERE,
    LAST_RESORT,
    NAMED,
    SUITS,
    Passage,
    distance,
    far_fetched,
    roles,
    words,
)
from mistral_on_azure.endpoint.models.tools.patterns import Unsatisfiable
from mistral_on_azure.endpoint.models.tools.plain_values import MOST_ITEMS, plainest
from mistral_on_azure.endpoint.models.tools.tool_schemas import ToolSchema, kind_of

_MISSING: Any = object()

_DEEPEST = 12  # levels of nested objects and lists
_BY_NAME = {"email": "email", "url": "uri", "uri": "uri", "link": "uri", "uuid": "uuid", "date": "date", "time": "time"}
_BY_FORMAT = {**_BY_NAME, "date-time": "datetime"}
_FREE = frozenset(words("query question text prompt message content body expression request instruction sentence"))


class Arguments:
    """The arguments of one tool call.

    Args:
        schema: the tool's schema.
        about: the passage of the prompt that asks for the call.
        elsewhere: the other texts of the conversation, the nearest first, for required parameters only.
        tool_words: the words of the tool's name, which are not taken as values.
        invent: whether a required value that is not found may be invented.
    """

    def __init__(
        self, schema: ToolSchema, about: Passage, elsewhere: Sequence[Passage], tool_words: frozenset[str], invent: bool
    ) -> None:
        self.schema, self.about, self.elsewhere = schema, about, tuple(elsewhere)
        self.missing: list[str] = []  # required parameters without a value
        self.used: set[tuple[str, int]] = set()  # literals that were taken, as (text, start)
        self._tool_words, self._invent = tool_words, invent
        self._names = frozenset[str]()  # words in the names of all parameters of the objects that are being filled
        self._inside: list[tuple[tuple[int, ...], int]] = []  # the containers being filled: ids of parts, literals used

    def value(self) -> dict[str, Any]:
        """The arguments. They are complete only if `missing` is empty afterwards.

        Raises:
            Unsatisfiable: when no arguments that fit the schema were found within the budget.
        """
        try:
            made = self._value(self.schema.root, (), SUITS, must=True)
            if not self.missing and not self.schema.fits(self.schema.root, made):
                raise Unsatisfiable("parts of the schema exclude each other")
        except RecursionError:
            raise Unsatisfiable("the schema contains itself without end") from None
        except (ArithmeticError, ValueError) as error:  # for bounds that overflow a float
            raise Unsatisfiable(str(error)) from None
        return made

    def _value(self, raw: dict[str, Any] | bool, name: tuple[str, ...], level: int, *, must: bool) -> Any:
        """A value for a subschema; _MISSING where none is found and `must` is false."""
        self.schema.steps.take()
        schema = self.schema.resolve(raw)
        alternatives = self.schema.alternatives(schema)
        if alternatives:
            return self._alternative(alternatives, schema, name, level, must=must)
        kind = kind_of(schema)
        if kind in ("object", "array") and "enum" not in schema and "const" not in schema:
            return self._container(kind, schema, name, level, must=must)
        for value, used in self._found(schema, kind, frozenset(name), ANYWHERE if must else level, must):
            if used not in self.used and self.schema.fits(schema, value):
                self.used.add(used)
                return value
        return self._made_up(schema, name) if must else _MISSING

    def _container(self, kind: str, schema: dict[str, Any], name: Any, level: int, *, must: bool) -> Any:
        """An object or a list. A recursive schema is followed only while new literals are found for it."""
        parts = tuple(map(id, (*schema.get("properties", {}).values(), schema.get("items"))))
        if not must and (parts, len(self.used)) in self._inside:
            return _MISSING
        if len(self._inside) >= _DEEPEST:
            raise Unsatisfiable("the schema contains itself without end")
        self._inside.append((parts, len(self.used)))
        try:
            return (self._object if kind == "object" else self._array)(schema, name, level, must=must)
        finally:
            self._inside.pop()

    def _made_up(self, schema: dict[str, Any], name: tuple[str, ...], unlike: Sequence[Any] = ()) -> Any:
        given = [schema[keyword] for keyword in ("const", "default") if keyword in schema]
        given += schema["enum"] if len(schema.get("enum", ())) == 1 else [None] if kind_of(schema) == "null" else []
        for value in chain(given, plainest(self.schema, schema) if self._invent else ()):
            self.schema.steps.take()
            if value not in unlike and self.schema.fits(schema, value):
                return value
        if self._invent:
            raise Unsatisfiable(f"nothing fits {' '.join(name) or 'it'}")
        self.missing.append(" ".join(name))
        return _MISSING

    def _alternative(self, alternatives: list[Any], schema: Any, name: Any, level: int, *, must: bool) -> Any:
        """A value for the alternative that takes most literals; if none takes any, the default, null or the first."""
        used, best = self.used, (len(self.used), _MISSING, self.used)
        for each in alternatives:
            self.used = set(used)
            value = self._value(each, name, level, must=False)
            if value is not _MISSING and len(self.used) > best[0] and self.schema.fits(schema, value):
                best = len(self.used), value, self.used
        _, value, self.used = best
        if value is not _MISSING or not must:
            return value
        for value in (each for each in (schema.get("default"), None) if self.schema.fits(schema, each)):
            return value
        failed, missing = _MISSING, [*self.missing]
        for each in sorted(alternatives, key=self._is_container):
            try:
                value = self._value(each, name, level, must=True)
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

    def _object(self, schema: dict[str, Any], name: Any, level: int, *, must: bool) -> Any:
        required = dict.fromkeys(schema.get("required", ()))  # an ordered set
        properties = {**schema.get("properties", {})}
        properties |= {each: {} for each in required if each not in properties}
        self.schema.steps.take(len(properties))
        outer, before, given = self._names, self.used, dict[str, Any]()
        self.used = set(before)
        self._names = outer.union(*(words(each) for each in properties))
        ordered = sorted(properties, key=lambda each: each not in required)  # required ones take literals first
        for step in (NAMED, SUITS):
            for each in ordered:
                if each not in given and step <= (level if each in required or not required else NAMED):
                    value = self._value(properties[each], words(each), step, must=False)
                    given |= {} if value is _MISSING else {each: value}
        if not must and (not given or (level == NAMED and not given.keys() >= {*required})):
            self._names, self.used = outer, before
            return _MISSING
        for each in required:
            if each not in given:
                given[each] = self._value(properties[each], words(each), level, must=True)
        self._names = outer
        return {each: given[each] for each in properties if each in given}

    def _array(self, schema: dict[str, Any], name: Any, level: int, *, must: bool) -> Any:
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
            item = self._value([*first, rest][min(len(items), len(first))], name, level, must=False)
            if item is _MISSING or (items and self._last_resort(before)):
                self.used = before
                break
            if not (schema.get("uniqueItems") and item in items):
                items.append(item)
        if not items and not must:
            return _MISSING
        if not items and not self._invent and "default" not in schema:
            self.missing.append(" ".join(name))
            return items
        for place in range(len(items), least):
            raw = [*first, rest][min(place, len(first))]
            item = self._value(raw, name, level, must=True)
            if schema.get("uniqueItems") and item in items:
                item = self._made_up(self.schema.resolve(raw), name, unlike=items)
            items.append(item)
        return items

    def _last_resort(self, before: set[tuple[str, int]]) -> bool:
        """Whether all literals that were taken since `before` are of the kinds `LAST_RESORT`."""
        since = {start for _, start in self.used - before}
        kinds = {each.kind for each in self.about.literals if each.start in since}
        return bool(kinds) and kinds <= set(LAST_RESORT)

    def _found(
        self, schema: dict[str, Any], kind: str, name: frozenset[str], level: int, must: bool
    ) -> Iterator[tuple[Any, tuple[str, int]]]:
        """Candidates for a parameter that is no object or list, the likeliest first, each with its (text, start)."""
        for passage in (self.about, *(self.elsewhere if must else ())):
            if "enum" in schema or "const" in schema:
                found = self._members(schema.get("enum", [schema.get("const")]), passage, name)
            elif kind == "boolean":
                found = self._stated(passage, name)
            elif kind in ("integer", "number"):
                found = self._by_kind(passage, ("number",), name, level)
            elif kind == "string":
                found = self._strings(schema, passage, name, level)
            else:
                return
            for value, start in found:
                self.schema.steps.take(3)
                yield value, (passage.text, start)

    def _members(self, members: list[Any], passage: Passage, name: frozenset[str]) -> list[tuple[Any, int]]:
        """The members of `enum` in a passage, with their places; those beside another parameter's name come last."""
        text = re.sub(r"[\s_-]", " ", passage.text.lower())
        found, others = [], self._names - name
        others |= roles(others)
        self.schema.steps.take(1 + len(others) // 5)
        for member in members:
            self.schema.steps.take(3)
            if isinstance(member, bool) or not isinstance(member, str | int | float) or not str(member).strip():
                continue
            if len(str(member)) > len(text):
                continue
            spelled = re.sub(r"[\s_-]", " ", str(member).lower())
            start = text.find(spelled, passage.start, passage.end)
            while start >= 0:
                end = start + len(spelled)
                around = text[start - 1 : start] + text[end : end + 1].replace("s", "", 1)
                if not any(map(str.isalnum, around)) and (len(spelled) > 2 or str(member) in passage.text[start:end]):
                    near = words(text[max(0, start - 30) : start])[-2:]
                    found.append((far_fetched(near, name | roles(name), others), start, member))
                self.schema.steps.take(10)
                start = text.find(spelled, end, passage.end)
        return [(member, start) for _, start, member in sorted(found, key=lambda row: row[:2])]

    def _stated(self, passage: Passage, name: frozenset[str]) -> Iterator[tuple[bool, int]]:
        """True where a passage contains a boolean's name; False if "no", "not" or "without" is before it."""
        asked = name - {"is", "has", "include", "with", "enable", "allow"}
        for match in re.finditer(r"[^\W\d_]+", passage.text[passage.start : passage.end]):
            if asked.intersection(words(match.group())):
                before = words(passage.text[: passage.start + match.start()][-30:])[-2:]
                yield not {"no", "not", "without", "don"}.intersection(before), passage.start + match.start()

    def _strings(
        self, schema: dict[str, Any], passage: Passage, name: frozenset[str], level: int
    ) -> Iterator[tuple[Any, int]]:
        own = next((_BY_NAME[word] for word in sorted(name) if word in _BY_NAME), None)
        kind = _BY_FORMAT.get(schema.get("format", "")) or own
        if kind:
            yield from self._by_kind(passage, (kind,), name, ANYWHERE)
        if "pattern" in schema:
            for each in passage.literals:
                value = passage.text[each.start : each.end] if each.kind == "number" else each.value
                yield value, each.start
            for match in re.finditer(r"[^\s.,;:!?()\"']+", passage.text[passage.start : passage.end][:2000]):
                yield match.group(), passage.start + match.start()
        elif name & _FREE:
            yield from self._by_kind(passage, ("quoted",), name, level)
            if level > NAMED:
                yield passage.text[passage.start : passage.end].strip()[: schema.get("maxLength")], passage.start
        elif not kind or level == NAMED:
            yield from self._by_kind(passage, ("quoted", "name", "code", *LAST_RESORT), name, level, spelled=True)

    def _by_kind(
        self, passage: Passage, kinds: Sequence[str], name: frozenset[str], level: int, *, spelled: bool = False
    ) -> Iterator[tuple[Any, int]]:
        """Literals of some kinds, the most likely first.

        With `spelled`, a number, an e-mail address or a URL beside the parameter's name is taken as text.
        """
        never = self._tool_words | self._names
        near, others = name | roles(name), self._names - name
        others |= roles(others)
        self.schema.steps.take(1 + (len(never) + len(passage.literals)) // 5)
        distances = [(distance(each, name, near, others, spelled), each) for each in passage.literals]
        for far, each in sorted(distances, key=itemgetter(0)):
            if far > level or (each.kind in ("name", *LAST_RESORT) and never.issuperset(words(str(each.value)))):
                continue
            if each.kind in kinds:
                yield each.value, each.start
            elif spelled and far == NAMED and each.kind in ("number", "email", "uri"):
                yield passage.text[each.start : each.end], each.start
